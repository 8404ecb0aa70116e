#!/usr/bin/env python3
"""Build the icon sprite from the pinned Tabler icons package.

    python scripts/build_sprite.py tabler-icons-3.51.0.tgz

Reads the names in ``static/icons.txt``, takes their outline drawings out of the npm tarball of ``@tabler/icons`` and
writes ``static/vendor/tabler-icons/sprite.svg`` with one ``<symbol>`` a name. The result depends on nothing but these
two files, so running it again changes nothing.
"""

from __future__ import annotations

import json
import re
import sys
import tarfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NAMES = ROOT / "static" / "icons.txt"
SPRITE = ROOT / "static" / "vendor" / "tabler-icons" / "sprite.svg"
VERSION = "3.51.0"


def icon_names(path: Path = NAMES) -> list[str]:
    """Names of the icons the sprite holds, in order, without comments and doubles."""
    lines = (line.strip() for line in path.read_text("utf-8").splitlines())
    return sorted({line for line in lines if line and not line.startswith("#")})


def read_icons(tarball: Path, names: list[str]) -> dict[str, str]:
    """Inner drawing of each named icon. Raises ``SystemExit`` naming every icon the package does not have."""
    with tarfile.open(tarball) as archive:
        version = json.load(archive.extractfile("package/package.json"))["version"]  # type: ignore[arg-type]
        if version != VERSION:
            raise SystemExit(f"The sprite is pinned to {VERSION}; this package is {version}.")
        members = {member.name: member for member in archive.getmembers()}
        drawings: dict[str, str] = {}
        missing = []
        for name in names:
            member = members.get(f"package/icons/outline/{name}.svg")
            if member is None:
                missing.append(name)
                continue
            text = archive.extractfile(member).read().decode("utf-8")  # type: ignore[union-attr]
            inner = re.search(r"<svg[^>]*>(.*)</svg>", text, re.DOTALL).group(1)  # type: ignore[union-attr]
            # The package draws an invisible square first; it would only add weight.
            inner = re.sub(r'<path\s+stroke="none"[^>]*/>', "", inner)
            drawings[name] = re.sub(r"\s+", " ", inner).replace(" />", "/>").replace("> <", "><").strip()
    if missing:
        raise SystemExit("Not in the package: " + ", ".join(missing))
    return drawings


def sprite(drawings: dict[str, str]) -> str:
    """The sprite file. Stroke and fill stand on each symbol, so that an icon takes the colour of the text."""
    attributes = (
        'viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2" '
        'stroke-linecap="round" stroke-linejoin="round"'
    )
    symbols = "\n".join(f'<symbol id="{name}" {attributes}>{inner}</symbol>' for name, inner in drawings.items())
    return f'<svg xmlns="http://www.w3.org/2000/svg">\n{symbols}\n</svg>\n'


def main() -> None:
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    drawings = read_icons(Path(sys.argv[1]), icon_names())
    SPRITE.write_text(sprite(drawings), "utf-8")
    print(f"{len(drawings)} icons -> {SPRITE.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
