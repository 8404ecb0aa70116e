"""The web widget's server side: who may frame it, who may be asked, whose answer it is."""

from __future__ import annotations

import gzip
import hmac
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils.timezone import now

from apps.collectors.addresses import collector_token, identity_key
from apps.collectors.models import Collector
from apps.collectors.services import renew_collector, revoke_collector
from apps.customers.models import Customer
from apps.dispatch.models import Invitation
from apps.organizations.models import Organization, Unit
from apps.surveys.models import Response
from apps.surveys.services import close_survey
from cxm.actor import Actor
from cxm.scope import tenant
from tests.collectors.test_places import hidden_fields
from tests.factories import an_organization, make
from tests.factories.collectors import a_collector
from tests.factories.surveys import a_survey

pytestmark = pytest.mark.django_db
SYSTEM = Actor.system("test")
LONG_AGO = now() - timedelta(days=900)
"""Customers of yesterday are not asked yet."""
SITE = "https://shop.example.com"
HIDDEN = {
    "languages": ["en"],
    "hidden": [{"id": "order"}],
    "pages": [
        {"id": "p", "questions": [{"id": "score", "type": "nps", "required": True, "title": {"en": "Recommend?"}}]}
    ],
}


def a_widget(organization: Organization, **values: Any) -> Collector:
    with tenant(organization):
        survey = values.pop("survey", None) or a_survey(**values.pop("of", {"kind": "nps"}))
        return a_collector(survey, kind="widget", **values)


def home(collector: Collector) -> str:
    return f"/e/{collector_token(collector)}/"


def signed(collector: Collector, user: str) -> dict[str, str]:
    """What a site sends that knows the key."""
    return {"u": user, "h": hmac.new(identity_key(collector).encode(), user.encode(), "sha256").hexdigest(), "i": ""}


def answer(collector: Collector, query: dict[str, str] | None = None, **fields: str) -> Any:
    """Open the frame, see it (when somebody is named), and answer."""
    client = Client()
    shown = client.get(home(collector), query or {})
    assert shown.status_code == 200, shown.content
    form = hidden_fields(shown.content.decode())
    if form.get("u"):
        told = client.post(f"{home(collector)}shown/", form)
        assert told.status_code == 200, told.content
        form["i"] = told.json()["i"]
    return client.post(home(collector), {**form, "q-score": "9", **fields})


def the_answer(organization: Organization) -> Response:
    with tenant(organization):
        return Response.objects.get()


# -- the script --------------------------------------------------------------------------------------------------------


def test_the_script_is_light_and_may_be_loaded_from_anywhere() -> None:
    served = Client().get("/e/v1.js", headers={"Accept-Encoding": "gzip"})
    assert served.status_code == 200
    assert served["Content-Type"].startswith("text/javascript")
    assert served["Access-Control-Allow-Origin"] == "*"
    assert "max-age=86400" in served["Cache-Control"]
    assert served["Content-Encoding"] == "gzip"
    assert len(served.content) <= 3 * 1024
    assert not served.cookies
    plain = Client().get("/e/v1.js")
    assert plain.content == gzip.decompress(served.content)
    assert b"customElements" in plain.content
    assert Client().get("/e/v1.js", headers={"If-None-Match": plain["ETag"]}).status_code == 304


# -- who may frame it --------------------------------------------------------------------------------------------------


def test_only_the_allowed_sites_may_frame_the_page() -> None:
    organization = an_organization()
    collector = a_widget(organization, settings={"sites": [SITE, "https://*.example.org"]})
    shown = Client().get(home(collector))
    assert shown.status_code == 200
    assert f"frame-ancestors {SITE} https://*.example.org;" in f"{shown['Content-Security-Policy']};"
    assert "X-Frame-Options" not in shown
    assert not shown.cookies
    assert shown["Cache-Control"] == "no-store"
    other = Client().get(home(a_widget(organization, settings={"sites": ["https://other.example.net"]})))
    assert SITE not in other["Content-Security-Policy"]


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("rest", ["", "shown/", "done/", "privacy/"])
def test_a_wrong_token_is_not_there(method: str, rest: str) -> None:
    organization = an_organization()
    collector = a_widget(organization)
    kiosk = collector_token_of_a_kiosk(organization)
    for token in ("x", "A" * 66, collector_token(collector)[:-1], kiosk):
        response = getattr(Client(), method)(f"/e/{token}/{rest}")
        assert response.status_code == 404
        assert "frame-ancestors 'none'" in response["Content-Security-Policy"]


def collector_token_of_a_kiosk(organization: Organization) -> str:
    with tenant(organization):
        return collector_token(a_collector(kind="kiosk"))


@pytest.mark.parametrize("end", ["revoked", "renewed", "closed"])
def test_an_ended_widget_says_so_and_takes_nothing(end: str) -> None:
    organization = an_organization()
    collector = a_widget(organization)
    path = home(collector)
    form = hidden_fields(Client().get(path).content.decode())
    with tenant(organization):
        if end == "revoked":
            revoke_collector(actor=SYSTEM, collector=collector)
        elif end == "renewed":
            renew_collector(actor=SYSTEM, collector=collector)
        else:
            close_survey(actor=SYSTEM, survey=collector.survey)
    assert Client().get(path).status_code == 410
    assert Client().post(path, {**form, "q-score": "9"}).status_code == 410
    with tenant(organization):
        assert not Response.objects.exists()


# -- answers -----------------------------------------------------------------------------------------------------------


def test_an_answer_in_the_frame_belongs_to_the_place_and_to_nobody() -> None:
    organization = an_organization()
    with tenant(organization):
        unit = make(Unit)
    collector = a_widget(organization, unit=unit)
    sent = answer(collector)
    assert sent.status_code == 303
    done = Client().get(sent["Location"])
    assert 'data-embed="done"' in done.content.decode()
    assert "X-Frame-Options" not in done
    stored = the_answer(organization)
    assert (stored.customer_id, stored.unit_id, stored.channel, stored.score) == (None, unit.pk, "widget", 9)
    with tenant(organization):
        assert Collector.objects.get().last_seen_at is not None
        assert not Invitation.objects.exists()


def test_the_frame_needs_its_form_token() -> None:
    organization = an_organization()
    collector = a_widget(organization)
    assert Client().post(home(collector), {"q-score": "9"}).status_code == 422
    assert Client().post(home(collector), {"q-score": "9", "t": "forged"}).status_code == 422
    with tenant(organization):
        assert not Response.objects.exists()


def test_sending_twice_stores_one_answer() -> None:
    organization = an_organization()
    collector = a_widget(organization)
    client = Client()
    form = hidden_fields(client.get(home(collector)).content.decode())
    for score in ("9", "9", "4"):
        assert client.post(home(collector), {**form, "q-score": score}).status_code == 303
    assert the_answer(organization).score == 4


def test_hidden_fields_come_with_the_answer_and_have_limits() -> None:
    organization = an_organization()
    collector = a_widget(organization, of={"kind": "custom", "definition": HIDDEN})
    assert answer(collector, {"order": "A-17", "colour": "red"}).status_code == 303
    assert the_answer(organization).attributes == {"order": "A-17"}
    for odd in ("x" * 5_000, "\x00", "<script>", "a" * 201):
        assert Client().get(home(collector), {"order": odd}).status_code == 200
        sent = answer(collector, {"order": odd})
        assert sent.status_code == 303
    with tenant(organization):
        for stored in Response.objects.all():
            assert len(str(stored.attributes.get("order", ""))) <= 200


# -- who it is ---------------------------------------------------------------------------------------------------------


def test_a_signed_visitor_answers_as_that_customer_and_is_counted() -> None:
    organization = an_organization()
    with tenant(organization):
        unit = make(Unit)
        customer = make(Customer)
        Customer.objects.filter(pk=customer.pk).update(unit=unit, external_id="c-1", created_at=LONG_AGO)
    collector = a_widget(organization)
    assert answer(collector, signed(collector, "c-1")).status_code == 303
    stored = the_answer(organization)
    with tenant(organization):
        invitation = Invitation.objects.get()
    assert (stored.customer_id, stored.unit_id) == (customer.pk, unit.pk)
    assert stored.invitation_id == invitation.pk
    assert (invitation.customer_id, invitation.channel, invitation.state) == (customer.pk, "widget", "sent")


def test_who_was_asked_lately_is_not_shown_the_widget() -> None:
    organization = an_organization()
    with tenant(organization):
        customer = make(Customer)
        Customer.objects.filter(pk=customer.pk).update(external_id="c-1", created_at=LONG_AGO)
    collector = a_widget(organization)
    who = signed(collector, "c-1")
    assert Client().get(home(collector), who).status_code == 200
    form = hidden_fields(Client().get(home(collector), who).content.decode())
    assert Client().post(f"{home(collector)}shown/", form).status_code == 200
    assert Client().get(home(collector), who).status_code == 204
    assert Client().post(f"{home(collector)}shown/", form).status_code == 409
    with tenant(organization):
        assert Invitation.objects.count() == 1


def test_somebody_new_becomes_a_customer_when_asked_and_not_before() -> None:
    organization = an_organization()
    collector = a_widget(organization)
    who = signed(collector, "new-one")
    assert Client().get(home(collector), who).status_code == 200
    with tenant(organization):
        assert not Customer.objects.exists()
    assert answer(collector, who).status_code == 303
    with tenant(organization):
        assert the_answer(organization).customer_id == Customer.objects.get(external_id="new-one").pk


@pytest.mark.parametrize(
    "how", ["no hash", "wrong hash", "another's hash", "another widget's", "blocked name", "half a letter"]
)
def test_without_a_good_signature_nobody_is_named(how: str) -> None:
    organization = an_organization()
    with tenant(organization):
        Customer.objects.filter(pk=make(Customer).pk).update(external_id="c-1")
    collector, other = a_widget(organization), a_widget(organization)
    who = {
        "no hash": {"u": "c-1"},
        "wrong hash": {"u": "c-1", "h": "0" * 64},
        "another's hash": {**signed(collector, "c-2"), "u": "c-1"},
        "another widget's": signed(other, "c-1"),
        "blocked name": signed(collector, "anonymous"),
        "half a letter": {"u": "c%ed%b2%80", "h": "0" * 64},
    }[how]
    client = Client()
    shown = client.get(
        home(collector), {name: value.encode("utf-8", "replace").decode() for name, value in who.items()}
    )
    form = hidden_fields(shown.content.decode())
    assert "u" not in form
    assert client.post(home(collector), {**form, **who, "q-score": "9"}).status_code == 303
    assert client.post(f"{home(collector)}shown/", who).status_code == 404
    assert the_answer(organization).customer_id is None
    with tenant(organization):
        assert not Invitation.objects.exists()


def test_another_customers_showing_cannot_be_taken_over() -> None:
    organization = an_organization()
    collector = a_widget(organization)
    first, second = signed(collector, "c-1"), signed(collector, "c-2")
    taken = Client().post(f"{home(collector)}shown/", first).json()["i"]
    client = Client()
    form = hidden_fields(client.get(home(collector), second).content.decode())
    assert client.post(home(collector), {**form, "i": taken, "q-score": "9"}).status_code == 303
    stored = the_answer(organization)
    assert stored.invitation_id is None
    with tenant(organization):
        assert stored.customer_id == Customer.objects.get(external_id="c-2").pk


def test_an_anonymous_survey_stores_no_path_to_the_visitor() -> None:
    organization = an_organization()
    collector = a_widget(organization, of={"kind": "nps", "anonymous": True})
    assert answer(collector, signed(collector, "c-1")).status_code == 303
    stored = the_answer(organization)
    assert (stored.customer_id, stored.invitation_id) == (None, None)
    with tenant(organization):
        assert Invitation.objects.count() == 1


def test_a_key_ends_with_its_address() -> None:
    organization = an_organization()
    collector = a_widget(organization)
    before = identity_key(collector)
    with tenant(organization):
        collector = renew_collector(actor=SYSTEM, collector=collector)
    assert identity_key(collector) != before
    assert len(before) == 64
