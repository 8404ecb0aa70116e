"""Saying in words why somebody was or was not asked, with the figures that were kept."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from apps.dispatch import fatigue
from apps.dispatch.models import Invitation

TOO_OLD: Final = "too_old"
QUOTA_FILLED: Final = "quota_filled"
DAY_FULL: Final = "day_full"
"""The rules of a plan (`quotas.PLAN_RULES`), beside those of contact frequency."""

RULE_NAMES: Final[dict[str, Any]] = {
    fatigue.ANONYMISED: gettext_lazy("No longer a customer here"),
    fatigue.RESTRICTED: gettext_lazy("Asked that their data not be used"),
    fatigue.SURVEY_NOT_LIVE: gettext_lazy("Survey is not live"),
    fatigue.NO_ADDRESS: gettext_lazy("No address for this channel"),
    fatigue.SUPPRESSED: gettext_lazy("On the suppression list"),
    fatigue.CONSENT_WITHDRAWN: gettext_lazy("Consent withdrawn"),
    fatigue.CONSENT_MISSING: gettext_lazy("Consent not given"),
    fatigue.NEW_CUSTOMER_WAIT: gettext_lazy("New customer"),
    fatigue.GLOBAL_CAP: gettext_lazy("Asked recently"),
    fatigue.RELATIONSHIP_CAP: gettext_lazy("Asked about the relationship recently"),
    fatigue.TRANSACTIONAL_CAP: gettext_lazy("Asked about this touchpoint recently"),
    TOO_OLD: gettext_lazy("Became known too late"),
    QUOTA_FILLED: gettext_lazy("Enough answers on their way"),
    DAY_FULL: gettext_lazy("Enough asked that day"),
}
"""Every rule in a few words."""

_SENTENCES: Final[dict[str, Any]] = {
    fatigue.ANONYMISED: gettext_lazy("The person was removed or merged before it was sent."),
    fatigue.RESTRICTED: gettext_lazy("The person asked that their data be kept but not used."),
    fatigue.SURVEY_NOT_LIVE: gettext_lazy("The survey took no answers at that time."),
    fatigue.NO_ADDRESS: gettext_lazy("There is no address of this person for this channel."),
    fatigue.SUPPRESSED: gettext_lazy("The address or the person is on the suppression list."),
    fatigue.CONSENT_WITHDRAWN: gettext_lazy("The person withdrew consent to surveys."),
    TOO_OLD: gettext_lazy("The experience became known more than 14 days after it was to be asked about."),
    QUOTA_FILLED: gettext_lazy("Who was asked already will give as many answers as the sending wants."),
    DAY_FULL: gettext_lazy("As many as the sending may ask a day were asked already."),
    fatigue.CONSENT_MISSING: gettext_lazy("Your organisation asks for consent first, and the person has not given it."),
}

_STATE_NAMES: Final[dict[str, Any]] = {
    Invitation.State.QUEUED: gettext_lazy("Waiting to be sent"),
    Invitation.State.SENT: gettext_lazy("Sent"),
    Invitation.State.BOUNCED: gettext_lazy("Bounced"),
    Invitation.State.COMPLETED: gettext_lazy("Answered"),
    Invitation.State.FAILED: gettext_lazy("Could not be sent"),
    Invitation.State.BLOCKED: gettext_lazy("Not asked"),
    Invitation.State.CANCELLED: gettext_lazy("Cancelled"),
}

_BADGES: Final[dict[str, str]] = {
    Invitation.State.SENT: "i",
    Invitation.State.COMPLETED: "ok",
    Invitation.State.BOUNCED: "w",
    Invitation.State.FAILED: "d",
}

_ASKED_RECENTLY = (fatigue.GLOBAL_CAP, fatigue.RELATIONSHIP_CAP, fatigue.TRANSACTIONAL_CAP)


def rule_name(rule: str) -> str:
    """The rule in a few words; its code where it is none of ours."""
    return str(RULE_NAMES.get(rule, rule))


def state_name(state: str) -> str:
    """The state of an invitation in a few words."""
    return str(_STATE_NAMES.get(state, state))


def state_badge(state: str) -> str:
    """The kind of badge a state is shown by."""
    return _BADGES.get(state, "")


def explanation(invitation: Invitation, zone: ZoneInfo) -> str:
    """What became of the invitation and why, in a sentence or two; times in the organisation's `zone`.

    Of an invitation with a `shown_state` (anonymous surveys) no more is told than that state tells.
    """
    states = Invitation.State
    state = getattr(invitation, "shown_state", invitation.state)
    reason = invitation.reason
    if state == states.BLOCKED:
        return decision_sentence(reason, invitation.decision, zone)
    if state == states.QUEUED and reason:
        return _("Not taken by the server (%(code)s). It is tried again.") % {"code": reason}
    if state == states.FAILED:
        if reason == "gave_up":
            return _("Tried eight times without success.")
        return _("The server did not take it (%(code)s).") % {"code": reason}
    if state == states.BOUNCED:
        return _("The address does not exist (%(code)s). It is on the suppression list now.") % {"code": reason}
    if state == states.CANCELLED:
        return _("Its plan was stopped before it was sent.") if reason == "plan_stopped" else _("Taken back by hand.")
    return decision_sentence(fatigue.ELIGIBLE, invitation.decision, zone)


def decision_sentence(rule: str, figures: Mapping[str, Any], zone: ZoneInfo) -> str:
    """A decision with its figures: why somebody is not asked, or how much room there was for it."""
    if rule == fatigue.ELIGIBLE:
        return _of_room(figures)
    if rule in _ASKED_RECENTLY and "last_at" in figures:
        return _("%(rule)s: %(allowed)s. Last on %(last)s, possible again from %(from)s.") % {
            "rule": rule_name(rule),
            "allowed": allowance(figures["limit"], figures["days"]),
            "last": _day(figures["last_at"], zone),
            "from": _day(figures["allowed_from"], zone),
        }
    if rule == fatigue.NEW_CUSTOMER_WAIT and "allowed_from" in figures:
        return _("New customer: the first survey waits %(days)d days, possible from %(from)s.") % {
            "days": figures["days"],
            "from": _day(figures["allowed_from"], zone),
        }
    return str(_SENTENCES.get(rule) or rule_name(rule))


def allowance(limit: int, days: int) -> str:
    """A cap in words: at most 1 survey in 30 days."""
    words = ngettext("at most %(limit)d survey in %(days)d days", "at most %(limit)d surveys in %(days)d days", limit)
    return words % {"limit": limit, "days": days}


def _of_room(figures: Mapping[str, Any]) -> str:
    """How full the counters were when somebody was asked; nothing where no figures were kept."""
    if figures.get("exempt"):
        return _("Contact frequency leaves this alone.")
    about = {
        "global": _("surveys of any kind"),
        fatigue.RELATIONSHIP: _("about the relationship"),
        fatigue.TRANSACTIONAL: _("about this touchpoint"),
    }
    parts = [
        _("%(count)d of %(limit)d %(about)s in %(days)d days")
        % {"count": room["count"], "limit": room["limit"], "days": room["days"], "about": about[name]}
        for name in about
        if isinstance(room := figures.get(name), Mapping) and room.get("days")
    ]
    if not parts:
        return ""
    return _("No rule objects. Used before: %(counters)s.") % {"counters": ", ".join(parts)}


def _day(moment: str, zone: ZoneInfo) -> str:
    return date_format(datetime.fromisoformat(moment).astimezone(zone), "DATE_FORMAT")
