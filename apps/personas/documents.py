"""A persona on a sheet of A4, as PDF or PNG: what is described, and what is known of its people."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, Final

from django.core.files.storage import default_storage
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from PIL import Image

from apps.audit.services import record
from apps.organizations.branding import is_colour, light_accent
from apps.personas import queries
from apps.personas.content import SECTIONS
from apps.personas.models import Persona
from apps.personas.sheet import People, people_of
from cxm.actor import Actor
from cxm.errors import DomainError, NotFound
from cxm.typesetting import Words, set_document
from cxm.web.templatetags.cx import cx_metric

TEMPLATE: Final = Path(__file__).with_name("persona.typ")
ACCENT: Final = "#0F766E"
TYPES: Final = {"pdf": "application/pdf", "png": "image/png", "json": "application/json"}
PPI: Final = 144
LINE: Final = 44
"""Characters that fit on a line of a column, roughly."""
FORMAT: Final = "cxm-persona"


@dataclass(frozen=True, slots=True)
class PersonaSheet:
    """What stands on the sheet. ``people`` is None for a version, whose people are not today's."""

    organization: Any
    persona: Persona
    content: Mapping[str, Any]
    number: int | None
    people: People | None


@dataclass(frozen=True, slots=True)
class PersonaFile:
    """A file and its name; ``document`` is what a JSON file holds."""

    body: bytes
    content_type: str
    name: str
    document: dict[str, Any] | None = None


def export_persona(
    *, actor: Actor, organization: Any, persona: Persona, format: str, version: int | None = None
) -> PersonaFile:
    """A persona in one of TYPES, as the actor may see it: the draft for those who edit, else what is published.

    Raises DomainError for another format, NotFound for a version that was never published.
    """
    actor.require("personas.view")
    if format not in TYPES:
        raise DomainError(_("Must be one of: %(known)s.") % {"known": ", ".join(TYPES)}, field="format", code="choice")
    content = queries.version_content(persona, version) if version else queries.shown_content(actor, persona)
    number = version or (None if actor.can("personas.edit") else persona.published_version)
    document = _document(content, number) if format == "json" else None
    if document is not None:
        body = (json.dumps(document, ensure_ascii=False, indent=2) + "\n").encode()
    else:
        people = None if version else people_of(actor, organization, persona)
        sheet = PersonaSheet(organization, persona, content, number, people)
        body = persona_pdf(sheet) if format == "pdf" else persona_png(sheet)
    record(actor=actor, action="personas.exported", target=persona, fields=[format])
    return PersonaFile(body, TYPES[format], _file_name(str(content["name"]), number, format), document)


def persona_pdf(sheet: PersonaSheet) -> bytes:
    """The sheet as vectors. 0.05 s."""
    return set_document(TEMPLATE, _data(sheet), suffix="pdf")[0]


def persona_png(sheet: PersonaSheet) -> bytes:
    """The first page, twice the size of a screen."""
    return set_document(TEMPLATE, _data(sheet), suffix="png", ppi=PPI)[0]


def _document(content: Mapping[str, Any], number: int | None) -> dict[str, Any]:
    shown = {name: value for name, value in content.items() if name not in ("portrait", "backing")}
    return {"format": FORMAT, "version": number, **shown}


def _file_name(title: str, number: int | None, suffix: str) -> str:
    plain = "".join(letter if letter.isalnum() or letter in " -_" else " " for letter in title)
    version = f" v{number}" if number else ""
    return f"{' '.join(plain.split())[:80] or 'persona'}{version}.{suffix}"


def _data(sheet: PersonaSheet) -> dict[str, Any]:
    words = Words()
    say, content, organization = words.say, sheet.content, sheet.organization
    accent = light_accent(organization.accent).fill if is_colour(organization.accent or "") else ACCENT
    levels = dict(Persona.Evidence.choices)
    version = _("Version %(number)d") % {"number": sheet.number} if sheet.number else _("Draft")
    data = {
        "accent": accent,
        "organization": say(organization.name),
        "name": say(content["name"]),
        "initials": say(_initials(str(content["name"]))),
        "portrait": _portrait(str(content.get("portrait") or "")),
        "tagline": say(content.get("tagline", "")),
        "quote": say(content.get("quote", "")),
        "anti": _("Anti-persona: not who we serve") if content["kind"] == Persona.Kind.ANTI else "",
        "reason": say(content.get("reason") or ""),
        "evidence": str(levels.get(content["evidence_level"], "")),
        "state": version,
        "columns": _balanced(
            [
                {"title": str(title), "items": [say(item) for item in content.get(name) or []]}
                for name, title in SECTIONS.items()
                if content.get(name)
            ]
        ),
        "people": _people(sheet, words),
        "empty": _("Nothing is described yet."),
    }
    made = date_format(timezone.localtime(), "j M Y, H:i")
    foot = [
        organization.name,
        version,
        _("made %(at)s (%(zone)s)") % {"at": made, "zone": timezone.get_current_timezone_name()},
    ]
    if words.named:
        foot.append(_("our fonts have no letters for %(letters)s: shown as □") % {"letters": ", ".join(words.named)})
    return data | {"foot": [say(part) for part in foot]}


def _balanced(sections: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """The sections in two columns of about the same height, in their order."""
    heights = [3 + sum(1 + len(item) // LINE for item in section["items"]) for section in sections]
    whole = sum(heights)
    at = min(range(len(sections) + 1), key=lambda cut: abs(2 * sum(heights[:cut]) - whole), default=0)
    return [sections[:at], sections[at:]]


def _initials(name: str) -> str:
    parts = [part for part in name.split() if part[:1].isalnum()]
    return "".join(part[0] for part in (parts[:1] + parts[-1:] if len(parts) > 1 else parts)).upper()


def _portrait(stored: str) -> list[int] | None:
    """The picture's bytes as PNG; None without one, or when its file is away."""
    if not stored:
        return None
    try:
        with default_storage.open(stored) as file, Image.open(file) as picture:
            buffer = BytesIO()
            picture.convert("RGB").save(buffer, "PNG")
    except (OSError, ValueError, NotFound):
        return None
    return list(buffer.getvalue())


def _people(sheet: PersonaSheet, words: Words) -> dict[str, Any] | None:
    people = sheet.people
    if people is None or people.segment is None:
        return None
    size = "" if people.size is None else f"{people.size:,}".replace(",", "\u202f")
    scores = []
    for score in people.scores:
        printed: Mapping[str, Any] = cx_metric(score.metric) if score.metric is not None else {"value": None, "why": ""}
        scores.append(
            {
                "title": words.say(score.title),
                "value": words.say(printed["value"] or "–"),
                "more": words.say(
                    " ".join(
                        part
                        for part in (
                            f"({printed['interval']})" if printed.get("interval") else "",
                            f"n\u00a0{printed['n']}" if printed["value"] else printed["why"],
                            printed.get("weak") or "",
                        )
                        if part
                    )
                ),
            }
        )
    return {
        "title": _("The people behind it"),
        "size": words.say(size),
        "unit": _("customers"),
        "share": words.say(_("%(share)s of all") % {"share": people.share_words}) if people.share_words else "",
        "segment": words.say(people.segment.name),
        "scores": scores,
        "claims": [
            {
                "words": words.say(claim.words),
                "share": words.say(claim.share or "–"),
                "at_least": words.say(claim.at_least),
            }
            for claim in people.claims
        ],
        "claims-title": _("What we claim of them"),
        "claims-more": _("claimed of at least"),
    }
