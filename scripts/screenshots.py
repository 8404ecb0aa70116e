#!/usr/bin/env python3
"""Take pictures of pages, light and dark, wide and phone, to look at them. For development only.

    python scripts/screenshots.py http://localhost:8000 --email E --password P --out DIR /o/nordwind/ /ui/

Prints what the browser complained about on each page: policy violations, script errors, failed requests.
"""

from __future__ import annotations

import argparse
import os
import shutil
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

SIZES = {"wide": (1280, 900), "phone": (390, 844), "small": (320, 640)}
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def browser_path() -> str | None:
    """A Chromium of the system, or None for Playwright's own."""
    return os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")


def sign_in(page: Page, base: str, email: str, password: str) -> None:
    """Fill in the sign-in form and wait for the page after it."""
    page.goto(f"{base}/accounts/login/")
    page.fill("input[name=login]", email)
    page.fill("input[name=password]", password)
    page.click("main button[type=submit]:not([form])")
    page.wait_for_load_state("networkidle")


def shoot(browser: Browser, state: dict | None, base: str, path: str, size: str, theme: str, out: Path) -> None:
    """One picture of one page. The theme is set on the page alone, not in the account."""
    width, height = SIZES[size]
    context = browser.new_context(
        storage_state=state,
        viewport={"width": width, "height": height},
        device_scale_factor=1,
        color_scheme=theme,
        has_touch=size != "wide",
    )
    page = context.new_page()
    page.on(
        "console", lambda message: message.type in {"error", "warning"} and print(f"  {message.type}: {message.text}")
    )
    page.on("pageerror", lambda error: print(f"  error: {error}"))
    response = page.goto(f"{base}{path}")
    page.wait_for_load_state("networkidle")
    page.evaluate("theme => { document.documentElement.dataset.theme = theme }", theme)
    overflow = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    name = f"{path.strip('/').replace('/', '_').replace('?', '_') or 'root'}-{size}-{theme}.png"
    page.screenshot(path=str(out / name), full_page=True)
    print(f"{response.status if response else '?'} {name}" + (f"  overflows by {overflow} px" if overflow > 0 else ""))
    context.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("base")
    parser.add_argument("paths", nargs="+")
    parser.add_argument("--email", default="")
    parser.add_argument("--password", default="")
    parser.add_argument("--out", type=Path, default=Path("var/screenshots"))
    parser.add_argument("--sizes", default="wide,phone")
    parser.add_argument("--themes", default="light,dark")
    arguments = parser.parse_args()
    base = arguments.base.rstrip("/")
    arguments.out.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path(), args=FLAGS)
        state = None
        if arguments.email:
            context = browser.new_context()
            sign_in(context.new_page(), base, arguments.email, arguments.password)
            state = context.storage_state()
        for path in arguments.paths:
            for size in arguments.sizes.split(","):
                for theme in arguments.themes.split(","):
                    shoot(browser, state, base, path, size, theme, arguments.out)
        browser.close()


if __name__ == "__main__":
    main()
