"""Install the event SDKs for Node.js that tests use, into var/sdks; without Node.js those tests are skipped."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LISTS = ("package.json", "package-lock.json")
SDKS = ROOT / "var" / "sdks"
INSTALLED = SDKS / "node_modules" / ".package-lock.json"


def is_installed() -> bool:
    """Whether what is installed is what the lists name now."""
    return INSTALLED.exists() and all(
        (SDKS / name).exists() and (SDKS / name).read_bytes() == (ROOT / "tests" / "sdks" / name).read_bytes()
        for name in LISTS
    )


def main() -> None:
    if is_installed():
        return
    npm = shutil.which("npm")
    if npm is None:
        print("There is no Node.js with npm: the tests of the SDKs for Node.js will be skipped", flush=True)
        return
    print("Installing the SDKs for Node.js", flush=True)
    SDKS.mkdir(parents=True, exist_ok=True)
    for name in LISTS:
        shutil.copy(ROOT / "tests" / "sdks" / name, SDKS / name)
    command = [
        npm,
        "install",
        "--no-save",
        "--omit",
        "optional",
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
        "--loglevel",
        "error",
    ]
    if subprocess.run(command, cwd=SDKS, stdin=subprocess.DEVNULL, check=False).returncode:
        INSTALLED.unlink(missing_ok=True)
        print("They could not be installed: the tests of them will be skipped", flush=True)


if __name__ == "__main__":
    main()
