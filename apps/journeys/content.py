"""The content of a journey map as plain JSON: what a version freezes, what the API takes, how two versions differ.

Pure: nothing here reads or writes the database. A content is::

    {"name", "persona": id | None, "metric": "nps"|"csat"|"ces", "kind": "as_is"|"to_be", "lanes": [{"key", "title"}],
     "stages": [{"id", "name", "duration",
                 "steps": [{"id", "name", "belief": -2..2 | None, "moment_of_truth": bool,
                            "evidence": "assumption"|"some"|"measured"|"", "owner": user id | None,
                            "review_date": "YYYY-MM-DD" | None, "touchpoints": [key, ...],
                            "cards": [{"id", "lane", "text", "evidence", "image": stored name | "",
                                       "owner": user id | None}]}]}]}

Ids stay with a stage, step or card over all versions of its map; that is what tells "renamed" from "removed and added".
Touchpoints are named by key, which never changes once a touchpoint exists. Versions frozen before a field was known
lack it: `complete` fills it in, and every reader of a stored content goes through it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any, TypedDict, cast

from django.utils.dateparse import parse_date
from django.utils.translation import gettext, gettext_lazy

from cxm.errors import DomainErrors, FieldError
from cxm.ids import parse_uuid, uuid7

MAX_STAGES = 40
MAX_STEPS = 200
MAX_CARDS = 2000
MAX_PLACES = 2000
NAME_LENGTH = 120
CARD_LENGTH = 1000
DURATION_LENGTH = 60
LANE_LENGTH = 40
MAX_LANES = 24
BELIEF_LOW, BELIEF_HIGH = -2.0, 2.0
MAX_ERRORS = 50

METRICS = ("nps", "csat", "ces")
KINDS = ("as_is", "to_be")
EVIDENCE = ("assumption", "some", "measured")

STANDARD_LANES = {
    "actions": gettext_lazy("Customer actions"),
    "thoughts": gettext_lazy("Thoughts"),
    "pain_points": gettext_lazy("Pain points"),
    "opportunities": gettext_lazy("Opportunities"),
}
OTHER_LANES = {
    "emotions": gettext_lazy("Feelings"),
    "backstage": gettext_lazy("Backstage"),
    "owner": gettext_lazy("Owner"),
    "images": gettext_lazy("Pictures"),
}
LANE_ALIASES = {
    "action": "actions",
    "customer_actions": "actions",
    "doing": "actions",
    "thought": "thoughts",
    "thinking": "thoughts",
    "pain": "pain_points",
    "pains": "pain_points",
    "pain_point": "pain_points",
    "painpoints": "pain_points",
    "opportunity": "opportunities",
    "opps": "opportunities",
    "emotion": "emotions",
    "feeling": "emotions",
    "feelings": "emotions",
    "image": "images",
    "picture": "images",
    "pictures": "images",
    "owners": "owner",
}
RESERVED_LANES = frozenset({"touchpoint", "touchpoints"})

IMAGE_NAME = re.compile(r"[0-9a-f-]{36}/journeys/[0-9a-f]{32}\.webp")
TOUCHPOINT_KEY = re.compile(r"[a-z0-9_-]{1,64}")
_NOT_WORD = re.compile(r"[^\w]+")


class CardContent(TypedDict):
    """One note on the map."""

    id: str
    lane: str
    text: str
    evidence: str
    image: str
    owner: str | None


class StepContent(TypedDict):
    """One column of the map."""

    id: str
    name: str
    belief: float | None
    moment_of_truth: bool
    evidence: str
    owner: str | None
    review_date: str | None
    touchpoints: list[str]
    cards: list[CardContent]


class StageContent(TypedDict):
    """A named run of steps."""

    id: str
    name: str
    duration: str
    steps: list[StepContent]


class LaneContent(TypedDict):
    """A row of cards; an empty title is the usual one of its key."""

    key: str
    title: str


class MapContent(TypedDict):
    """The whole map. No lanes are the standard ones."""

    name: str
    persona: str | None
    metric: str
    kind: str
    lanes: list[LaneContent]
    stages: list[StageContent]


STEP_FACTS: dict[str, Any] = {"moment_of_truth": False, "evidence": "", "owner": None, "review_date": None}
"""What is known of a step beside its name and belief, as it is while nobody said."""

CARD_EXTRAS: dict[str, Any] = {"image": "", "owner": None}
"""What a card may carry beside its text, as it is without it."""


def lane_key(lane: str) -> str:
    """The lane a card is shown in: spelling and known synonyms aside ("Pain point" -> "pain_points")."""
    slug = _NOT_WORD.sub("_", lane.strip().lower()).strip("_")
    return LANE_ALIASES.get(slug, slug)


def lane_title(lane: str, lanes: Iterable[LaneContent] = ()) -> str:
    """What a person reads beside the lane: the title `lanes` give it, else the usual one."""
    key = lane_key(lane)
    own = next((given["title"] for given in lanes if given["key"] == key), "")
    known = own or STANDARD_LANES.get(key) or OTHER_LANES.get(key)
    return str(known) if known else key.replace("_", " ").capitalize()


def lanes_of(stages: Iterable[StageContent], lanes: Iterable[LaneContent] = ()) -> list[str]:
    """Keys of the lanes to show: those named (the standard ones when none is), then every other lane in use."""
    return shown_lanes({lane_key(card["lane"]) for step in iter_steps(stages) for card in step["cards"]}, lanes)


def shown_lanes(used: set[str], lanes: Iterable[LaneContent]) -> list[str]:
    """As `lanes_of`, by the keys of the lanes in use."""
    named = [lane["key"] for lane in lanes] or list(STANDARD_LANES)
    known = [key for key in (*STANDARD_LANES, *OTHER_LANES) if key in used and key not in named]
    return [*named, *known, *sorted(used - set(named) - set(known))]


def complete(raw: Mapping[str, Any]) -> MapContent:
    """A stored content with every field a content has today; what was not known when it was frozen is empty."""
    return {
        "name": raw["name"],
        "persona": raw["persona"],
        "metric": raw["metric"],
        "kind": raw.get("kind", KINDS[0]),
        "lanes": raw.get("lanes", []),
        "stages": complete_stages(raw["stages"]),
    }


def complete_stages(stages: Iterable[Mapping[str, Any]]) -> list[StageContent]:
    """Stored stages with every field they have today."""
    return [
        cast(StageContent, {**stage, "steps": [complete_step(step) for step in stage["steps"]]}) for stage in stages
    ]


def complete_step(step: Mapping[str, Any]) -> StepContent:
    """A stored step with every field it has today."""
    return cast(StepContent, {**STEP_FACTS, **step, "cards": [{**CARD_EXTRAS, **card} for card in step["cards"]]})


def iter_steps(stages: Iterable[StageContent]) -> Iterator[StepContent]:
    """All steps of the map in the order a customer passes them."""
    for stage in stages:
        yield from stage["steps"]


def touchpoint_keys(content: MapContent) -> list[str]:
    """Keys of the touchpoints on the map, each once, in map order."""
    return list(dict.fromkeys(key for step in iter_steps(content["stages"]) for key in step["touchpoints"]))


# ---------------------------------------------------------------------------------------------------------------------
# Reading what somebody sent


class _Reader:
    """Collects errors with the path of their field, so that one answer names everything that is wrong."""

    def __init__(self) -> None:
        self.errors: list[FieldError] = []

    def refuse(self, path: str, message: str, code: str = "invalid") -> None:
        """Note an error; after MAX_ERRORS further ones are not collected."""
        if len(self.errors) < MAX_ERRORS:
            self.errors.append({"field": path, "code": code, "message": message})

    def finish(self) -> None:
        """Raise everything noted, if anything was."""
        if self.errors:
            raise DomainErrors(self.errors)

    def text(self, value: object, path: str, limit: int, *, required: bool = True) -> str:
        """A stripped string of at most `limit` characters; "" after an error."""
        if value is None and not required:
            return ""
        if not isinstance(value, str):
            self.refuse(path, gettext("Give a text here."), "required" if value is None else "invalid")
            return ""
        text = value.strip()
        if any(character == "\x00" or "\ud800" <= character <= "\udfff" for character in text):
            self.refuse(path, gettext("Remove the characters that cannot be stored (NUL or half a character)."))
            return ""
        if required and not text:
            self.refuse(path, gettext("Must not be empty."), "required")
        elif len(text) > limit:
            message = gettext("Is %(length)d characters long; at most %(limit)d are kept.")
            self.refuse(path, message % {"length": len(text), "limit": limit}, "max_length")
            return ""
        return text

    def items(self, value: object, path: str) -> list[Any]:
        """A list; None counts as empty."""
        if value is None:
            return []
        if not isinstance(value, list):
            self.refuse(path, gettext("Must be a list."))
            return []
        return value

    def mapping(self, value: object, path: str) -> Mapping[str, Any]:
        """A JSON object; {} after an error."""
        if not isinstance(value, Mapping):
            self.refuse(path, gettext("Must be an object."))
            return {}
        return value

    def choice(self, value: object, path: str, choices: Sequence[str], default: str) -> str:
        """One of `choices`; None counts as the default."""
        if value is None or value == "":
            return default
        if not isinstance(value, str) or value not in choices:
            self.refuse(path, gettext("Must be one of: %(choices)s.") % {"choices": ", ".join(choices)}, "choice")
            return default
        return value

    def identifier(self, value: object, path: str) -> str:
        """An id the sender knows a row by; "" when none was given."""
        if value is None or value == "":
            return ""
        identifier = parse_uuid(value)
        if identifier is None:
            self.refuse(path, gettext("Is not an id."))
        return str(identifier or "")

    def belief(self, value: object, path: str) -> float | None:
        """-2 (terrible) to 2 (wonderful), None when the team has not said."""
        if value is None or value == "":
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.refuse(path, gettext("Must be a number from -2 to 2, or null."))
            return None
        if not BELIEF_LOW <= value <= BELIEF_HIGH:
            self.refuse(path, gettext("Must be a number from -2 to 2, or null."), "range")
            return None
        return float(value)

    def flag(self, value: object, path: str) -> bool:
        """True or false; None counts as false."""
        if value is not None and not isinstance(value, bool):
            self.refuse(path, gettext("Must be true or false."))
        return value is True

    def day(self, value: object, path: str) -> str | None:
        """A date as YYYY-MM-DD; None when there is none."""
        if value is None or value == "":
            return None
        if isinstance(value, date):
            return value.isoformat()[:10]
        try:
            found = parse_date(value) if isinstance(value, str) else None
        except ValueError:
            found = None
        if found is None:
            self.refuse(path, gettext("Give a date as YYYY-MM-DD."))
        return found.isoformat() if found else None

    def image(self, value: object, path: str) -> str:
        """The stored name of a picture that was uploaded to a map, as an earlier answer gave it; "" for none."""
        if value is None or value == "":
            return ""
        if not isinstance(value, str) or not IMAGE_NAME.fullmatch(value):
            self.refuse(path, gettext("Give the name of a picture that was uploaded to a map, or leave it out."))
            return ""
        return value

    def lane(self, value: object, path: str) -> str:
        """The name of a lane as it was sent; any name will do but that of the touchpoints' own lane."""
        lane = self.text(value, path, LANE_LENGTH)
        if lane and not lane_key(lane):
            self.refuse(path, gettext("Name the lane with letters, for example pain_points."))
            return ""
        if lane_key(lane) in RESERVED_LANES:
            self.refuse(path, gettext("Touchpoints are not cards: list their keys under touchpoints."), "reserved")
            return ""
        return lane


def read_text(value: object, path: str, limit: int) -> str:
    """A text of 1 to `limit` characters, or DomainErrors naming `path`."""
    reader = _Reader()
    text = reader.text(value, path, limit)
    reader.finish()
    return text


def read_name(value: object, path: str = "name") -> str:
    """The name of a map, stage or step, or DomainErrors naming `path`."""
    return read_text(value, path, NAME_LENGTH)


def read_duration(value: object, path: str = "duration") -> str:
    """How long a stage lasts, in words; "" when nobody said."""
    reader = _Reader()
    duration = reader.text(value, path, DURATION_LENGTH, required=False)
    reader.finish()
    return duration


def read_card_text(value: object, path: str = "text") -> str:
    """The text of a card, or DomainErrors naming `path`."""
    return read_text(value, path, CARD_LENGTH)


def read_lane(value: object, path: str = "lane") -> str:
    """The lane of a card, or DomainErrors naming `path`."""
    reader = _Reader()
    lane = reader.lane(value, path)
    reader.finish()
    return lane


def read_belief(value: object, path: str = "belief") -> float | None:
    """The team's belief about a step, -2..2 or None, or DomainErrors naming `path`."""
    reader = _Reader()
    belief = reader.belief(value, path)
    reader.finish()
    return belief


def read_choice(value: object, path: str, choices: Sequence[str], default: str) -> str:
    """One of `choices`, or DomainErrors naming `path`."""
    reader = _Reader()
    choice = reader.choice(value, path, choices, default)
    reader.finish()
    return choice


def read_fact(name: str, value: object) -> Any:
    """One of `STEP_FACTS` as a content holds it, or DomainErrors naming it. Who an owner is, is not looked up."""
    reader = _Reader()
    readers: dict[str, Callable[[object, str], Any]] = {
        "moment_of_truth": reader.flag,
        "evidence": lambda given, path: reader.choice(given, path, EVIDENCE, ""),
        "owner": lambda given, path: reader.identifier(given, path) or None,
        "review_date": reader.day,
    }
    found = readers[name](value, name)
    reader.finish()
    return found


def read_lanes(value: object) -> list[LaneContent]:
    """The lanes of a map in order, each `{"key", "title"}` or only its name; [] is the standard ones.

    A title that is the usual one is kept as "". Raises DomainErrors with paths such as `lanes.2.title`.
    """
    reader = _Reader()
    found: list[LaneContent] = []
    for index, raw in enumerate(_limited(reader, reader.items(value, "lanes"), "lanes", MAX_LANES)):
        named = "key" if isinstance(raw, str) and (raw in STANDARD_LANES or raw in OTHER_LANES) else "title"
        lane: Mapping[str, Any] = {named: raw} if isinstance(raw, str) else reader.mapping(raw, f"lanes.{index}")
        title = reader.text(lane.get("title"), f"lanes.{index}.title", LANE_LENGTH, required=not lane.get("key"))
        key = lane_key(reader.lane(lane.get("key") or title or None, f"lanes.{index}.key"))
        if key and any(other["key"] == key for other in found):
            reader.refuse(f"lanes.{index}", gettext("This lane stands here already."), "duplicate")
        found.append({"key": key, "title": "" if title == lane_title(key) else title})
    reader.finish()
    return found


def read_stages(value: object) -> list[StageContent]:
    """The stages of an API body, checked and completed.

    Ids are kept where the sender gave them and "" elsewhere. Raises DomainErrors with paths such as
    `stages.0.steps.2.cards.1.text`.
    """
    reader = _Reader()
    stages = [
        _read_stage(reader, raw, f"stages.{index}")
        for index, raw in enumerate(_limited(reader, reader.items(value, "stages"), "stages", MAX_STAGES))
    ]
    steps = list(iter_steps(stages))
    _refuse_excess(reader, len(steps), MAX_STEPS, gettext("steps"))
    _refuse_excess(reader, sum(len(step["cards"]) for step in steps), MAX_CARDS, gettext("cards"))
    _refuse_excess(reader, sum(len(step["touchpoints"]) for step in steps), MAX_PLACES, gettext("touchpoints"))
    _refuse_repeated_ids(reader, stages)
    reader.finish()
    return stages


def _limited(reader: _Reader, values: list[Any], path: str, limit: int) -> list[Any]:
    if len(values) > limit:
        message = gettext("Holds %(count)d items; at most %(limit)d are taken.")
        reader.refuse(path, message % {"count": len(values), "limit": limit}, "max_items")
        return []
    return values


def _refuse_excess(reader: _Reader, count: int, limit: int, what: str) -> None:
    if count > limit:
        message = gettext("The map has %(count)d %(what)s; at most %(limit)d are taken.")
        reader.refuse("stages", message % {"count": count, "what": what, "limit": limit}, "max_items")


def _refuse_repeated_ids(reader: _Reader, stages: list[StageContent]) -> None:
    kinds: tuple[tuple[str, list[str]], ...] = (
        ("stages", [stage["id"] for stage in stages]),
        ("steps", [step["id"] for step in iter_steps(stages)]),
        ("cards", [card["id"] for step in iter_steps(stages) for card in step["cards"]]),
    )
    for what, ids in kinds:
        given = [identifier for identifier in ids if identifier]
        if len(given) != len(set(given)):
            reader.refuse("stages", gettext("An id is used twice among the %(what)s.") % {"what": what}, "duplicate")


def _read_stage(reader: _Reader, raw: object, path: str) -> StageContent:
    stage = reader.mapping(raw, path)
    steps = _limited(reader, reader.items(stage.get("steps"), f"{path}.steps"), f"{path}.steps", MAX_STEPS)
    return {
        "id": reader.identifier(stage.get("id"), f"{path}.id"),
        "name": reader.text(stage.get("name"), f"{path}.name", NAME_LENGTH),
        "duration": reader.text(stage.get("duration"), f"{path}.duration", DURATION_LENGTH, required=False),
        "steps": [_read_step(reader, step, f"{path}.steps.{index}") for index, step in enumerate(steps)],
    }


def _read_step(reader: _Reader, raw: object, path: str) -> StepContent:
    step = reader.mapping(raw, path)
    cards = _limited(reader, reader.items(step.get("cards"), f"{path}.cards"), f"{path}.cards", MAX_CARDS)
    return {
        "id": reader.identifier(step.get("id"), f"{path}.id"),
        "name": reader.text(step.get("name"), f"{path}.name", NAME_LENGTH),
        "belief": reader.belief(step.get("belief"), f"{path}.belief"),
        "moment_of_truth": reader.flag(step.get("moment_of_truth"), f"{path}.moment_of_truth"),
        "evidence": reader.choice(step.get("evidence"), f"{path}.evidence", EVIDENCE, ""),
        "owner": reader.identifier(step.get("owner"), f"{path}.owner") or None,
        "review_date": reader.day(step.get("review_date"), f"{path}.review_date"),
        "touchpoints": _read_keys(reader, step.get("touchpoints"), f"{path}.touchpoints"),
        "cards": [_read_card(reader, card, f"{path}.cards.{index}") for index, card in enumerate(cards)],
    }


def _read_keys(reader: _Reader, raw: object, path: str) -> list[str]:
    keys: list[str] = []
    for index, value in enumerate(_limited(reader, reader.items(raw, path), path, MAX_PLACES)):
        if not isinstance(value, str) or not TOUCHPOINT_KEY.fullmatch(value):
            reader.refuse(f"{path}.{index}", gettext("Must be the key of a touchpoint (a-z, 0-9, _ and -)."))
        elif value in keys:
            reader.refuse(f"{path}.{index}", gettext("Stands on this step already."), "duplicate")
        else:
            keys.append(value)
    return keys


def _read_card(reader: _Reader, raw: object, path: str) -> CardContent:
    card = reader.mapping(raw, path)
    return {
        "id": reader.identifier(card.get("id"), f"{path}.id"),
        "lane": reader.lane(card.get("lane"), f"{path}.lane"),
        "text": reader.text(card.get("text"), f"{path}.text", CARD_LENGTH),
        "evidence": reader.choice(card.get("evidence"), f"{path}.evidence", EVIDENCE, "assumption"),
        "image": reader.image(card.get("image"), f"{path}.image"),
        "owner": reader.identifier(card.get("owner"), f"{path}.owner") or None,
    }


def key_paths(stages: Iterable[StageContent]) -> list[tuple[str, str]]:
    """(field path, touchpoint key) of every placement: to say which key of a body is unknown."""
    return [
        (f"stages.{i}.steps.{j}.touchpoints.{k}", key)
        for i, stage in enumerate(stages)
        for j, step in enumerate(stage["steps"])
        for k, key in enumerate(step["touchpoints"])
    ]


# ---------------------------------------------------------------------------------------------------------------------
# Keeping ids when a whole map is replaced


def keep_ids(old: list[StageContent], new: list[StageContent]) -> list[StageContent]:
    """The new stages with ids: those sent that exist, else those of an equal old item, else fresh ones.

    A body without ids still counts as the same stages, steps and cards where their names (texts) are the same, so that
    the differences between versions stay readable. An id that is not of this map is never taken over.
    """
    stage_ids = _claim(old, new, lambda stage: stage["id"], lambda stage: (stage["name"],))
    old_steps = [(stage["name"], step) for stage in old for step in stage["steps"]]
    new_steps = [(stage["name"], step) for stage in new for step in stage["steps"]]
    step_ids = _claim(
        old_steps,
        new_steps,
        lambda pair: pair[1]["id"],
        lambda pair: (pair[0], pair[1]["name"]),
        lambda pair: (pair[1]["name"],),
    )
    old_cards = [(step["id"], card) for step in iter_steps(old) for card in step["cards"]]
    new_cards = [
        (identifier, card) for identifier, (_, step) in zip(step_ids, new_steps, strict=True) for card in step["cards"]
    ]
    card_ids = _claim(
        old_cards,
        new_cards,
        lambda pair: pair[1]["id"],
        lambda pair: (pair[0], lane_key(pair[1]["lane"]), pair[1]["text"]),
        lambda pair: (lane_key(pair[1]["lane"]), pair[1]["text"]),
    )
    steps, cards = iter(step_ids), iter(card_ids)
    return [
        {
            **stage,
            "id": stage_id,
            "steps": [
                {**step, "id": next(steps), "cards": [{**card, "id": next(cards)} for card in step["cards"]]}
                for step in stage["steps"]
            ],
        }
        for stage_id, stage in zip(stage_ids, new, strict=True)
    ]


def _claim(
    old: Sequence[Any], new: Sequence[Any], id_of: Callable[[Any], str], *same: Callable[[Any], tuple[str, ...]]
) -> list[str]:
    """An id for every new item; each old id is given once, by the id sent first, then by each key of `same`."""
    free = {id_of(item) for item in old}
    given: list[str] = []
    for item in new:
        identifier = id_of(item) if id_of(item) in free else ""
        free.discard(identifier)
        given.append(identifier)
    for key in same:
        waiting: dict[tuple[str, ...], list[str]] = {}
        for item in old:
            if id_of(item) in free:
                waiting.setdefault(key(item), []).append(id_of(item))
        for index, item in enumerate(new):
            if not given[index] and waiting.get(key(item)):
                given[index] = waiting[key(item)].pop(0)
                free.discard(given[index])
    return [identifier or str(uuid7()) for identifier in given]


# ---------------------------------------------------------------------------------------------------------------------
# Words


def belief_text(belief: float | None) -> str:
    """A belief as it is printed: signed with a true minus, or words for "nobody said"."""
    if belief is None:
        return gettext("not set")
    return f"{belief:+g}".replace("-", "−") if belief else "0"


def day_of(text: str | None) -> date | None:
    """A stored date."""
    return date.fromisoformat(text) if text else None


def evidence_title(evidence: str) -> str:
    """What a person reads for how well a card is backed."""
    titles = {"assumption": gettext("assumption"), "some": gettext("some data"), "measured": gettext("measured")}
    return titles[evidence]
