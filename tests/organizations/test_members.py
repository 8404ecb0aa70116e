import re
import threading

import pytest
import time_machine
from django.db import connection
from django.utils import timezone

from apps.accounts.models import User
from apps.audit.models import AuditEntry
from apps.organizations import queries, services
from apps.organizations.models import ColleagueInvitation, Membership, RoleGrant
from apps.organizations.services.members import INVITATION_DAYS, invitation_token, read_invitation
from cxm.errors import Conflict, DomainError, NotAllowed, NotFound
from cxm.scope import tenant
from tests.factories import a_member, a_person, an_actor, an_organization

pytestmark = pytest.mark.django_db


@pytest.fixture
def acme():
    organization = an_organization("Acme")
    with tenant(organization):
        yield organization


def membership(organization, user) -> Membership:
    return Membership.objects.get(organization=organization, user=user)


def roles_of(user) -> list[tuple[str, str | None]]:
    return [(grant.role, grant.unit and grant.unit.code) for grant in queries.grants_of([user.pk])[user.pk]]


# -- inviting ---------------------------------------------------------------------------------------------------------


def test_invited_colleague_joins_with_the_role_they_were_invited_to(acme):
    admin = an_actor(acme, "admin")
    north = services.create_unit(actor=admin, name="North")
    invitation = services.invite_colleague(actor=admin, email=" Bob@Example.com ", role="analyst", unit=north)
    bob = a_person("Bob", email="bob@example.com")
    services.accept_invitation(user=bob, token=invitation_token(invitation))
    assert roles_of(bob) == [("analyst", "north")]
    assert queries.organizations_of(bob) == [acme]


def test_inviting_again_renews_the_invitation_instead_of_adding_one(acme):
    admin = an_actor(acme, "admin")
    first = services.invite_colleague(actor=admin, email="bob@example.com", role="analyst")
    second = services.invite_colleague(actor=admin, email="BOB@example.com", role="manager")
    assert first.pk == second.pk
    assert ColleagueInvitation.objects.get().role == "manager"


def test_inviting_answers_the_same_whether_the_address_has_an_account_or_not(acme):
    a_person(email="known@example.com")
    admin = an_actor(acme, "admin")
    for email in ("known@example.com", "unknown@example.com"):
        invitation = services.invite_colleague(actor=admin, email=email, role="employee")
        assert invitation.email == email


def test_a_member_is_not_invited_again(acme):
    bob = a_member(acme, "agent")
    with pytest.raises(Conflict, match="member already"):
        services.invite_colleague(actor=an_actor(acme, "admin"), email=bob.email, role="agent")


@pytest.mark.parametrize(
    "email", ["", "bob", "bob@", "a b@example.com", "x" * 250 + "@example.com", "a\x00@b.co", None, 5]
)
def test_malformed_address_is_refused_by_name(acme, email):
    with pytest.raises(DomainError) as caught:
        services.invite_colleague(actor=an_actor(acme, "admin"), email=email, role="agent")
    assert caught.value.errors[0]["field"] == "email"


@pytest.mark.parametrize("role", ["", "superuser", None, 7, ["owner"]])
def test_unknown_role_is_refused_by_name(acme, role):
    with pytest.raises(DomainError) as caught:
        services.invite_colleague(actor=an_actor(acme, "admin"), email="bob@example.com", role=role)
    assert caught.value.errors[0]["field"] == "role"


@pytest.mark.parametrize(("inviter", "role"), [("admin", "owner"), ("manager", "employee"), ("employee", "employee")])
def test_nobody_invites_to_more_than_they_have(acme, inviter, role):
    with pytest.raises(NotAllowed):
        services.invite_colleague(actor=an_actor(acme, inviter), email="bob@example.com", role=role)
    assert not ColleagueInvitation.objects.exists()


def test_admin_of_a_branch_invites_only_into_the_branch(acme):
    owner = an_actor(acme, "owner")
    north, south = (services.create_unit(actor=owner, name=name) for name in ("North", "South"))
    berlin = services.create_unit(actor=owner, name="Berlin", parent=north)
    admin = an_actor(acme, "admin", unit=north)
    services.invite_colleague(actor=admin, email="bob@example.com", role="manager", unit=berlin)
    for unit in (south, None):
        with pytest.raises(NotAllowed):
            services.invite_colleague(actor=admin, email="eve@example.com", role="manager", unit=unit)


# -- accepting: what an invitation must not let happen ----------------------------------------------------------------


def test_invitation_is_worth_nothing_to_another_address(acme):
    invitation = services.invite_colleague(actor=an_actor(acme, "admin"), email="bob@example.com", role="admin")
    eve = a_person("Eve")
    with pytest.raises(Conflict, match="another address"):
        services.accept_invitation(user=eve, token=invitation_token(invitation))
    assert queries.organizations_of(eve) == []


def test_invitation_is_used_once(acme):
    invitation = services.invite_colleague(actor=an_actor(acme, "admin"), email="bob@example.com", role="agent")
    token = invitation_token(invitation)
    bob = a_person(email="bob@example.com")
    services.accept_invitation(user=bob, token=token)
    services.deactivate_member(actor=an_actor(acme, "owner"), member=membership(acme, bob))
    with pytest.raises(NotFound):
        services.accept_invitation(user=bob, token=token)
    assert queries.organizations_of(bob) == []


def test_invitation_ends_after_two_weeks_and_can_be_sent_again(acme):
    admin = an_actor(acme, "admin")
    invitation = services.invite_colleague(actor=admin, email="bob@example.com", role="agent")
    token = invitation_token(invitation)
    with time_machine.travel(timezone.now() + timezone.timedelta(days=INVITATION_DAYS, minutes=1)):
        assert read_invitation(token) is None
        services.resend_invitation(actor=admin, invitation=invitation)
        assert read_invitation(token) is not None


def test_withdrawn_invitation_is_worth_nothing(acme):
    admin = an_actor(acme, "admin")
    invitation = services.invite_colleague(actor=admin, email="bob@example.com", role="agent")
    services.revoke_invitation(actor=admin, invitation=invitation)
    assert read_invitation(invitation_token(invitation)) is None
    with pytest.raises(NotFound):
        services.revoke_invitation(actor=admin, invitation=invitation)


def test_altered_link_is_worth_nothing(acme):
    invitation = services.invite_colleague(actor=an_actor(acme, "admin"), email="bob@example.com", role="agent")
    token = invitation_token(invitation)
    for position in (0, 5, 30, len(token) - 2, len(token) - 1):
        for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_":
            altered = token[:position] + letter + token[position + 1 :]
            assert altered == token or read_invitation(altered) is None
    for other in ("", token[:-1], token + "A", "ä" * 66, "\x00" * 66):
        assert read_invitation(other) is None


def test_link_of_one_organisation_opens_nothing_in_another(acme):
    other = an_organization("Other")
    with tenant(other):
        theirs = services.invite_colleague(actor=an_actor(other, "admin"), email="bob@example.com", role="admin")
    seen = read_invitation(invitation_token(theirs))
    assert seen is not None
    assert seen.organization == other
    bob = a_person(email="bob@example.com")
    services.accept_invitation(user=bob, token=invitation_token(theirs))
    assert queries.organizations_of(bob) == [other]
    assert not Membership.objects.filter(organization=acme, user=bob).exists()


def test_invitation_of_somebody_who_lost_the_right_is_withdrawn(acme):
    admin = a_member(acme, "admin")
    actor = queries.actor_for(admin, acme)
    invitation = services.invite_colleague(actor=actor, email="bob@example.com", role="admin")
    services.change_role(actor=an_actor(acme, "owner"), member=membership(acme, admin), role="manager")
    assert read_invitation(invitation_token(invitation)) is None


# -- roles ------------------------------------------------------------------------------------------------------------


def test_change_of_role_replaces_all_roles(acme):
    bob = a_member(acme, "agent")
    owner = an_actor(acme, "owner")
    services.grant_role(actor=owner, member=membership(acme, bob), role="analyst")
    services.change_role(actor=owner, member=membership(acme, bob), role="employee")
    assert roles_of(bob) == [("employee", None)]


@pytest.mark.parametrize("change", ["change", "grant", "deactivate", "revoke"])
def test_admin_cannot_touch_an_owner(acme, change):
    admin = an_actor(acme, "admin")
    second_owner = a_member(acme, "owner")
    member = membership(acme, second_owner)
    with pytest.raises(NotAllowed):
        if change == "change":
            services.change_role(actor=admin, member=member, role="employee")
        elif change == "grant":
            services.grant_role(actor=admin, member=membership(acme, a_member(acme, "agent")), role="owner")
        elif change == "deactivate":
            services.deactivate_member(actor=admin, member=member)
        else:
            services.grant_role(actor=an_actor(acme, "owner"), member=member, role="agent")
            services.revoke_role(actor=admin, grant=RoleGrant.objects.get(user=second_owner, role="owner"))
    assert ("owner", None) in roles_of(second_owner)


@pytest.mark.parametrize("way", ["leave", "change", "deactivate", "revoke"])
def test_last_owner_stays(acme, way):
    owner = User.objects.get(email__startswith="olga")
    actor = queries.actor_for(owner, acme)
    member = membership(acme, owner)
    services.grant_role(actor=actor, member=member, role="agent")
    with pytest.raises(Conflict, match="owner"):
        if way == "leave":
            services.leave_organization(actor=actor, user=owner)
        elif way == "change":
            services.change_role(actor=actor, member=member, role="admin")
        elif way == "deactivate":
            services.deactivate_member(actor=actor, member=member)
        else:
            services.revoke_role(actor=actor, grant=RoleGrant.objects.get(user=owner, role="owner"))
    assert queries.owners().count() == 1
    assert membership(acme, owner).is_active


def test_owner_leaves_once_there_is_another(acme):
    owner = User.objects.get(email__startswith="olga")
    a_member(acme, "owner")
    services.leave_organization(actor=queries.actor_for(owner, acme), user=owner)
    assert queries.organizations_of(owner) == []


def test_owner_of_a_branch_does_not_count_as_an_owner(acme):
    owner = User.objects.get(email__startswith="olga")
    actor = queries.actor_for(owner, acme)
    a_member(acme, "owner", unit=services.create_unit(actor=actor, name="North"))
    with pytest.raises(Conflict):
        services.leave_organization(actor=actor, user=owner)


def test_the_only_role_of_a_member_is_not_taken_back(acme):
    bob = a_member(acme, "agent")
    with pytest.raises(Conflict, match="only role"):
        services.revoke_role(actor=an_actor(acme, "owner"), grant=RoleGrant.objects.get(user=bob))


# -- leaving ----------------------------------------------------------------------------------------------------------


def test_deactivation_ends_access_keys_and_invitations(acme):
    admin = a_member(acme, "admin")
    actor = queries.actor_for(admin, acme)
    _key, token = services.create_api_key(actor=actor, name="Shop")
    invitation = services.invite_colleague(actor=actor, email="bob@example.com", role="agent")
    services.deactivate_member(actor=an_actor(acme, "owner"), member=membership(acme, admin))
    assert queries.membership_at(admin, acme.slug) is None
    assert queries.actor_for(admin, acme).permissions == frozenset()
    assert services.authenticate_api_key(token) is None
    assert read_invitation(invitation_token(invitation)) is None


def test_key_that_exceeds_the_new_role_of_its_maker_ends(acme):
    admin = a_member(acme, "admin")
    _key, token = services.create_api_key(actor=queries.actor_for(admin, acme), name="Shop")
    services.change_role(actor=an_actor(acme, "owner"), member=membership(acme, admin), role="analyst")
    assert services.authenticate_api_key(token) is None


def test_who_comes_back_has_only_the_new_role(acme):
    bob = a_member(acme, "manager")
    owner = an_actor(acme, "owner")
    services.deactivate_member(actor=owner, member=membership(acme, bob))
    invitation = services.invite_colleague(actor=owner, email=bob.email, role="employee")
    services.accept_invitation(user=bob, token=invitation_token(invitation))
    assert roles_of(bob) == [("employee", None)]


def test_changing_a_former_member_is_refused(acme):
    bob = a_member(acme, "manager")
    owner = an_actor(acme, "owner")
    member = membership(acme, bob)
    services.deactivate_member(actor=owner, member=member)
    for refused in (services.change_role, services.grant_role):
        with pytest.raises(Conflict):
            refused(actor=owner, member=member, role="agent")


def test_every_change_of_members_is_in_the_audit_log_without_personal_values(acme):
    owner = an_actor(acme, "owner")
    invitation = services.invite_colleague(actor=owner, email="bob@example.com", role="agent")
    bob = a_person("Bob Builder", email="bob@example.com")
    services.accept_invitation(user=bob, token=invitation_token(invitation), ip="203.0.113.9")
    services.change_role(actor=owner, member=membership(acme, bob), role="analyst")
    services.deactivate_member(actor=owner, member=membership(acme, bob))
    entries = list(AuditEntry.objects.order_by("at", "id"))
    assert [entry.action for entry in entries][-4:] == [
        "organizations.colleague_invited",
        "organizations.invitation_accepted",
        "organizations.role_changed",
        "organizations.member_deactivated",
    ]
    assert entries[-3].actor_id == bob.pk
    assert entries[-3].ip == "203.0.113.9"
    everything = " ".join(str(entry.__dict__) for entry in entries)
    assert not re.search(r"bob@example|Builder|analyst", everything)


# -- from a file ------------------------------------------------------------------------------------------------------


def test_file_of_colleagues_takes_good_rows_and_names_the_others(acme):
    owner = an_actor(acme, "owner")
    services.create_unit(actor=owner, name="North", code="n")
    content = (
        "email;role;unit\r\nann@example.com;analyst;n\r\nbroken;agent;\r\nben@example.com;;\r\n"
        "cid@example.com;king;\r\ndan@example.com;agent;nowhere\r\n"
    ).encode("utf-8-sig")
    outcome = services.import_colleagues(actor=owner, content=content)
    assert outcome.accepted == 2
    assert [(error.line, error.field) for error in outcome.errors] == [(3, "email"), (5, "role"), (6, "unit")]
    assert {(row.email, row.role, row.unit and row.unit.code) for row in queries.open_invitations()} == {
        ("ann@example.com", "analyst", "n"),
        ("ben@example.com", "employee", None),
    }


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff\xfe\x00", b"name\nBob\n", b"email\n", b'email\n"open', b"email\n\x00", b"x" * 1_100_000, b"\n\n\n"],
)
def test_unreadable_file_of_colleagues_is_refused_whole(acme, content):
    with pytest.raises(DomainError) as caught:
        services.import_colleagues(actor=an_actor(acme, "owner"), content=content)
    assert caught.value.errors[0]["field"] == "file"


@pytest.mark.django_db(transaction=True)
def test_two_owners_removing_each_other_at_once_leave_one():
    organization = an_organization("Acme")
    with tenant(organization):
        second = a_member(organization, "owner")
        people = [queries.owners().exclude(user=second).get().user, second]
        members = [membership(organization, user) for user in people]
        actors = [queries.actor_for(user, organization) for user in people]
    start = threading.Barrier(2)
    outcomes: list[str] = []

    def remove(actor, member):
        try:
            start.wait()
            with tenant(organization):
                services.deactivate_member(actor=actor, member=member)
            outcomes.append("removed")
        except Conflict:
            outcomes.append("refused")
        finally:
            connection.close()

    threads = [
        threading.Thread(target=remove, args=(actors[0], members[1])),
        threading.Thread(target=remove, args=(actors[1], members[0])),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["refused", "removed"]
    with tenant(organization):
        assert queries.owners().count() == 1
