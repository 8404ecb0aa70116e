"""Documents set by typst. What people wrote goes in as one JSON value that a template reads: it is text, never code.

The fonts are those in ``static/vendor``; they have the letters of Latin, Greek, Cyrillic and Arabic script.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal

from django.conf import settings

FONTS: Final = [Path(settings.ROOT) / "static" / "vendor" / name for name in ("inter-ttf", "noto-sans-arabic-ttf")]
MISSING: Final = "\N{WHITE SQUARE}"
"""Stands for every letter that the fonts have no shape for."""
LONGEST_WORD: Final = 16
"""Characters after which a word may be broken, so that it stays in its box."""
MOST_NAMED: Final = 12

_OTHER_LETTERS = re.compile(
    "[^\n\t\u0020-\u007e\u00a0-\u052f\u0600-\u06ff\u0750-\u077f\u08a0-\u08ff\u1e00-\u1fff\u2010-\u2029\u202f-\u206f"
    "\u20a0-\u20bf\u2100-\u218f\u2190-\u21ff\u2200-\u22ff\u25a1\u25b2\u25bc\u25cf\u25c6\ufb50-\ufdff\ufe70-\ufeff]"
)
"""What the fonts have no shape for."""
_UNSEEN = re.compile(
    "[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200d\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff]"
)
"""Control characters, joiners of pictures, and marks that turn the direction of what follows them."""
_LONG_WORD = re.compile(rf"[^\s\u0600-\u08ff\ufb50-\ufeff]{{{LONGEST_WORD}}}(?=[^\s\u0600-\u08ff\ufb50-\ufeff])")


class Words:
    """Makes texts printable, and remembers the letters it had to leave out."""

    def __init__(self) -> None:
        self.missing: dict[str, None] = {}

    def say(self, text: object) -> str:
        """A text as it can be set: letters without a shape are squares, long words may be broken."""
        plain = _UNSEEN.sub("", unicodedata.normalize("NFC", str(text)))
        return _LONG_WORD.sub("\\g<0>\u200b", _OTHER_LETTERS.sub(self._square, plain))

    def _square(self, match: re.Match[str]) -> str:
        if len(self.missing) < MOST_NAMED:
            self.missing[f"U+{ord(match[0]):04X}"] = None
        return MISSING

    @property
    def named(self) -> list[str]:
        """The code points that were left out, the first dozen."""
        return list(self.missing)


def set_document(
    template: Path, data: Mapping[str, Any], *, suffix: Literal["pdf", "png"], ppi: float | None = None
) -> list[bytes]:
    """The pages of a document: one PDF, or one PNG a page. The template reads ``sys.inputs.data``.

    Nothing of the machine can be read from a template but its own folder, and nothing is fetched.
    """
    import typst  # here and not above: 60 MB that only whoever prints needs

    drawn = typst.compile(
        str(template),
        root=str(template.parent),
        font_paths=[str(folder) for folder in FONTS],
        ignore_system_fonts=True,
        format=suffix,
        ppi=ppi,
        sys_inputs={"data": json.dumps(data, ensure_ascii=False)},
    )
    return [bytes(page) for page in drawn] if isinstance(drawn, list) else [bytes(drawn)]
