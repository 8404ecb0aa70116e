"""What a share link shows: the version, the filters of its scores, and whether scores and quotes are on it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from django.utils.translation import gettext as _

from cxm.errors import DomainError

PUBLISHED: Final = "published"
DRAFT: Final = "draft"
FILTERS: Final = ("from", "to", "segment", "persona", "channel")
FILTER_LENGTH: Final = 200
_UNSTORABLE = re.compile("[\x00-\x1f\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class ShareOptions:
    """``version`` is "published" (whatever is published when the link is opened), "draft", or a number."""

    version: str | int = PUBLISHED
    show_scores: bool = False
    show_quotes: bool = False
    filters: Mapping[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """As it is stored, and as the API gives it."""
        return {
            "version": self.version,
            "show_scores": self.show_scores,
            "show_quotes": self.show_quotes,
            "filters": dict(self.filters),
        }

    @property
    def number(self) -> int | None:
        """The chosen version; None for the published one or the draft."""
        return self.version if isinstance(self.version, int) else None

    @property
    def is_draft(self) -> bool:
        """Whether the maker chose to show the draft."""
        return self.version == DRAFT


def read_options(raw: object) -> ShareOptions:
    """Options as the API or a form sends them. Raises DomainError naming the option; None is the defaults."""
    if raw is None:
        return ShareOptions()
    if not isinstance(raw, Mapping):
        raise DomainError(_("Send the options as an object."), field="options")
    return ShareOptions(
        version=_version(raw.get("version")),
        show_scores=_flag(raw, "show_scores"),
        show_quotes=_flag(raw, "show_quotes"),
        filters=_filters(raw.get("filters")),
    )


def _version(value: object) -> str | int:
    if value is None or value == "":
        return PUBLISHED
    if value in (PUBLISHED, DRAFT):
        return str(value)
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 6:
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 999_999:
        return value
    raise DomainError(_("Must be “published”, “draft” or the number of a version."), field="options.version")


def _flag(raw: Mapping[str, Any], name: str) -> bool:
    value = raw.get(name)
    if value is None:
        return False
    if not isinstance(value, bool):
        raise DomainError(_("Must be true or false."), field=f"options.{name}")
    return value


def _filters(value: object) -> dict[str, str]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise DomainError(_("Send the filters as an object."), field="options.filters")
    found: dict[str, str] = {}
    for name, text in value.items():
        if name not in FILTERS:
            message = _("There is no such filter. There are: %(known)s.") % {"known": ", ".join(FILTERS)}
            raise DomainError(message, field="options.filters")
        if text is None or text == "":
            continue
        if not isinstance(text, str) or len(text) > FILTER_LENGTH or _UNSTORABLE.search(text):
            message = _("Must be a text of at most %(limit)d characters.") % {"limit": FILTER_LENGTH}
            raise DomainError(message, field=f"options.filters.{name}")
        found[name] = text
    return found
