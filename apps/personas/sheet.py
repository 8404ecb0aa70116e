"""What the sheet of a persona says of its people: size, scores, claims, and what moved. Reads only."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.utils.formats import number_format
from django.utils.translation import gettext as _

from apps.customers.models import Customer
from apps.personas import people
from apps.personas.claims import leaf_of
from apps.personas.drift import MISSING, OTHER, Finding
from apps.personas.models import Persona, PersonaBaseline, PersonaCheck
from apps.segments.describe import FIELD_LABELS, Names, describe_leaf, names_for
from apps.segments.models import Segment
from apps.segments.rule import Group
from apps.segments.scores import Score, scores_of
from cxm.actor import Actor


@dataclass(frozen=True, slots=True)
class MeasuredClaim:
    """A claim in words with what was measured; shares from 0 to 1, None before the first measurement."""

    words: str
    at_least: str
    share: str
    interval: str
    n: int | None
    state: str


@dataclass(frozen=True, slots=True)
class Moved:
    """A finding with its sentence."""

    finding: Finding
    sentence: str

    def as_json(self) -> dict[str, Any]:
        """The finding as the API gives it."""
        return self.finding.as_json()


@dataclass(frozen=True, slots=True)
class People:
    """Everything about the people of one persona. All empty while it is bound to no segment."""

    segment: Segment | None = None
    size: int | None = None
    customers: int | None = None
    scores: Sequence[Score] = ()
    check: PersonaCheck | None = None
    claims: Sequence[MeasuredClaim] = ()
    findings: Sequence[Moved] = ()
    baselines: Sequence[PersonaBaseline] = ()

    @property
    def share(self) -> float | None:
        """Share of all customers, from 0 to 1; None while the members are not known."""
        return self.size / self.customers if self.size is not None and self.customers else None

    @property
    def share_words(self) -> str:
        """The share in percent."""
        return percent(self.share) if self.share is not None else ""


def people_of(actor: Actor, organization: Any, persona: Persona) -> People:
    """The people behind a persona now. Five queries and those of the scores; one when it was never bound."""
    check = PersonaCheck.objects.select_related("baseline").filter(persona=persona).first()
    segment = Segment.objects.filter(pk=persona.segment_id).first() if persona.segment_id else None
    baselines: Sequence[PersonaBaseline] = ()
    if check is not None:
        rows = PersonaBaseline.objects.filter(persona=persona).defer("makeup").select_related("taken_by")
        baselines = list(rows.order_by("-taken_at", "-id")[:20])
    names = names_for(Group("all", tuple(leaf_of(claim) for claim in persona.claims)))
    if segment is None:
        unmeasured = [_measured_claim({**claim, "n": None, "state": "open"}, names) for claim in persona.claims]
        return People(claims=unmeasured, baselines=baselines)
    measured = {_key(claim): claim for claim in (check.claims if check else ())}
    claims = [measured.get(_key(claim)) or {**claim, "n": None, "state": "open"} for claim in persona.claims]
    raw = [Finding.from_json(finding) for finding in (check.findings if check else ())]
    return People(
        segment=segment,
        size=segment.size,
        customers=people.all_customers() if segment.size is not None else None,
        scores=scores_of(actor=actor, organization=organization, segment_id=segment.pk),
        check=check,
        claims=[_measured_claim(claim, names) for claim in claims],
        findings=[Moved(finding, sentence_of(finding)) for finding in raw],
        baselines=baselines,
    )


def alarms_of(personas: Collection[Persona]) -> set[UUID]:
    """Which of these personas have an alarm. One query."""
    ids = [persona.pk for persona in personas if persona.segment_id]
    if not ids:
        return set()
    rows = PersonaCheck.objects.filter(persona__in=ids, alarm_since__isnull=False)
    return set(rows.values_list("persona_id", flat=True))


def sentence_of(finding: Finding) -> str:
    """What moved, such as “Share with plan = gold: 62 % → 41 % (n 480)”."""
    values = {"before": percent(finding.before), "now": percent(finding.now), "n": finding.n}
    if finding.name == "size":
        values["before_n"] = finding.before_n
        text = _("Share of all customers: %(before)s → %(now)s (%(before_n)s → %(n)s people)")
        return text % values
    return _("Share %(what)s: %(before)s → %(now)s (n %(n)s)") % {**values, "what": _what(finding)}


def _what(finding: Finding) -> str:
    name = finding.name.removeprefix("attribute:")
    if name == finding.name:
        name = str(FIELD_LABELS.get(name, name))
    if finding.kind == MISSING:
        return _("without a known %(name)s") % {"name": name}
    if finding.kind == OTHER:
        return _("with another %(name)s") % {"name": name}
    if finding.low is None and finding.high is None:
        value = finding.value
        if finding.name == "stage":
            value = str(dict(Customer.Stage.choices).get(value, value))
        return _("with %(name)s = %(value)s") % {"name": name, "value": value}
    bounds = {"name": name, "low": _number(finding.low), "high": _number(finding.high)}
    if finding.low is None:
        return _("with %(name)s below %(high)s") % bounds
    if finding.high is None:
        return _("with %(name)s from %(low)s on") % bounds
    return _("with %(name)s from %(low)s to below %(high)s") % bounds


def _measured_claim(claim: Mapping[str, Any], names: Names) -> MeasuredClaim:
    known = claim.get("share") is not None
    return MeasuredClaim(
        words=describe_leaf(leaf_of(stated(claim)), names),
        at_least=percent(claim["at_least"]),
        share=percent(claim["share"]) if known else "",
        interval=_("%(low)s to %(high)s") % {"low": percent(claim["low"]), "high": percent(claim["high"])}
        if known
        else "",
        n=claim["n"],
        state=claim["state"],
    )


def stated(claim: Mapping[str, Any]) -> dict[str, Any]:
    """A measured claim without what was measured."""
    measured = ("share", "low", "high", "n", "state")
    return {name: value for name, value in claim.items() if name not in measured}


def _key(claim: Mapping[str, Any]) -> str:
    return repr(sorted(stated(claim).items(), key=lambda item: item[0]))


def percent(share: float) -> str:
    """A share as whole percent; one decimal below ten percent."""
    value = 100 * share
    decimals = 1 if 0 < value < 10 else 0
    return _("%(number)s %%") % {"number": number_format(round(value, decimals), decimals)}


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"
