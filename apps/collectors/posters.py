"""QR codes and posters: drawn here, so that no address leaves the installation.

A poster is set by typst. What people wrote goes in as one JSON value that the template reads: it is text there and
never code. The fonts are those in ``static/vendor``; they have the letters of Latin, Greek, Cyrillic and Arabic script.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import urlsplit

import segno
from django.conf import settings
from django.core.files.storage import default_storage
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.collectors.addresses import address_of
from apps.collectors.models import Collector
from apps.collectors.texts import poster_texts
from apps.organizations.branding import is_colour, light_accent
from apps.organizations.models import Organization
from apps.surveys.definition import Definition, parse_definition
from apps.surveys.live import published_definition
from apps.surveys.models import Survey
from apps.surveys.respondent import needed_minutes
from apps.surveys.wording import is_right_to_left
from cxm.errors import DomainError
from cxm.typesetting import FONTS

SIZES: Final = {
    "a4": gettext_lazy("A4 poster"),
    "a5": gettext_lazy("A5 poster"),
    "a6": gettext_lazy("A6 table card"),
}
FORMATS: Final = {"pdf": "application/pdf", "png": "image/png"}
PREVIEW_PPI: Final = 72
ACCENT: Final = "#0F766E"
TEMPLATE: Final = Path(__file__).with_name("poster.typ")

_OTHER_LETTERS = re.compile(
    "[^\u0000-\u052f\u0600-\u06ff\u0750-\u077f\u08a0-\u08ff\u1e00-\u1fff\u2000-\u206f\u20a0-\u20bf\u2100-\u218f"
    "\u2190-\u21ff\u2200-\u22ff\ufb50-\ufdff\ufe70-\ufeff]"
)
"""What our fonts have no shape for."""
_LONG_WORD = re.compile(r"\S{30}(?=\S)")
"""A word that may have to be broken to stay on the paper."""
_CONTROLS = re.compile("[\u0000-\u0008\u000b-\u001f\u007f-\u009f]")


@dataclass(frozen=True, slots=True)
class Poster:
    """What stands on a poster. ``logo`` is a picture's bytes, or None; ``accent`` a colour such as ``#0F766E``."""

    organization: str
    headline: str
    text: str
    type: str
    privacy: str
    address: str
    link: str
    language: str
    accent: str = ACCENT
    logo: bytes | None = None


def qr_svg(address: str) -> bytes:
    """A QR code with its quiet zone, black on white, of any size."""
    buffer = BytesIO()
    segno.make(address, error="m", micro=False).save(
        buffer, kind="svg", scale=6, border=4, light="#fff", xmldecl=False, svgclass=None, lineclass=None
    )
    return buffer.getvalue()


def qr_png(address: str) -> bytes:
    """A QR code as a picture that can be printed 10 cm wide."""
    buffer = BytesIO()
    segno.make(address, error="m", micro=False).save(buffer, kind="png", scale=20, border=4, light="#fff")
    return buffer.getvalue()


def poster_of(collector: Collector, survey: Survey, organization: Organization) -> Poster:
    """The poster of a place, in its language: its own words, and ours where it has none."""
    definition = _definition(survey)
    language = collector.language if collector.language in definition.languages else definition.languages[0]
    texts, options = poster_texts(language), collector.settings
    minutes = needed_minutes(definition)
    time = texts["minute"] if minutes == 1 else texts["minutes"].format(n=minutes)
    open_address = f"{settings.BASE_URL}{reverse('open_survey', args=[organization.slug, survey.slug])}"
    parts = urlsplit(open_address)
    return Poster(
        organization=organization.name,
        headline=options.get("headline") or texts["headline"],
        text=options.get("text") or texts["text"].format(minutes=time),
        type=texts["type"],
        privacy=texts["anonymous" if survey.anonymous else "unlinked"],
        address=f"{parts.netloc}{parts.path}",
        link=address_of(collector, survey, organization),
        language=language,
        accent=light_accent(organization.accent).fill if is_colour(organization.accent) else ACCENT,
        logo=_logo(organization),
    )


def draw_poster(poster: Poster, *, size: str, suffix: Literal["pdf", "png"]) -> bytes:
    """The poster as PDF (vectors, text that can be searched) or PNG; ``size`` is a4, a5 or a6. About 0.1 s.

    Raises DomainError for letters that our fonts do not have.
    """
    import typst  # here and not above: 60 MB that only whoever prints needs

    written = {"headline": poster.headline, "text": poster.text, "organization": poster.organization}
    for field, text in written.items():
        if found := _OTHER_LETTERS.search(text):
            message = _("The poster has no letters for “%(letter)s”: use the QR code in a document of your own.")
            raise DomainError(message % {"letter": found[0]}, field=field, code="letters")
    data: dict[str, Any] = {
        **{name: _LONG_WORD.sub("\\g<0>\u200b", _CONTROLS.sub(" ", text)) for name, text in written.items()},
        "type": poster.type,
        "privacy": poster.privacy,
        "address": poster.address,
        "accent": poster.accent,
        "lang": poster.language.partition("-")[0],
        "rtl": is_right_to_left(poster.language),
        "size": size,
        "qr": qr_svg(poster.link).decode(),
        "logo": list(poster.logo) if poster.logo else None,
    }
    drawn = typst.compile(
        str(TEMPLATE),
        root=str(TEMPLATE.parent),
        font_paths=[str(folder) for folder in FONTS],
        ignore_system_fonts=True,
        format=suffix,
        ppi=PREVIEW_PPI if suffix == "png" else None,
        sys_inputs={"data": json.dumps(data, ensure_ascii=False)},
    )
    return bytes(drawn)


def _definition(survey: Survey) -> Definition:
    """What is asked: the published version, else the draft."""
    if survey.current_version:
        return published_definition(survey.pk, survey.current_version)
    return parse_definition(survey.definition)


def _logo(organization: Organization) -> bytes | None:
    """The logo's picture; None when there is none, or its file is away."""
    if not organization.logo:
        return None
    try:
        with default_storage.open(organization.logo) as file:
            return bytes(file.read())
    except OSError:
        return None
