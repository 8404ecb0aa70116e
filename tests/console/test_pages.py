"""Palette, help, theme, accent, gallery, and the browser's own reports."""

from __future__ import annotations

import json

import pytest
from django.test import Client, override_settings

from apps.accounts.models import User
from apps.console.help import PAGES
from apps.organizations.roles import ROLES
from cxm.web.palette import PaletteItem, find, matches, register_searcher
from tests.factories import a_member, a_person, an_actor, an_organization, signed_in

pytestmark = pytest.mark.django_db


# -- palette ----------------------------------------------------------------------------------------------------------


def test_palette_finds_pages_and_commands_by_the_beginning_of_words() -> None:
    organization = an_organization()
    page = signed_in(a_member(organization, "owner")).get(f"/o/{organization.slug}/palette/?q=coll").content.decode()
    assert "Invite a colleague" in page
    assert f"/o/{organization.slug}/settings/members/invite/" in page


def test_palette_answers_htmx_with_the_results_alone() -> None:
    organization = an_organization()
    client = signed_in(a_member(organization, "owner"))
    headers = {"HX-Request": "true", "HX-Request-Type": "partial"}
    fragment = client.get(f"/o/{organization.slug}/palette/?q=coll", headers=headers).content.decode()
    assert "<html" not in fragment
    assert 'role="option"' in fragment


@pytest.mark.parametrize("role", ROLES)
def test_palette_shows_only_what_the_role_may_open(role: str) -> None:
    organization = an_organization()
    client = signed_in(a_member(organization, role))
    for _heading, items in find(an_actor(organization, role), organization, ""):
        for item in items:
            assert client.get(item.url).status_code == 200, item


def test_searchers_are_asked_only_with_a_text_and_the_right(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cxm.web.palette._searchers", {})
    asked: list[str] = []

    def search(actor: object, organization: object, text: str, limit: int) -> list[PaletteItem]:
        asked.append(text)
        return [PaletteItem("Ada Lovelace", "/x/", "user")]

    register_searcher("people", permission="customers.view", search=search, label="People")
    organization = an_organization()
    find(an_actor(organization, "owner"), organization, " ")
    find(an_actor(organization, "employee"), organization, "ada")
    assert asked == []
    assert ("People", [PaletteItem("Ada Lovelace", "/x/", "user")]) in find(
        an_actor(organization, "owner"), organization, "ada\x00"
    )
    assert asked == ["ada"]


@pytest.mark.parametrize("text", ["%", "'", "\\", "\x00", "a" * 5000, "\ud800", "日本", "<script>"])
def test_palette_survives_any_text(text: str) -> None:
    organization = an_organization()
    client = signed_in(a_member(organization, "owner"))
    answer = client.get(f"/o/{organization.slug}/palette/", {"q": text.encode("utf-8", "surrogatepass")})
    assert answer.status_code == 200
    assert "<script>" not in answer.content.decode().replace("<script type", "")


def test_every_word_must_begin_a_word() -> None:
    assert matches("Invite a colleague", "coll inv")
    assert not matches("Invite a colleague", "ague")


# -- help -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PAGES)
def test_help_pages_open_for_everybody_and_inside_the_shell(name: str) -> None:
    organization = an_organization()
    assert Client().get(f"/help/{name}/").status_code == 200
    inside = signed_in(a_member(organization, "employee")).get(f"/o/{organization.slug}/help/{name}/")
    assert inside.status_code == 200
    assert 'id="cx-side"' in inside.content.decode()


def test_unknown_help_page_is_not_found() -> None:
    assert Client().get("/help/no-such-page/").status_code == 404


# -- theme, accent ----------------------------------------------------------------------------------------------------


def test_theme_is_kept_with_the_person_and_written_into_the_page() -> None:
    user = a_person()
    client = signed_in(user)
    answer = client.post("/theme/", {"theme": "dark", "next": "/help/"})
    assert answer["Location"] == "/help/"
    assert User.objects.get(pk=user.pk).theme == "dark"
    assert 'data-theme="dark"' in client.get("/help/").content.decode()


@pytest.mark.parametrize("elsewhere", ["https://evil.example/", "//evil.example/", "javascript:alert(1)"])
def test_theme_never_redirects_elsewhere(elsewhere: str) -> None:
    answer = signed_in(a_person()).post("/theme/", {"theme": "light", "next": elsewhere})
    assert answer["Location"] == "/"


def test_unknown_theme_is_refused_with_a_page() -> None:
    user = a_person()
    assert signed_in(user).post("/theme/", {"theme": "pink"}).status_code == 422
    assert User.objects.get(pk=user.pk).theme == "auto"


def test_accent_is_a_style_sheet_that_browsers_keep() -> None:
    answer = Client().get("/accent/7A1FA2.css")
    assert answer["Content-Type"] == "text/css; charset=utf-8"
    assert "immutable" in answer["Cache-Control"]
    assert "--cx-accent:" in answer.content.decode()


@pytest.mark.parametrize("colour", ["red", "12345", "1234567", "GGGGGG", "0F766E}body{x"])
def test_accent_takes_six_hexadecimal_digits_only(colour: str) -> None:
    assert Client().get(f"/accent/{colour}.css").status_code == 404


# -- gallery ----------------------------------------------------------------------------------------------------------


def test_gallery_is_for_staff_and_for_debugging() -> None:
    staff = a_person()
    staff.is_staff = True
    staff.save()
    assert Client().get("/ui/").status_code == 404
    assert signed_in(a_person()).get("/ui/").status_code == 404
    assert signed_in(staff).get("/ui/").status_code == 200
    with override_settings(DEBUG=True):
        assert Client().get("/ui/").status_code == 200


# -- headers and reports ----------------------------------------------------------------------------------------------


def test_pages_carry_the_policy_with_a_fresh_nonce_and_are_not_stored() -> None:
    first, second = Client().get("/help/"), Client().get("/help/")
    policy = first["Content-Security-Policy"]
    for part in (
        "default-src 'none'",
        "style-src 'self'",
        "trusted-types htmx",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    ):
        assert part in policy
    assert "unsafe" not in policy
    assert policy != second["Content-Security-Policy"]
    nonce = policy.split("'nonce-")[1].split("'")[0]
    assert f'nonce="{nonce}"' in first.content.decode()
    assert "no-store" in first["Cache-Control"]
    assert "HX-Request-Type" in first["Vary"]
    assert first["X-Content-Type-Options"] == "nosniff"
    assert first["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "camera=()" in first["Permissions-Policy"]
    assert first["Referrer-Policy"] == "strict-origin-when-cross-origin"


def test_plain_http_installation_does_not_ask_for_https() -> None:
    """With it, a host name over http lost its style sheet."""
    answer = Client().get("/help/")
    assert "upgrade-insecure-requests" not in answer["Content-Security-Policy"]
    assert "Strict-Transport-Security" not in answer


def test_report_of_the_browser_is_logged_without_tokens(capsys: pytest.CaptureFixture[str]) -> None:
    report = {
        "csp-report": {
            "effective-directive": "script-src",
            "blocked-uri": "https://evil.example/x.js?secret=1",
            "document-uri": "https://cxm.example/r/THE-TOKEN/?s=9",
        }
    }
    answer = Client().post("/csp/", json.dumps(report), content_type="application/csp-report")
    assert answer.status_code == 204
    written = "".join(capsys.readouterr())
    assert "THE-TOKEN" not in written
    assert "secret" not in written


@pytest.mark.parametrize(
    "body",
    ["", "{", "null", "[]", "[1]", '{"csp-report": 5}', "[" * 6000, '{"csp-report": {"blocked-uri": "http://["}}'],
)
def test_any_report_is_answered_with_204(body: str) -> None:
    assert Client().post("/csp/", body, content_type="application/csp-report").status_code == 204


def test_report_that_is_too_long_is_not_read() -> None:
    assert Client().post("/csp/", "x" * 20_000, content_type="application/csp-report").status_code == 204


def test_form_without_its_token_is_refused_with_a_page_that_says_what_to_do() -> None:
    client = Client(enforce_csrf_checks=True)
    answer = client.post("/accounts/login/", {"login": "a@example.com", "password": "x"})
    assert answer.status_code == 403
    assert "reload the page" in answer.content.decode()
