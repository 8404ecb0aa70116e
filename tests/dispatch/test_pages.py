"""The pages of sending, the suppression list and the mailbox, as people use them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from django.core.mail import EmailMultiAlternatives, send_mail
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.dispatch.mailbox import mailbox_key
from apps.dispatch.models import Invitation, MailboxMessage, Suppression
from apps.dispatch.sending import send_due_invitations
from apps.dispatch.suppression import suppress
from apps.organizations.models import Organization
from cxm.actor import Actor
from cxm.scope import tenant
from tests.factories import a_member, an_organization, signed_in
from tests.factories.dispatch import a_customer_to_ask, a_kept_mail, a_suppression, an_invitation
from tests.factories.surveys import a_survey


@pytest.fixture
def organization(db: None) -> Organization:
    return an_organization("Nordwind")


@pytest.fixture
def inside(organization: Organization) -> Iterator[None]:
    with tenant(organization):
        yield


@pytest.fixture
def manager(organization: Organization) -> Client:
    return signed_in(a_member(organization, "manager"))


@pytest.fixture
def admin(organization: Organization) -> Client:
    return signed_in(a_member(organization, "admin"))


def page(organization: Organization, path: str) -> str:
    return f"/o/{organization.slug}/{path}"


def choices(**changes: Any) -> dict[str, Any]:
    return {"who": "everyone", "when": "now", "stage": "customer", **changes}


def hidden(html: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', html)
    assert found, f"no {name} on the page"
    return found.group(1)


@pytest.mark.usefixtures("inside")
class TestSending:
    def test_preview_sends_nothing_and_sending_sends_exactly_what_was_shown(
        self, organization: Organization, manager: Client
    ) -> None:
        survey = a_survey(relationship=True)
        a_customer_to_ask(), a_customer_to_ask(), a_customer_to_ask(known_days=1)
        path = page(organization, f"surveys/{survey.pk}/send/once/")
        assert manager.get(path).status_code == 200
        preview = manager.post(path, choices(subject="Your move"))
        html = preview.content.decode()
        assert preview.status_code == 200
        assert not Invitation.objects.exists()
        assert hidden(html, "expected") == "2"
        assert "New customer" in html
        assert "Your move" in html

        sent = manager.post(path, choices(subject="Your move", expected="2", seen=hidden(html, "seen")))
        assert sent.status_code == 302
        assert Invitation.objects.filter(state="queued").count() == 2
        send_due_invitations()
        assert set(MailboxMessage.objects.values_list("subject", flat=True)) == {"Your move"}
        listed = manager.get(sent["Location"])
        assert "2 of 2" in listed.content.decode()

    def test_something_else_than_was_looked_at_is_looked_at_first(
        self, organization: Organization, manager: Client
    ) -> None:
        survey = a_survey(relationship=True)
        customers = [a_customer_to_ask(), a_customer_to_ask()]
        path = page(organization, f"surveys/{survey.pk}/send/once/")
        seen = hidden(manager.post(path, choices()).content.decode(), "seen")
        changed = choices(who="ids", ids="\n".join(str(c.external_id) for c in customers), expected="2", seen=seen)
        assert manager.post(path, changed).status_code == 200
        assert not Invitation.objects.exists()

    def test_number_that_changed_meanwhile_is_said_and_nothing_sent(
        self, organization: Organization, manager: Client
    ) -> None:
        survey = a_survey(relationship=True)
        a_customer_to_ask()
        path = page(organization, f"surveys/{survey.pk}/send/once/")
        seen = hidden(manager.post(path, choices()).content.decode(), "seen")
        a_customer_to_ask()
        answer = manager.post(path, choices(expected="1", seen=seen))
        assert answer.status_code == 422
        assert "2 mails now" in answer.content.decode()
        assert hidden(answer.content.decode(), "expected") == "2"
        assert not Invitation.objects.exists()

    @pytest.mark.parametrize(
        ("wish", "words"),
        [
            ({"who": "ids", "ids": ""}, "Paste the ids"),
            ({"who": "ids", "ids": "nobody-1, nobody-2"}, "2 ids are unknown: nobody-1, nobody-2"),
            ({"who": "one"}, "Name the customer"),
            ({"who": "one", "customer": "nobody"}, "1 id is unknown"),
            ({"who": "stage", "stage": "former"}, "No customer of this choice"),
            ({"when": "later"}, "Choose the day and time"),
            ({"when": "later", "send_at": "tomorrow"}, "Enter a valid date/time"),
            ({"when": "later", "send_at": "2099-01-01T10:00"}, "within the next 12 months"),
            ({"who": "martians"}, "Select a valid choice"),
            ({"reply_to": "nobody"}, "Enter a valid email address"),
            ({"subject": "x" * 300}, "at most 200 characters"),
        ],
    )
    def test_wrong_choice_says_what_to_do(
        self, organization: Organization, manager: Client, wish: dict[str, Any], words: str
    ) -> None:
        survey = a_survey(relationship=True)
        a_customer_to_ask()
        answer = manager.post(page(organization, f"surveys/{survey.pk}/send/once/"), choices(**wish))
        assert answer.status_code == 422
        assert words in answer.content.decode()

    def test_one_customer_and_pasted_addresses_are_found(self, organization: Organization, manager: Client) -> None:
        survey = a_survey(relationship=True)
        first, second = a_customer_to_ask(), a_customer_to_ask()
        path = page(organization, f"surveys/{survey.pk}/send/once/")
        one = manager.post(path, choices(who="one", customer=first.external_id))
        assert hidden(one.content.decode(), "expected") == "1"
        both = manager.post(path, choices(who="ids", ids=f"{first.external_id}; {str(second.email).upper()}"))
        assert hidden(both.content.decode(), "expected") == "2"

    def test_draft_cannot_be_sent(self, organization: Organization, manager: Client) -> None:
        survey = a_survey(published=False)
        path = page(organization, f"surveys/{survey.pk}/send/once/")
        assert "Publish the survey first" in manager.get(path).content.decode()
        a_customer_to_ask()
        assert manager.post(path, choices()).status_code == 422
        assert not Invitation.objects.exists()

    def test_mail_in_the_frame_shows_the_own_words_and_can_do_nothing(
        self, organization: Organization, manager: Client
    ) -> None:
        survey = a_survey(relationship=True)
        path = page(organization, f"surveys/{survey.pk}/send/mail/")
        answer = manager.get(path, {"opening": "<script>alert(1)</script> Hello there", "language": "xx"})
        html = answer.content.decode()
        assert "&lt;script&gt;alert(1)&lt;/script&gt; Hello there" in html
        assert "<script" not in html
        policy = answer["Content-Security-Policy"]
        assert "sandbox" in policy and "default-src 'none'" in policy and "frame-ancestors 'self'" in policy
        assert "X-Frame-Options" not in answer

    def test_list_says_why_somebody_was_not_asked(self, organization: Organization, manager: Client) -> None:
        survey = a_survey(relationship=True)
        customer = a_customer_to_ask(name="Lena Vogel")
        an_invitation(survey, customer)
        blocked = an_invitation(survey, customer)
        path = page(organization, f"surveys/{survey.pk}/invitations/")
        html = manager.get(path, {"state": "blocked"}).content.decode()
        assert "Lena Vogel" in html
        assert "at most 1 survey in 30 days" in html
        assert blocked.reason == "global_cap"
        assert manager.get(path, {"state": "nonsense", "batch": "x"}).status_code == 200

    def test_list_costs_the_same_for_one_and_for_three(self, organization: Organization, manager: Client) -> None:
        survey = a_survey(relationship=True)
        path = page(organization, f"surveys/{survey.pk}/invitations/")

        def queries() -> int:
            with CaptureQueriesContext(connection) as captured:
                assert manager.get(path).status_code == 200
            return len(captured)

        an_invitation(survey)
        manager.get(path)
        one = queries()
        an_invitation(survey)
        an_invitation(survey)
        assert queries() == one

    def test_what_waits_is_taken_back_and_what_failed_tried_again(
        self, organization: Organization, manager: Client
    ) -> None:
        survey = a_survey(relationship=True)
        waiting, failed = an_invitation(survey), an_invitation(survey)
        Invitation.objects.filter(pk=failed.pk).update(state="failed", attempts=8)
        base = page(organization, f"surveys/{survey.pk}/invitations/")
        assert manager.post(f"{base}{waiting.batch_id}/cancel/").status_code == 302
        assert manager.post(f"{base}retry/").status_code == 302
        assert dict(Invitation.objects.values_list("pk", "state")) == {waiting.pk: "cancelled", failed.pk: "queued"}
        assert manager.get(f"{base}retry/").status_code == 405


@pytest.mark.usefixtures("inside")
class TestSuppressionList:
    def test_address_is_added_found_and_removed_with_a_reason(self, organization: Organization, admin: Client) -> None:
        path = page(organization, "privacy/suppressions/")
        assert admin.post(path, {"email": " Lena@Example.com ", "note": "called us"}).status_code == 302
        entry = Suppression.objects.get()
        assert (entry.email, entry.reason, entry.note) == ("lena@example.com", "manual", "called us")
        assert "lena@example.com" in admin.get(path, {"q": "LENA"}).content.decode()
        assert "lena@example.com" not in admin.get(path, {"q": "mara"}).content.decode()
        lift = f"{path}{entry.pk}/lift/"
        assert admin.post(lift, {"reason": " "}).status_code == 422
        assert admin.post(lift, {"reason": "asked us again"}).status_code == 302
        entry.refresh_from_db()
        assert entry.lifted_because == "asked us again"
        assert entry.lifted_by is not None
        assert "lena@example.com" not in admin.get(path).content.decode()
        assert admin.get(lift).status_code == 404
        assert an_invitation(customer=a_customer_to_ask()).state == "queued"

    def test_lifted_address_may_be_asked_and_suppressed_again(self, organization: Organization, admin: Client) -> None:
        customer = a_customer_to_ask()
        first = suppress(actor=Actor.system("test"), customer=customer, reason="unsubscribed")
        assert an_invitation(customer=customer).reason == "suppressed"
        path = page(organization, f"privacy/suppressions/{first.pk}/lift/")
        assert admin.post(path, {"reason": "asked us again"}).status_code == 422
        assert an_invitation(customer=customer).reason == "suppressed"
        assert admin.post(path, {"reason": "asked us again", "asked_by_person": "on"}).status_code == 302
        assert an_invitation(customer=customer).state == "queued"
        second = suppress(actor=Actor.system("test"), customer=customer, reason="unsubscribed")
        assert second.pk != first.pk

    @pytest.mark.parametrize("email", ["", "lena", "a@b", "x" * 300 + "@example.com"])
    def test_wrong_address_is_refused(self, organization: Organization, admin: Client, email: str) -> None:
        assert admin.post(page(organization, "privacy/suppressions/"), {"email": email}).status_code == 422
        assert not Suppression.objects.exists()

    def test_manager_may_add_but_not_remove(self, organization: Organization, manager: Client) -> None:
        entry = a_suppression()
        html = manager.get(page(organization, "privacy/suppressions/")).content.decode()
        assert entry.email in html
        assert "/lift/" not in html
        assert manager.get(page(organization, f"privacy/suppressions/{entry.pk}/lift/")).status_code == 403


@pytest.mark.usefixtures("inside")
class TestMailbox:
    def test_mail_can_be_read_and_its_links_clicked(self, organization: Organization, admin: Client) -> None:
        an_invitation(a_survey(relationship=True))
        send_due_invitations()
        mail = MailboxMessage.objects.get(organization=organization)
        path = page(organization, "mailbox/")
        assert mail.subject in admin.get(path).content.decode()
        shown = admin.get(f"{path}{mail.pk}/").content.decode()
        assert re.search(r'<a href="http://[^"]+/r/[^"]+/"', shown), "links of the text are links"
        assert f"{path}{mail.pk}/html/" in shown
        document = admin.get(f"{path}{mail.pk}/html/")
        assert '<base target="_blank">' in document.content.decode()
        assert "?s=9" in document.content.decode()
        assert "sandbox allow-popups" in document["Content-Security-Policy"]

    def test_other_organisations_mail_and_account_mail_do_not_exist(
        self, organization: Organization, admin: Client
    ) -> None:
        other = an_organization("Other")
        with tenant(other):
            theirs = a_kept_mail()
        account = MailboxMessage.objects.create(to="olga@example.com", subject="Your code", text="123456")
        assert "Your code" not in admin.get(page(organization, "mailbox/")).content.decode()
        for mail in (theirs, account):
            for tail in ("", "html/"):
                assert admin.get(page(organization, f"mailbox/{mail.pk}/{tail}")).status_code == 404

    def test_manager_may_not_read_it(self, organization: Organization, manager: Client) -> None:
        assert manager.get(page(organization, "mailbox/")).status_code == 403

    def test_all_mail_of_the_installation_lands_in_it(self, organization: Organization, settings: Any) -> None:
        settings.EMAIL_BACKEND = "apps.dispatch.mailbox.MailboxBackend"
        message = EmailMultiAlternatives("Hello", "text", "from@example.com", ["to@example.com"], ["cc@example.com"])
        message.attach_alternative("<p>html</p>", "text/html")
        message.send()
        kept = MailboxMessage.objects.get(organization=organization)
        assert (kept.to, kept.text, kept.html) == ("to@example.com, cc@example.com", "text", "<p>html</p>")


def account_mail(settings: Any) -> MailboxMessage:
    settings.EMAIL_BACKEND = "apps.dispatch.mailbox.MailboxBackend"
    send_mail("Your code", "123456", None, ["olga@example.com"])
    return MailboxMessage.objects.get(organization=None)


def test_account_mail_is_read_by_who_has_the_machines_key(db: None, client: Client, settings: Any) -> None:
    mail = account_mail(settings)
    path = f"/mailbox/{mailbox_key()}/"
    assert "Your code" in client.get(path).content.decode()
    answer = client.get(f"{path}{mail.pk}/")
    assert "123456" in answer.content.decode()
    assert (answer["Referrer-Policy"], answer["Cache-Control"]) == ("no-referrer", "no-store")


@pytest.mark.parametrize("key", ["x", "0" * 40, "é", "%00"])
def test_another_key_finds_nothing(db: None, client: Client, settings: Any, key: str) -> None:
    mail = account_mail(settings)
    for tail in ("", f"{mail.pk}/", f"{mail.pk}/html/", f"{uuid4()}/"):
        assert client.get(f"/mailbox/{key}/{tail}").status_code == 404


def test_with_a_mail_server_there_is_no_account_mailbox(db: None, client: Client, settings: Any) -> None:
    account_mail(settings)
    settings.EMAIL_URL_IS_SET = True
    assert client.get(f"/mailbox/{mailbox_key()}/").status_code == 404
    with pytest.raises(CommandError, match="EMAIL_URL is set"):
        call_command("mailbox")


def test_owner_of_an_organisation_does_not_get_the_key_and_staff_does(organization: Organization) -> None:
    owner = a_member(organization, "owner")
    assert signed_in(owner).get("/mailbox/").status_code == 404
    assert Client().get("/mailbox/").status_code == 302
    assert mailbox_key() not in Client().get("/mailbox/")["Location"]
    owner.is_staff = True
    owner.save()
    assert signed_in(owner).get("/mailbox/")["Location"] == f"/mailbox/{mailbox_key()}/"


def test_command_lists_and_prints_account_mail(db: None, settings: Any, capsys: pytest.CaptureFixture[str]) -> None:
    mail = account_mail(settings)
    call_command("mailbox", "--to", "OLGA")
    listed = capsys.readouterr().out
    assert str(mail.pk) in listed
    assert mailbox_key() in listed
    call_command("mailbox", str(mail.pk))
    assert "123456" in capsys.readouterr().out
    for wrong in (str(uuid4()), "nonsense"):
        with pytest.raises(CommandError, match="no such mail"):
            call_command("mailbox", wrong)


@pytest.mark.parametrize("role", ["analyst", "employee", "agent"])
@pytest.mark.parametrize("path", ["surveys/{id}/send/once/", "privacy/suppressions/", "mailbox/"])
def test_other_roles_may_not_send(organization: Organization, role: str, path: str) -> None:
    with tenant(organization):
        survey = a_survey()
    assert signed_in(a_member(organization, role)).get(page(organization, path.format(id=survey.pk))).status_code == 403
