"""Every write of workshops."""

from apps.workshops.services.guests import Joined, join_workshop, note_seen, remove_guest
from apps.workshops.services.hosting import change_workshop, end_workshop, renew_code, start_workshop
from apps.workshops.services.tidying import tidy_workshops
from apps.workshops.services.timer import extend_timer, pause_timer, resume_timer, start_timer, stop_timer
from apps.workshops.services.votes import open_round, reveal_round, set_dots

__all__ = [
    "Joined",
    "change_workshop",
    "end_workshop",
    "extend_timer",
    "join_workshop",
    "note_seen",
    "open_round",
    "pause_timer",
    "remove_guest",
    "renew_code",
    "resume_timer",
    "reveal_round",
    "set_dots",
    "start_timer",
    "start_workshop",
    "stop_timer",
    "tidy_workshops",
]
