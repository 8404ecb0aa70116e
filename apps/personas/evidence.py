"""What the lines of a persona rest on. Kinds of evidence that upper apps know are registered in their wiring:

    register_evidence(EvidenceKind("insight", _("Insight"), "insights.view", search=..., resolve=...))

A persona keeps `{"id", "section", "line", "kind", "ref", "text", "url", "level"}`: the line by its text ("" for the
persona as a whole), and of what it rests on the kind and the id, or in its own words a text and an address.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from django.utils.translation import gettext, gettext_lazy

from apps.personas.content import ITEM_LENGTH, SECTIONS, unstorable
from cxm.actor import Actor
from cxm.errors import FieldError
from cxm.ids import parse_uuid, uuid7

SOURCE = "source"
LEVELS = {
    "assumption": gettext_lazy("Assumption"),
    "some": gettext_lazy("Some data"),
    "measured": gettext_lazy("Measured"),
}
RANK = {level: rank for rank, level in enumerate(LEVELS)}
MOST_EVIDENCE = 100
URL_LENGTH = 500


@dataclass(frozen=True, slots=True)
class Resolved:
    """A piece of evidence as people see it now: what it is called, where it stands, and a figure or a date of it."""

    title: str
    url: str = ""
    note: str = ""


Search = Callable[[Actor, Any], "Sequence[tuple[str, str]]"]
Resolve = Callable[[Actor, Any, "Collection[str]"], "Mapping[str, Resolved]"]


@dataclass(frozen=True, slots=True)
class EvidenceKind:
    """A kind of record that can be evidence.

    `search(actor, organization)` gives what can be chosen, as (id, words), at most a few hundred; `resolve(actor,
    organization, ids)` gives those the actor may see, in one query.
    """

    kind: str
    label: Any
    permission: str
    search: Search
    resolve: Resolve


KINDS: dict[str, EvidenceKind] = {}


def register_evidence(kind: EvidenceKind) -> None:
    """Let a kind of record be evidence. Its name is stored: never change it."""
    KINDS[kind.kind] = kind


@dataclass(frozen=True, slots=True)
class Evidence:
    """A piece of evidence of one line, for showing. `kind_words` says what it is, `level_words` how good."""

    id: str
    kind_words: str
    level: str
    level_words: str
    title: str
    url: str
    note: str
    text: str


def read_backing(raw: object, errors: list[FieldError]) -> list[dict[str, Any]]:
    """Evidence in its stored form; what is wrong is added to `errors` as `backing.<position>.<field>`."""
    if raw is None:
        return []
    if not isinstance(raw, list):
        errors.append(_error("backing", gettext("Send a list of evidence.")))
        return []
    if len(raw) > MOST_EVIDENCE:
        message = gettext("At most %(most)d pieces of evidence.") % {"most": MOST_EVIDENCE}
        errors.append(_error("backing", message, "too_many"))
        return []
    found = []
    for position, given in enumerate(raw):
        before = len(errors)
        item = _read_item(given, f"backing.{position}", errors)
        if len(errors) == before:
            found.append(item)
    return found


def _read_item(given: object, place: str, errors: list[FieldError]) -> dict[str, Any]:
    if not isinstance(given, Mapping):
        errors.append(_error(place, gettext("Send an object with section, line, kind, level and ref or text.")))
        return {}
    limits = {"section": 20, "line": ITEM_LENGTH, "kind": 20, "ref": 40, "text": ITEM_LENGTH, "url": URL_LENGTH}
    item: dict[str, Any] = {}
    for name, limit in limits.items():
        value = given.get(name) or ""
        if not isinstance(value, str) or unstorable(value):
            errors.append(_error(f"{place}.{name}", gettext("Give a text here.")))
            return {}
        item[name] = value.strip()
        if len(item[name]) > limit:
            message = gettext("At most %(limit)d characters.") % {"limit": limit}
            errors.append(_error(f"{place}.{name}", message, "max_length"))
    item["kind"] = item["kind"] or SOURCE
    level = given.get("level") or "some"
    if not isinstance(level, str) or level not in LEVELS:
        message = gettext("Must be one of: %(choices)s.") % {"choices": ", ".join(LEVELS)}
        errors.append(_error(f"{place}.level", message, "choice"))
    if bool(item["section"]) != bool(item["line"]) or (item["section"] and item["section"] not in SECTIONS):
        errors.append(_error(f"{place}.section", gettext("Name a section and one of its lines, or neither.")))
    if item["kind"] == SOURCE:
        item["ref"] = ""
        if not item["text"]:
            errors.append(_error(f"{place}.text", gettext("Say what it rests on."), "required"))
        if item["url"] and not _is_address(item["url"]):
            message = gettext("Give an address that begins with https:// or http://, or leave it empty.")
            errors.append(_error(f"{place}.url", message))
    elif item["kind"] not in KINDS:
        message = gettext("Must be one of: %(choices)s.") % {"choices": ", ".join([SOURCE, *KINDS])}
        errors.append(_error(f"{place}.kind", message, "choice"))
    elif parse_uuid(item["ref"]) is None:
        errors.append(_error(f"{place}.ref", gettext("Choose which one."), "required"))
    else:
        item["ref"], item["url"] = str(parse_uuid(item["ref"])), ""
    known = parse_uuid(given.get("id"))
    return {"id": str(known or uuid7()), **item, "level": level}


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.netloc) and not any(c.isspace() for c in text)


def carry_backing(
    backing: Sequence[Mapping[str, Any]], section: str, before: Sequence[str], after: Sequence[str]
) -> list[dict[str, Any]]:
    """The evidence after a section's lines changed: that of a reworded line follows it, that of a removed one goes.

    A line is reworded when as many lines went as came and it stands where the new one stands.
    """
    gone = [index for index, line in enumerate(before) if line not in after]
    come = [index for index, line in enumerate(after) if line not in before]
    renamed = {before[i]: after[i] for i in gone if i in come} if len(before) == len(after) else {}
    kept = []
    for item in backing:
        line = renamed.get(item["line"], item["line"])
        if item["section"] != section:
            kept.append(dict(item))
        elif line in after:
            kept.append({**item, "line": line})
    return kept


def of_existing_lines(
    backing: Iterable[Mapping[str, Any]], fields: Mapping[str, Sequence[str]]
) -> list[dict[str, Any]]:
    """The evidence whose line is there."""
    return [dict(item) for item in backing if not item["section"] or item["line"] in fields.get(item["section"], [])]


def resolve_backing(
    actor: Actor, organization: Any, backing: Sequence[Mapping[str, Any]]
) -> dict[tuple[str, str], list[Evidence]]:
    """The evidence by (section, line), with what upper apps say of it now. One query a kind that occurs.

    A record that is gone, or that the actor may not see, still counts; it stands there without its title.
    """
    resolved: dict[str, Mapping[str, Resolved]] = {}
    for name, kind in KINDS.items():
        refs = {item["ref"] for item in backing if item["kind"] == name}
        resolved[name] = kind.resolve(actor, organization, refs) if refs and actor.can(kind.permission) else {}
    found: dict[tuple[str, str], list[Evidence]] = {}
    for item in backing:
        known = KINDS.get(item["kind"])
        seen = resolved.get(item["kind"], {}).get(item["ref"])
        if item["kind"] == SOURCE:
            seen = Resolved(item["text"], item["url"])
        title = seen.title if seen else gettext("Not there any more, or not for you to see")
        found.setdefault((item["section"], item["line"]), []).append(
            Evidence(
                id=item["id"],
                kind_words=str(known.label if known else gettext("Source")),
                level=item["level"],
                level_words=str(LEVELS[item["level"]]),
                title=title,
                url=seen.url if seen else "",
                note=seen.note if seen else "",
                text="" if item["kind"] == SOURCE else item["text"],
            )
        )
    return found


def level_of(items: Sequence[Evidence]) -> str:
    """How well a line is backed: the best level of what it rests on; "" for a line that nothing is said of."""
    return max((item.level for item in items), key=lambda level: RANK[level], default="")


def missing_for_research(content: Mapping[str, Any]) -> str:
    """What a persona called backed by research still lacks, as a sentence; "" when it is a proto or lacks nothing."""
    if content.get("evidence_level") != "research":
        return ""
    if content.get("evidence") or any(item["level"] != "assumption" for item in content.get("backing", [])):
        return ""
    return gettext(
        "It is called backed by research, but names nothing it rests on: no line has evidence above an assumption, and "
        "the part “Evidence” is empty."
    )


def _error(field: str, message: str, code: str = "invalid") -> FieldError:
    return {"field": field, "code": code, "message": message}
