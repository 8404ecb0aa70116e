"""The marks on answers, in words. A mark never removes an answer and never moves a score; it is shown and explained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True, slots=True)
class Flag:
    """A mark: its code in `Response.flags`, its name, why it is set, and what it may also mean."""

    code: str
    label: Any
    why: Any
    caution: Any


STAFF_SESSION: Final = "staff_session"
SHARED_DEVICE: Final = "shared_device"
COACHED: Final = "coached_comment"
ALIKE: Final = "alike_comment"
HAND_PICKED: Final = "hand_picked"

FLAGS: Final[dict[str, Flag]] = {
    flag.code: flag
    for flag in (
        Flag(
            HAND_PICKED,
            _("Chosen by hand"),
            _("A colleague picked this customer for a small sending that no segment and no plan chose."),
            _("May be a pilot or a courtesy call. Compare the scores of those chosen with the others below."),
        ),
        Flag(
            STAFF_SESSION,
            _("Given while a colleague was signed in"),
            _("The answer came from a browser in which a colleague of this organisation was signed in."),
            _("May be a test of the survey, or a device handed to the customer."),
        ),
        Flag(
            SHARED_DEVICE,
            _("Many answers from one device"),
            _("Five or more answers came from one network and browser within half an hour, and not at a kiosk."),
            _("May be the office network of one business customer."),
        ),
        Flag(
            COACHED,
            _("Says that a score was asked for"),
            _("The comment tells of somebody asking for a good score."),
            _("Found by phrases in eight languages. Read the comment before you act on it."),
        ),
        Flag(
            ALIKE,
            _("Nearly the same words as others"),
            _("Three or more customers wrote nearly the same words within 30 days."),
            _("May be a phrase that a news story or a form made common."),
        ),
    )
}
"""Marks that stand for doubt about how an answer came about, in the order they are shown."""
