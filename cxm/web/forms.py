"""Services' refusals in forms, and confirmation by typing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from django.core.exceptions import ValidationError
from django.forms.forms import BaseForm

from cxm.errors import DomainError, NotAllowed, NotFound


@contextmanager
def domain_errors_into(form: BaseForm) -> Iterator[None]:
    """Run a service for a valid form; what it refuses becomes errors of the form's fields.

    A field the form does not have (or none) becomes an error of the whole form. ``NotAllowed`` and ``NotFound`` are
    not about what somebody typed and pass through to their pages.
    """
    try:
        yield
    except (NotAllowed, NotFound):
        raise
    except DomainError as error:
        add_domain_errors(form, error)


def add_domain_errors(form: BaseForm, error: DomainError) -> None:
    """Write a service's errors into the form. A path such as ``answers.q1`` belongs to the field ``answers``."""
    for item in error.errors:
        name = item["field"]
        while name and name not in form.fields:
            name = name.rpartition(".")[0]
        if name or not item["field"]:
            message = item["message"]
        else:
            message = f"{item['field']}: {item['message']}"
        form.add_error(name or None, ValidationError(message, code=item["code"]))


def typed_confirmation(data: Mapping[str, object], phrase: str, *, name: str = "confirm") -> bool:
    """Whether the field of ``{% cx_confirm_typing phrase %}`` holds the phrase (spaces around it do not matter)."""
    return str(data.get(name) or "").strip() == phrase.strip()
