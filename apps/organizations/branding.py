"""The organisation's accent colour: may it be used, and the stylesheet that follows from it.

Contrast is the ratio of WCAG 2.2 (success criterion 1.4.3, relative luminance of sRGB), 1 to 21. Pure: no database.
"""

import re
from dataclasses import dataclass
from typing import Final

#: The smallest ratio normal text may have (WCAG 2.2 AA).
SMALLEST_CONTRAST: Final = 4.5

#: Surfaces the accent is read on, as in the design tokens: light and dark.
LIGHT_SURFACE: Final = "#FFFFFF"
LIGHT_DEEPEST: Final = "#EEF1F5"
DARK_SURFACE: Final = "#191F29"
DARK_DEEPEST: Final = "#222A36"
LIGHT_INK: Final = "#FFFFFF"
DARK_INK: Final = "#0E1218"

_HEX = re.compile(r"#[0-9a-fA-F]{6}\Z")


@dataclass(frozen=True)
class Accent:
    """One theme's accent: the fill, the words on it, a stronger tone for words on tint, and the tint."""

    fill: str
    on: str
    strong: str
    tint: str


def is_colour(value: str) -> bool:
    """Whether ``value`` is a six-digit hexadecimal colour such as ``#0F766E``."""
    return bool(_HEX.match(value))


def contrast(one: str, other: str) -> float:
    """The contrast ratio of two colours, 1.0 (equal) to 21.0 (black on white)."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def on_colour(fill: str) -> str:
    """White or near-black: whichever reads better on ``fill``."""
    return max((LIGHT_INK, DARK_INK), key=lambda ink: contrast(ink, fill))


def is_readable_accent(value: str) -> bool:
    """Whether links and buttons in this colour can be read on white: at least 4.5 to 1."""
    return contrast(value, LIGHT_SURFACE) >= SMALLEST_CONTRAST


def light_accent(colour: str) -> Accent:
    """The accent on the light theme, darkened just enough to be read on the greyest surface and on its own tint."""
    tint = _mix(colour, LIGHT_SURFACE, 0.88)
    fill = _until_readable(colour, "#000000", (LIGHT_SURFACE, LIGHT_DEEPEST, tint))
    strong = _until_readable(_mix(fill, "#000000", 0.2), "#000000", (LIGHT_SURFACE, LIGHT_DEEPEST, tint))
    return Accent(fill=fill, on=on_colour(fill), strong=strong, tint=tint)


def dark_accent(colour: str) -> Accent:
    """The accent on the dark theme: lightened until it can be read on the lightest of the dark surfaces."""
    tint = _mix(colour, DARK_SURFACE, 0.72)
    fill = _until_readable(_mix(colour, "#FFFFFF", 0.35), "#FFFFFF", (DARK_SURFACE, DARK_DEEPEST, tint))
    strong = _until_readable(_mix(fill, "#FFFFFF", 0.25), "#FFFFFF", (DARK_SURFACE, DARK_DEEPEST, tint))
    return Accent(fill=fill, on=on_colour(fill), strong=strong, tint=tint)


def stylesheet(colour: str) -> str:
    """The organisation's stylesheet: the accent tokens of both themes, nothing else.

    ``colour`` must satisfy ``is_colour``; nothing a person typed reaches the sheet in any other form.
    """
    if not is_colour(colour):
        raise ValueError("An accent is a six-digit hexadecimal colour.")
    light, dark = _tokens(light_accent(colour)), _tokens(dark_accent(colour))
    return (
        f":root{{{light}}}\n"
        f"[data-theme=dark]{{{dark}}}\n"
        f"@media (prefers-color-scheme:dark){{[data-theme=auto]{{{dark}}}}}\n"
    )


def _tokens(accent: Accent) -> str:
    return (
        f"--cx-accent:{accent.fill};--cx-accent-strong:{accent.strong};--cx-accent-tint:{accent.tint};"
        f"--cx-focus:{accent.fill};--cx-on-accent:{accent.on}"
    )


def _rgb(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _luminance(colour: str) -> float:
    def linear(part: int) -> float:
        share = part / 255
        return share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4

    red, green, blue = (linear(part) for part in _rgb(colour))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _mix(colour: str, towards: str, share: float) -> str:
    """``colour`` moved towards another by ``share`` (0 to 1)."""
    return "#" + "".join(f"{round(a + (b - a) * share):02X}" for a, b in zip(_rgb(colour), _rgb(towards), strict=True))


def _until_readable(colour: str, towards: str, surfaces: tuple[str, ...]) -> str:
    """The first step on the way from ``colour`` towards another that can be read on every surface."""
    for step in range(41):
        candidate = _mix(colour, towards, step / 40)
        if all(contrast(candidate, surface) >= SMALLEST_CONTRAST for surface in surfaces):
            return candidate
    return towards
