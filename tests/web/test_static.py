"""The style sheet, the modules and the vendored files: what they may hold, what they weigh, where they come from."""

from __future__ import annotations

import gzip
import hashlib
import re
import tomllib
from pathlib import Path

import pytest
from django.core.management import call_command
from django.test import override_settings

ROOT = Path(__file__).resolve().parents[2]
STATIC = ROOT / "static"
SHEETS = sorted(STATIC.glob("*.css")) + sorted((STATIC / "cx").glob("*.css"))
MODULES = sorted((STATIC / "cx").glob("*.js")) + sorted(STATIC.glob("*.js"))
VENDORED = sorted([*STATIC.glob("vendor/*/VENDOR.toml"), *(ROOT / "tests").glob("vendor/*/VENDOR.toml")])
CSS_BUDGET = 16 * 1024
MODULE_BUDGET = 20 * 1024

PHYSICAL = re.compile(
    r"(?:^|[{;\s])((?:margin|padding|border)-(?:left|right)[\w-]*|left|right|(?:border-(?:top|bottom)-(?:left|right))[\w-]*)\s*:"
    r"|(?:text-align|float|clear)\s*:\s*(?:left|right)\b"
)
COLOUR = re.compile(r"#[0-9a-fA-F]{3,8}\b|\b(?:rgba?|hsla?|oklch|oklab)\(|:\s*(?:white|black|red|green|blue|gr[ae]y)\b")
TOKENS = re.compile(r"(?::root|\[data-theme=[\w]+\]|:host)[^{}]*\{[^{}]*\}")


def without_comments(css: str) -> str:
    return re.sub(r"/\*.*?\*/", "", css, flags=re.DOTALL)


@pytest.mark.parametrize("sheet", SHEETS, ids=lambda path: path.name)
def test_sheet_uses_logical_directions_only(sheet: Path) -> None:
    assert [match.group(0) for match in PHYSICAL.finditer(without_comments(sheet.read_text("utf-8")))] == []


@pytest.mark.parametrize("sheet", SHEETS, ids=lambda path: path.name)
def test_sheet_takes_colours_from_tokens(sheet: Path) -> None:
    rules = TOKENS.sub("", without_comments(sheet.read_text("utf-8")))
    assert COLOUR.findall(rules) == []


def test_app_classes_carry_the_prefix() -> None:
    css = without_comments((STATIC / "cxm.css").read_text("utf-8"))
    selectors = " ".join(re.findall(r"([^{}]+)\{", css))
    names = set(re.findall(r"\.([a-zA-Z][\w-]*)", selectors))
    # Short classes that only mean something inside a component of ours, and htmx's own.
    inside = {"r", "c", "n", "g", "done", "htmx-indicator", "htmx-request"}
    assert {name for name in names - inside if not name.startswith("cx-")} == set()


def test_style_sheet_stays_light() -> None:
    assert len(gzip.compress((STATIC / "cxm.css").read_bytes(), 9)) <= CSS_BUDGET


def with_imports(module: Path) -> set[Path]:
    """A module and everything that it imports, directly or not."""
    found: set[Path] = set()
    waiting = [module]
    while waiting:
        path = waiting.pop()
        found.add(path)
        names = re.findall(r"""(?:from|import)\s+['"]\./([\w-]+\.js)['"]""", path.read_text("utf-8"))
        waiting += [path.with_name(name) for name in names if path.with_name(name) not in found]
    return found


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.name)
def test_a_page_with_a_module_stays_light(module: Path) -> None:
    """What a page loads of our own: the kit, and one module with what it imports."""
    loaded = with_imports(module) | with_imports(next(path for path in MODULES if path.name == "kit.js"))
    assert sum(len(gzip.compress(path.read_bytes(), 9)) for path in loaded) <= MODULE_BUDGET


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.name)
def test_module_has_no_sink_that_the_policy_blocks(module: Path) -> None:
    code = re.sub(r"//[^\n]*|/\*.*?\*/", "", module.read_text("utf-8"), flags=re.DOTALL)
    writes = r"\.(?:innerHTML|outerHTML|insertAdjacentHTML|srcdoc)\b|document\.write"
    runs = r"""\beval\(|new Function|setTimeout\(\s*['"`]"""
    sinks = f"{writes}|{runs}"
    assert re.findall(sinks, code) == []


@pytest.mark.parametrize("record", VENDORED, ids=lambda path: path.parent.name)
def test_vendored_files_are_the_recorded_ones(record: Path) -> None:
    """Version, source, licence and checksum of every file; nothing else lies in the directory."""
    data = tomllib.loads(record.read_text("utf-8"))
    assert {"name", "version", "source", "licence"} <= set(data)
    assert data["source"] == f"npm:{data['name']}@{data['version']}"
    assert (record.parent / data["licence_file"]).stat().st_size > 0
    recorded = {entry["path"]: entry["sha256"] for entry in data["files"]}
    present = {path.name for path in record.parent.iterdir()} - {"VENDOR.toml"}
    assert present == set(recorded)
    for name, digest in recorded.items():
        assert hashlib.sha256((record.parent / name).read_bytes()).hexdigest() == digest, name


def test_every_vendored_directory_has_a_record() -> None:
    directories = {path for base in (STATIC, ROOT / "tests") for path in (base / "vendor").iterdir() if path.is_dir()}
    assert {record.parent for record in VENDORED} == directories


def test_every_icon_used_is_in_the_sprite() -> None:
    """Names in templates, in navigation items and in Python's palettes."""
    sprite = set(re.findall(r'<symbol id="([\w-]+)"', (STATIC / "vendor/tabler-icons/sprite.svg").read_text("utf-8")))
    used: set[str] = set()
    for path in (ROOT / "templates").rglob("*.html"):
        text = path.read_text("utf-8")
        used |= set(re.findall(r'\{%\s*cx_icon\s+"([\w-]+)"', text)) | set(re.findall(r'\bicon="([\w-]+)"', text))
    for path in [*(ROOT / "apps").rglob("*.py"), *(ROOT / "cxm").rglob("*.py")]:
        used |= set(re.findall(r'\bicon="([\w-]+)"', path.read_text("utf-8")))
    assert used - sprite == set()


def test_sprite_holds_exactly_the_listed_icons() -> None:
    listed = {
        line.strip()
        for line in (STATIC / "icons.txt").read_text("utf-8").splitlines()
        if line.strip() and not line.startswith("#")
    }
    sprite = set(re.findall(r'<symbol id="([\w-]+)"', (STATIC / "vendor/tabler-icons/sprite.svg").read_text("utf-8")))
    assert sprite == listed


def test_collected_files_are_hashed_compressed_and_point_at_each_other(tmp_path: Path) -> None:
    """Imports between modules and addresses in the style sheet lead to hashed names, as the pages do."""
    storages = {
        "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
        "staticfiles": {"BACKEND": "cxm.web.staticfiles.HashedStaticFilesStorage"},
    }
    with override_settings(STATIC_ROOT=tmp_path, STATICFILES_DIRS=[STATIC], STORAGES=storages, DEBUG=False):
        call_command("collectstatic", interactive=False, verbosity=0)
        from django.contrib.staticfiles.storage import staticfiles_storage

        kit = tmp_path / staticfiles_storage.stored_name("cx/kit.js")
        sheet = tmp_path / staticfiles_storage.stored_name("cxm.css")
    imported = re.findall(r"""from\s*["']\./([^"']+)["']|import\s*["']\./([^"']+)["']""", kit.read_text("utf-8"))
    assert len(imported) >= 4
    for name in ("".join(pair) for pair in imported):
        assert re.fullmatch(r"[\w-]+\.[0-9a-f]{12}\.js", name)
        assert (kit.parent / name).exists()
    addresses = re.findall(r'url\("([^"]+)"\)', sheet.read_text("utf-8"))
    assert addresses
    for address in addresses:
        assert re.search(r"\.[0-9a-f]{12}\.woff2$", address)
        assert (sheet.parent / address).exists()
    for path in (kit, sheet):
        assert path.with_name(path.name + ".br").exists()
        assert path.with_name(path.name + ".gz").exists()
