"""Saying in words why somebody was or was not asked, with the figures that were kept."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from apps.dispatch import fatigue
from apps.dispatch.models import Invitation

RULE_NAMES: Final[dict[str, Any]] = {
    fatigue.ANONYMISED: gettext_lazy("No longer a customer here"),
    fatigue.RESTRICTED: gettext_lazy("Asked that their data not be used"),
    fatigue.SURVEY_NOT_LIVE: gettext_lazy("Survey is not live"),
    fatigue.NO_ADDRESS: gettext_lazy("No e-mail address"),
    fatigue.SUPPRESSED: gettext_lazy("On the suppression list"),
    fatigue.CONSENT_WITHDRAWN: gettext_lazy("Consent withdrawn"),
    fatigue.CONSENT_MISSING: gettext_lazy("Consent not given"),
    fatigue.NEW_CUSTOMER_WAIT: gettext_lazy("New customer"),
    fatigue.GLOBAL_CAP: gettext_lazy("Asked recently"),
    fatigue.RELATIONSHIP_CAP: gettext_lazy("Asked about the relationship recently"),
    fatigue.TRANSACTIONAL_CAP: gettext_lazy("Asked about this touchpoint recently"),
}
"""Every rule in a few words."""

_ASKED_RECENTLY = (fatigue.GLOBAL_CAP, fatigue.RELATIONSHIP_CAP, fatigue.TRANSACTIONAL_CAP)


def rule_name(rule: str) -> str:
    """The rule in a few words; its code where it is none of ours."""
    return str(RULE_NAMES.get(rule, rule))


def explanation(invitation: Invitation, zone: ZoneInfo) -> str:
    """One sentence on what became of the invitation and why; dates in the organisation's `zone`."""
    states = Invitation.State
    reason = invitation.reason
    if invitation.state == states.BLOCKED:
        return _of_rule(reason, invitation.decision, zone)
    if invitation.state == states.QUEUED and reason:
        return _("Not taken by the mail server (%(code)s). It is tried again.") % {"code": reason}
    if invitation.state == states.FAILED:
        if reason == "gave_up":
            return _("Tried eight times without success.")
        return _("The mail server did not take it (%(code)s).") % {"code": reason}
    if invitation.state == states.BOUNCED:
        return _("The address does not exist (%(code)s). It is on the suppression list now.") % {"code": reason}
    return ""


def _of_rule(rule: str, figures: dict[str, Any], zone: ZoneInfo) -> str:
    if rule in _ASKED_RECENTLY and "last_at" in figures:
        return _("%(rule)s: %(allowed)s. Last on %(last)s, possible again from %(from)s.") % {
            "rule": rule_name(rule),
            "allowed": ngettext(
                "at most %(limit)d survey in %(days)d days",
                "at most %(limit)d surveys in %(days)d days",
                figures["limit"],
            )
            % {"limit": figures["limit"], "days": figures["days"]},
            "last": _day(figures["last_at"], zone),
            "from": _day(figures["allowed_from"], zone),
        }
    if rule == fatigue.NEW_CUSTOMER_WAIT and "allowed_from" in figures:
        return _("New customer: the first survey waits %(days)d days, possible from %(from)s.") % {
            "days": figures["days"],
            "from": _day(figures["allowed_from"], zone),
        }
    return rule_name(rule)


def _day(moment: str, zone: ZoneInfo) -> str:
    return date_format(datetime.fromisoformat(moment).astimezone(zone), "DATE_FORMAT")
