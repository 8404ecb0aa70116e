"""Decorators and answers shared by all page views."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
from csp.middleware import CSPMiddleware
from django import forms
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory, override_settings

from apps.accounts.models import User
from cxm.errors import Conflict, DomainError, DomainErrors, NotAllowed
from cxm.web.forms import domain_errors_into, typed_confirmation
from cxm.web.views import (
    MissingPermission,
    as_respondent_page,
    permission_required,
    public_view,
    respondent_csp,
    see_other,
    server_error,
    signed_in_view,
)
from tests.factories import a_member, an_organization, signed_in


def page(request: HttpRequest) -> HttpResponse:
    return HttpResponse("<p>here</p>")


def request_of(user: object, *permissions: str, **headers: str) -> HttpRequest:
    request = RequestFactory().get("/o/acme/surveys/?q=a", headers=headers)
    request.user = user  # type: ignore[assignment]
    request.actor = SimpleNamespace(can=lambda permission: permission in permissions)  # type: ignore[attr-defined]
    return request


def test_views_tell_the_matrix_test_what_they_need() -> None:
    guarded = permission_required("surveys.view")(page)
    assert (guarded.required_permission, guarded.public) == ("surveys.view", False)  # type: ignore[attr-defined]
    everyone = public_view(lambda request: page(request))
    assert (everyone.required_permission, everyone.public) == (None, True)  # type: ignore[attr-defined]
    member = signed_in_view(page)
    assert (member.required_permission, member.public) == (None, False)  # type: ignore[attr-defined]


def test_stranger_signs_in_first_and_comes_back() -> None:
    answer = permission_required("surveys.view")(page)(request_of(AnonymousUser()))
    assert answer.status_code == 302
    assert answer["Location"] == "/accounts/login/?next=/o/acme/surveys/%3Fq%3Da"


def test_stranger_behind_a_fragment_goes_to_the_whole_page_after_signing_in() -> None:
    headers = {"HX-Request-Type": "partial", "HX-Current-URL": "https://cxm.example/o/acme/feedback/"}
    answer = permission_required("surveys.view")(page)(request_of(AnonymousUser(), **headers))
    assert answer.status_code == 401
    assert answer["HX-Redirect"] == "/accounts/login/?next=/o/acme/feedback/"


def test_role_without_the_right_is_refused() -> None:
    with pytest.raises(MissingPermission):
        permission_required("surveys.edit")(page)(request_of(User(), "surveys.view"))


def test_role_with_the_right_gets_the_page() -> None:
    assert permission_required("surveys.view")(page)(request_of(User(), "surveys.view")).status_code == 200


def test_fragment_is_redirected_as_a_whole_after_a_write() -> None:
    assert see_other(request_of(User()), "/x/")["Location"] == "/x/"
    assert see_other(request_of(User(), **{"HX-Request-Type": "partial"}), "/x/")["HX-Redirect"] == "/x/"


# -- respondents ------------------------------------------------------------------------------------------------------


def policy_of(response: HttpResponse) -> str:
    request = RequestFactory().get("/r/token/")
    middleware = CSPMiddleware(lambda _request: response)
    return middleware(request)["Content-Security-Policy"]


def test_respondent_page_has_its_own_policy_and_keeps_its_address_to_itself() -> None:
    response = respondent_csp()(page)(RequestFactory().get("/r/token/"))
    policy = policy_of(response)
    assert "frame-ancestors 'none'" in policy
    assert "trusted-types 'none'" in policy
    assert "font-src" not in policy
    assert "nonce" not in policy
    assert response["Referrer-Policy"] == "no-referrer"
    assert response["X-Robots-Tag"] == "noindex"
    assert response["Cache-Control"] == "no-store"


def test_embedded_page_may_be_framed_by_the_allowed_sites_only() -> None:
    response = as_respondent_page(HttpResponse(""), ["https://shop.example"])
    assert "frame-ancestors https://shop.example;" in policy_of(response) + ";"
    assert response.xframe_options_exempt is True  # type: ignore[attr-defined]


def test_secure_installation_upgrades_respondents_too() -> None:
    with override_settings(IS_HTTPS=True):
        assert "upgrade-insecure-requests" in policy_of(respondent_csp()(page)(RequestFactory().get("/r/token/")))


# -- refusals ---------------------------------------------------------------------------------------------------------


class NameForm(forms.Form):
    name = forms.CharField()
    answers = forms.CharField(required=False)


@pytest.fixture
def form() -> NameForm:
    form = NameForm({"name": "Ada"})
    assert form.is_valid()
    return form


def test_refusal_of_a_service_stands_at_the_field_it_names(form: NameForm) -> None:
    with domain_errors_into(form):
        raise DomainErrors(
            [
                {"field": "name", "code": "taken", "message": "This name is taken."},
                {"field": "answers.q1", "code": "invalid", "message": "Too long."},
                {"field": "colour", "code": "invalid", "message": "No such colour."},
            ]
        )
    assert form.errors["name"] == ["This name is taken."]
    assert form.errors["answers"] == ["Too long."]
    assert form.non_field_errors() == ["colour: No such colour."]


def test_conflict_becomes_an_error_of_the_form(form: NameForm) -> None:
    with domain_errors_into(form):
        raise Conflict("Somebody else was faster.")
    assert form.non_field_errors() == ["Somebody else was faster."]


def test_missing_right_is_not_an_error_of_the_form(form: NameForm) -> None:
    with pytest.raises(NotAllowed), domain_errors_into(form):
        raise NotAllowed
    assert form.errors == {}


def test_error_of_no_field_belongs_to_the_form(form: NameForm) -> None:
    with domain_errors_into(form):
        raise DomainError("Not today.")
    assert form.non_field_errors() == ["Not today."]


@pytest.mark.parametrize(
    ("typed", "fits"), [("Nordwind", True), (" Nordwind ", True), ("nordwind", False), ("", False), (None, False)]
)
def test_confirmation_wants_the_very_words(typed: str | None, fits: bool) -> None:
    assert typed_confirmation({"confirm": typed}, "Nordwind") is fits


def test_failure_page_needs_nothing_and_offers_to_try_again() -> None:
    answer = server_error(RequestFactory().get("/o/acme/x/?a=1"))
    assert answer.status_code == 500
    assert 'href="/o/acme/x/?a=1"' in answer.content.decode()
    fragment = server_error(RequestFactory().get("/x/", headers={"HX-Request-Type": "partial"}))
    assert fragment.content.decode().lstrip().startswith('<div class="cx-alert')
    script = server_error(RequestFactory().get("/x/", headers={"Accept": "application/json"}))
    assert json.loads(script.content)["status"] == 500


# -- the whole way ----------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_refused_form_answers_422_with_itself() -> None:
    client = signed_in(a_member(an_organization(), "manager"))
    answer = client.post("/organizations/new/", {"name": ""})
    assert answer.status_code == 422
    assert "cx-summary" in answer.content.decode()


@pytest.mark.django_db
def test_refusal_outside_a_form_is_a_page_with_its_words() -> None:
    client = signed_in(a_member(an_organization(), "manager"))
    answer = client.post("/theme/", {"theme": "pink"})
    assert answer.status_code == 422
    assert "Some fields need your attention." in answer.content.decode()


@pytest.mark.django_db
def test_message_of_a_write_travels_with_the_fragment() -> None:
    client = Client()
    organization = an_organization()
    client.force_login(a_member(organization, "owner"))
    client.post("/me/", {"name": "Mira Lind", "theme": "auto", "language": "en", "timezone": ""})
    headers = {"HX-Request": "true", "HX-Request-Type": "partial"}
    answer = client.get(f"/o/{organization.slug}/palette/", headers=headers)
    toasts = json.loads(answer["HX-Trigger"])["cx:toast"]["messages"]
    assert toasts
    assert not toasts[0]["error"]
