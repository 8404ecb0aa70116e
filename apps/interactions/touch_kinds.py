"""What colleagues write down by hand: the kinds of touches, how each may have ended, and how it is filed. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.utils.translation import gettext_lazy as _

from apps.interactions.models import Interaction
from cxm.channels import Channel

Kind = Interaction.Kind


@dataclass(frozen=True, slots=True)
class TouchKind:
    """A kind of touch: the name of its event, its usual channel, its usual outcomes by key, and its icon."""

    kind: Interaction.Kind
    label: Any
    event: str
    channel: Channel
    outcomes: Mapping[str, Any]
    icon: str


TOUCH_KINDS: Final[dict[str, TouchKind]] = {
    touch.kind.value: touch
    for touch in (
        TouchKind(
            Kind.CALL,
            _("Call"),
            "Call",
            Channel.PHONE,
            {
                "reached": _("Reached"),
                "not_reached": _("Not reached"),
                "message_left": _("Left a message"),
                "call_back": _("Call back later"),
                "wrong_number": _("Wrong number"),
            },
            "phone",
        ),
        TouchKind(
            Kind.MEETING,
            _("Meeting"),
            "Meeting",
            Channel.IN_PERSON,
            {
                "held": _("Held"),
                "agreed": _("Agreed on something"),
                "postponed": _("Postponed"),
                "cancelled": _("Cancelled"),
                "no_show": _("Did not come"),
            },
            "users",
        ),
        TouchKind(
            Kind.VISIT,
            _("Visit"),
            "Visit",
            Channel.IN_PERSON,
            {"met": _("Met"), "not_met": _("Nobody there"), "problem_found": _("Found a problem")},
            "building-store",
        ),
        TouchKind(
            Kind.ATTENDANCE,
            _("Event attended"),
            "Event attended",
            Channel.IN_PERSON,
            {"attended": _("Attended"), "registered": _("Registered"), "no_show": _("Did not come")},
            "ticket",
        ),
        TouchKind(
            Kind.MESSAGE,
            _("Message"),
            "Message",
            Channel.EMAIL,
            {"sent": _("Sent"), "answered": _("Answered"), "no_answer": _("No answer"), "bounced": _("Not delivered")},
            "message-circle",
        ),
        TouchKind(Kind.NOTE, _("Note"), "Note", Channel.OTHER, {}, "note"),
    )
}
TOUCH_CHOICES: Final = [(kind, touch.label) for kind, touch in TOUCH_KINDS.items()]


def outcome_words(kind: str, outcome: str) -> str:
    """An outcome in words: that of the list, or what somebody typed."""
    touch = TOUCH_KINDS.get(kind)
    return str(touch.outcomes.get(outcome, outcome)) if touch else outcome
