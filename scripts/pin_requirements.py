"""Write requirements.txt and requirements-dev.txt anew from what is installed in this environment.

The packages under "direct" in each file are the ones we chose; everything they need is pinned below them. To add or
upgrade one: install it, put its name under "direct", run this script, commit both files. A line with a condition
(``; python_full_version < ...``) is for other Pythons than this one, and kept as it is.
"""

from __future__ import annotations

import re
from importlib.metadata import Distribution, distributions
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
NEEDED = "# what those need"
FORBIDDEN = {"psycopg"}  # beside psycopg2, Django would take it, at 1.5 times the processor time


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def direct_of(file: Path) -> list[Requirement]:
    lines = file.read_text().partition(NEEDED)[0].splitlines()
    return [Requirement(line) for line in lines if line.strip() and not line.startswith(("#", "-")) and ";" not in line]


def conditional_of(file: Path) -> list[str]:
    """The lines for other Pythons, kept as they are."""
    return [line for line in file.read_text().splitlines() if ";" in line and not line.startswith("#")]


def closure(roots: list[Requirement], installed: dict[str, Distribution]) -> set[str]:
    """The names of these packages and of all they need here."""
    seen: set[tuple[str, tuple[str, ...]]] = set()
    waiting = list(roots)
    while waiting:
        wanted = waiting.pop()
        key = (normal(wanted.name), tuple(sorted(wanted.extras)))
        if key in seen:
            continue
        seen.add(key)
        for text in installed[key[0]].requires or []:
            needed = Requirement(text)
            extras = wanted.extras or {""}
            if needed.marker is None or any(needed.marker.evaluate({"extra": extra}) for extra in extras):
                waiting.append(needed)
    return {name for name, _ in seen}


def write(
    file: Path, heading: list[str], direct: list[Requirement], names: set[str], installed: dict[str, Distribution]
) -> None:
    def pin(name: str, extras: set[str] | None = None) -> str:
        found = installed[name]
        suffix = f"[{','.join(sorted(extras))}]" if extras else ""
        return f"{found.metadata['Name']}{suffix}=={found.version}"

    chosen = {normal(requirement.name): requirement for requirement in direct}
    own = sorted([*(pin(name, chosen[name].extras) for name in chosen), *conditional_of(file)], key=str.lower)
    lines = [*heading, *own, "", NEEDED]
    lines += [pin(name) for name in sorted(names - set(chosen))]
    file.write_text("\n".join(lines) + "\n")


def main() -> None:
    installed = {normal(found.metadata["Name"]): found for found in distributions()}
    runtime, development = ROOT / "requirements.txt", ROOT / "requirements-dev.txt"
    chosen, chosen_dev = direct_of(runtime), direct_of(development)
    needed = closure(chosen, installed)
    needed_dev = closure(chosen_dev, installed) - needed
    if wrong := (needed | needed_dev) & FORBIDDEN:
        raise SystemExit(f"{', '.join(wrong)} must not be installed")
    heading = "# Exact versions; written by scripts/pin_requirements.py."
    write(runtime, [heading, "", "# direct"], chosen, needed, installed)
    write(development, [heading, "-r requirements.txt", "", "# direct"], chosen_dev, needed_dev, installed)


if __name__ == "__main__":
    main()
