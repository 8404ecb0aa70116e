"""A pen for SVG: escapes all it writes, and paints by class or by attribute."""

from __future__ import annotations

from html import escape
from typing import Literal

from django.utils.safestring import SafeString

Paint = Literal["css", "literal"]

INK, MUTED, LINE, LINE_STRONG, SURFACE, SUNKEN = "#1B2430", "#566172", "#DFE4EA", "#8A94A4", "#FFFFFF", "#EEF1F5"
ACCENT, PROMOTER, PASSIVE, PASSIVE_EDGE, DETRACTOR = "#0F766E", "#164B8A", "#B3BBC7", "#7B8696", "#C74B08"

Attributes = dict[str, object]

LITERALS: dict[str, Attributes] = {
    "cx-axis": {"stroke": LINE, "stroke-width": 1},
    "cx-zero": {"stroke": LINE_STRONG, "stroke-width": 1},
    "cx-note": {"stroke": LINE_STRONG, "stroke-dasharray": "2 3"},
    "cx-band": {"fill": ACCENT, "fill-opacity": 0.13},
    "cx-line": {
        "fill": "none",
        "stroke": ACCENT,
        "stroke-width": 2,
        "stroke-linejoin": "round",
        "stroke-linecap": "round",
    },
    "cx-line2": {"fill": "none", "stroke": MUTED, "stroke-width": 1.5, "stroke-dasharray": "3 3"},
    "cx-pt": {"fill": SURFACE, "stroke": ACCENT, "stroke-width": 2},
    "cx-pt-on": {"fill": ACCENT},
    "cx-fpro": {"fill": PROMOTER},
    "cx-fpas": {"fill": PASSIVE, "stroke": PASSIVE_EDGE, "stroke-width": 1},
    "cx-fdet": {"fill": DETRACTOR},
    "cx-facc": {"fill": ACCENT},
    "cx-on": {"fill": SURFACE, "font-weight": 600},
    "cx-onp": {"fill": INK, "font-weight": 600},
    "cx-ink": {"fill": INK, "font-weight": 600},
    "cx-eline": {"fill": "none", "stroke": INK, "stroke-width": 2},
    "cx-elive": {"fill": "none", "stroke": ACCENT, "stroke-width": 1.75, "stroke-dasharray": "5 4"},
    "cx-edot": {"fill": ACCENT},
    "cx-ehol": {"fill": SURFACE, "stroke": ACCENT, "stroke-width": 1.75},
    "cx-eins": {
        "fill": "none",
        "stroke": MUTED,
        "stroke-width": 2.5,
        "stroke-dasharray": "0 5",
        "stroke-linecap": "round",
    },
    "cx-edia": {"fill": MUTED},
    "cx-emot": {"fill": SUNKEN},
    "cx-estar": {"fill": INK},
    "cx-ept": {"fill": SURFACE, "stroke": INK, "stroke-width": 2},
    "cx-ereach": {"stroke": ACCENT, "stroke-width": 6, "stroke-opacity": 0.18, "stroke-linecap": "round"},
    "cx-egap": {"stroke": DETRACTOR, "stroke-width": 2, "stroke-dasharray": "2 2"},
}
"""What cxm.css says of these classes in the light theme, as presentation attributes."""

TEXT: Attributes = {"fill": MUTED, "font-size": 11, "font-family": "Inter, sans-serif"}


def number(value: float) -> str:
    """A coordinate: one decimal at most."""
    text = f"{value:.1f}"
    return text.removesuffix(".0")


def _written(value: object) -> str:
    """A value as it may stand between the quotes of an attribute."""
    if isinstance(value, float):
        return number(value)
    return str(value) if isinstance(value, int) else escape(str(value))


class Pen:
    """Draws elements. Attribute names take `_` for `-`; None leaves an attribute out; text is always escaped."""

    def __init__(self, paint: Paint = "css") -> None:
        if paint not in ("css", "literal"):
            raise ValueError(f"Unknown paint {paint!r}; use 'css' or 'literal'.")
        self.paint = paint

    def draw(self, tag: str, *children: str, cls: str = "", **attributes: object) -> SafeString:
        pairs: Attributes = {}
        if self.paint == "css":
            if cls:
                pairs["class"] = cls
        else:
            if tag == "text":
                pairs |= TEXT
            for name in cls.split():
                pairs |= LITERALS.get(name, {})
        for name, value in attributes.items():
            pairs[name.rstrip("_").replace("_", "-")] = value
        written = "".join(f' {name}="{_written(value)}"' for name, value in pairs.items() if value is not None)
        inside = "".join(child if isinstance(child, SafeString) else escape(child) for child in children)
        # Tags and attribute names are literals of this package; values and words have been escaped.
        return SafeString(f"<{tag}{written}>{inside}</{tag}>" if children else f"<{tag}{written}/>")

    def line(self, cls: str, x1: float, y1: float, x2: float, y2: float) -> SafeString:
        return self.draw("line", cls=cls, x1=float(x1), x2=float(x2), y1=float(y1), y2=float(y2))

    def text(self, words: str, x: float, y: float, *, cls: str = "", anchor: str | None = None) -> SafeString:
        return self.draw("text", words, cls=cls, x=float(x), y=float(y), text_anchor=anchor)

    def path(self, tag: Literal["polyline", "polygon"], cls: str, points: list[tuple[float, float]]) -> SafeString:
        return self.draw(tag, cls=cls, points=" ".join(f"{number(x)},{number(y)}" for x, y in points))

    def chart(
        self,
        id: str,
        width: int,
        height: int,
        title: str,
        finding: str,
        *children: str,
        cls: str = "",
        fixed: bool = False,
    ) -> SafeString:
        """The picture itself: an image to assistive technology, named by its title, told by its finding.

        It fills its container, unless `fixed`: then it is as wide as it is drawn.
        """
        literal = self.paint == "literal"
        return self.draw(
            "svg",
            self.draw("title", title, id=f"{id}-t"),
            self.draw("desc", finding, id=f"{id}-d"),
            *children,
            cls=f"cx-chart {cls}".strip(),
            viewBox=f"0 0 {width} {height}",
            role="img",
            aria_labelledby=f"{id}-t {id}-d",
            xmlns="http://www.w3.org/2000/svg" if literal else None,
            width=width if literal or fixed else None,
            height=height if literal or fixed else None,
        )
