"""What organisations write themselves in messages: Liquid with a small language and hard limits.

A template is plain text with holes: `{{ customer.first_name | default: "there" }}`, `{% if attributes.order %}...{%
endif %}`. It gives plain text; where that text stands in HTML it is escaped there like any other text.

How long a template can run is limited by what it can say, not by a clock: at most 5,000 characters, no loop, no other
template, only filters whose work and result are bounded by their input, and at most 20,000 bytes of output. Values are
text in mappings and nothing else, so there is no Python object to reach into.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from django.utils.translation import gettext as _
from liquid import BoundTemplate, Environment, Mode
from liquid.exceptions import LiquidError
from liquid.undefined import is_undefined

from cxm.errors import DomainError

LONGEST_TEMPLATE: Final = 5_000
"""Characters of one template."""
LONGEST_VALUE: Final = 2_000
"""Characters of a value, and of what a filter gives; what is longer is cut."""
LARGEST_OUTPUT: Final = 20_000
"""Bytes a template may give."""

_TAGS: Final = frozenset({"if", "unless", "case", "assign", "capture", "comment", "#", "raw"})
_INNER: Final = frozenset({"content", "output", "illegal"})
_MARKUP: Final = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
_QUOTED: Final = re.compile(r"\"[^\"]*\"|'[^']*'")
_DATE_CODE: Final = re.compile(r"%[-]?[aAbBdeHIjmMpSyY%]")


class _Environment(Environment):
    """The language of our templates."""

    block_nesting_limit = 10
    context_depth_limit = 10
    loop_iteration_limit = 100
    local_namespace_limit = LARGEST_OUTPUT
    output_stream_limit = LARGEST_OUTPUT


def is_template(text: str) -> bool:
    """Whether `text` holds anything to be filled in; a text that does not is never rendered."""
    return "{{" in text or "{%" in text


def check_template(text: str, allowed: Collection[str], *, field: str = "") -> None:
    """Refuse a template that could not be rendered, or asks for something it will not get.

    Args:
        allowed: names that may be used, `customer.name`; `attributes.*` allows every name below.
        field: what the error names.

    Raises `DomainError` saying what is wrong and what may be used.
    """
    if not is_template(text):
        return
    template = _parsed_or_error(text, field)
    for segments in template.global_variable_segments():
        if not _is_allowed(segments, allowed):
            raise DomainError(
                _("“%(name)s” cannot be filled in. These can: %(names)s.")
                % {"name": ".".join(map(str, segments))[:80], "names": ", ".join(sorted(allowed)).replace(".*", ".…")},
                field=field or None,
                code="liquid",
            )
    unknown = sorted(set(template.filter_names()) - set(_FILTERS))
    if unknown:
        raise DomainError(
            _("There is no filter “%(name)s”. There are: %(names)s.")
            % {"name": unknown[0][:80], "names": ", ".join(sorted(_FILTERS))},
            field=field or None,
            code="liquid",
        )
    _rendered(template, {}, field)


def names_in(text: str) -> frozenset[str]:
    """The first parts of the names a template asks for (`customer`). Raises `DomainError` for one that is not valid."""
    return frozenset(_parsed_or_error(text, "").global_variables()) if is_template(text) else frozenset()


def render_template(text: str, values: Mapping[str, Any]) -> str:
    """`text` filled with `values`: text, or mappings of names to text. What is not there is empty.

    Raises `DomainError` when the template is not valid or its output grows too large.
    """
    if not is_template(text):
        return text
    return _rendered(_parsed_or_error(text, ""), values, "")


def _rendered(template: BoundTemplate, values: Mapping[str, Any], field: str) -> str:
    try:
        return template.render(**{name: _plain(value) for name, value in values.items()})
    except LiquidError as error:
        raise _refusal(error, field) from None


def _plain(value: object) -> object:
    """Text, or mappings of text: whatever else a caller may hold becomes its text."""
    if isinstance(value, Mapping):
        return {str(name): _plain(inner) for name, inner in value.items()}
    return str(value)[:LONGEST_VALUE] if value is not None else ""


def _parsed_or_error(text: str, field: str) -> BoundTemplate:
    if len(text) > LONGEST_TEMPLATE:
        raise DomainError(
            _("This is too long. Use at most %(most)s characters.") % {"most": f"{LONGEST_TEMPLATE:,}"},
            field=field or None,
            code="too_long",
        )
    try:
        return _parsed(text)
    except (LiquidError, RecursionError) as error:
        raise _refusal(error, field) from None


@lru_cache(maxsize=512)
def _parsed(text: str) -> BoundTemplate:
    if any(".." in _QUOTED.sub("", markup) for markup in _MARKUP.findall(text)):
        # Without loops a range is of no use, but looking for a text in one of a billion numbers takes minutes.
        raise LiquidError("ranges are not allowed", token=None)
    return _environment().from_string(text)


def _refusal(error: Exception, field: str) -> DomainError:
    words = str(error.args[0]).splitlines()[0][:160] if error.args else type(error).__name__
    return DomainError(
        _("The text in braces could not be read: %(problem)s. Write for example {{ customer.first_name }}.")
        % {"problem": words},
        field=field or None,
        code="liquid",
    )


def _is_allowed(segments: Sequence[object], allowed: Collection[str]) -> bool:
    if not all(isinstance(segment, str) for segment in segments):
        return False
    return ".".join(map(str, segments)) in allowed or (len(segments) == 2 and f"{segments[0]}.*" in allowed)


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = _Environment(tolerance=Mode.STRICT, strict_filters=True, autoescape=False)
    for name in [name for name in environment.tags if name not in _TAGS | _INNER]:
        if name.startswith(("end", "else", "elsif", "when")):
            continue
        del environment.tags[name]
    environment.filters = {name: _bounded(work) for name, work in _FILTERS.items()}
    return environment


def _bounded(work: Callable[..., str]) -> Callable[..., str]:
    def filtered(value: object, *arguments: object) -> str:
        try:
            return work(_text(value), *(_text(argument) for argument in arguments))[:LONGEST_VALUE]
        except (TypeError, ValueError, OverflowError) as error:
            raise LiquidError(str(error), token=None) from None

    return filtered


def _text(value: object) -> str:
    if value is None or is_undefined(value) or isinstance(value, Mapping):
        return ""
    return str(value)[:LONGEST_VALUE]


def _default(value: str, other: str = "") -> str:
    return value or other


def _truncate(value: str, most: str = "50", end: str = "…") -> str:
    size = max(int(most), len(end))
    return value if len(value) <= size else value[: size - len(end)] + end


def _truncated_words(value: str, most: str = "15", end: str = "…") -> str:
    words = value.split()
    count = max(int(most), 1)
    return value if len(words) <= count else " ".join(words[:count]) + end


def _date(value: str, pattern: str = "%Y-%m-%d") -> str:
    """A date or time in ISO 8601, written as `pattern` says; anything else stays as it is."""
    try:
        moment = datetime.fromisoformat(value.strip())
    except ValueError:
        return value
    return _DATE_CODE.sub(lambda code: moment.strftime(code.group()), pattern)


_FILTERS: Final[dict[str, Callable[..., str]]] = {
    "default": _default,
    "upcase": lambda value: value.upper(),
    "downcase": lambda value: value.lower(),
    "capitalize": lambda value: value[:1].upper() + value[1:],
    "strip": lambda value: value.strip(),
    "append": lambda value, other: value + other,
    "prepend": lambda value, other: other + value,
    "remove": lambda value, other: value.replace(other, "") if other else value,
    "truncate": _truncate,
    "truncatewords": _truncated_words,
    "date": _date,
}
