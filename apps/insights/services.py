"""Every write of insights: add, change, link, remove, and what counts as old."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import date
from math import isfinite
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.utils.timezone import localdate
from django.utils.translation import gettext as _

from apps.audit.services import record
from apps.comments.services import forget_comments
from apps.customers.masking import mask_text
from apps.customers.models import Customer
from apps.customers.queries import customers
from apps.insights.models import Insight, InsightLink, InsightSettings
from apps.insights.places import Ref, resolve
from apps.insights.registry import link_opportunities
from apps.outbox.services import emit
from apps.personas.models import Persona
from apps.surveys.models import Response
from apps.surveys.queries import responses_visible_to
from apps.touchpoints.models import Touchpoint
from cxm.actor import Actor
from cxm.errors import Conflict, DomainError, NotFound, read_fields
from cxm.ids import parse_uuid
from cxm.reading import choice_reader, read_day, read_whole, text_reader
from cxm.scope import current_tenant_id
from cxm.texts import clean_text

LONGEST_TITLE: Final = 200
LONGEST_TEXT: Final = 10_000
LONGEST_SOURCE: Final = 300
LONGEST_LINK: Final = 500
MOST_PEOPLE: Final = 100_000_000
MOST_LINKS: Final = 200
"""Links of one kind that an insight may have."""
OLDEST_MONTHS: Final = 120
_EARLIEST: Final = date(1900, 1, 1)
_WEB = re.compile(r"https?://[^\s/?#]+[^\s]*", re.IGNORECASE)


@transaction.atomic
def create_insight(*, actor: Actor, response: Response | UUID | str | None = None, **values: Any) -> Insight:
    """Write down what was learned; a title is enough. Emits `insights.insight_added`.

    `values` are those of :data:`READERS` (kind, title, body, source, source_date, link, people, score, persona,
    consent, customer) and of :data:`LINK_READERS` (steps, cards, touchpoints: where it belongs), and `opportunities`
    (ids). With `response`, an answer the actor may read: its customer, touchpoint and day are taken over, and its
    comment without names and numbers, where nothing else is given.

    Raises DomainErrors naming each wrong field, Conflict for an answer to an anonymous survey.
    """
    actor.require("insights.edit")
    if response is not None:
        given = {name: value for name, value in values.items() if name != "customer" or value not in (None, "")}
        values = {**from_response(actor, response), **given}
    fields, links, opportunities = _read(actor, {"title": "", **values})
    insight = Insight.objects.create(author_id=actor.user_id, **fields)
    _set_links(insight, links)
    if opportunities is not None:
        link_opportunities(actor=actor, insight=insight, opportunities=opportunities)
    record(actor=actor, action="insights.added", target=insight)
    emit("insights.insight_added", {"insight": str(insight.pk)})
    return insight


@transaction.atomic
def update_insight(*, actor: Actor, insight: Insight, **values: Any) -> Insight:
    """Change the fields given, as `create_insight` takes them. Emits `insights.insight_changed` when one differs.

    Raises as create_insight does, and Conflict for one that was withdrawn: its words do not come back.
    """
    actor.require("insights.edit")
    row = _locked(insight.pk)
    fields, links, opportunities = _read(actor, values, known=row)
    if row.withdrawn_at and (fields.keys() & PERSONAL):
        message = _("The person was erased: the words of this insight and its customer do not come back.")
        raise Conflict(message, code="withdrawn")
    changed = [name for name, value in fields.items() if getattr(row, name) != value]
    for name in changed:
        setattr(row, name, fields[name])
    changed += _set_links(row, links)
    if opportunities is not None:
        link_opportunities(actor=actor, insight=row, opportunities=opportunities)
        changed.append("opportunities")
    if changed:
        row.save()
        record(actor=actor, action="insights.changed", target=row, fields=changed)
        emit("insights.insight_changed", {"insight": str(row.pk)})
    return row


@transaction.atomic
def delete_insight(*, actor: Actor, insight: Insight) -> None:
    """Remove an insight and its links for good. Emits `insights.insight_deleted`."""
    actor.require("insights.edit")
    row = _locked(insight.pk)
    record(actor=actor, action="insights.deleted", target=row)
    emit("insights.insight_deleted", {"insight": str(row.pk)})
    forget_comments(kind="insight", object_id=row.pk)
    row.delete()


@transaction.atomic
def link_insights(*, actor: Actor, insights: Collection[UUID], **links: Any) -> int:
    """Link several insights to steps, cards or touchpoints (as in `create_insight`), beside what they are linked to.

    How many links are new. Raises DomainErrors naming `insights` or the place.
    """
    actor.require("insights.edit")
    ids = set(insights)
    rows = list(Insight.objects.select_for_update().filter(pk__in=ids).order_by("pk"))
    if not rows or len(rows) < len(ids):
        raise DomainError(_("Choose the insights to link."), field="insights", code="not_found")
    wanted = [key for keys in _read_links(actor, links).values() for key in keys]
    if not wanted:
        raise DomainError(_("Choose where they belong."), field="step", code="required")
    made = 0
    for row in rows:
        existing = _link_keys(row)
        missing = [key for key in wanted if key not in existing]
        if missing:
            _add_links(row, missing)
            made += len(missing)
            record(actor=actor, action="insights.linked", target=row, fields=["links"])
            emit("insights.insight_changed", {"insight": str(row.pk)})
    return made


@transaction.atomic
def set_old_after(*, actor: Actor, months: object) -> int:
    """From how many months on (1..120) insights are marked as old. Raises DomainError naming `months`."""
    actor.require_everywhere("organization.settings")
    value = read_whole("months", months, 1, OLDEST_MONTHS)
    InsightSettings.objects.update_or_create(defaults={"old_after_months": value}, tenant_id=current_tenant_id())
    record(actor=actor, action="insights.settings_changed", fields=["old_after_months"])
    return value


def from_response(actor: Actor, response: Response | UUID | str) -> dict[str, Any]:
    """What an insight takes over from an answer: customer, touchpoint, day, and the comment without names and numbers.

    Raises DomainError naming `response` when the actor cannot read such an answer, Conflict when its survey is
    anonymous: what was promised there is that nobody looks at one answer alone.
    """
    pk = response.pk if isinstance(response, Response) else parse_uuid(response)
    found = responses_visible_to(actor).select_related("survey").filter(pk=pk).first() if pk else None
    if found is None or not actor.can("feedback.view"):
        raise DomainError(_("There is no answer with this id."), field="response", code="not_found")
    if found.survey.anonymous:
        message = _("This survey is anonymous: what one person answered is not taken out of it.")
        raise Conflict(message, code="anonymous")
    comment = mask_text(found.comment, (found.customer.name,) if found.customer else ())
    taken: dict[str, Any] = {
        "kind": Insight.Kind.QUOTE,
        "title": _short(comment) or _("Answer to “%(survey)s”") % {"survey": found.survey.name},
        "body": comment,
        "source": _("Answer to “%(survey)s”") % {"survey": found.survey.name},
        "source_date": found.day,
        "response_id": found.pk,
    }
    if found.customer_id and actor.can("customers.view", found.customer.unit_id if found.customer else None):
        taken["customer"] = found.customer_id
    elif found.customer_id:
        taken["customer_id"] = found.customer_id
    if found.touchpoint:
        taken["touchpoints"] = [found.touchpoint.key]
    return taken


def _short(text: str) -> str:
    """The first words of a text, at most a title's length."""
    line = " ".join(text.split())
    if len(line) <= LONGEST_TITLE:
        return line
    return f"{line[: LONGEST_TITLE - 1].rpartition(' ')[0]}…"


# ----------------------------------------------------------------------------------------------------------------------
# Reading what is given


def _people(value: object) -> int:
    return 1 if value is None else read_whole("people", value, 1, MOST_PEOPLE)


def _score(value: object) -> float | None:
    if value is None or value == "":
        return None
    fits = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= 2 and isfinite(value)
    if not fits:
        raise DomainError(_("Must be a number from -2 to 2, or empty."), field="score")
    return round(float(value), 1) + 0.0  # type: ignore[arg-type]


def _day(value: object) -> date | None:
    return read_day("source_date", value, _EARLIEST, localdate())


def _link(value: object) -> str:
    text = clean_text(value, field="link", limit=LONGEST_LINK)
    if text and not _WEB.fullmatch(text):
        raise DomainError(_("Must be an address that begins with http:// or https://."), field="link")
    return text


def _persona(value: object) -> Persona | None:
    if value is None or value == "" or isinstance(value, Persona):
        return value or None  # type: ignore[return-value]
    pk = parse_uuid(value)
    persona = Persona.objects.filter(pk=pk).first() if pk else None
    if persona is None:
        raise DomainError(_("There is no persona with this id."), field="persona", code="not_found")
    return persona


READERS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "kind": choice_reader("kind", Insight.Kind.values),
    "title": text_reader("title", LONGEST_TITLE, required=True, line=True),
    "body": text_reader("body", LONGEST_TEXT),
    "source": text_reader("source", LONGEST_SOURCE, line=True),
    "source_date": _day,
    "link": _link,
    "people": _people,
    "score": _score,
    "persona": _persona,
    "consent": choice_reader("consent", Insight.Consent.values),
}
"""What can be said of an insight by itself, and how it is read."""
PERSONAL: Final = frozenset({"title", "body", "source", "link", "customer", "customer_id", "response_id"})
"""What is taken away when the person is erased."""

LinkKey = tuple[UUID | None, UUID | None, UUID | None, UUID | None]
"""Journey, step, card, touchpoint."""


def _read(
    actor: Actor, values: Mapping[str, Any], known: Insight | None = None
) -> tuple[dict[str, Any], dict[str, list[LinkKey]], Collection[UUID] | None]:
    """Columns, links by kind and opportunities from what was given. Raises DomainErrors with all that is wrong."""
    links: dict[str, list[LinkKey]] = {}
    kept = _link_keys(known) if known and any(kind in values for kind in LINK_KINDS) else {}

    def reader(kind: str) -> Callable[[Any], Any]:
        return lambda value: links.update(_read_links(actor, {kind: value}, kept))

    read = read_fields(
        {
            **READERS,
            "customer": lambda value: _customer(actor, value, known),
            **{kind: reader(kind) for kind in LINK_KINDS},
            "opportunities": _ids_of_opportunities,
        },
        values,
    )
    fields = {name: read[name] for name in READERS if name in read}
    if "customer" in read:
        fields["customer_id"] = read["customer"]
    fields |= {name: values[name] for name in ("response_id", "customer_id") if name in values}
    return fields, links, read.get("opportunities")


def _customer(actor: Actor, value: object, known: Insight | None) -> UUID | None:
    """The id of a customer given by id, external id or e-mail address; None for none."""
    if value is None or value == "":
        return None
    if known is not None and known.customer_id and str(value) == str(known.customer_id):
        return known.customer_id
    text = clean_text(value if not isinstance(value, UUID | Customer) else _pk(value), field="customer", limit=254)
    if not actor.can("customers.view"):
        message = _("Your role does not include “customers.view”, so you cannot name a customer here.")
        raise DomainError(message, field="customer", code="not_allowed")
    rows = customers(actor)
    pk = parse_uuid(text)
    found = rows.filter(pk=pk).first() if pk else None
    found = found or rows.filter(external_id=text).first() or rows.filter(email=text.lower()).first()
    if found is None:
        message = _("There is no customer with this id, external id or e-mail address.")
        raise DomainError(message, field="customer", code="not_found")
    return found.pk


def _pk(value: UUID | Customer) -> str:
    return str(value.pk if isinstance(value, Customer) else value)


def _ids_of_opportunities(value: object) -> list[UUID]:
    items = _list("opportunities", value)
    ids = [parse_uuid(getattr(item, "pk", item)) for item in items]
    if None in ids:
        raise DomainError(_("Give the ids of opportunities."), field=f"opportunities.{ids.index(None)}")
    return [pk for pk in dict.fromkeys(ids) if pk]


LINK_KINDS: Final = ("steps", "cards", "touchpoints")


def _list(name: str, value: object) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list | tuple):
        raise DomainError(_("Give a list."), field=name)
    if len(value) > MOST_LINKS:
        message = _("Has %(n)d entries; at most %(most)d are taken.") % {"n": len(value), "most": MOST_LINKS}
        raise DomainError(message, field=name, code="max_length")
    return list(value)


def _read_links(actor: Actor, given: Mapping[str, Any], kept: Collection[LinkKey] = ()) -> dict[str, list[LinkKey]]:
    """The places given by kind: steps and cards as {"journey", "step"|"card"}, touchpoints by key.

    Links in `kept` may be given again although their place is gone from its map.
    """
    found: dict[str, list[LinkKey]] = {}
    for name, value in given.items():
        items = _list(name, value)
        keys = _touchpoint_keys(items) if name == "touchpoints" else _map_keys(actor, name, items, kept)
        found[name] = list(dict.fromkeys(keys))
    return found


def _touchpoint_keys(items: Sequence[object]) -> list[LinkKey]:
    wanted = [getattr(item, "key", item) for item in items]
    known = (
        dict(
            Touchpoint.objects.filter(
                key__in=[key for key in wanted if isinstance(key, str) and "\x00" not in key][:200]
            ).values_list("key", "pk")
        )
        if wanted
        else {}
    )
    for index, key in enumerate(wanted):
        if not isinstance(key, str) or key not in known:
            message = _("There is no touchpoint with this key.")
            raise DomainError(message, field=f"touchpoints.{index}", code="not_found")
    return [(None, None, None, known[str(key)]) for key in wanted]


def _map_keys(actor: Actor, name: str, items: Sequence[object], kept: Collection[LinkKey]) -> list[LinkKey]:
    single = name.removesuffix("s")
    refs: list[Ref] = []
    for index, item in enumerate(items):
        given = item if isinstance(item, dict) else {}
        journey, place = parse_uuid(given.get("journey")), parse_uuid(given.get(single))
        if not journey or not place:
            message = _('Give {"journey": id, "%(kind)s": id}.') % {"kind": single}
            raise DomainError(message, field=f"{name}.{index}")
        refs.append(Ref(journey, **{single: place}))
    keys: list[LinkKey] = [(ref.journey, ref.step, ref.card, None) for ref in refs]
    places = resolve(actor, [ref for ref, key in zip(refs, keys, strict=True) if key not in kept])
    for index, ref in enumerate(refs):
        if ref not in places and keys[index] not in kept:
            message = _("Nothing with this id stands on a map that you can see.")
            raise DomainError(message, field=f"{name}.{index}", code="not_found")
    return keys


# ----------------------------------------------------------------------------------------------------------------------
# Links


def _kind_of(key: LinkKey) -> str:
    return "touchpoints" if key[3] else "steps" if key[1] else "cards"


def _link_keys(insight: Insight) -> dict[LinkKey, UUID]:
    rows = InsightLink.objects.filter(insight=insight)
    return {key: pk for pk, *rest in rows.values_list("pk", *_COLUMNS) for key in [tuple(rest)]}  # type: ignore[misc]


_COLUMNS: Final = ("journey_id", "step_id", "card_id", "touchpoint_id")


def _set_links(insight: Insight, links: Mapping[str, Sequence[LinkKey]]) -> list[str]:
    """Make these the links of these kinds; links to what is gone from its map stay. The kinds that changed."""
    if not links:
        return []
    existing = _link_keys(insight)
    changed = []
    for kind, wanted in links.items():
        before = {key: pk for key, pk in existing.items() if _kind_of(key) == kind}
        gone = [pk for key, pk in before.items() if key not in wanted]
        InsightLink.objects.filter(pk__in=gone).delete()
        new = [key for key in wanted if key not in before]
        _add_links(insight, new)
        if gone or new:
            changed.append(kind)
    return changed


def _add_links(insight: Insight, keys: Sequence[LinkKey]) -> None:
    InsightLink.objects.bulk_create(
        InsightLink(insight=insight, **dict(zip(_COLUMNS, key, strict=True))) for key in keys
    )


def _locked(pk: UUID) -> Insight:
    row = Insight.objects.select_for_update(of=("self",)).filter(pk=pk).first()
    if row is None:
        raise NotFound
    return row
