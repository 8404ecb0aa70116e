"""What services raise when something cannot be done. Pages and the API turn it into one clear answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypedDict


class FieldError(TypedDict):
    """One thing that is wrong: ``field`` is a path such as ``stages.0.name`` ("" for the whole)."""

    field: str
    code: str
    message: str


class DomainError(Exception):
    """Something the user asked for cannot be done, with a sentence that says what to do instead.

    ``status`` is the HTTP status of the answer.
    """

    status = 400

    def __init__(self, message: str, *, field: str | None = None, code: str = "invalid") -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.errors: list[FieldError] = [{"field": field or "", "code": code, "message": message}]


class DomainErrors(DomainError):
    """Several things wrong at once; ``errors`` names each field."""

    def __init__(self, errors: Iterable[FieldError], message: str = "Some fields need your attention.") -> None:
        super().__init__(message)
        self.errors = list(errors)


def read_fields(readers: Mapping[str, Callable[[Any], Any]], values: Mapping[str, Any]) -> dict[str, Any]:
    """The values that have a reader, each as its reader gives it, in the order of the readers.

    Raises DomainErrors with everything that is wrong, so that one answer names all of it.
    """
    read: dict[str, Any] = {}
    errors: list[FieldError] = []
    for name in readers:
        if name in values:
            try:
                read[name] = readers[name](values[name])
            except DomainError as error:
                errors += error.errors
    if errors:
        raise DomainErrors(errors)
    return read


class NotAllowed(DomainError):
    """The actor's role or key does not include what this needs."""

    status = 403

    def __init__(self, message: str = "Your role does not allow this.", *, code: str = "not_allowed") -> None:
        super().__init__(message, code=code)


class NotFound(DomainError):
    """There is no such thing in this organisation (nor does this tell whether it exists in another)."""

    status = 404

    def __init__(self, message: str = "There is nothing here.", *, field: str | None = None) -> None:
        super().__init__(message, field=field, code="not_found")


class Conflict(DomainError):
    """The thing is not in the state that this needs, or another one like it exists."""

    status = 409


class PreconditionFailed(DomainError):
    """Somebody changed the thing since the caller read it (If-Match does not match)."""

    status = 412
