"""The settings of providers, as people use them; secrets come back nowhere."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from apps.audit.models import AuditEntry
from apps.messaging.addresses import hook_token
from apps.messaging.backends import BACKENDS
from apps.messaging.credentials import credentials_of
from apps.messaging.models import DeliveryReport, LocalMessage, Provider
from apps.messaging.services import (
    MOST_PROVIDERS,
    activate_provider,
    add_provider,
    change_provider,
    forget_old,
    forget_person,
)
from apps.messaging.transports import open_text_transport
from apps.organizations.models import Organization
from cxm.actor import Actor
from cxm.errors import DomainError
from cxm.scope import tenant
from tests.factories import a_member, an_organization, signed_in
from tests.factories.messaging import a_delivery_report

from .provider_double import ProviderDouble
from .signing import BASE, CREDENTIALS

pytestmark = pytest.mark.filterwarnings("ignore::anymail.exceptions.AnymailNotSupportedWarning")
Add = Callable[..., Provider]
SYSTEM = Actor.system("test")
SECRETS = [
    value
    for credentials in CREDENTIALS.values()
    for name, value in credentials.items()
    if name not in ("inbound_address", "sender_domain", "account_sid")
]


def page(organization: Organization, path: str = "") -> str:
    return f"/o/{organization.slug}/settings/messaging/{path}"


def typed(backend: str, **changes: Any) -> dict[str, Any]:
    sender = "survey@nordwind.example" if BACKENDS[backend].kind == "email" else "+49 30 123456"
    return {"name": "Ours", "sender": sender, **CREDENTIALS[backend], **changes}


@pytest.mark.parametrize("backend", list(BACKENDS))
def test_provider_is_added_tried_and_switched_on(
    organization: Organization, inside: None, admin: Client, double: ProviderDouble, backend: str
) -> None:
    assert admin.get(page(organization)).status_code == 200
    assert f'value="{backend}"' in admin.get(page(organization, "new/")).content.decode()
    assert admin.get(page(organization, f"new/?backend={backend}")).status_code == 200
    answer = admin.post(page(organization, f"new/?backend={backend}"), typed(backend, per_second="5", per_day=""))
    provider = Provider.objects.get()
    assert answer.headers["Location"] == page(organization, f"{provider.pk}/")
    assert (provider.backend, provider.is_active, provider.per_second, provider.per_day) == (backend, False, 5, 0)
    double.answer = (202, {}) if backend == "mailersend" else None
    tried = admin.post(page(organization, f"{provider.pk}/try/"), {"to": "+49 151 23456789"})
    assert "took the message" in tried.content.decode()
    admin.post(page(organization, f"{provider.pk}/switch/"), {"on": "1"})
    provider.refresh_from_db()
    assert provider.is_active
    admin.post(page(organization, f"{provider.pk}/switch/"))
    provider.refresh_from_db()
    assert not provider.is_active
    assert admin.get(page(organization, f"{provider.pk}/delete/")).status_code == 200
    admin.post(page(organization, f"{provider.pk}/delete/"))
    assert not Provider.objects.exists()
    actions = list(AuditEntry.objects.order_by("at").values_list("action", flat=True))
    for action in ("provider_added", "provider_switched_on", "provider_switched_off", "provider_deleted"):
        assert f"messaging.{action}" in actions


def test_secrets_come_back_nowhere(
    organization: Organization,
    admin: Client,
    add: Add,
    double: ProviderDouble,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    shown = ""
    for backend in CREDENTIALS:
        provider = add(backend)
        for path in ("", "edit/"):
            shown += admin.get(page(organization, f"{provider.pk}/{path}")).content.decode()
        double.answer = (401, {"message": "no", "ErrorCode": 10, "Message": "no"})
        shown += admin.post(page(organization, f"{provider.pk}/try/"), {"to": "+4915123456789"}).content.decode()
        double.answer = None
        refused = admin.post(page(organization, f"{provider.pk}/edit/"), typed(backend, name=""))
        shown += refused.content.decode()
        assert not any(secret in provider.credentials for secret in SECRETS)
    shown += admin.get(page(organization)).content.decode()
    shown += caplog.text + "".join(str(vars(entry)) for entry in AuditEntry.objects.all())
    assert len(shown) > 100_000
    assert [secret for secret in SECRETS if secret in shown] == []


def test_secret_left_empty_stays_and_others_change(organization: Organization, admin: Client, add: Add) -> None:
    provider = add("postmark")
    edit = page(organization, f"{provider.pk}/edit/")
    former = provider.credentials
    answer = admin.post(edit, {"name": "New name", "sender": "b@nordwind.example", "server_token": ""})
    assert answer.status_code in (302, 303)
    provider.refresh_from_db()
    assert (provider.name, provider.sender) == ("New name", "b@nordwind.example")
    # The address for replies is no secret: left empty it is gone.
    assert credentials_of(provider) == {"server_token": "postmark-secret"}
    assert provider.credentials != former
    entry = AuditEntry.objects.get(action="messaging.provider_changed")
    assert sorted(entry.fields) == ["inbound_address", "name", "sender"]


@pytest.mark.parametrize(
    ("backend", "changes", "field"),
    [
        ("postmark", {"name": ""}, "name"),
        ("postmark", {"sender": ""}, "sender"),
        ("postmark", {"sender": "not an address"}, "sender"),
        ("postmark", {"server_token": ""}, "server_token"),
        ("postmark", {"server_token": "two words"}, "server_token"),
        ("postmark", {"server_token": "ключ"}, "server_token"),
        ("postmark", {"inbound_address": "a+b@in.example"}, "inbound_address"),
        ("postmark", {"inbound_address": "x" * 23 + "@in.example"}, "inbound_address"),
        ("postmark", {"per_second": "-1"}, "per_second"),
        ("postmark", {"per_day": "1e9"}, "per_day"),
        ("mailgun", {"sender_domain": "evil/../domains"}, "sender_domain"),
        ("mailgun", {"sender_domain": "mg.example@evil.example"}, "sender_domain"),
        ("mailgun", {"region": "mars"}, "region"),
        ("sendgrid", {"tracking_webhook_verification_key": "abc"}, "tracking_webhook_verification_key"),
        ("twilio", {"account_sid": "AC/../../x"}, "account_sid"),
        ("twilio", {"account_sid": "AC" + "1" * 31}, "account_sid"),
        ("twilio", {"sender": "way too long a name"}, "sender"),
        ("twilio", {"sender": "0151 1234567"}, "sender"),
        ("twilio", {"messaging_service_sid": "MG1"}, "messaging_service_sid"),
    ],
)
def test_what_cannot_be_is_said_at_its_field(
    organization: Organization, inside: None, admin: Client, backend: str, changes: dict[str, str], field: str
) -> None:
    answer = admin.post(page(organization, f"new/?backend={backend}"), typed(backend, **changes))
    assert answer.status_code == 422
    assert field in answer.context["form"].errors
    assert not Provider.objects.exists()


def test_number_name_or_service_may_send_text_messages(inside: None) -> None:
    for sender, kept in (("+49 (30) 12-34 56", "+4930123456"), ("Nordwind 1", "Nordwind 1"), ("80808", "80808")):
        provider = add_provider(
            actor=SYSTEM, backend="twilio", name="T", sender=sender, credentials=CREDENTIALS["twilio"]
        )
        assert provider.sender == kept
    add_provider(
        actor=SYSTEM,
        backend="twilio",
        name="T",
        credentials=CREDENTIALS["twilio"] | {"messaging_service_sid": "MG" + "a" * 32},
    )


def test_switching_one_on_switches_the_other_of_its_kind_off(add: Add) -> None:
    first, second, text = add("postmark"), add("brevo"), add("local")
    for row in (first, second, text):
        row.refresh_from_db()
    assert [row.is_active for row in (first, second, text)] == [False, True, True]
    activate_provider(actor=SYSTEM, provider=first)
    assert Provider.objects.get(kind="email", is_active=True) == first


def test_there_are_not_more_accounts_than_anybody_needs(inside: None) -> None:
    for _ in range(MOST_PROVIDERS):
        add_provider(actor=SYSTEM, backend="local", name="L")
    with pytest.raises(DomainError, match="Delete one first"):
        add_provider(actor=SYSTEM, backend="local", name="L")
    with pytest.raises(DomainError, match="Choose one"):
        add_provider(actor=SYSTEM, backend="nobody", name="L")


def test_page_shows_where_reports_go_and_the_password_only_where_one_is_used(
    organization: Organization, admin: Client, add: Add
) -> None:
    with override_settings(BASE_URL=BASE):
        signing, plain = add("mailgun"), add("brevo")
        html = admin.get(page(organization, f"{signing.pk}/")).content.decode()
        assert f"{BASE}/hooks/{hook_token(signing)}/" in html
        assert f"{BASE}/hooks/{hook_token(signing)}/in/" in html
        assert "cxm:" not in html
        html = admin.get(page(organization, f"{plain.pk}/")).content.decode()
        assert f"@cxm.example/hooks/{hook_token(plain)}/" in html
        assert "https://cxm:" in html
        assert "/in/" not in html


@pytest.mark.parametrize("role", ["manager", "analyst", "employee", "agent"])
def test_only_owners_and_admins_see_providers(organization: Organization, add: Add, role: str) -> None:
    provider = add("local")
    client = signed_in(a_member(organization, role))
    for path in ("", "new/", f"{provider.pk}/", f"{provider.pk}/edit/", f"{provider.pk}/messages/"):
        assert client.get(page(organization, path)).status_code == 403
    for path in (f"{provider.pk}/switch/", f"{provider.pk}/try/", f"{provider.pk}/delete/"):
        assert client.post(page(organization, path)).status_code == 403


def test_another_organisations_provider_is_not_found(organization: Organization, admin: Client, add: Add) -> None:
    other = an_organization("Südwind")
    with tenant(other):
        theirs = add_provider(actor=SYSTEM, backend="local", name="Theirs")
        message = LocalMessage.objects.create(provider=theirs, to="+15550100", text="secret words")
    for path in ("", "edit/", "delete/", "messages/"):
        assert admin.get(page(organization, f"{theirs.pk}/{path}")).status_code == 404
        assert admin.get(page(organization, f"{uuid4()}/{path}")).status_code == 404
    for path in ("switch/", "try/", "delete/", f"messages/{message.pk}/reply/"):
        assert admin.post(page(organization, f"{theirs.pk}/{path}"), {"text": "x", "to": "+1"}).status_code == 404
    mine = add("local")
    assert admin.post(page(organization, f"{mine.pk}/messages/{message.pk}/reply/"), {"text": "x"}).status_code == 404
    with tenant(other):
        assert Provider.objects.filter(pk=theirs.pk).exists()


def test_trial_tells_what_is_wrong(organization: Organization, admin: Client, add: Add, double: ProviderDouble) -> None:
    provider = add("twilio")
    double.answer = (401, {"code": 20003})
    html = admin.post(page(organization, f"{provider.pk}/try/"), {"to": "+4915123456789"}).content.decode()
    assert "Check the keys" in html and "twilio_20003" in html
    for number in ("", "abc", "0151 234"):
        answer = admin.post(page(organization, f"{provider.pk}/try/"), {"to": number})
        assert answer.status_code == 422
        assert "to" in answer.context["form"].errors
    assert len(double.calls) == 1


def test_message_of_the_local_provider_is_read_and_answered(
    organization: Organization, admin: Client, add: Add
) -> None:
    provider = add("local")
    with open_text_transport() as transport:
        transport.send("+15550100", "Nordwind: <b>How?</b> https://cxm.example/r/x/ Reply STOP to end")
    path = page(organization, f"{provider.pk}/messages/")
    html = admin.get(path).content.decode()
    assert "&lt;b&gt;How?" in html
    assert 'href="https://cxm.example/r/x/"' in html
    message = LocalMessage.objects.get()
    assert admin.post(f"{path}{message.pk}/reply/", {"text": ""}).status_code == 422
    assert not DeliveryReport.objects.exists()
    assert admin.post(f"{path}{message.pk}/reply/", {"text": "Stop\r\n-- \r\nLena"}).status_code in (302, 303)
    report = DeliveryReport.objects.get()
    assert (report.kind, report.address, report.text) == ("replied", "+15550100", "Stop")
    assert LocalMessage.objects.filter(incoming=True, to="+15550100").exists()
    answer = LocalMessage.objects.get(incoming=True)
    assert admin.post(f"{path}{answer.pk}/reply/", {"text": "x"}).status_code == 404


def test_list_costs_the_same_for_any_number(organization: Organization, admin: Client, add: Add) -> None:
    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert admin.get(page(organization)).status_code == 200
        return len(queries)

    add("local")
    admin.get(page(organization))
    one = cost()
    add("postmark"), add("twilio")
    assert cost() == one


def test_message_page_costs_the_same_for_any_number(organization: Organization, admin: Client, add: Add) -> None:
    provider = add("local")
    path = page(organization, f"{provider.pk}/messages/")

    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert admin.get(path).status_code == 200
        return len(queries)

    with open_text_transport() as transport:
        transport.send("+15550100", "a")
        admin.get(path)
        one = cost()
        transport.send("+15550101", "b"), transport.send("+15550102", "c")
    assert cost() == one


def test_erasing_a_person_reaches_what_waits_here(inside: None) -> None:
    report = a_delivery_report()
    DeliveryReport.objects.filter(pk=report.pk).update(address="lena@customer.example", text="hello")
    LocalMessage.objects.create(provider=report.provider, to="+15550100", text="Dear Lena")
    LocalMessage.objects.create(provider=report.provider, to="+15550199", text="Dear Mira")
    assert forget_person(addresses=["Lena@customer.example", "+15550100", ""]) == 2
    report.refresh_from_db()
    assert (report.address, report.text) == ("", "")
    assert LocalMessage.objects.get().to == "+15550199"


def test_reports_and_local_messages_are_no_archive(inside: None) -> None:
    old, new = a_delivery_report(), a_delivery_report()
    DeliveryReport.objects.filter(pk=old.pk).update(received_at=now() - timedelta(days=91))
    LocalMessage.objects.create(provider=new.provider, to="+1", text="x", created_at=now() - timedelta(days=31))
    assert forget_old() == 2
    assert DeliveryReport.objects.get() == new


def test_account_that_this_installation_does_not_know_any_more_can_only_be_deleted(
    organization: Organization, admin: Client, add: Add
) -> None:
    provider = add("local")
    Provider.objects.filter(pk=provider.pk).update(backend="gone")
    assert admin.get(page(organization)).status_code == 200
    assert "does not know" in admin.get(page(organization, f"{provider.pk}/")).content.decode()
    assert admin.get(page(organization, f"{provider.pk}/edit/")).status_code == 404
    admin.post(page(organization, f"{provider.pk}/delete/"))
    assert not Provider.objects.exists()


def test_service_names_what_is_no_field(add: Add) -> None:
    with pytest.raises(TypeError, match="kind"):
        change_provider(actor=SYSTEM, provider=add("local"), kind="email")
    for nonsense in list[Any]([5, True, [], {}]):
        with pytest.raises(DomainError):
            change_provider(actor=SYSTEM, provider=add("local"), name=nonsense)
        with pytest.raises(DomainError):
            change_provider(actor=SYSTEM, provider=add("postmark"), credentials={"server_token": nonsense})
