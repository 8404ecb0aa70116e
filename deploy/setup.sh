#!/bin/sh
# What has to happen before web, worker and beat start; repeating it changes nothing.
set -eu

rm -f /metrics/*.db  # figures begin anew with the processes that they are about

if [ -n "${CITUS_WORKERS:-}" ]; then
    python -m deploy.citus nodes
    # Roles made where Citus is loaded are made on every node.
    SUPERUSER_URL="${SUPERUSER_URL%/*}/cxm"
    export SUPERUSER_URL
fi

python -m deploy.provision

if [ -n "${CITUS_WORKERS:-}" ]; then
    python -m deploy.citus settings
fi

python manage.py migrate --verbosity 0
python manage.py collectstatic --no-input --verbosity 0 --ignore rest_framework
