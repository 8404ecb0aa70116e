"""The pages of this app, through the browser's door. alice is an owner, bob a colleague, charlie a stranger."""

import io
import re
import smtplib

import pytest
from django.conf import settings
from django.core import mail
from django.urls import reverse
from PIL import Image

from apps.audit.models import AuditEntry
from apps.dispatch.models import MailboxMessage
from apps.organizations import queries, roles, services
from apps.organizations.models import ApiKey, ColleagueInvitation, Membership, Organization, Unit
from apps.organizations.services.members import invitation_token
from apps.outbox.models import OutboxEvent
from cxm.scope import tenant
from cxm.web.urls import org_url
from tests.factories import PASSWORD, a_member, a_person, an_actor, an_organization, signed_in
from tests.tenancy.rows import make_row, tenant_models

pytestmark = pytest.mark.django_db

PAGES = [
    "general",
    "branding",
    "contact_rules",
    "scoring",
    "mail",
    "background",
    "delete",
    "members",
    "invite",
    "import_colleagues",
    "roles",
    "units",
    "unit_create",
    "unit_import",
    "unit_export",
    "keys",
    "key_create",
]


@pytest.fixture
def acme():
    return an_organization("Acme", owner=a_person("Alice", email="alice@example.com"))


@pytest.fixture
def alice(acme):
    with tenant(acme):
        return signed_in(queries.owners().get().user)


def page(organization, name, **kwargs) -> str:
    return org_url(organization, f"organizations:{name}", **kwargs)


def form_data(response) -> dict:
    """What a browser would send back unchanged."""
    data = {}
    for bound in response.context["form"]:
        value = bound.value()
        if value is not None and value is not False:
            data[bound.html_name] = "on" if value is True else value
    return data


def without_chance(response) -> bytes:
    """The page without its nonce and its form tokens, which are new every time."""
    return re.sub(rb"[A-Za-z0-9_+/=-]{16,}", b"", response.content)


# -- who gets in ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PAGES)
def test_owner_opens_every_page(acme, alice, name):
    assert alice.get(page(acme, name)).status_code == 200


@pytest.mark.parametrize("name", PAGES)
def test_stranger_gets_the_same_answer_as_for_an_organisation_that_never_was(acme, name):
    charlie = signed_in(a_person("Charlie"))
    here, nowhere = charlie.get(page(acme, name)), charlie.get(page(Organization(slug="never-was"), name))
    assert here.status_code == nowhere.status_code == 404
    assert without_chance(here).replace(b"acme", b"never-was") == without_chance(nowhere)


@pytest.mark.parametrize("name", PAGES)
def test_signed_out_visitor_signs_in_first(acme, client, name):
    response = client.get(page(acme, name))
    assert response.status_code == 302
    assert response["Location"].startswith(f"{settings.LOGIN_URL}?next=")


def test_member_of_two_organisations_sees_each_behind_its_own_address(acme, alice):
    other = an_organization("Other", owner=a_member(acme, "agent"))
    with tenant(other):
        services.create_unit(actor=an_actor(other), name="Secret of Other")
    assert b"Secret of Other" not in alice.get(page(acme, "units")).content
    assert alice.get(page(other, "units")).status_code == 404


def test_ids_of_another_organisation_are_unknown_here(acme, alice):
    other = an_organization("Other")
    with tenant(other):
        theirs = services.create_unit(actor=an_actor(other), name="Theirs")
        their_member = Membership.objects.filter(organization=other).first()
        their_key, _ = services.create_api_key(actor=an_actor(other), name="Theirs")
        their_invitation = services.invite_colleague(actor=an_actor(other), email="x@example.com", role="agent")
    for address in [
        page(acme, "unit", pk=theirs.pk),
        page(acme, "unit_delete", pk=theirs.pk),
        page(acme, "member", pk=their_member.pk),
        page(acme, "deactivate", pk=their_member.pk),
        page(acme, "key_revoke", pk=their_key.pk),
        page(acme, "key_rotate", pk=their_key.pk),
        page(acme, "resend_invitation", pk=their_invitation.pk),
        page(acme, "revoke_invitation", pk=their_invitation.pk),
    ]:
        assert alice.post(address).status_code == 404, address
    response = alice.post(page(acme, "unit_create"), {"name": "Mine", "parent": str(theirs.pk)})
    assert response.status_code == 422
    with tenant(other):
        assert Unit.objects.filter(pk=theirs.pk).exists()
        assert ApiKey.objects.get(pk=their_key.pk).revoked_at is None


def test_deactivated_member_is_out_with_the_next_request(acme):
    bob = a_member(acme, "manager")
    browser = signed_in(bob)
    assert browser.get(page(acme, "members")).status_code == 200
    with tenant(acme):
        member = Membership.objects.get(organization=acme, user=bob)
        services.deactivate_member(actor=an_actor(acme), member=member)
    assert browser.get(page(acme, "members")).status_code == 404


def test_disabled_person_is_signed_out_with_the_next_request(acme):
    bob = a_member(acme, "manager")
    browser = signed_in(bob)
    bob.is_active = False
    bob.save()
    assert browser.get(page(acme, "members")).status_code == 302


def test_buttons_follow_the_role(acme):
    analyst = signed_in(a_member(acme, "analyst"))
    members = analyst.get(page(acme, "members")).content.decode()
    assert page(acme, "invite") not in members
    units = analyst.get(page(acme, "units")).content.decode()
    assert page(acme, "unit_create") not in units
    assert page(acme, "keys") not in units


def test_reader_of_a_branch_sees_only_the_branch(acme):
    with tenant(acme):
        owner = an_actor(acme)
        north, _south = (services.create_unit(actor=owner, name=name) for name in ("North", "Southern secret"))
    reader = signed_in(a_member(acme, "analyst", unit=north))
    content = reader.get(page(acme, "units")).content.decode()
    assert "North" in content
    assert "Southern secret" not in content
    assert "Southern secret" not in reader.get(page(acme, "unit_export")).content.decode()


@pytest.mark.parametrize("name", ["general", "keys", "background", "delete"])
def test_owner_of_a_branch_opens_nothing_that_is_about_the_whole(acme, name):
    with tenant(acme):
        north = services.create_unit(actor=an_actor(acme), name="North")
    browser = signed_in(a_member(acme, "owner", unit=north))
    assert browser.get(page(acme, name)).status_code == 403
    assert f'href="{page(acme, name)}"' not in browser.get(page(acme, "members")).content.decode()


# -- settings ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["general", "contact_rules", "scoring"])
def test_saving_a_page_unchanged_changes_nothing(acme, alice, name):
    before = Organization.objects.values().get(pk=acme.pk)
    response = alice.post(page(acme, name), form_data(alice.get(page(acme, name))))
    assert response.status_code == 302
    after = Organization.objects.values().get(pk=acme.pk)
    assert {**after, "updated_at": None} == {**before, "updated_at": None}


def test_settings_are_saved_and_audited(acme, alice):
    data = form_data(alice.get(page(acme, "general")))
    data |= {"name": "Acme & Co", "timezone": "Europe/Berlin", "languages": ["en", "de"], "default_language": "de"}
    data |= {"direction_0_name": "Easier", "direction_0_metric": "ces"}
    assert alice.post(page(acme, "general"), data).status_code == 302
    acme.refresh_from_db()
    assert (acme.name, acme.timezone, acme.default_language) == ("Acme & Co", "Europe/Berlin", "de")
    assert acme.experience_directions == [{"name": "Easier", "metric": "ces"}]
    with tenant(acme):
        entry = AuditEntry.objects.filter(action="organizations.settings_changed").get()
    assert "timezone" in entry.fields


def test_main_language_must_be_one_of_the_languages(acme, alice):
    data = form_data(alice.get(page(acme, "general"))) | {"default_language": "fr"}
    response = alice.post(page(acme, "general"), data)
    assert response.status_code == 422
    assert response.context["form"].errors["default_language"]


def test_half_a_direction_is_refused(acme, alice):
    data = form_data(alice.get(page(acme, "general"))) | {"direction_1_name": "Faster"}
    response = alice.post(page(acme, "general"), data)
    assert response.status_code == 422
    assert response.context["form"].errors["direction_1_metric"]


def test_contact_rules_are_saved(acme, alice):
    data = form_data(alice.get(page(acme, "contact_rules")))
    data |= {"global_days": "60", "hours_sat": "10:00-12:00, 13:00-24:00", "business_hours_enabled": "on"}
    assert alice.post(page(acme, "contact_rules"), data).status_code == 302
    acme.refresh_from_db()
    assert acme.fatigue["global_days"] == 60
    assert acme.business_hours["sat"] == [["10:00", "12:00"], ["13:00", "24:00"]]
    assert acme.business_hours_enabled


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("hours_mon", "nine to five"),
        ("hours_mon", "17:00-09:00"),
        ("global_days", "-1"),
        ("global_days", "9" * 40),
        ("anonymity_threshold", "2"),
        ("anonymity_threshold", "11"),
    ],
)
def test_impossible_contact_rules_stay_on_the_form(acme, alice, field, value):
    data = form_data(alice.get(page(acme, "contact_rules"))) | {field: value}
    response = alice.post(page(acme, "contact_rules"), data)
    assert response.status_code == 422
    assert field in response.context["form"].errors


def test_light_accent_is_refused_and_a_dark_one_taken(acme, alice):
    response = alice.post(page(acme, "branding"), {"accent": "#FFD400"})
    assert response.status_code == 422
    assert response.context["form"].errors["accent"]
    assert alice.post(page(acme, "branding"), {"accent": "#5b21b6"}).status_code == 302
    acme.refresh_from_db()
    assert acme.accent == "#5B21B6"
    assert reverse("accent", args=["5B21B6"]) in alice.get(page(acme, "branding")).content.decode()


# -- logo -------------------------------------------------------------------------------------------------------------


def a_picture(kind="PNG", size=(800, 400), trailer=b"") -> io.BytesIO:
    out = io.BytesIO()
    Image.new("RGB", size, "#0F766E").save(out, kind)
    out.write(trailer)
    out.seek(0)
    out.name = "logo.svg"
    return out


@pytest.fixture
def uploads(tmp_path, settings):
    settings.MEDIA_ROOT = tmp_path
    return tmp_path


def test_logo_is_written_anew_and_nothing_of_the_upload_is_kept(acme, alice, uploads, client):
    script = b"<script>alert(1)</script>"
    response = alice.post(page(acme, "branding"), {"logo": a_picture("JPEG", trailer=script), "accent": ""})
    assert response.status_code == 302
    answer = client.get(reverse("organization_logo", args=[acme.slug]))
    body = b"".join(answer.streaming_content)
    assert answer["Content-Type"] == "image/png"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert script not in body
    with Image.open(io.BytesIO(body)) as picture:
        assert picture.format == "PNG"
        assert picture.size == (192, 96)


@pytest.mark.parametrize(
    "content",
    [b"", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"\x89PNG\r\n\x1a\n broken", b"GIF89a", b"x" * 2_100_000],
)
def test_what_is_no_picture_is_refused(acme, alice, uploads, content):
    file = io.BytesIO(content)
    file.name = "logo.png"
    response = alice.post(page(acme, "branding"), {"logo": file, "accent": ""})
    assert response.status_code == 422
    assert response.context["form"].errors["logo"]
    acme.refresh_from_db()
    assert acme.logo == ""


def test_former_logo_is_deleted(acme, alice, uploads, django_capture_on_commit_callbacks):
    for _ in range(2):
        with django_capture_on_commit_callbacks(execute=True):
            alice.post(page(acme, "branding"), {"logo": a_picture(), "accent": ""})
    assert len(list(uploads.rglob("*.png"))) == 1
    with django_capture_on_commit_callbacks(execute=True):
        alice.post(page(acme, "branding"), {"remove_logo": "on", "accent": ""})
    assert not list(uploads.rglob("*.png"))


# -- mail -------------------------------------------------------------------------------------------------------------


def test_test_mail_goes_to_oneself(acme, alice):
    response = alice.post(page(acme, "mail"))
    assert response.status_code == 200
    assert mail.outbox[0].to == ["alice@example.com"]


class RefusingServer:
    """A mail server that says no to the recipient."""

    def __init__(self, *args, **kwargs):
        self.steps = []

    def ehlo_or_helo_if_needed(self):
        pass

    def mail(self, sender):
        return 250, b"2.1.0 Ok"

    def rcpt(self, to):
        return 550, b"5.1.1 <b>no such mailbox</b>"

    def quit(self):
        pass


def test_the_servers_own_words_are_shown_and_nothing_in_them_runs(acme, alice, settings, monkeypatch):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    monkeypatch.setattr(smtplib, "SMTP", RefusingServer)
    content = alice.post(page(acme, "mail")).content.decode()
    assert "550 5.1.1 &lt;b&gt;no such mailbox&lt;/b&gt;" in content
    assert "The mail was not taken" in content


def test_mail_server_that_is_away_is_told_in_words(acme, alice, settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9
    content = alice.post(page(acme, "mail")).content.decode()
    assert "No connection" in content


# -- background work --------------------------------------------------------------------------------------------------


def test_parked_work_is_listed_and_tried_again(acme, alice):
    with tenant(acme):
        event = OutboxEvent.objects.create(
            topic="x.happened", handler="x.do", payload={}, state="parked", attempts=8, error="<script>boom"
        )
    content = alice.get(page(acme, "background")).content.decode()
    assert "x.happened" in content
    assert "<script>boom" not in content
    assert alice.post(page(acme, "background"), {"event": str(event.pk)}).status_code == 302
    with tenant(acme):
        event.refresh_from_db()
    assert (event.state, event.attempts) == ("pending", 0)
    assert alice.post(page(acme, "background"), {"event": str(event.pk)}).status_code == 404
    assert alice.post(page(acme, "background"), {"event": "nonsense"}).status_code == 404


# -- members ----------------------------------------------------------------------------------------------------------


def test_number_of_queries_of_the_members_page_does_not_grow(acme, alice, django_assert_num_queries):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    def queries_with(more: int) -> int:
        for _ in range(more):
            a_member(acme, "agent")
            with tenant(acme):
                services.invite_colleague(actor=an_actor(acme), email=a_person().email, role="agent")
        with CaptureQueriesContext(
            connection,
        ) as captured:
            assert alice.get(page(acme, "members")).status_code == 200
        return len(captured)

    alice.get(page(acme, "members"))
    assert queries_with(1) == queries_with(2)


def test_inviting_on_the_page_sends_a_mail_with_a_link_that_works(acme, alice, client):
    response = alice.post(page(acme, "invite"), {"email": "bob@example.com", "role": "analyst", "unit": ""})
    assert response.status_code == 302
    from apps.organizations.invitation_mail import send_colleague_invitation

    with tenant(acme):
        event = OutboxEvent.objects.get(handler="organizations.send_colleague_invitation")
        send_colleague_invitation(event.payload["invitation"])
    message = mail.outbox[0]
    assert message.to == ["bob@example.com"]
    link = re.search(r"http://[^/]+(/invite/[\w-]+/)", message.body)[1]
    assert b"Join Acme" in client.get(link).content


def test_page_offers_only_roles_one_may_give(acme):
    admin = signed_in(a_member(acme, "admin"))
    offered = dict(admin.get(page(acme, "invite")).context["form"].fields["role"].choices)
    assert set(offered) == set(roles.ROLES) - {"owner"}
    assert admin.post(page(acme, "invite"), {"email": "x@example.com", "role": "owner", "unit": ""}).status_code == 422


def test_role_is_given_and_taken_on_the_members_page(acme, alice):
    bob = a_member(acme, "agent")
    with tenant(acme):
        member = Membership.objects.get(organization=acme, user=bob)
    alice.post(page(acme, "member", pk=member.pk), {"role": "analyst", "unit": ""})
    with tenant(acme):
        grants = queries.grants_of([bob.pk])[bob.pk]
    assert [grant.role for grant in grants] == ["analyst", "agent"]
    alice.post(page(acme, "revoke_role", pk=member.pk, grant=grants[0].pk))
    with tenant(acme):
        assert [grant.role for grant in queries.grants_of([bob.pk])[bob.pk]] == ["agent"]


def test_last_owner_is_told_why_they_cannot_leave(acme, alice):
    response = alice.post(page(acme, "leave"))
    assert response.status_code == 422
    assert b"needs an owner" in response.content


def test_member_leaves(acme):
    bob = a_member(acme, "agent")
    assert signed_in(bob).post(page(acme, "leave")).status_code == 302
    assert queries.organizations_of(bob) == []


def test_file_of_colleagues_on_the_page(acme, alice):
    file = io.BytesIO(b"email,role,unit\nbob@example.com,agent,\n<script>,agent,\n")
    file.name = "colleagues.csv"
    content = alice.post(page(acme, "import_colleagues"), {"file": file}).content.decode()
    assert "Rows taken: 1" in content
    assert "<script>," not in content
    assert "&lt;script&gt;" in content


# -- keys -------------------------------------------------------------------------------------------------------------


def test_key_is_shown_once(acme, alice):
    response = alice.post(page(acme, "key_create"), {"name": "Shop", "kind": "api", "lifetime": "30"})
    token = re.search(r"cxm_api_\w+", response.content.decode())[0]
    assert "no-store" in response["Cache-Control"]
    assert services.authenticate_api_key(token).organization == acme
    again = alice.get(page(acme, "keys")).content.decode()
    assert token not in again
    assert "Shop" in again


def test_key_is_renewed_and_revoked_on_the_page(acme, alice):
    token = alice.post(page(acme, "key_create"), {"name": "Shop", "kind": "write", "lifetime": ""}).context["token"]
    with tenant(acme):
        key = ApiKey.objects.get()
    renewed = alice.post(page(acme, "key_rotate", pk=key.pk)).context["token"]
    alice.post(page(acme, "key_revoke", pk=key.pk))
    assert services.authenticate_api_key(token, kind="write") is None
    assert services.authenticate_api_key(renewed, kind="write") is not None


# -- founding and ending ----------------------------------------------------------------------------------------------


def test_founding_an_organisation_makes_one_its_owner():
    charlie = a_person("Charlie")
    browser = signed_in(charlie)
    response = browser.post(reverse("organization_create"), {"name": "Charlie's", "zone": "Europe/Paris"})
    assert response.status_code == 302
    [organization] = queries.organizations_of(charlie)
    assert (organization.slug, organization.timezone) == ("charlies", "Europe/Paris")
    assert browser.get(page(organization, "general")).status_code == 200


@pytest.mark.parametrize(
    "data", [{}, {"name": "", "zone": "UTC"}, {"name": "A\x00B", "zone": "UTC"}, {"name": "A", "zone": "Mars"}]
)
def test_impossible_organisation_is_not_founded(data):
    charlie = a_person("Charlie")
    assert signed_in(charlie).post(reverse("organization_create"), data).status_code == 422
    assert queries.organizations_of(charlie) == []


def test_deleting_needs_the_name_and_takes_everything_but_the_log(acme, alice, uploads):
    bob = a_member(acme, "agent")
    other = an_organization("Other")
    with tenant(other):
        services.create_unit(actor=an_actor(other), name="Theirs")
    with tenant(acme):
        services.create_unit(actor=an_actor(acme), name="North")
        services.create_api_key(actor=an_actor(acme), name="Shop")
    assert alice.post(page(acme, "delete"), {"confirm": "Something"}).status_code == 422
    assert alice.post(page(acme, "delete"), {"confirm": "Acme"}).status_code == 302
    assert alice.get(page(acme, "general")).status_code == 404
    assert queries.organizations_of(bob) == []
    row = Organization.objects.get(pk=acme.pk)
    assert (row.name, row.deleted_at is None) == ("", False)
    with tenant(acme):
        for model in (Unit, ApiKey, ColleagueInvitation, OutboxEvent):
            assert not model.objects.exists()
        assert AuditEntry.objects.filter(action="organizations.deleted").exists()
    with tenant(other):
        assert Unit.objects.count() == 1
    assert an_organization("Acme", slug="acme").slug == "acme"


def test_only_an_owner_deletes(acme):
    assert signed_in(a_member(acme, "admin")).get(page(acme, "delete")).status_code == 403


# -- the invitation's page --------------------------------------------------------------------------------------------


@pytest.fixture
def invitation_link(acme):
    with tenant(acme):
        invitation = services.invite_colleague(actor=an_actor(acme), email="bob@example.com", role="analyst")
    return reverse("colleague_invitation", args=[invitation_token(invitation)])


def test_newcomer_signs_up_with_the_link_and_joins(acme, client, invitation_link):
    client.get(invitation_link)
    response = client.post(
        f"{reverse('account_signup')}?next={invitation_link}",
        {"email": "bob@example.com", "password1": PASSWORD, "name": "Bob", "next": invitation_link},
    )
    assert response["Location"] == invitation_link
    assert b"Accept the invitation" in client.get(invitation_link).content
    client.post(invitation_link)
    bob = Membership._meta.get_field("user").related_model.objects.get(email="bob@example.com")
    assert queries.organizations_of(bob) == [acme]
    assert bob.emailaddress_set.get().verified
    assert client.get(page(acme, "members")).status_code == 200


def test_get_of_the_link_joins_nobody(acme, invitation_link):
    bob = a_person(email="bob@example.com")
    signed_in(bob).get(invitation_link)
    assert queries.organizations_of(bob) == []


def test_link_is_the_same_for_a_stranger_whether_the_address_has_an_account(acme, client, invitation_link):
    def seen():
        return without_chance(client.get(invitation_link))

    before = seen()
    a_person(email="bob@example.com")
    assert seen() == before


def test_account_of_another_address_cannot_use_the_link(acme, invitation_link):
    eve = a_person("Eve")
    browser = signed_in(eve)
    assert b"Accept the invitation" not in browser.get(invitation_link).content
    assert browser.post(invitation_link).status_code == 409
    assert queries.organizations_of(eve) == []


@pytest.mark.parametrize("token", ["x", "A" * 66, "%00" * 3, "é" * 66])
def test_link_that_was_never_made_says_so(client, token):
    assert client.get(f"/invite/{token}/").status_code == 404


def test_deleting_reaches_every_table_and_spares_the_neighbour(acme, alice, uploads):
    other = an_organization("Other")
    kept = {}
    for organization in (acme, other):
        with tenant(organization):
            for model in tenant_models():
                make_row(model)
            MailboxMessage.objects.create(organization=organization, to="x@example.com", subject="Personal")
            kept[organization.pk] = {model: model._base_manager.count() for model in tenant_models()}
    assert alice.post(page(acme, "delete"), {"confirm": "Acme"}).status_code == 302
    with tenant(acme):
        assert [model for model in tenant_models() if model._base_manager.exists()] == [AuditEntry]
    assert [message.organization for message in MailboxMessage.objects.all()] == [other]
    with tenant(other):
        assert {model: model._base_manager.count() for model in tenant_models()} == kept[other.pk]


@pytest.mark.parametrize("name", ["import_colleagues", "unit_import"])
def test_huge_file_is_refused_unread(acme, alice, name):
    file = io.BytesIO(b"email,role,unit\n" + b"x" * 3_000_000)
    file.name = "huge.csv"
    response = alice.post(page(acme, name), {"file": file})
    assert response.status_code == 422
    assert response.context["form"].errors["file"]
