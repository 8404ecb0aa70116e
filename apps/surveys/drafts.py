"""Changes of a draft as functions of its JSON: every one takes the normalised definition and changes it in place.

Nothing here touches the database and nothing is checked twice: what comes out is read again by ``parse_definition``,
the only door. Names of fields are those of the editor's forms: ``title.ID.en``, ``choice-CHOICE.ID.de``, ``scale.ID``,
``rule0-op.ID``; ``thanks.title.en`` and ``hidden-label.0`` for what belongs to no question.
"""

from __future__ import annotations

import copy
import hashlib
import json
import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, Literal

from django.utils.text import slugify
from django.utils.translation import gettext as _

from apps.surveys.catalogue_texts import NEW_CHOICES, NEW_QUESTIONS, NEW_ROWS
from apps.surveys.definition import DEFAULT_SCALE, MAX_CONDITIONS, MAX_HIDDEN, SCORE_TYPES
from apps.surveys.wording import in_languages, standard_question
from cxm.errors import DomainError, NotFound

Json = dict[str, Any]
Fields = Mapping[str, Sequence[str]]
"""Form fields by name, each with its values; a field that is not there stays as it is."""

TEXT_PARTS: Final = frozenset({"title", "low", "middle", "high"})
ENTRY_LISTS: Final = {"choice": "choices", "row": "rows"}

_SCORE_OPS: Final = ("<=", ">=", "=", "!=", "<", ">", "in", "answered")
OPS: Final[Mapping[str, tuple[str, ...]]] = {
    **dict.fromkeys(SCORE_TYPES, _SCORE_OPS),
    "number": ("<=", ">=", "=", "!=", "<", ">", "answered"),
    "date": ("<=", ">=", "=", "!=", "<", ">", "answered"),
    "choice": ("=", "!=", "in", "answered"),
    "multi_choice": ("contains", "answered"),
    "ranking": ("contains", "answered"),
    "text": ("answered", "contains", "=", "!="),
    "consent": ("=", "answered"),
    "matrix": ("answered",),
    "file": ("answered",),
    "hidden": ("=", "!=", "contains", "in", "answered"),
}
"""The comparisons that fit a type of question, the usual one first."""


# -- finding ----------------------------------------------------------------------------------------------------------


def questions_of(raw: Json) -> Iterator[Json]:
    """Every question in the order in which they are asked."""
    for page in raw["pages"]:
        yield from page["questions"]


def find(raw: Json, question_id: str) -> Json:
    """The question with this id. Raises NotFound."""
    page, index = place_of(raw, question_id)
    found: Json = raw["pages"][page]["questions"][index]
    return found


def place_of(raw: Json, question_id: str) -> tuple[int, int]:
    """Page and position (from 0) of a question. Raises NotFound."""
    for number, page in enumerate(raw["pages"]):
        for index, question in enumerate(page["questions"]):
            if question["id"] == question_id:
                return number, index
    raise NotFound(_("This question is no longer there: somebody deleted it."))


def part_of(raw: Json, part: str) -> Any:
    """The part of a draft that one form changes: ``order``, ``texts``, or ``q:ID`` for a question (None if gone)."""
    if part == "order":
        return [[question["id"] for question in page["questions"]] for page in raw["pages"]]
    if part == "texts":
        return [raw["thank_you"], raw.get("hidden", [])]
    try:
        return find(raw, part.removeprefix("q:"))
    except NotFound:
        return None


def version_of(raw: Json, part: str) -> str:
    """What ``If-Match`` names: the same for the same content, whoever made it and however often it came back."""
    return hashlib.sha256(json.dumps(part_of(raw, part), sort_keys=True).encode()).hexdigest()[:16]


# -- questions --------------------------------------------------------------------------------------------------------


def add_question(raw: Json, kind: str, *, after: str = "", same_page: bool = False, organization: str = "") -> str:
    """Add a question of a type after another (else at the end), on a page of its own unless told. Its id."""
    if kind not in NEW_QUESTIONS and kind not in ("nps", "csat", "ces"):
        raise DomainError(_("Choose what kind of question to add."), field="kind", code="choice")
    question = _new_question(raw, kind, organization)
    page, index = place_of(raw, after) if after else (len(raw["pages"]) - 1, len(raw["pages"][-1]["questions"]) - 1)
    if same_page:
        raw["pages"][page]["questions"].insert(index + 1, question)
        return str(question["id"])
    rest = raw["pages"][page]["questions"][index + 1 :]
    del raw["pages"][page]["questions"][index + 1 :]
    made = [{"id": _page_id(raw), "questions": [question]}]
    raw["pages"][page + 1 : page + 1] = made
    if rest:
        raw["pages"].insert(page + 2, {"id": _page_id(raw), "questions": rest})
    return str(question["id"])


def _new_question(raw: Json, kind: str, organization: str) -> Json:
    codes = raw["languages"]
    if kind in ("nps", "csat", "ces"):
        question = standard_question(kind, codes, organization)
    else:
        question = {"type": kind, "title": in_languages(NEW_QUESTIONS[kind], codes), "required": False}
    question["id"] = _fresh_id(raw, kind)
    _fit_to_type(question, codes)
    return question


def _fit_to_type(question: Json, codes: Sequence[str]) -> None:
    """Give a question what its type cannot be without, and take away what its type does not have."""
    kind = question["type"]
    if kind in ("choice", "multi_choice", "ranking", "matrix") and not question.get("choices"):
        question["choices"] = [
            {"id": f"option-{number}", "label": in_languages(text, codes)} for number, text in enumerate(NEW_CHOICES, 1)
        ]
    if kind == "matrix" and not question.get("rows"):
        question["rows"] = [
            {"id": f"row-{number}", "label": in_languages(text, codes)} for number, text in enumerate(NEW_ROWS, 1)
        ]
    kept = {"choices": kind in ("choice", "multi_choice", "ranking", "matrix"), "rows": kind == "matrix"}
    kept |= {"follow_up": kind == "text", "accept": kind == "file", "max_mb": kind == "file"}
    kept |= {"scale": kind in SCORE_TYPES, "labels": kind in SCORE_TYPES}
    for name, stays in kept.items():
        if not stays:
            question.pop(name, None)


def duplicate_question(raw: Json, question_id: str) -> str:
    """Put a copy after a question, on the same page. The id of the copy."""
    page, index = place_of(raw, question_id)
    twin = copy.deepcopy(raw["pages"][page]["questions"][index])
    twin["id"] = _fresh_id(raw, twin["type"])
    raw["pages"][page]["questions"].insert(index + 1, twin)
    return str(twin["id"])


def delete_question(raw: Json, question_id: str) -> int:
    """Take a question out, with the comparisons of later ones that name it. How many of these went."""
    page, index = place_of(raw, question_id)
    del raw["pages"][page]["questions"][index]
    _drop_empty_pages(raw)
    if not raw["pages"]:
        raise DomainError(
            _("A survey has at least one question: add another before deleting this one."), code="too_few"
        )
    dropped = 0
    for question in questions_of(raw):
        for mode, rules in list(question.get("show_if", {}).items()):
            left = [rule for rule in rules if rule["question"] != question_id]
            dropped += len(rules) - len(left)
            if left:
                question["show_if"][mode] = left
            else:
                del question["show_if"]
    return dropped


def move_question(raw: Json, question_id: str, page: int, position: int) -> None:
    """Put a question at a position (from 0) of a page (from 0, as the pages are numbered before the move)."""
    if not 0 <= page < len(raw["pages"]):
        raise DomainError(_("There is no such page any more."), field="page")
    old_page, index = place_of(raw, question_id)
    question = raw["pages"][old_page]["questions"].pop(index)
    raw["pages"][page]["questions"].insert(max(position, 0), question)
    _drop_empty_pages(raw)


def move_beside(raw: Json, question_id: str, direction: Literal["up", "down"]) -> bool:
    """Move a question one place; at the edge of its page it goes to the neighbouring one. False when it cannot go."""
    page, index = place_of(raw, question_id)
    questions = raw["pages"][page]["questions"]
    if direction == "up":
        if index:
            questions.insert(index - 1, questions.pop(index))
        elif page:
            raw["pages"][page - 1]["questions"].append(questions.pop(index))
        else:
            return False
    elif index + 1 < len(questions):
        questions.insert(index + 1, questions.pop(index))
    elif page + 1 < len(raw["pages"]):
        raw["pages"][page + 1]["questions"].insert(0, questions.pop(index))
    else:
        return False
    _drop_empty_pages(raw)
    return True


def split_page(raw: Json, question_id: str) -> None:
    """Begin a new page with this question. Nothing happens where one begins already."""
    page, index = place_of(raw, question_id)
    if index:
        rest = raw["pages"][page]["questions"][index:]
        del raw["pages"][page]["questions"][index:]
        raw["pages"].insert(page + 1, {"id": _page_id(raw), "questions": rest})


def join_page(raw: Json, question_id: str) -> None:
    """Put the page of this question together with the one before."""
    page, _index = place_of(raw, question_id)
    if page:
        raw["pages"][page - 1]["questions"] += raw["pages"].pop(page)["questions"]


def _drop_empty_pages(raw: Json) -> None:
    raw["pages"] = [page for page in raw["pages"] if page["questions"]]


def _fresh_id(raw: Json, kind: str) -> str:
    """An id that no version of the survey can have had: charts join versions by it."""
    taken = {question["id"] for question in questions_of(raw)} | {field["id"] for field in raw.get("hidden", [])}
    while (made := f"{kind}_{secrets.token_hex(3)}") in taken:
        pass
    return made


def _page_id(raw: Json) -> str:
    taken = {page["id"] for page in raw["pages"]}
    number = len(taken) + 1
    while f"p{number}" in taken:
        number += 1
    return f"p{number}"


# -- what forms send --------------------------------------------------------------------------------------------------


def apply_fields(raw: Json, fields: Fields) -> None:
    """Write form fields into the draft. Fields of questions that are gone, and names that are none, change nothing."""
    for name in sorted(fields, key=lambda name: name.startswith("rule")):
        path = name.split(".")
        value = fields[name][-1] if fields[name] else ""
        if len(path) == 3 and path[2] in raw["languages"]:
            _write_text(raw, path[0], path[1], path[2], value.strip())
        elif name == "thanks-url":
            _write_link(raw, value.strip())
        elif len(path) == 2 and path[0] in ("hidden-id", "hidden-label"):
            _write_hidden(raw, path[0].removeprefix("hidden-"), path[1], value.strip())
        elif len(path) == 2:
            question = next((found for found in questions_of(raw) if found["id"] == path[1]), None)
            if question is not None:
                _write_value(raw, question, path[0], fields[name])
    _tidy(raw)


def _write_text(raw: Json, part: str, target: str, language: str, text: str) -> None:
    texts = _texts_at(raw, part, target)
    if texts is None:
        return
    if text:
        texts[language] = text
    else:
        texts.pop(language, None)


def _texts_at(raw: Json, part: str, target: str) -> Json | None:
    """The text by language that a field's name means, made where it may stand and does not yet."""
    if part == "thanks":
        if target == "link":
            link = raw["thank_you"].get("link")
            return link["label"] if link else None
        made: Json | None = raw["thank_you"].setdefault(target, {}) if target in ("title", "text") else None
        return made
    question = next((found for found in questions_of(raw) if found["id"] == target), None)
    if question is None:
        return None
    if part == "title":
        found: Json = question["title"]
        return found
    if part in ("low", "middle", "high"):
        follow_up: Json = (
            question.setdefault("follow_up", {}).setdefault(part, {}) if question["type"] == "text" else {}
        )
        return follow_up
    if part.startswith("label") and part[5:].isascii() and part[5:].isdigit():
        label: Json = question.setdefault("labels", {}).setdefault(part[5:], {})
        return label
    kind, _hyphen, wanted = part.partition("-")
    if kind in ENTRY_LISTS:
        entries = (
            question.get("choices", []) + question.get("rows", []) if kind == "choice" else question.get("rows", [])
        )
        return next((entry["label"] for entry in entries if entry["id"] == wanted), None)
    return None


def _write_link(raw: Json, url: str) -> None:
    if not url:
        raw["thank_you"].pop("link", None)
        return
    label = raw["thank_you"].get("link", {}).get("label") or dict.fromkeys(raw["languages"], url[:80])
    raw["thank_you"]["link"] = {"url": url, "label": label}


def _write_hidden(raw: Json, name: str, index: str, value: str) -> None:
    fields = raw.get("hidden", [])
    if not (index.isascii() and index.isdigit() and int(index[:3]) < len(fields)):
        return
    field = fields[int(index[:3])]
    if name == "id" and value != field["id"]:
        _rename(raw, "hidden", field["id"], value)
    field[name] = value
    if not field.get("label", "x"):
        del field["label"]


def _write_value(raw: Json, question: Json, part: str, values: Sequence[str]) -> None:
    value = values[-1].strip() if values else ""
    kind = question["type"]
    if part == "required":
        question["required"] = value == "1"
    elif part == "type":
        _change_type(raw, question, value)
    elif part == "scale" and kind in SCORE_TYPES:
        _change_scale(question, _whole(value) or question.get("scale", 0))
    elif part == "metric" and kind == "rating":
        question["metric"] = value
        if value == "":
            del question["metric"]
    elif part == "accept" and kind == "file":
        question["accept"] = [entry for entry in values if entry]
    elif part == "max_mb" and kind == "file":
        question["max_mb"] = _whole(value) or value
    elif part == "mode" and "show_if" in question and value in ("all", "any"):
        question["show_if"] = {value: rules_of(question)}
    elif part.startswith("rule"):
        _write_rule(raw, question, part, values)
    elif part == "id" and value and value != question["id"]:
        _rename(raw, "answers", question["id"], value)
        question["id"] = value


def _change_type(raw: Json, question: Json, kind: str) -> None:
    """Another type of question. Its words stay; what the new type needs is filled in."""
    if kind == question["type"]:
        return
    if kind not in OPS and kind != "statement":
        raise DomainError(_("Choose a type of question."), field=f"type.{question['id']}", code="choice")
    question["type"] = kind
    question.pop("metric", None)
    question.pop("scale", None)
    question.pop("labels", None)
    if kind == "statement":
        question["required"] = False
    _fit_to_type(question, raw["languages"])


def _change_scale(question: Json, points: int) -> None:
    """Another number of points; the words at the ends stay at the ends, those in between go."""
    labels = question.get("labels", {})
    old = question.get("scale") or DEFAULT_SCALE[question["type"]]
    old_low, low = (0 if old == 11 else 1), (0 if points == 11 else 1)
    ends = {str(old_low): str(low), str(old_low + old - 1): str(low + points - 1)}
    if old != points:
        question["labels"] = {ends[point]: text for point, text in labels.items() if point in ends}
    question["scale"] = points


def _tidy(raw: Json) -> None:
    """Leave out what an emptied field leaves behind: texts that nobody wrote in any language."""
    for question in questions_of(raw):
        for name in ("labels", "follow_up"):
            if name in question:
                question[name] = {key: text for key, text in question[name].items() if text}
    raw["thank_you"] = {key: text for key, text in raw["thank_you"].items() if text}


def _rename(raw: Json, source: str, old: str, new: str) -> None:
    """Have conditions and repeated words follow an id."""
    place = re.compile(r"(\{\{\s*" + source + r"\.)" + re.escape(old) + r"(?![A-Za-z0-9_-])")

    def follow(texts: Json) -> None:
        for language, text in texts.items():
            texts[language] = place.sub(lambda found: found[1] + new, text)

    for question in questions_of(raw):
        follow(question["title"])
        for texts in question.get("follow_up", {}).values():
            follow(texts)
        for rule in rules_of(question):
            if rule["question"] == old:
                rule["question"] = new
    for key in ("title", "text"):
        follow(raw["thank_you"].get(key, {}))


# -- choices, rows, hidden fields -------------------------------------------------------------------------------------


def change_entries(raw: Json, question_id: str, action: str, target: str, lines: str = "") -> None:
    """Add, move or remove a choice or row: ``choice-add`` (``lines``, one each), ``row-up``, ``choice-remove``, ..."""
    question = find(raw, question_id)
    kind, _hyphen, verb = action.partition("-")
    entries = question.setdefault(ENTRY_LISTS[kind], [])
    if verb == "add":
        for line in [text for text in (line.strip() for line in lines.splitlines()) if text] or [""]:
            entries.append(_new_entry(raw, entries, kind, line))
        return
    index = next((number for number, entry in enumerate(entries) if entry["id"] == target), None)
    if index is None:
        raise NotFound(_("This choice is no longer there."))
    if verb == "remove":
        del entries[index]
    else:
        place = index - 1 if verb == "up" else index + 1
        if 0 <= place < len(entries):
            entries.insert(place, entries.pop(index))


def _new_entry(raw: Json, entries: list[Json], kind: str, label: str) -> Json:
    taken = {entry["id"] for entry in entries}
    base = slugify(label)[:40].strip("-_")
    made = base if base and base not in taken else f"{kind}-{secrets.token_hex(3)}"
    first = raw["languages"][0]
    text = (
        {first: label} if label else in_languages((NEW_CHOICES if kind == "choice" else NEW_ROWS)[-1], raw["languages"])
    )
    return {"id": made, "label": text}


def add_hidden(raw: Json) -> None:
    """Add a hidden field, to be named."""
    hidden = raw.setdefault("hidden", [])
    if len(hidden) >= MAX_HIDDEN:
        raise DomainError(_("There can be at most %(n)d hidden fields.") % {"n": MAX_HIDDEN}, code="too_many")
    hidden.append({"id": _fresh_id(raw, "field")})


def remove_hidden(raw: Json, hidden_id: str) -> None:
    """Remove a hidden field. What names it refuses."""
    raw["hidden"] = [field for field in raw.get("hidden", []) if field["id"] != hidden_id]


# -- conditions -------------------------------------------------------------------------------------------------------


def rules_of(question: Json) -> list[Json]:
    """The comparisons of a question's condition."""
    condition = question.get("show_if") or {}
    rules: list[Json] = condition.get("all") or condition.get("any") or []
    return rules


def sources_for(raw: Json, question_id: str) -> list[Json]:
    """What a condition of a question may name: the questions before it, and hidden fields (type ``hidden``)."""
    before: list[Json] = []
    for question in questions_of(raw):
        if question["id"] == question_id:
            break
        if question["type"] != "statement":
            before.append(question)
    return before + [{**field, "type": "hidden"} for field in raw.get("hidden", [])]


def add_rule(raw: Json, question_id: str) -> None:
    """Add a comparison with the question before, ready to be changed."""
    question = find(raw, question_id)
    sources = sources_for(raw, question_id)
    if not sources:
        raise DomainError(_("Nothing is asked before this question that it could depend on."), code="question")
    mode = next(iter(question.get("show_if") or {"all": []}))
    rules = rules_of(question)
    if len(rules) >= MAX_CONDITIONS:
        raise DomainError(_("There can be at most %(n)d comparisons.") % {"n": MAX_CONDITIONS}, code="too_many")
    asked = [source for source in sources if source["type"] != "hidden"]
    question["show_if"] = {mode: [*rules, usual_rule((asked or sources)[-1])]}


def remove_rule(raw: Json, question_id: str, index: int) -> None:
    """Remove a comparison; without any left the question is always shown."""
    question = find(raw, question_id)
    rules = rules_of(question)
    if 0 <= index < len(rules):
        del rules[index]
    if not rules:
        question.pop("show_if", None)


def usual_rule(source: Json, op: str = "") -> Json:
    """A comparison with a question that can be stored as it is."""
    kind = source["type"]
    op = op if op in OPS[kind] else OPS[kind][0]
    rule: Json = {"question": source["id"], "op": op}
    if op == "answered":
        return {**rule, "value": True}
    if kind in SCORE_TYPES:
        points = source.get("scale") or DEFAULT_SCALE[kind]
        value: Any = 6 if points == 11 else (points + 1) // 2
    elif kind == "number":
        value = 0
    elif kind == "date":
        value = "2026-01-01"
    elif kind == "consent":
        value = True
    elif source.get("choices"):
        value = source["choices"][0]["id"]
    else:
        value = "…"
    return {**rule, "value": [value] if op == "in" else value}


def _write_rule(raw: Json, question: Json, part: str, values: Sequence[str]) -> None:
    """One field of one comparison: ``rule0-question``, ``rule0-op``, ``rule0-value``."""
    number, _hyphen, name = part.removeprefix("rule").partition("-")
    rules = rules_of(question)
    if not (number.isascii() and number.isdigit() and int(number[:3]) < len(rules)):
        return
    index = int(number[:3])
    sources = {source["id"]: source for source in sources_for(raw, question["id"])}
    rule, value = rules[index], values[-1] if values else ""
    source = sources.get(value if name == "question" else rule["question"])
    if source is None:
        return
    if name == "question" and value != rule["question"]:
        rules[index] = usual_rule(source)
    elif name == "op" and value != rule["op"]:
        rules[index] = _with_op(source, rule, value)
    elif name == "value":
        rule["value"] = _rule_value(source, rule["op"], values)


def _with_op(source: Json, rule: Json, op: str) -> Json:
    """The same comparison by another operator, its value kept where it fits."""
    changed = usual_rule(source, op)
    old, new = rule["op"], changed["op"]
    if "answered" in (old, new):
        return changed
    value = rule["value"]
    if new == "in":
        return {**changed, "value": list(value) if isinstance(value, list | tuple) else [value]}
    return {**changed, "value": value[0] if isinstance(value, list | tuple) else value}


def _rule_value(source: Json, op: str, values: Sequence[str]) -> Any:
    """What a form says as the JSON of a comparison's value; what cannot be read is left to the reader to refuse."""
    kind = source["type"]
    if op == "answered" or kind == "consent":
        return bool(values) and values[-1] == "1"
    if op == "in" and kind in ("hidden", "text"):
        values = [line.strip() for value in values for line in value.splitlines()]
    read = [
        _read_number(value) if kind in SCORE_TYPES or kind == "number" else value.strip() for value in values if value
    ]
    return read if op == "in" else (read[-1] if read else "")


def _read_number(text: str) -> Any:
    try:
        value = float(text) if len(text) <= 40 else text
    except ValueError:
        return text
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 1e15 else value


def _whole(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0


# -- what is different ------------------------------------------------------------------------------------------------


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every single value of a JSON with its path, entries of lists named by their id where they have one."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            name = inner["id"] if isinstance(inner, dict) and isinstance(inner.get("id"), str) else str(index)
            yield from leaves(inner, f"{path}.{name}" if path else name)
    else:
        yield path, value


def differing(a: Any, b: Any) -> list[tuple[str, Any, Any]]:
    """Where two JSON values differ: (path, value in a, value in b), None where one has nothing there."""
    left, right = dict(leaves(a)), dict(leaves(b))
    return [
        (path, left.get(path), right.get(path))
        for path in dict.fromkeys([*left, *right])
        if left.get(path) != right.get(path)
    ]
