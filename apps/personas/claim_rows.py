"""The claims of a persona as rows of inputs, there and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from apps.personas.claims import MOST_CLAIMS
from apps.segments.builder import text_of, texts_of, value_of, values_of, whole_of
from apps.segments.builder_rows import FIELD_NAMES, OPERATOR_NAMES
from apps.segments.rule import LISTED, OPERATORS, PRESENCE, RELATIVE
from cxm.errors import FieldError

SPARE_ROWS = 2
OF_FIELD = "field:"
"""What stands before the name of a field of the profile where attributes can be named as well."""


def claim_rows(
    claims: Sequence[Mapping[str, Any]], data: Mapping[str, Any] | None, wrong: Sequence[FieldError] = ()
) -> list[dict[str, Any]]:
    """The claims as rows of inputs, with empty ones at the end; as they were typed when a form was sent.

    `wrong`: what the services refused, as `claims.<position>.<field>`; each stands at its row.
    """
    rows = [_row_of(claim) for claim in claims] if data is None else list(_typed(data))
    spare = SPARE_ROWS if data is None or data.get("do") == "more" else 0
    rows = [*rows, *({"name": "", "op": "=", "value": "", "at_least": ""} for _number in range(spare))][:MOST_CLAIMS]
    messages: dict[int, list[str]] = {}
    for error in wrong:
        position = error["field"].split(".")[1:2]
        messages.setdefault(int(position[0]) if position and position[0].isdigit() else 0, []).append(error["message"])
    named = iter(range(MOST_CLAIMS))
    operators = [(op, OPERATOR_NAMES[op]) for op in OPERATORS]
    names = [f"{OF_FIELD}{name}" for name in FIELD_NAMES]
    shown = []
    for number, row in enumerate(rows):
        errors = messages.get(next(named), []) if row["name"].strip() else []
        shown.append({**row, "number": number, "operators": operators, "names": names, "errors": errors})
    return shown


def claims_of(data: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The claims of a form that was sent, as the services take them. Rows without a name are left out."""
    return [_claim_of(row) for row in _typed(data) if row["name"].strip()]


def _typed(data: Mapping[str, Any]) -> list[dict[str, str]]:
    names = ("name", "op", "value", "at_least")
    return [
        {name: str(data.get(f"c-{number}.{name}", "")) for name in names}
        for number in range(MOST_CLAIMS)
        if f"c-{number}.name" in data
    ]


def _claim_of(row: Mapping[str, str]) -> dict[str, Any]:
    name, op, text = row["name"].strip(), row["op"], row["value"]
    kind = "field" if name.startswith(OF_FIELD) else "attribute"
    claim: dict[str, Any] = {kind: name.removeprefix(OF_FIELD), "op": op, "at_least": _share(row["at_least"])}
    if op in PRESENCE:
        return claim
    if op in RELATIVE:
        return claim | {"value": whole_of(text)}
    if kind == "field" and op not in LISTED:
        return claim | {"value": text.strip()}
    return claim | {"value": values_of(text) if op in LISTED else value_of(text)}


def _share(text: str) -> Any:
    """Percent as a share; the text itself when it is no number."""
    number = value_of(text.strip().removesuffix("%"))
    return number / 100 if isinstance(number, int | float) and not isinstance(number, bool) else text


def _row_of(claim: Mapping[str, Any]) -> dict[str, Any]:
    name = f"{OF_FIELD}{claim['field']}" if "field" in claim else claim["attribute"]
    value = claim.get("value")
    if isinstance(value, list):
        text = texts_of(value)
    else:
        text = str(value) if "field" in claim and value is not None else text_of(value)
    return {"name": name, "op": claim.get("op", "="), "value": text, "at_least": f"{100 * claim['at_least']:g}"}
