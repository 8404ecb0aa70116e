"""How scores of insights are printed."""

from __future__ import annotations

from django import template

from cxm.charts.figures import rounded, signed

register = template.Library()


@register.filter(name="signed")
def signed_score(value: float | None) -> str:
    """ "+1", "−0.5", "0"; one decimal where it is needed, nothing for None."""
    if value is None:
        return ""
    return signed(rounded(value, 1).removesuffix(".0"))
