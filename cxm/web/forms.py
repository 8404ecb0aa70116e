"""Services' refusals in forms, confirmation by typing, and a select that is quick to write."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from django.core.exceptions import ValidationError
from django.forms import Select
from django.forms.forms import BaseForm
from django.forms.utils import flatatt
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from cxm.errors import DomainError, NotAllowed, NotFound

SELECTED = mark_safe(" selected")  # a literal


class PlainSelect(Select):
    """A select written at once. Django's renders every option through a template of its own, most of a page's time."""

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        chosen = "" if value is None else str(value)
        options = format_html_join(
            "",
            '<option value="{}"{}>{}</option>',
            ((key, SELECTED if str(key) == chosen else "", label) for key, label in self.choices),
        )
        written = flatatt({**self.build_attrs(self.attrs, attrs), "name": name})
        return format_html("<select{}>{}</select>", written, options)


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
