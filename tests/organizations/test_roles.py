import pytest

from apps.organizations import roles


def test_owner_may_do_everything():
    assert roles.permissions_of("owner") == roles.PERMISSIONS


def test_unknown_role_may_do_nothing():
    assert roles.permissions_of("superuser") == frozenset()


@pytest.mark.parametrize("role", roles.ROLES)
def test_every_role_has_a_label_and_a_description(role):
    assert str(roles.ROLE_LABELS[role])
    assert str(roles.ROLE_DESCRIPTIONS[role])


@pytest.mark.parametrize("role", roles.ROLES)
def test_who_may_change_a_thing_may_also_see_it(role):
    held = roles.permissions_of(role)
    for permission in held:
        noun = permission.partition(".")[0]
        if f"{noun}.view" in roles.PERMISSIONS:
            assert f"{noun}.view" in held or permission.endswith(".submit")


def test_employee_sees_no_customer_and_no_score():
    held = roles.permissions_of("employee")
    assert not held & {"customers.view", "feedback.view", "metrics.view", "surveys.view", "members.view"}


def test_only_the_owner_deletes_the_organisation_and_no_key_can():
    assert roles.roles_with("organization.delete") == ("owner",)
    assert "organization.delete" not in roles.SCOPES


@pytest.mark.parametrize(
    ("held", "grantable"),
    [
        (["owner"], roles.ROLES),
        (["admin"], ("admin", "manager", "analyst", "employee", "agent")),
        (["manager"], ()),
        (["analyst", "agent"], ()),
        ([], ()),
        (["nonsense"], ()),
    ],
)
def test_nobody_grants_more_than_they_have(held, grantable):
    assert roles.grantable_roles(held) == tuple(grantable)


def test_key_scopes_are_limited_to_what_the_maker_has():
    assert roles.grantable_scopes(frozenset({"ideas.view", "organization.delete"})) == ("ideas.view",)
    assert roles.grantable_scopes(roles.permissions_of("owner")) == roles.SCOPES


@pytest.mark.parametrize("role", roles.ROLES)
def test_a_branch_has_no_settings_keys_or_log(role):
    held = roles.permissions_of(role, on_branch=True)
    assert not held & {"organization.settings", "organization.delete", "keys.manage", "audit.view"}
    assert held == roles.permissions_of(role) - roles.WHOLE_ONLY
