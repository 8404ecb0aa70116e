"""The filters of scores and feedback, read from a query string: the same for pages and the API.

`read_selection` turns them into a Selection or says, field by field, what cannot be understood.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Model
from django.http import QueryDict
from django.utils.timezone import make_aware
from django.utils.translation import gettext

from apps.metrics.counting import INTERVALS, Interval
from apps.metrics.registry import touchpoint_filters
from apps.metrics.selection import Selection
from apps.metrics.statistics import RULES, SCALES, Rule
from apps.organizations.models import Organization
from apps.organizations.queries import unit_tree
from apps.personas.models import Persona
from apps.segments.models import Segment
from apps.surveys.models import Response, Survey
from apps.touchpoints.models import Channel, Touchpoint
from cxm.actor import Actor
from cxm.errors import DomainErrors, FieldError, NotFound
from cxm.ids import parse_uuid

MOST_VALUES = 200
ATTRIBUTE = re.compile(r"[^\x00\ud800-\udfff]{1,100}")
GROUPINGS = ("touchpoint", "survey", "channel", "persona", "segment", "unit")
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Presentation:
    """How a score is to be cut and by which rule it is to be scored."""

    interval: Interval
    by: str | None
    rule: Rule | None
    scale: int | None


class Errors:
    """Collects what is wrong, by parameter."""

    def __init__(self) -> None:
        self.found: list[FieldError] = []

    def add(self, field: str, message: str, code: str = "invalid") -> None:
        self.found.append({"field": field, "code": code, "message": message})

    def raise_if_any(self) -> None:
        if self.found:
            raise DomainErrors(self.found, self.found[0]["message"])


def read_selection(
    params: QueryDict,
    *,
    actor: Actor,
    organization: Organization,
    permission: str = "metrics.view",
    errors: Errors | None = None,
) -> Selection:
    """The answers that a query string names, within what the actor may see.

    Several values of one parameter are comma-separated or repeated, and any of them fits; different parameters must
    all fit. One query for each of survey, touchpoint, journey, persona and unit that is given. Raises DomainErrors
    naming each parameter that cannot be understood; an id of another organisation is one that does not exist.
    """
    problems = errors or Errors()
    zone = ZoneInfo(organization.timezone)
    surveys = _ids(
        params, "survey", problems, lambda ids: Survey.objects.filter(pk__in=ids).values_list("pk", flat=True)
    )
    touchpoints = _touchpoints(params, actor, problems)
    populations = _populations(params, problems)
    first, last, since, until = _window(params, zone, problems)
    selection = Selection(
        surveys=surveys,
        which="relationship" if touchpoints is None else "any",
        touchpoints=touchpoints,
        channels=_channels(params, problems),
        units=_units(params, actor.visible_units(permission), problems),
        attributes=_attributes(params, problems),
        populations=populations,
        first=first,
        last=last,
        since=since,
        until=until,
        zone=zone,
        threshold=organization.anonymity_threshold,
        include_provisional=organization.include_provisional,
    )
    if errors is None:
        problems.raise_if_any()
    return selection


STATES = {
    "completed": None,
    "partial": frozenset({str(Response.State.PARTIAL)}),
    "provisional": frozenset({str(Response.State.PROVISIONAL_DWELL), str(Response.State.PROVISIONAL_INTERACTION)}),
    "any": frozenset(map(str, Response.State.values)),
}
"""What `state` may ask for: completed answers are those that count towards scores."""


def read_answer_filters(params: QueryDict, selection: Selection, *, errors: Errors | None = None) -> Selection:
    """The selection with the filters that single answers have: `language`, `version`, `state` and `flag`.

    Several values of one of them are comma-separated or repeated. Raises DomainErrors naming what cannot be understood.
    """
    problems = errors or Errors()
    languages = frozenset(value[:16] for value in _given(params, "language", problems) if not UNSTORABLE.search(value))
    versions = _given(params, "version", problems)
    if not all(value.isascii() and value.isdigit() and len(value) <= 6 for value in versions):
        problems.add("version", gettext("Versions are whole numbers."))
        versions = []
    state = params.get("state") or "completed"
    if state not in STATES:
        problems.add("state", gettext("Choose one of %(all)s.") % {"all": ", ".join(STATES)})
    flags = frozenset(value[:60] for value in _given(params, "flag", problems) if not UNSTORABLE.search(value))
    if errors is None:
        problems.raise_if_any()
    return replace(
        selection,
        languages=languages or None,
        versions=frozenset(map(int, versions)) or None,
        states=STATES.get(state),
        flags=flags or None,
    )


def read_presentation(params: QueryDict, metric: str, *, errors: Errors | None = None) -> Presentation:
    """`interval`, `by`, `rule` and `scale` of a query string. Raises DomainErrors naming what cannot be understood."""
    problems = errors or Errors()
    interval = params.get("interval") or "month"
    if interval not in INTERVALS:
        problems.add("interval", gettext("The interval is one of %(all)s.") % {"all": ", ".join(INTERVALS)})
    by = params.get("by") or None
    if by and by not in GROUPINGS and not (by.startswith("attribute:") and ATTRIBUTE.fullmatch(by[10:])):
        allowed = ", ".join((*GROUPINGS, "attribute:NAME"))
        problems.add("by", gettext("Groups are made by one of %(all)s.") % {"all": allowed})
    rule = None
    if rule_id := params.get("rule"):
        rule = RULES.get(rule_id)
        if rule is None or rule.metric != metric:
            names = ", ".join(rule.id for rule in RULES.values() if rule.metric == metric)
            problems.add("rule", gettext("The rule is one of %(all)s.") % {"all": names})
    scale = None
    if points := params.get("scale"):
        if points in map(str, SCALES):
            scale = int(points)
        else:
            problems.add("scale", gettext("The scale is its number of points, %(all)s.") % {"all": _listed(SCALES)})
    if errors is None:
        problems.raise_if_any()
    return Presentation(interval, by, rule, scale)  # type: ignore[arg-type]


def values_of(params: Mapping[str, str] | QueryDict, name: str) -> list[str]:
    """All values of a parameter, repeated or comma-separated, without blanks."""
    given = params.getlist(name) if isinstance(params, QueryDict) else [params.get(name) or ""]
    return [value.strip() for text in given for value in text.split(",") if value.strip()]


def _listed(values: Iterable[object]) -> str:
    return ", ".join(map(str, values))


def _given(params: QueryDict, name: str, problems: Errors) -> list[str]:
    values = values_of(params, name)
    if len(values) > MOST_VALUES:
        problems.add(name, gettext("Give at most %(most)s values.") % {"most": MOST_VALUES}, "too_many")
        return values[:MOST_VALUES]
    return values


def _ids(
    params: QueryDict, name: str, problems: Errors, existing: Callable[[set[UUID]], Iterable[UUID]]
) -> frozenset[UUID] | None:
    values = _given(params, name, problems)
    if not values:
        return None
    ids = {value: parse_uuid(value) for value in values}
    known = set(existing({pk for pk in ids.values() if pk}))
    for value, pk in ids.items():
        if pk not in known:
            _unknown(name, value, problems)
    return frozenset(known)


def _existing(model: type[Model]) -> Callable[[set[UUID]], Iterable[UUID]]:
    return lambda ids: model.objects.filter(pk__in=ids).values_list("pk", flat=True)  # type: ignore[attr-defined]


def _unknown(name: str, value: str, problems: Errors) -> None:
    message = gettext("There is no such %(thing)s here: %(value)s.")
    problems.add(name, message % {"thing": name, "value": UNSTORABLE.sub("", value)[:80]}, "not_found")


def _touchpoints(params: QueryDict, actor: Actor, problems: Errors) -> frozenset[UUID] | None:
    """Touchpoints by key (or id), and those of what upper layers know, such as a journey. Both given: those in both."""
    sets: list[frozenset[UUID]] = []
    values = _given(params, "touchpoint", problems)
    if values:
        clean = [value for value in values if not UNSTORABLE.search(value)]
        by_key = dict(Touchpoint.objects.filter(key__in=clean).values_list("key", "pk"))
        ids = {pk for value in clean if value not in by_key and (pk := parse_uuid(value))}
        by_id = set(Touchpoint.objects.filter(pk__in=ids).values_list("pk", flat=True)) if ids else set()
        found: set[UUID] = set()
        for value in values:
            pk = by_key.get(value) or parse_uuid(value)
            if pk and (value in by_key or pk in by_id):
                found.add(pk)
            else:
                _unknown("touchpoint", value, problems)
        sets.append(frozenset(found))
    for name, resolve in touchpoint_filters().items():
        for value in _given(params, name, problems)[:1]:
            pk = parse_uuid(value)
            try:
                if pk is None:
                    raise NotFound
                sets.append(resolve(actor, pk))
            except NotFound:
                _unknown(name, value, problems)
    return frozenset.intersection(*sets) if sets else None


def _populations(params: QueryDict, problems: Errors) -> tuple[frozenset[UUID], ...]:
    """The segments that `segment` names, and those that the personas of `persona` are bound to."""
    found = []
    segments = _ids(params, "segment", problems, _existing(Segment))
    if segments is not None:
        found.append(segments)
    if _given(params, "persona", problems):
        bound: dict[UUID, UUID | None] = {}

        def existing(ids: set[UUID]) -> Iterable[UUID]:
            bound.update(Persona.objects.filter(pk__in=ids).values_list("pk", "segment_id"))
            return bound

        _ids(params, "persona", problems, existing)
        if None in bound.values():
            message = gettext("This persona is bound to no segment, so nobody belongs to it. Bind it to one first.")
            problems.add("persona", message, "no_segment")
        found.append(frozenset(segment for segment in bound.values() if segment))
    return tuple(found)


def _channels(params: QueryDict, problems: Errors) -> frozenset[str] | None:
    values = _given(params, "channel", problems)
    if not values:
        return None
    if set(values) - set(Channel.values):
        problems.add("channel", gettext("The channel is one of %(all)s.") % {"all": _listed(Channel.values)})
    return frozenset(values) & frozenset(Channel.values)


def _units(params: QueryDict, visible: frozenset[UUID] | None, problems: Errors) -> frozenset[UUID] | None:
    values = _given(params, "unit", problems)
    if not values:
        return visible
    tree = unit_tree()
    chosen = _ids(params, "unit", problems, lambda ids: ids & tree.units.keys() & (visible or tree.units.keys()))
    branches = tree.branches(chosen or ())
    return branches if visible is None else branches & visible


def _attributes(params: QueryDict, problems: Errors) -> tuple[tuple[str, str], ...]:
    found = []
    for name in params:
        if not name.startswith("attribute:"):
            continue
        value = params.get(name) or ""
        if not ATTRIBUTE.fullmatch(name[10:]) or UNSTORABLE.search(value):
            problems.add(name[:120], gettext("Name one attribute, as in attribute:plan=gold."))
        elif value:
            found.append((name[10:], value))
    return tuple(sorted(found))


def _window(
    params: QueryDict, zone: ZoneInfo, problems: Errors
) -> tuple[date | None, date | None, datetime | None, datetime | None]:
    """`from` and `to`: whole days, or instants as soon as one of them is one."""
    start, end = (_moment(params, name, zone, problems) for name in ("from", "to"))
    if not isinstance(start, datetime) and not isinstance(end, datetime):
        if start and end and end < start:
            problems.add("to", gettext("The period ends before it begins."))
        return start, end, None, None
    since, until = start, end
    try:
        if since is not None and not isinstance(since, datetime):
            since = make_aware(datetime.combine(since, time.min), zone)
        if until is not None and not isinstance(until, datetime):
            until = make_aware(datetime.combine(until + timedelta(days=1), time.min), zone)
        for moment in (since, until):
            if moment is not None:
                moment.astimezone(zone)
    except (OverflowError, ValueError):
        problems.add("from", gettext("That time is too far away."))
        return None, None, None, None
    if since and until and until < since:
        problems.add("to", gettext("The period ends before it begins."))
    return None, None, since, until


def _moment(params: QueryDict, name: str, zone: ZoneInfo, problems: Errors) -> date | datetime | None:
    text = (params.get(name) or "").strip()
    if not text:
        return None
    try:
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text, re.ASCII):
            return date.fromisoformat(text)
        # A plus sign of an offset that was not encoded arrives as a space.
        moment = datetime.fromisoformat(re.sub(r" (\d{2}:?\d{2})$", r"+\1", text))
    except ValueError:
        problems.add(name, gettext("Write a day as 2026-11-21 or a time as 2026-11-21T09:30:00Z."))
        return None
    return moment if moment.tzinfo else make_aware(moment, zone)
