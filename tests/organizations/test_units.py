from datetime import date

import pytest

from apps.organizations import queries, services
from apps.organizations.models import Unit
from apps.organizations.unit_tree import DEEPEST
from cxm.errors import Conflict, DomainError, NotAllowed
from cxm.scope import tenant
from tests.factories import a_member, an_actor, an_organization

pytestmark = pytest.mark.django_db


@pytest.fixture
def acme():
    organization = an_organization("Acme")
    with tenant(organization):
        yield organization


def field_of(refused) -> str:
    return refused.value.errors[0]["field"]


def test_unit_gets_a_free_code_from_its_name(acme):
    owner = an_actor(acme)
    codes = [services.create_unit(actor=owner, name=name).code for name in ("Nord West", "Nord-West", "東京")]
    assert codes == ["nord-west", "nord-west-2", "unit"]


def test_code_is_unique_in_the_organisation_only(acme):
    services.create_unit(actor=an_actor(acme), name="North", code="n")
    with pytest.raises(Conflict) as refused:
        services.create_unit(actor=an_actor(acme), name="Nord", code="n")
    assert field_of(refused) == "code"
    other = an_organization("Other")
    with tenant(other):
        services.create_unit(actor=an_actor(other), name="North", code="n")


def test_move_below_itself_is_refused(acme):
    owner = an_actor(acme)
    top = services.create_unit(actor=owner, name="Top")
    middle = services.create_unit(actor=owner, name="Middle", parent=top)
    low = services.create_unit(actor=owner, name="Low", parent=middle)
    for parent in (top, middle, low):
        with pytest.raises(DomainError) as refused:
            services.update_unit(actor=owner, unit=top, parent=parent)
        assert field_of(refused) == "parent"
    services.update_unit(actor=owner, unit=low, parent=None)
    assert queries.unit_tree().depth(low.pk) == 1


def test_tree_has_a_bottom(acme):
    owner = an_actor(acme)
    parent = None
    for level in range(DEEPEST):
        parent = services.create_unit(actor=owner, name=f"Level {level}", parent=parent)
    with pytest.raises(DomainError) as refused:
        services.create_unit(actor=owner, name="Too deep", parent=parent)
    assert field_of(refused) == "parent"


def test_last_day_before_the_first_is_refused(acme):
    with pytest.raises(DomainError) as refused:
        services.create_unit(
            actor=an_actor(acme), name="North", valid_from=date(2026, 5, 1), valid_to=date(2026, 4, 30)
        )
    assert field_of(refused) == "valid_to"


def test_unit_in_use_is_not_deleted_but_an_empty_one_is(acme):
    owner = an_actor(acme)
    north = services.create_unit(actor=owner, name="North")
    south = services.create_unit(actor=owner, name="South")
    a_member(acme, "agent", unit=north)
    with pytest.raises(Conflict, match="last day"):
        services.delete_unit(actor=owner, unit=north)
    services.delete_unit(actor=owner, unit=south)
    assert list(Unit.objects.values_list("code", flat=True)) == ["north"]


def test_parent_of_units_is_not_deleted(acme):
    owner = an_actor(acme)
    north = services.create_unit(actor=owner, name="North")
    services.create_unit(actor=owner, name="Berlin", parent=north)
    with pytest.raises(Conflict):
        services.delete_unit(actor=owner, unit=north)


def test_manager_of_a_branch_sees_only_the_branch(acme):
    owner = an_actor(acme)
    north, south = (services.create_unit(actor=owner, name=name) for name in ("North", "South"))
    berlin = services.create_unit(actor=owner, name="Berlin", parent=north)
    manager = an_actor(acme, "manager", unit=north)
    assert set(queries.units(manager)) == {north, berlin}
    assert not manager.can("surveys.edit", south.pk)


def test_admin_of_a_branch_changes_only_the_branch(acme):
    owner = an_actor(acme)
    north, south = (services.create_unit(actor=owner, name=name) for name in ("North", "South"))
    admin = an_actor(acme, "admin", unit=north)
    berlin = services.create_unit(actor=admin, name="Berlin", parent=north)
    assert berlin.parent == north
    with pytest.raises(NotAllowed):
        services.create_unit(actor=admin, name="Munich", parent=south)
    with pytest.raises(NotAllowed):
        services.create_unit(actor=admin, name="Top")
    with pytest.raises(NotAllowed):
        services.update_unit(actor=admin, unit=south, name="Mine")
    with pytest.raises(NotAllowed):
        services.update_unit(actor=admin, unit=north, parent=south)


def test_import_makes_changes_and_moves_units_whatever_the_order_of_lines(acme):
    owner = an_actor(acme)
    services.create_unit(actor=owner, name="Old name", code="n")
    content = (
        b"code,name,parent_code,valid_from,valid_to\n"
        b"b,Berlin,n,2026-01-01,\nn,North,,,\nx,Bad date,,1.1.2026,\ny,Orphan,zzz,,\n,No code,,,\n"
        b"l1,Loop,l2,,\nl2,Loop,l1,,\n"
    )
    outcome = services.import_units(actor=owner, content=content)
    assert outcome.accepted == 2
    assert [(error.line, error.field) for error in outcome.errors] == [
        (4, "valid_from"),
        (5, "parent_code"),
        (6, "code"),
        (7, "parent_code"),
        (8, "parent_code"),
    ]
    berlin = Unit.objects.get(code="b")
    assert (berlin.parent.name, berlin.valid_from) == ("North", date(2026, 1, 1))


def test_importing_the_same_file_again_changes_nothing(acme):
    owner = an_actor(acme)
    content = b"code,name,parent_code\nn,North,\nb,Berlin,n\n"
    services.import_units(actor=owner, content=content)
    before = list(Unit.objects.order_by("code").values())
    services.import_units(actor=owner, content=content)
    assert list(Unit.objects.order_by("code").values()) == before


def test_units_valid_on_a_day_include_both_ends(acme):
    owner = an_actor(acme)
    services.create_unit(actor=owner, name="May", valid_from=date(2026, 5, 1), valid_to=date(2026, 5, 31))
    assert queries.valid_on(Unit.objects.all(), date(2026, 5, 1))
    assert queries.valid_on(Unit.objects.all(), date(2026, 5, 31))
    assert not queries.valid_on(Unit.objects.all(), date(2026, 6, 1))
