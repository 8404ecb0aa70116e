"""What a persona claims of its people, so that it can be measured: “plan is gold, for at least 60 %”. Pure.

A claim is one condition of a segment's rule (docs/segments.md), on an attribute or a field, with the least share of
those people of whom it is known: `{"attribute": "plan", "op": "=", "value": "gold", "at_least": 0.6}`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _

from apps.segments.rule import NEGATIONS, PRESENCE, AttributeLeaf, FieldLeaf, Group, Leaf, Rule, parse_rule
from cxm.errors import DomainErrors, FieldError

MOST_CLAIMS = 20
KINDS = ("attribute", "field")
ALWAYS_KNOWN = ("stage", "created_at")
"""Fields that every customer has."""


def read_claims(raw: object, errors: list[FieldError]) -> list[dict[str, Any]]:
    """Claims in their normal form; what is wrong is added to `errors` as `claims.<position>.<field>`."""
    if raw is None:
        return []
    if not isinstance(raw, list):
        errors.append(_error("claims", _("Send a list of claims.")))
        return []
    if len(raw) > MOST_CLAIMS:
        errors.append(_error("claims", _("At most %(most)d claims.") % {"most": MOST_CLAIMS}, "too_many"))
        return []
    claims = []
    for position, given in enumerate(raw):
        place = f"claims.{position}"
        if not isinstance(given, Mapping) or not any(kind in given for kind in KINDS):
            message = _('Send a claim such as {"attribute": "plan", "op": "=", "value": "gold", "at_least": 0.6}.')
            errors.append(_error(place, message))
            continue
        share = given.get("at_least")
        if isinstance(share, bool) or not isinstance(share, int | float) or not 0 < share <= 1:
            errors.append(_error(f"{place}.at_least", _("Give a share from 0 to 1, such as 0.6.")))
            continue
        try:
            rule = parse_rule({"all": [{name: value for name, value in given.items() if name != "at_least"}]})
        except DomainErrors as wrong:
            for error in wrong.errors:
                field = error["field"].removeprefix("rule.all.0").strip(".")
                errors.append({**error, "field": f"{place}.{field}".rstrip(".")})
            continue
        (leaf,) = rule.leaves()
        claims.append({**leaf.as_json(), "at_least": round(float(share), 4)})
    return claims


def leaf_of(claim: Mapping[str, Any]) -> Leaf:
    """The condition of a stored claim."""
    (leaf,) = parse_rule({"all": [{name: value for name, value in claim.items() if name != "at_least"}]}).leaves()
    return leaf


def measured_by(claim: Mapping[str, Any]) -> tuple[Rule, Rule | None]:
    """Who counts as a hit, and of whom (None = of all people of the persona): those of whom the thing is known."""
    leaf = leaf_of(claim)
    known = _known(leaf)
    if known is None:
        return Group("all", (leaf,)), None
    parts: Sequence[Leaf] = (leaf, known) if _op(leaf) in NEGATIONS else (leaf,)
    return Group("all", tuple(parts)), Group("all", (known,))


def _known(leaf: Leaf) -> Leaf | None:
    if _op(leaf) in PRESENCE or (isinstance(leaf, FieldLeaf) and leaf.field in ALWAYS_KNOWN):
        return None
    name = {"attribute": leaf.name} if isinstance(leaf, AttributeLeaf) else {"field": getattr(leaf, "field", "")}
    return leaf_of({**name, "op": "exists"})


def _op(leaf: Leaf) -> str:
    return leaf.test.op if isinstance(leaf, FieldLeaf | AttributeLeaf) else ""


def _error(field: str, message: str, code: str = "invalid") -> FieldError:
    return {"field": field, "code": code, "message": message}
