"""A plan in words and figures for pages: what it is set to, what would happen, how far it is."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.core.cache import cache
from django.utils.formats import date_format, number_format
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from apps.dispatch import plans
from apps.dispatch.explaining import rule_name
from apps.dispatch.models import SendPlan
from apps.dispatch.plan_queries import (
    TRIGGER_DAYS,
    Progress,
    Share,
    audience_size,
    coverage_of,
    response_rate_of,
    simulate_members,
    stop_rules_of,
    trial_of,
)
from apps.dispatch.simulation import Simulation, days_needed, estimate_answers, forecast, simulate
from apps.segments.models import Segment
from apps.surveys.models import Survey
from cxm.scope import current_tenant_id

KEPT_FOR: Final = 15 * 60
"""Seconds for which a simulation is shown again without counting anew."""

STATE_BADGES: Final = {
    SendPlan.State.ACTIVE: "ok",
    SendPlan.State.PAUSED: "w",
    SendPlan.State.STOPPED: "d",
}
STATES: Final[dict[str, Any]] = {
    SendPlan.State.DRAFT: gettext_lazy("Draft"),
    SendPlan.State.ACTIVE: gettext_lazy("Sending"),
    SendPlan.State.PAUSED: gettext_lazy("Paused"),
    SendPlan.State.FINISHED: gettext_lazy("Finished"),
    SendPlan.State.STOPPED: gettext_lazy("Stopped"),
}
REASONS: Final[dict[str, Any]] = {
    plans.STOPPED_BY_HAND: gettext_lazy("Stopped by hand. What waited was cancelled."),
    plans.BOUNCES: gettext_lazy("Stopped by itself: too much bounced. Look at where the addresses come from."),
    plans.COMPLAINTS: gettext_lazy("Stopped by itself: too many people reported it as spam."),
    plans.QUOTA_REACHED: gettext_lazy("The answers that were wanted are there."),
    plans.ENDED: gettext_lazy("Its time is over."),
    plans.EVERYBODY_CONSIDERED: gettext_lazy("Everybody was considered. Reminders and answers still come in."),
    plans.SURVEY_CLOSED: gettext_lazy("The survey was closed."),
    plans.NO_SEGMENT: gettext_lazy("Stopped by itself: its segment was deleted."),
}
"""Why a plan ended, in a sentence."""


def state_words(plan: SendPlan) -> tuple[str, str]:
    """The words for the state of a plan, and the kind of its badge."""
    return str(STATES.get(plan.state, plan.state)), STATE_BADGES.get(SendPlan.State(plan.state), "")


def reason_words(plan: SendPlan) -> str:
    """Why it ended, "" while it has not."""
    return str(REASONS.get(plan.reason, plan.reason))


def sentences_of(plan: SendPlan, zone: ZoneInfo) -> list[tuple[str, str]]:
    """What the plan is set to, as (what, words): whom, how, when, reminders, limits. One query, for the segment."""
    found = [
        (_("Whom"), whom_words(plan)),
        (_("How"), f"{plan.get_channel_display()}{_own_words(plan)}"),
        (_("When"), _when(plan, zone)),
    ]
    if plan.reminder_days:
        days = _(" and ").join(str(day) for day in plan.reminder_days)
        found.append((_("Reminders"), _("after %(days)s days, to who has not answered") % {"days": days}))
    else:
        found.append((_("Reminders"), _("none")))
    if plan.quota:
        words = {
            SendPlan.Period.TOTAL: _("%(n)s answers in all"),
            SendPlan.Period.WEEK: _("%(n)s answers a week"),
            SendPlan.Period.MONTH: _("%(n)s answers a month"),
        }
        found.append((_("Wanted"), words[SendPlan.Period(plan.quota_period)] % {"n": number_format(plan.quota)}))
    if plan.sample_percent < 100:
        share = _("%(share)s percent of them, drawn at random") % {"share": f"{plan.sample_percent:g}"}
        found.append((_("Sample"), share))
    stop = _("at %(bounces)s percent bounces or %(complaints)s percent complaints")
    limits = {"bounces": f"{plan.stop_bounce_percent:g}", "complaints": f"{plan.stop_complaint_percent:g}"}
    return [*found, (_("Stops by itself"), stop % limits)]


def whom_words(plan: SendPlan) -> str:
    """Whom a plan reaches, in words."""
    if plan.survey.audience == Survey.Audience.EMPLOYEES:
        words = _("Members of your organisation")
    elif plan.trigger is not None:
        words = _("Whoever lives through “%(event)s”") % {"event": plan.trigger.get("event", "")}
        conditions = ", ".join(f"{name} = {value}" for name, value in (plan.trigger.get("where") or {}).items())
        if conditions:
            words = _("%(who)s where %(conditions)s") % {"who": words, "conditions": conditions}
        if plan.delay_minutes:
            words += ", " + _duration(plan.delay_minutes)
    else:
        segment = Segment.objects.filter(pk=plan.segment_id).only("name").first() if plan.segment_id else None
        words = _("Segment “%(name)s”") % {"name": segment.name} if segment else _("Nobody chosen yet")
    return f"{words}, {plan.unit.name}" if plan.unit else words


def shown_simulation(plan: SendPlan, *, anew: bool, stop: bool, seconds: float) -> dict[str, Any]:
    """Count on what the plan would do, for at most `seconds`, and tell how far it is. State is kept for a while."""
    key = f"dispatch:simulation:{current_tenant_id()}:{plan.pk}:{plan.updated_at.timestamp()}"
    kept = None if anew else cache.get(key)
    counted_at, text, total = kept or (now(), "", None)
    if plan.survey.audience == Survey.Audience.EMPLOYEES:
        found = simulate_members(plan)
    else:
        found = Simulation.from_text(text) if text else Simulation()
        if plan.segment_id is None and plan.trigger is None:
            found.is_done = True
        if not found.is_done and not stop:
            simulate(trial_of(plan), found, seconds=seconds)
    if total is None:
        total = audience_size(plan)
    cache.set(key, (counted_at, found.to_text(), total), KEPT_FOR)
    return {**figures_of(plan, found, total), "counted_at": counted_at, "is_stopped": stop and not found.is_done}


def figures_of(plan: SendPlan, found: Simulation, total: int | None) -> dict[str, Any]:
    """A simulation as pages and the API tell it."""
    # Of a segment exactly those were counted whom the sample draws; of others only its share is known.
    is_drawn = plan.trigger is None and plan.survey.audience == Survey.Audience.CUSTOMERS
    share = 1.0 if is_drawn else plan.sample_percent / 100
    asked = round(found.eligible * share)
    days = forecast(found)
    highest = max(days) or 1
    return {
        "is_done": found.is_done,
        "is_trigger": plan.trigger is not None,
        "trigger_days": TRIGGER_DAYS,
        "considered": found.considered,
        "total": max(total or 0, found.considered) if total is not None else None,
        "eligible": found.eligible,
        "asked": asked,
        "blocked_total": found.considered - found.eligible,
        "blocked": [(rule, rule_name(rule), number) for rule, number in found.blocked],
        "days": days_needed(asked, plan.per_day) if plan.trigger is None else None,
        "per_day": plan.per_day,
        "forecast": [(day, number, round(100 * number / highest)) for day, number in enumerate(days)],
        "freed": days[-1] - days[0],
        "estimate": estimate_answers(plan.survey, asked),
    }


def shown_progress(plan: SendPlan, progress: Progress) -> dict[str, Any]:
    """How far a plan is: bars with numbers, rates with interval and n, stop rules, whether anything still moves."""
    most = max(progress.considered, 1)
    bars = [
        (_("Waiting"), progress.queued, "queued"),
        (_("Sent"), progress.sent, "sent"),
        (_("Bounced"), progress.bounced, "bounced"),
        (_("Answered"), progress.answered, "completed"),
        (_("Could not be sent"), progress.failed, "failed"),
        (_("Not asked"), progress.blocked, "blocked"),
        (_("Cancelled"), progress.cancelled, "cancelled"),
    ]
    return {
        "counts": progress,
        "bars": [(label, number, round(100 * number / most, 1), state) for label, number, state in bars],
        "rate": as_metric(response_rate_of(progress), "response_rate"),
        "coverage": as_metric(coverage_of(progress), "coverage") if plan.trigger is not None else None,
        "stop_rules": [(_STOP_NAMES[rule.name], rule) for rule in stop_rules_of(plan, progress)],
        "moves": progress.queued > 0 or plan.state == SendPlan.State.ACTIVE,
        "soon": progress.queued > 0 and progress.next_send_at is not None and progress.next_send_at <= now(),
        "blocked_by": [(rule, rule_name(rule), number) for rule, number in progress.blocked_by],
    }


_STOP_NAMES: Final[dict[str, Any]] = {"bounces": gettext_lazy("Bounces"), "complaints": gettext_lazy("Complaints")}


def as_metric(share: Share, rule: str) -> dict[str, Any]:
    """A share as the tags for scores print it: in percent, with interval and n."""
    scaled = {
        name: None if value is None else 100 * value
        for name, value in (("value", share.rate), ("low", share.low), ("high", share.high))
    }
    reliability = "" if share.n >= 30 else "weak"
    return {**scaled, "n": share.n, "rule": rule, "unit": "percent", "reliability": reliability, "suppressed": False}


def _own_words(plan: SendPlan) -> str:
    if not plan.texts:
        return ""
    return _(", own words in %(languages)s") % {"languages": ", ".join(sorted(plan.texts))}


def _when(plan: SendPlan, zone: ZoneInfo) -> str:
    later = plan.starts_at > now() or plan.started_at is not None
    words = _("from %(start)s") % {"start": _moment(plan.starts_at, zone)} if later else _("at once")
    if plan.ends_at is not None:
        words += _(" until %(end)s") % {"end": _moment(plan.ends_at, zone)}
    if plan.per_day is not None:
        words += ngettext(", at most %(n)s a day", ", at most %(n)s a day", plan.per_day) % {
            "n": number_format(plan.per_day)
        }
    if plan.repeat_days is not None:
        words += _(", everybody again after %(n)d days") % {"n": plan.repeat_days}
    return words


def _duration(minutes: int) -> str:
    if minutes % 60 == 0:
        return ngettext("asked %(n)d hour later", "asked %(n)d hours later", minutes // 60) % {"n": minutes // 60}
    return ngettext("asked %(n)d minute later", "asked %(n)d minutes later", minutes) % {"n": minutes}


def _moment(at: datetime, zone: ZoneInfo) -> str:
    return date_format(at.astimezone(zone), "j M Y, H:i")
