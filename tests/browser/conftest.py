"""A real Chromium against our own application: hashed static files, headers, middleware, and the test database.

``page_as(user)`` gives a page of a signed-in person; it is watched: whatever the browser reports (a blocked resource,
a script error, a failed request) stands in ``page.complaints`` and fails the test at its end unless the test took it
out. ``findings(page)`` runs axe.
"""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import call_command
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
from django.core.wsgi import get_wsgi_application
from django.test import override_settings

from apps.accounts.models import User
from tests.factories import signed_in

# Playwright's synchronous API keeps an event loop in this thread; the ORM is not used from inside it.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")

ROOT = Path(__file__).resolve().parents[2]
AXE = ROOT / "tests" / "vendor" / "axe-core" / "axe.min.js"
AXE_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

#: Collects policy violations before any script of the page runs.
WATCH = """
window.violations = [];
document.addEventListener('securitypolicyviolation', (event) => {
  window.violations.push(`${event.effectiveDirective} blocked ${event.blockedURI} ${event.sample}`);
});
"""


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Requests are not printed: a failing test says what was wrong."""


class Busy:
    """The application, and how many requests it is answering: boards ask on while a test ends.

    A request that is still under way when the tables are emptied would wait for them, and they for it.
    """

    def __init__(self) -> None:
        self.application: Callable[..., Any] | None = None
        self._running = 0
        self._changed = threading.Condition()

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        with self._changed:
            self._running += 1
        try:
            assert self.application is not None
            return self.application(environ, start_response)
        finally:
            with self._changed:
                self._running -= 1
                self._changed.notify_all()

    def wait_until_idle(self) -> None:
        """Return when nothing is being answered any more. Raises AssertionError after half a minute."""
        with self._changed:
            assert self._changed.wait_for(lambda: not self._running, timeout=30), "a request does not end"


busy = Busy()


@dataclass
class Watched:
    """A page and everything the browser complained about on it."""

    page: Any
    base: str
    complaints: list[str] = field(default_factory=list)

    def open(self, path: str) -> int:
        """Go to a page and wait until its modules have run; the HTTP status, or 0 when it is a file to keep."""
        try:
            response = self.page.goto(f"{self.base}{path}")
        except Exception as error:
            if "Download is starting" in str(error):
                return 0
            raise
        return response.status if response else 0

    def gather(self) -> list[str]:
        """All complaints so far, the page's own violations included."""
        self.complaints += [
            text for text in self.page.evaluate("window.violations ?? []") if text not in self.complaints
        ]
        return self.complaints


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory, django_db_setup: None) -> Iterator[str]:
    """The address of the application, with collected and hashed static files as in production."""
    storages = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "cxm.web.staticfiles.HashedStaticFilesStorage"},
    }
    root = tmp_path_factory.mktemp("static")
    with override_settings(STATIC_ROOT=root, STORAGES=storages, DEBUG=False, ALLOWED_HOSTS=["*"]):
        call_command("collectstatic", interactive=False, verbosity=0)
        httpd = ThreadedWSGIServer(("127.0.0.1", 0), _Quiet)
        httpd.daemon_threads = True
        busy.application = get_wsgi_application()
        httpd.set_app(busy)
        thread = threading.Thread(target=httpd.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{httpd.server_port}"
        httpd.shutdown()
        httpd.server_close()
        thread.join(timeout=10)


@pytest.fixture(scope="package")
def chromium() -> Iterator[Any]:
    """The browser: the one of the system, else Playwright's own."""
    sync_api = pytest.importorskip("playwright.sync_api")
    path = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def page_as(chromium: Any, server: str, transactional_db: None) -> Iterator[Callable[..., Watched]]:
    """Open a page as somebody (or as a stranger): ``page_as(user, width=390, theme="dark", scripts=False)``."""
    opened: list[tuple[Any, Watched]] = []

    def open_page(
        user: User | None = None,
        *,
        width: int = 1280,
        height: int = 900,
        theme: str = "light",
        scripts: bool = True,
    ) -> Watched:
        context = chromium.new_context(
            viewport={"width": width, "height": height},
            color_scheme=theme,
            has_touch=width < 760,
            java_script_enabled=scripts,
        )
        context.set_default_timeout(10_000)
        if user is not None:
            cookie = signed_in(user).cookies[settings.SESSION_COOKIE_NAME]
            context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": cookie.value, "url": server}])
        context.add_init_script(WATCH)
        watched = Watched(context.new_page(), server)
        watched.page.on(
            "console",
            lambda message: (
                message.type == "error" and watched.complaints.append(f"{message.text} on {watched.page.url}")
            ),
        )
        watched.page.on("pageerror", lambda error: watched.complaints.append(f"{error} on {watched.page.url}"))
        opened.append((context, watched))
        return watched

    yield open_page
    complaints = [text for _context, watched in opened for text in watched.complaints]
    for context, _watched in opened:
        context.close()
    busy.wait_until_idle()
    assert complaints == []


@pytest.fixture(scope="session")
def findings() -> Callable[[Any], list[str]]:
    """Run axe on a page: one line a finding. The source is evaluated, because a script element would be blocked."""
    source = AXE.read_text("utf-8")

    def run(page: Any) -> list[str]:
        page.evaluate(source)
        result = page.evaluate(
            "tags => axe.run(document, {runOnly: {type: 'tag', values: tags}, resultTypes: ['violations']})", AXE_TAGS
        )
        return [
            f"{violation['id']} at {node['target']}: {node['html'][:160]}"
            for violation in result["violations"]
            for node in violation["nodes"]
        ]

    return run
