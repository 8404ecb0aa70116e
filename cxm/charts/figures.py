"""How scores are printed: "+38 (34 to 43)", "81 % (78 to 83)", "5.2 (5.1 to 5.3)".

Rounding happens here and nowhere else. Halves are rounded away from zero, as people do.
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import Literal

from django.utils.translation import gettext

Unit = Literal["points", "percent", "mean"]

MINUS = "\u2212"
THIN = "\u202f"
"""Narrow no-break space, between a number and its percent sign."""


def rounded(value: float, decimals: int) -> str:
    """Digits with a real minus sign; never "−0"."""
    # Nine digits first: 2.5 may have come out of floating point as 2.4999999999999996.
    step = Decimal(1).scaleb(-decimals)
    number = Decimal(repr(round(value, 9))).quantize(step, ROUND_HALF_UP)
    return f"{abs(number)}" if number >= 0 or not abs(number) else f"{MINUS}{abs(number)}"


def figure(value: float | None, unit: Unit, *, decimals: int | None = None) -> str:
    """One score in its unit: points with a sign, percent with its sign, means with one decimal; "–" for None."""
    if value is None:
        return "\u2013"
    text = rounded(value, decimals if decimals is not None else 1 if unit == "mean" else 0)
    if unit == "percent":
        return f"{text}{THIN}%"
    return signed(text) if unit == "points" else text


def signed(text: str) -> str:
    """A plus sign before a number above zero."""
    return text if text.startswith(MINUS) or not text.strip("0.") else f"+{text}"


def interval(low: float | None, high: float | None, unit: Unit, *, decimals: int | None = None) -> str:
    """ "34 to 43". The unit stands with the score and is not repeated. Empty for None."""
    if low is None or high is None:
        return ""
    places = decimals if decimals is not None else 1 if unit == "mean" else 0
    return gettext("%(low)s to %(high)s") % {"low": rounded(low, places), "high": rounded(high, places)}


def figure_with_interval(
    value: float | None, low: float | None, high: float | None, unit: Unit, *, decimals: int | None = None
) -> str:
    """ "+38 (34 to 43)"."""
    span = interval(low, high, unit, decimals=decimals)
    text = figure(value, unit, decimals=decimals)
    return f"{text} ({span})" if span else text


def signed_change(value: float, unit: Unit) -> str:
    """A difference of two scores: "+9", "−1.8". Percent points and points alike, without a unit."""
    return signed(rounded(value, 1 if unit == "mean" else 0))
