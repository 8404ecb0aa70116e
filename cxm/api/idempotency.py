"""Idempotency-Key: a POST repeated with the same key has one effect and gets the same answer.

The key's row is written in the transaction of the effect, so there is no moment in which one exists without the other.
A second request with the same key waits for the first one's transaction (its INSERT waits on the unique key), then
repeats the stored answer; another body under the same key is refused with 422. Answers up to 499 are kept, 5xx are not.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.apps import apps
from django.db import OperationalError, connection, transaction
from django.http import HttpResponse
from django.utils.translation import gettext as _
from rest_framework.request import Request

from cxm.api.problems import BadBody, IdempotencyKeyReused, StillRunning
from cxm.scope import current_tenant_id

HEADER = "Idempotency-Key"
MAX_KEY_LENGTH = 255
LOCK_WAIT = "10s"
KEPT_HEADERS = ("Content-Type", "ETag", "Location", "Retry-After")
NO_ACTOR = UUID(int=0)


def read_key(request: Request) -> str:
    """The request's key, or "" when it has none. Raises BadBody (400) for one we would not store."""
    key = request.headers.get(HEADER, "")
    if len(key) > MAX_KEY_LENGTH or not all(" " <= character <= "~" for character in key):
        message = _("Idempotency-Key must be at most %(length)d printable ASCII characters.")
        raise BadBody(message % {"length": MAX_KEY_LENGTH}, field=HEADER, code="bad_idempotency_key")
    return key


def digest_of(request: Request) -> str:
    """SHA-256 over method, address and body. Of a form, over its fields and files: its boundary differs each time."""
    digest = hashlib.sha256(f"{request.method} {request.get_full_path()}\n".encode())
    data = request.data
    body_digest = getattr(request._request, "body_digest", None)
    if body_digest is not None:
        digest.update(body_digest.encode())
    elif hasattr(data, "lists"):
        for name, values in sorted(data.lists()):
            for value in values:
                digest.update(f"\n{name}=".encode())
                chunks = value.chunks() if hasattr(value, "chunks") else [str(value).encode()]
                for chunk in chunks:
                    digest.update(hashlib.sha256(chunk).digest())
                if hasattr(value, "seek"):
                    value.seek(0)
    return digest.hexdigest()


def answer_once(request: Any, key: str, run: Callable[[], HttpResponse]) -> HttpResponse:
    """Run the request unless the key was used before; else the stored answer with `Idempotency-Replayed: true`.

    `run` returns a rendered response and raises for anything that must not be stored. Costs two statements and a
    savepoint more than the request alone.
    """
    record_class = apps.get_model("api", "IdempotencyRecord")
    digest = digest_of(request)
    with transaction.atomic():
        record = record_class(key=key, actor_id=request.actor.id or NO_ACTOR, request_digest=digest)
        if not reserve(record):
            stored = record_class.objects.get(key=key, actor_id=record.actor_id)
            if stored.request_digest != digest:
                raise IdempotencyKeyReused
            return replay(stored)
        response = run()
        record_class.objects.filter(pk=record.pk).update(
            status=response.status_code,
            headers={name: response[name] for name in KEPT_HEADERS if name in response},
            body=response.content.decode(),
        )
        return response


def reserve(record: Any) -> bool:
    """Insert the key's row; False when it exists. Waits for a transaction that holds the same key, but not for ever."""
    table = connection.ops.quote_name(record._meta.db_table)
    statement = (
        f"INSERT INTO {table} (tenant_id, id, key, actor_id, request_digest, headers, body, created_at)"
        " VALUES (%s, %s, %s, %s, %s, %s, '', now()) ON CONFLICT (tenant_id, actor_id, key) DO NOTHING"
    )
    values = [current_tenant_id(), record.id, record.key, record.actor_id, record.request_digest, json.dumps({})]
    try:
        with connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL lock_timeout = '{LOCK_WAIT}'")
            cursor.execute(statement, values)
            return cursor.rowcount == 1
    except OperationalError as error:
        if getattr(error.__cause__, "pgcode", "") == "55P03":
            raise StillRunning from None
        raise


def replay(record: Any) -> HttpResponse:
    """The stored answer, byte for byte."""
    response = HttpResponse(record.body.encode(), status=record.status, headers=record.headers)
    response["Idempotency-Replayed"] = "true"
    return response
