"""A rule in words, for the heading of a segment and for whoever checks what was built."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from uuid import UUID

from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from apps.customers.models import ConsentRecord, Customer
from apps.organizations.models import Unit
from apps.segments.models import Segment
from apps.segments.rule import (
    AnswerLeaf,
    AttributeLeaf,
    BucketLeaf,
    Comparison,
    ConsentLeaf,
    EventLeaf,
    FieldLeaf,
    Group,
    Leaf,
    Rule,
    Scalar,
    SegmentLeaf,
    SequenceLeaf,
    Step,
    Window,
)
from apps.surveys.models import Survey
from apps.touchpoints.models import Touchpoint
from cxm.channels import Channel
from cxm.ids import parse_uuid

FIELD_LABELS = {
    "stage": gettext_lazy("stage"),
    "email": gettext_lazy("e-mail"),
    "phone": gettext_lazy("phone"),
    "name": gettext_lazy("name"),
    "external_id": gettext_lazy("external id"),
    "account": gettext_lazy("account"),
    "unit": gettext_lazy("unit"),
    "language": gettext_lazy("language"),
    "timezone": gettext_lazy("time zone"),
    "created_at": gettext_lazy("first seen"),
}
OPERATOR_LABELS = {
    "=": gettext_lazy("is %(value)s"),
    "!=": gettext_lazy("is not %(value)s"),
    "<": gettext_lazy("is less than %(value)s"),
    "<=": gettext_lazy("is at most %(value)s"),
    ">": gettext_lazy("is more than %(value)s"),
    ">=": gettext_lazy("is at least %(value)s"),
    "in": gettext_lazy("is one of %(value)s"),
    "not_in": gettext_lazy("is none of %(value)s"),
    "contains": gettext_lazy("contains %(value)s"),
    "not_contains": gettext_lazy("does not contain %(value)s"),
    "starts_with": gettext_lazy("starts with %(value)s"),
    "exists": gettext_lazy("is known"),
    "missing": gettext_lazy("is not known"),
    "within_last_days": gettext_lazy("lies in the last %(value)s days"),
    "more_than_days_ago": gettext_lazy("lies more than %(value)s days back"),
}
COUNT_LABELS = {
    "=": gettext_lazy("exactly %(times)s"),
    "!=": gettext_lazy("not exactly %(times)s"),
    "<": gettext_lazy("less than %(times)s"),
    "<=": gettext_lazy("at most %(times)s"),
    ">": gettext_lazy("more than %(times)s"),
    ">=": gettext_lazy("at least %(times)s"),
}
SHOWN_VALUES = 5


@dataclass(frozen=True, slots=True)
class Names:
    """What the things are called that rules refer to by id or key."""

    segments: Mapping[UUID, str] = field(default_factory=dict)
    surveys: Mapping[UUID, str] = field(default_factory=dict)
    touchpoints: Mapping[str, str] = field(default_factory=dict)
    units: Mapping[UUID, str] = field(default_factory=dict)


def names_for(*rules: Rule) -> Names:
    """The names these rules need. At most four queries, however many rules; none for kinds nothing refers to."""
    leaves = [leaf for rule in rules for leaf in rule.leaves()]
    segments = {leaf.segment for leaf in leaves if isinstance(leaf, SegmentLeaf)}
    surveys = {leaf.survey for leaf in leaves if isinstance(leaf, AnswerLeaf) and leaf.survey}
    touchpoints = {leaf.touchpoint for leaf in leaves if isinstance(leaf, AnswerLeaf) and leaf.touchpoint}
    units = {unit for leaf in leaves if isinstance(leaf, FieldLeaf) and leaf.field == "unit" for unit in units_of(leaf)}
    return Names(
        segments=dict(Segment.objects.filter(pk__in=segments).values_list("pk", "name")) if segments else {},
        surveys=dict(Survey.objects.filter(pk__in=surveys).values_list("pk", "name")) if surveys else {},
        touchpoints=(
            dict(Touchpoint.objects.filter(key__in=touchpoints).values_list("key", "name")) if touchpoints else {}
        ),
        units=dict(Unit.objects.filter(pk__in=units).values_list("pk", "name")) if units else {},
    )


def units_of(leaf: FieldLeaf) -> list[UUID]:
    """The ids that a condition on the unit compares with."""
    values = leaf.test.value if isinstance(leaf.test.value, tuple) else (leaf.test.value,)
    return [found for value in values if (found := parse_uuid(value)) is not None]


def describe_rule(rule: Rule, names: Names | None = None) -> str:
    """One sentence without a full stop: “Customers where plan is “pro” and “Purchase” happened at least 2 times”.

    ``names``: from :func:`names_for`, once for a whole list; looked up here when absent.
    """
    if rule.mode == "all" and not rule.parts:
        return _("All customers")
    return _("Customers where %(rule)s") % {"rule": describe_group(rule, names or names_for(rule), top=True)}


def describe_group(group: Group, names: Names, *, top: bool = False) -> str:
    """The parts of a group joined by “and” or “or”, in brackets where it stands inside another."""
    if not group.parts:
        return {"all": _("anything is true"), "any": _("nothing is true"), "none": _("anything is true")}[group.mode]
    parts = [
        describe_group(part, names) if isinstance(part, Group) else describe_leaf(part, names) for part in group.parts
    ]
    if group.mode == "none":
        text = _("not (%(parts)s)") % {"parts": _(" or ").join(parts)}
        return text
    text = (_(" and ") if group.mode == "all" else _(" or ")).join(parts)
    return text if top or len(parts) == 1 else f"({text})"


def describe_leaf(leaf: Leaf, names: Names) -> str:
    """One condition as a clause."""
    if isinstance(leaf, FieldLeaf):
        return _field(leaf, names)
    if isinstance(leaf, AttributeLeaf):
        name = _("%(name)s of the company") % {"name": leaf.name} if leaf.of_account else leaf.name
        return f"{name} {describe_test(leaf.test)}"
    if isinstance(leaf, EventLeaf):
        return _event(leaf)
    if isinstance(leaf, SequenceLeaf):
        days = ngettext("%(days)d day", "%(days)d days", leaf.within_days) % {"days": leaf.within_days}
        text = _("%(then)s happened within %(days)s after %(first)s")
        values = {"then": _step(leaf.then), "days": days, "first": _step(leaf.first) + describe_window(leaf.window)}
        return text % values
    if isinstance(leaf, AnswerLeaf):
        return _answer(leaf, names)
    if isinstance(leaf, SegmentLeaf):
        name = names.segments.get(leaf.segment, _("a deleted segment"))
        return _("the customer is in “%(name)s”") % {"name": name}
    if isinstance(leaf, ConsentLeaf):
        return _consent(leaf)
    return _bucket(leaf)


def describe_test(test: Comparison, *, values: Mapping[str, str] | None = None) -> str:
    """An operator with its value: “is one of “pro”, “team””. ``values``: labels instead of stored values."""
    shown = ""
    if isinstance(test.value, tuple):
        several = [_value(value, values) for value in test.value[:SHOWN_VALUES]]
        more = len(test.value) - len(several)
        shown = ", ".join(several) + (_(" and %(count)d more") % {"count": more} if more else "")
    elif test.value is not None:
        shown = str(test.value) if test.op in ("within_last_days", "more_than_days_ago") else _value(test.value, values)
    return OPERATOR_LABELS[test.op] % {"value": shown}


def describe_window(window: Window) -> str:
    """A window with a space in front, or nothing for ever."""
    if window.days is not None:
        return ngettext(" in the last day", " in the last %(days)d days", window.days) % {"days": window.days}
    start, end = (_moment(when) if when is not None else "" for when in (window.start, window.end))
    if start and end:
        return _(" from %(start)s to %(end)s") % {"start": start, "end": end}
    if start:
        return _(" since %(start)s") % {"start": start}
    return _(" until %(end)s") % {"end": end} if end else ""


def _field(leaf: FieldLeaf, names: Names) -> str:
    labels: dict[str, str] | None = None
    if leaf.field == "stage":
        labels = {value: str(label) for value, label in Customer.Stage.choices}
    elif leaf.field == "unit":
        labels = {str(pk): name for pk, name in names.units.items()}
    return f"{FIELD_LABELS[leaf.field]} {describe_test(leaf.test, values=labels)}"


def _event(leaf: EventLeaf) -> str:
    subject, window = _step(leaf.step), describe_window(leaf.window)
    if (leaf.count_op, leaf.count) in ((">=", 1), (">", 0)):
        return _("%(event)s happened%(window)s") % {"event": subject, "window": window}
    if (leaf.count_op, leaf.count) in (("=", 0), ("<", 1), ("<=", 0)):
        return _("%(event)s never happened%(window)s") % {"event": subject, "window": window}
    times = ngettext("%(count)d time", "%(count)d times", leaf.count) % {"count": leaf.count}
    values = {"event": subject, "times": COUNT_LABELS[leaf.count_op] % {"times": times}, "window": window}
    return _("%(event)s happened %(times)s%(window)s") % values


def _step(step: Step) -> str:
    text = f"“{step.event}”"
    if step.where:
        conditions = _(" and ").join(f"{part.property} {describe_test(part.test)}" for part in step.where)
        text = _("%(event)s with %(conditions)s") % {"event": text, "conditions": conditions}
    if step.channel:
        text = _("%(event)s by %(channel)s") % {"event": text, "channel": Channel(step.channel).label}
    return text


def _answer(leaf: AnswerLeaf, names: Names) -> str:
    subject = leaf.metric.upper() if leaf.metric else (_("score") if leaf.is_score else "")
    if leaf.question:
        asked = _("answer to “%(question)s”") % {"question": leaf.question}
        subject = _("%(metric)s in the %(asked)s") % {"metric": subject, "asked": asked} if subject else asked
    if leaf.survey:
        name = names.surveys.get(leaf.survey, _("a deleted survey"))
        subject = _("%(subject)s of “%(survey)s”") % {"subject": subject, "survey": name}
    if leaf.touchpoint:
        name = names.touchpoints.get(leaf.touchpoint, leaf.touchpoint)
        subject = _("%(subject)s at “%(touchpoint)s”") % {"subject": subject, "touchpoint": name}
    which = _("latest %(subject)s") if leaf.latest else _("any %(subject)s")
    return f"{which % {'subject': subject}}{describe_window(leaf.window)} {describe_test(leaf.test)}"


def _consent(leaf: ConsentLeaf) -> str:
    values = {
        "purpose": ConsentRecord.Purpose(leaf.purpose).label,
        "channel": ConsentRecord.Channel(leaf.channel).label,
        "state": {"given": _("given"), "withdrawn": _("withdrawn"), "unknown": _("unknown")}[leaf.state],
    }
    return _("consent for %(purpose)s, %(channel)s, is %(state)s") % values


def _bucket(leaf: BucketLeaf) -> str:
    text = _("the customer is in the random share from %(start)s to %(end)s %%")
    text %= {"start": f"{leaf.start:g}", "end": f"{leaf.end:g}"}
    return _("%(share)s of “%(salt)s”") % {"share": text, "salt": leaf.salt} if leaf.salt else text


def _value(value: Scalar, labels: Mapping[str, str] | None) -> str:
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, str):
        return f"“{(labels or {}).get(value, value)}”"
    return f"{value:.15g}" if isinstance(value, float) else str(value)


def _moment(when: date | datetime) -> str:
    if isinstance(when, datetime):
        return date_format(when.astimezone(UTC), "Y-m-d H:i") + " UTC"
    return date_format(when, "Y-m-d")
