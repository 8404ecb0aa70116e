"""Contact frequency: may this customer be asked now, and if not, which rule says so, with which figures?

Pure: no database, no clock. The caller gathers the facts (`Candidate`, the customer's `Contact` ledger) and
passes the instant the survey would reach the customer. Rules are those of "Contact frequency" in docs/metrics.md.

Two families of rules, in this order; the first that objects is the one reported:

1. permission: the customer is anonymised or asked that their data not be used, the survey is not live, there is no
   address, the address is suppressed, consent was withdrawn, or opt-in consent is asked for by the organisation and
   missing. They hold for every purpose, exempt or not: a reminder to somebody who said stop is still a mail to
   somebody who said stop.
2. frequency: the wait before a new customer's first survey, the global cap, and inside it one counter for
   relationship surveys and one for transactional surveys a touchpoint. Exempt purposes pass them and do not count.

A cap of n in d days holds for *every* span of d days, the future included: a send planned for next week counts
against one that is wanted today, otherwise planning ahead would be a way around the cap.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

ELIGIBLE: Final = ""

ANONYMISED: Final = "anonymised"
RESTRICTED: Final = "restricted"
SURVEY_NOT_LIVE: Final = "survey_not_live"
NO_ADDRESS: Final = "no_address"
SUPPRESSED: Final = "suppressed"
CONSENT_WITHDRAWN: Final = "consent_withdrawn"
CONSENT_MISSING: Final = "consent_missing"
NEW_CUSTOMER_WAIT: Final = "new_customer_wait"
GLOBAL_CAP: Final = "global_cap"
RELATIONSHIP_CAP: Final = "relationship_cap"
TRANSACTIONAL_CAP: Final = "transactional_cap"

RULES: Final[tuple[str, ...]] = (
    ANONYMISED,
    RESTRICTED,
    SURVEY_NOT_LIVE,
    NO_ADDRESS,
    SUPPRESSED,
    CONSENT_WITHDRAWN,
    CONSENT_MISSING,
    NEW_CUSTOMER_WAIT,
    GLOBAL_CAP,
    RELATIONSHIP_CAP,
    TRANSACTIONAL_CAP,
)
"""Every rule code, in the order they are tried."""

RELATIONSHIP: Final = "relationship"
TRANSACTIONAL: Final = "transactional"

SURVEY: Final = "survey"
EXEMPT_PURPOSES: Final[frozenset[str]] = frozenset(
    {"reminder", "thank_you", "recovery", "opened_by_customer", "notice", "case"}
)
"""What frequency rules leave alone: reminders, thank-yous, the recovery survey of a case, a survey the customer
opened, notices and case mail."""
PURPOSES: Final[frozenset[str]] = EXEMPT_PURPOSES | {SURVEY}


@dataclass(frozen=True, slots=True)
class Cap:
    """At most `limit` sends in any span of `days` days (1 day = 24 h). `days` 0 switches the cap off."""

    limit: int
    days: int

    @property
    def window(self) -> timedelta:
        """The span the cap looks at."""
        return timedelta(days=self.days)


@dataclass(frozen=True, slots=True)
class Rules:
    """An organisation's frequency rules; the defaults are those of docs/metrics.md."""

    everything: Cap = Cap(limit=1, days=30)
    relationship: Cap = Cap(limit=1, days=90)
    transactional: Cap = Cap(limit=1, days=14)
    new_customer_days: int = 3
    opt_in_required: bool = False


DEFAULT_RULES: Final = Rules()


def rules_from_settings(settings: Mapping[str, int], *, opt_in_required: bool = False) -> Rules:
    """The rules an organisation's `fatigue` setting stands for; a key that is absent has its default."""

    def cap(name: str, default: Cap) -> Cap:
        return Cap(settings.get(f"{name}_limit", default.limit), settings.get(f"{name}_days", default.days))

    return Rules(
        everything=cap("global", DEFAULT_RULES.everything),
        relationship=cap("relationship", DEFAULT_RULES.relationship),
        transactional=cap("transactional", DEFAULT_RULES.transactional),
        new_customer_days=settings.get("new_customer_days", DEFAULT_RULES.new_customer_days),
        opt_in_required=opt_in_required,
    )


@dataclass(frozen=True, slots=True)
class Contact:
    """One survey in the customer's ledger: sent, or queued to be sent.

    `counter` is what a transactional survey is counted by: its touchpoint, or the survey itself when it has none.
    """

    at: datetime
    kind: str
    counter: str = ""
    purpose: str = SURVEY


@dataclass(frozen=True, slots=True)
class Candidate:
    """Everything the rules need to know about one customer and one survey at one instant."""

    at: datetime
    kind: str
    counter: str = ""
    purpose: str = SURVEY
    known_since: datetime | None = None
    ignore_new_customer_wait: bool = False
    has_address: bool = True
    survey_live: bool = True
    anonymised: bool = False
    restricted: bool = False
    """They asked that their data be kept but not used."""
    suppressed: bool = False
    consent: str | None = None
    """`given`, `withdrawn` or None when nothing was ever recorded."""


@dataclass(frozen=True, slots=True)
class Decision:
    """The verdict: `rule` is empty when the customer may be asked; `figures` hold what it was decided by (JSON)."""

    rule: str
    figures: dict[str, Any] = field(default_factory=dict)

    @property
    def eligible(self) -> bool:
        """May the survey be sent?"""
        return self.rule == ELIGIBLE


def decide(candidate: Candidate, ledger: Iterable[Contact], rules: Rules = DEFAULT_RULES) -> Decision:
    """May `candidate` be asked, given the customer's `ledger`?

    The ledger may hold entries before and after `candidate.at`, in any order, of any kind; exempt ones are ignored.
    """
    refused = permission(candidate, rules)
    if refused is not None:
        return refused
    if candidate.purpose in EXEMPT_PURPOSES:
        return Decision(ELIGIBLE, {"purpose": candidate.purpose, "exempt": True})
    counted = [contact for contact in ledger if contact.purpose not in EXEMPT_PURPOSES]
    return (
        _new_customer(candidate, counted, rules)
        or _over_cap(GLOBAL_CAP, rules.everything, candidate, counted)
        or _over_cap(*_own_cap(candidate, rules), candidate, [c for c in counted if _same_counter(candidate, c)])
        or Decision(ELIGIBLE, _headroom(candidate, counted, rules))
    )


def permission(candidate: Candidate, rules: Rules = DEFAULT_RULES) -> Decision | None:
    """The refusal of the first family of rules, or None. Asked once more right before a mail leaves."""
    if candidate.anonymised:
        return Decision(ANONYMISED)
    if candidate.restricted:
        return Decision(RESTRICTED)
    if not candidate.survey_live:
        return Decision(SURVEY_NOT_LIVE)
    if not candidate.has_address:
        return Decision(NO_ADDRESS)
    if candidate.suppressed:
        return Decision(SUPPRESSED)
    if candidate.consent == "withdrawn":
        return Decision(CONSENT_WITHDRAWN)
    if rules.opt_in_required and candidate.consent != "given":
        return Decision(CONSENT_MISSING)
    return None


def _new_customer(candidate: Candidate, counted: list[Contact], rules: Rules) -> Decision | None:
    """The wait before a new customer's first survey; whoever was asked before has had the first one."""
    if candidate.ignore_new_customer_wait or candidate.known_since is None or rules.new_customer_days == 0:
        return None
    if any(contact.at <= candidate.at for contact in counted):
        return None
    allowed_from = candidate.known_since + timedelta(days=rules.new_customer_days)
    if candidate.at >= allowed_from:
        return None
    return Decision(
        NEW_CUSTOMER_WAIT,
        {
            "days": rules.new_customer_days,
            "known_since": candidate.known_since.isoformat(),
            "allowed_from": allowed_from.isoformat(),
        },
    )


def _own_cap(candidate: Candidate, rules: Rules) -> tuple[str, Cap]:
    if candidate.kind == RELATIONSHIP:
        return RELATIONSHIP_CAP, rules.relationship
    return TRANSACTIONAL_CAP, rules.transactional


def _same_counter(candidate: Candidate, contact: Contact) -> bool:
    if contact.kind != candidate.kind:
        return False
    return candidate.kind == RELATIONSHIP or contact.counter == candidate.counter


def _over_cap(rule: str, cap: Cap, candidate: Candidate, counted: list[Contact]) -> Decision | None:
    """Would this send make some span of `cap.days` days hold more than `cap.limit`?

    Two sends exactly `cap.days` days apart are not in one span, so a send is allowed again to the second.
    """
    busiest = _busiest_span(cap, candidate.at, counted)
    if busiest is None or len(busiest) < cap.limit:
        return None
    return Decision(
        rule,
        {
            "limit": cap.limit,
            "days": cap.days,
            "count": len(busiest),
            "last_at": busiest[-1].isoformat(),
            "allowed_from": (busiest[-cap.limit] + cap.window).isoformat(),
        },
    )


def _busiest_span(cap: Cap, at: datetime, counted: list[Contact]) -> list[datetime] | None:
    """The other sends in the fullest half-open span of the cap's length that holds `at`; None when the cap is off."""
    if cap.days == 0:
        return None
    near = sorted(contact.at for contact in counted if abs(contact.at - at) < cap.window)
    spans = [[other for other in near if start <= other < start + cap.window] for start in [*near, at] if start <= at]
    return max(spans, key=len, default=[])


def _headroom(candidate: Candidate, counted: list[Contact], rules: Rules) -> dict[str, Any]:
    """What an eligible decision is remembered by: how full each counter was."""
    _, own = _own_cap(candidate, rules)
    same = [contact for contact in counted if _same_counter(candidate, contact)]
    return {
        "global": {
            "limit": rules.everything.limit,
            "days": rules.everything.days,
            "count": len(_busiest_span(rules.everything, candidate.at, counted) or []),
        },
        candidate.kind: {
            "limit": own.limit,
            "days": own.days,
            "count": len(_busiest_span(own, candidate.at, same) or []),
        },
    }


@dataclass(frozen=True, slots=True)
class Usage:
    """How full one counter is at an instant: `count` of `limit` in `days` days, and from when there is room again."""

    rule: str
    limit: int
    days: int
    count: int
    free_from: datetime | None = None


def usage(rule: str, cap: Cap, at: datetime, ledger: Iterable[Contact]) -> Usage:
    """How full a cap is for somebody to be asked `at`; the ledger holds what the cap counts, exempt ones apart."""
    counted = [contact for contact in ledger if contact.purpose not in EXEMPT_PURPOSES]
    busiest = _busiest_span(cap, at, counted) or []
    full = cap.days > 0 and len(busiest) >= cap.limit
    return Usage(rule, cap.limit, cap.days, len(busiest), busiest[-cap.limit] + cap.window if full else None)
