"""Scrolling a map of 40 stages and 10 lanes in a real browser, frame by frame, and what its page weighs.

Limit: an empty page of the same width and height, scrolled by the same script in the same browser a moment before.
Ours: the board of an editor with every script running, two cards in each of the 400 cells, scrolled along both axes.
A browser without a graphics card paints in software, so the share of late frames is compared, not the share alone.
"""

from __future__ import annotations

import gzip
import os
import shutil
from collections.abc import Iterable
from statistics import median
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from apps.journeys.services import create_journey
from apps.touchpoints.services import create_touchpoint
from benchmarks import Row, percentile
from benchmarks.response_path import server
from cxm.actor import Actor
from cxm.scope import tenant

SYSTEM = Actor.system("benchmark")
FRAME_MS = 1000 / 60
LATE_MS = FRAME_MS * 1.5
"""A frame that came this late has missed its turn: the one before was seen twice."""
FRAMES = 240
STAGES = {"small": 20, "full": 40}
LANES = [
    "actions",
    "thoughts",
    "emotions",
    "pain_points",
    "opportunities",
    "backstage",
    "owner",
    "Channel",
    "Law",
    "IT",
]
MOST_BYTES = 140_000
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]

SCROLL = """
async ([selector, frames]) => {
  const box = document.querySelector(selector);
  const gaps = [];
  let last = await new Promise(requestAnimationFrame);
  for (let i = 0; i < frames; i++) {
    const along = i % (frames / 2) < frames / 4;
    box.scrollBy(along ? 40 : 0, along ? 0 : 20);
    const now = await new Promise(requestAnimationFrame);
    gaps.push(now - last);
    last = now;
  }
  return gaps;
}
"""
EMPTY = "<!doctype html><title>-</title><div id=box><div id=in></div></div>"


def measure(size: str) -> Iterable[Row]:
    """Frames, page weight, and the time until the board can be used."""
    from playwright.sync_api import sync_playwright

    call_command("collectstatic", interactive=False, verbosity=0)
    organization, user, journey = a_large_map(STAGES[size])
    path = reverse("journeys:detail", args=[organization.slug, journey.pk]) + "?view=board"
    client = Client()
    client.force_login(user)
    weight = len(gzip.compress(client.get(path).content, 9))
    cookie = client.cookies[settings.SESSION_COOKIE_NAME].value
    program = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    with server() as port, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        try:
            context = browser.new_context(viewport={"width": 1400, "height": 900})
            base = f"http://127.0.0.1:{port}"
            context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": cookie, "url": base}])
            page = context.new_page()
            page.goto(base + path)
            page.wait_for_selector(".cx-km[role=button]")
            wide, high = page.evaluate(
                "() => { const box = document.querySelector('.cx-jwrap'); return [box.scrollWidth, box.scrollHeight] }"
            )
            ours = scrolled(page, ".cx-jwrap")
            limit = scrolled(an_empty_page(context, wide, high), "#box")
        finally:
            browser.close()
    late, late_limit = share_late(ours), share_late(limit)
    yield Row(
        f"late frames, map of {STAGES[size]} stages and {len(LANES)} lanes",
        told(limit),
        told(ours),
        (1 - late) / max(1 - late_limit, 0.01),
        0.95,
    )
    yield Row("the same map's page, gzip", f"{MOST_BYTES} B", f"{weight} B", weight / MOST_BYTES, 1.0, "lower")


def a_large_map(stages: int) -> Any:
    """An organisation with an editor and a map with two cards in every cell."""
    from tests.factories import a_member, an_organization

    organization = an_organization("Scrolling")
    user = a_member(organization, "manager")
    with tenant(organization):
        keys = [create_touchpoint(actor=SYSTEM, name=f"Touchpoint {n}", channel="web").key for n in range(20)]
        steps = [
            {
                "name": f"Step {n}",
                "belief": (n % 5) - 2,
                "touchpoints": [keys[n % len(keys)]],
                "cards": [
                    {"lane": lane, "text": f"Card {m} of {lane} at step {n}, as long as cards are"}
                    for lane in LANES
                    for m in range(2)
                ],
            }
            for n in range(stages)
        ]
        body = [{"name": f"Stage {n}", "duration": "2 weeks", "steps": [step]} for n, step in enumerate(steps)]
        journey = create_journey(actor=SYSTEM, name="Large", stages=body, lanes=LANES)
    return organization, user, journey


def an_empty_page(context: Any, wide: int, high: int) -> Any:
    page = context.new_page()
    page.set_content(EMPTY)
    page.evaluate(
        """([wide, high]) => {
          Object.assign(document.getElementById('box').style, {overflow: 'auto', height: '800px'});
          Object.assign(document.getElementById('in').style, {width: `${wide}px`, height: `${high}px`});
        }""",
        [wide, high],
    )
    return page


def scrolled(page: Any, selector: str) -> list[float]:
    """Milliseconds between frames while the box is scrolled, after a run that warms up."""
    page.bring_to_front()
    page.evaluate(SCROLL, [selector, FRAMES // 2])
    page.evaluate("selector => document.querySelector(selector).scrollTo(0, 0)", selector)
    return page.evaluate(SCROLL, [selector, FRAMES])


def share_late(gaps: list[float]) -> float:
    """The share of frames that missed their turn."""
    return sum(gap > LATE_MS for gap in gaps) / len(gaps)


def told(gaps: list[float]) -> str:
    """Median and 95th percentile of the gaps, and the share of frames over 16.7 ms and of those that missed a turn."""
    over = sum(gap > FRAME_MS + 1 for gap in gaps) / len(gaps)
    return (
        f"{median(gaps):.1f} ms, p95 {percentile(gaps, 0.95):.1f} ms, "
        f"{100 * over:.1f} % over 16.7 ms, {100 * share_late(gaps):.1f} % late"
    )
