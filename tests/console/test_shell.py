"""The shell for real people: what is in the sidebar, where one lands, who is kept out and how they are told."""

from __future__ import annotations

import re

import pytest
from django.test import Client
from django.urls import reverse

from apps.organizations.roles import ROLES
from cxm.web.navigation import registered
from tests.factories import a_member, a_person, an_organization, signed_in

pytestmark = pytest.mark.django_db


def sidebar(html: str) -> list[str]:
    """Addresses of the sidebar's links."""
    side = html.split('id="cx-side"')[1].split("</nav>")[0]
    return re.findall(r'<li><a href="([^"]+)"', side)


def test_home_asks_a_stranger_to_sign_in() -> None:
    assert Client().get("/")["Location"] == reverse("account_login")


def test_home_offers_an_organisation_to_somebody_without_one() -> None:
    answer = signed_in(a_person()).get("/")
    assert answer.status_code == 200
    assert "You are not in an organisation yet" in answer.content.decode()


def test_home_opens_the_only_organisation() -> None:
    organization = an_organization()
    answer = signed_in(a_member(organization, "manager")).get("/")
    assert answer["Location"].startswith(f"/o/{organization.slug}/")


def test_home_offers_the_choice_of_several() -> None:
    owner = a_person("Olga Owner")
    first, second = an_organization("Alpha", owner=owner), an_organization("Beta", owner=owner)
    page = signed_in(owner).get("/").content.decode()
    assert f"/o/{first.slug}/enter/" in page
    assert f"/o/{second.slug}/enter/" in page


@pytest.mark.parametrize("role", ROLES)
def test_every_link_of_the_sidebar_opens_for_the_role(role: str) -> None:
    """No dead links, and none that ends on a page the role may not see."""
    organization = an_organization()
    client = signed_in(a_member(organization, role))
    links = sidebar(client.get(f"/o/{organization.slug}/help/").content.decode())
    assert links
    for link in links:
        assert client.get(link).status_code == 200, link


@pytest.mark.parametrize("role", ROLES)
def test_first_page_after_entering_opens_for_the_role(role: str) -> None:
    organization = an_organization()
    client = signed_in(a_member(organization, role))
    assert client.get(f"/o/{organization.slug}/enter/", follow=True).status_code == 200


def test_every_registered_page_exists() -> None:
    """The sidebar leaves out what does not exist, so a wrong name would go unnoticed."""
    for item in registered():
        assert reverse(item.url_name, args=["acme"])


def test_shortcuts_after_g_lead_to_one_page_each() -> None:
    letters = [item.shortcut for item in registered() if item.shortcut]
    assert len(letters) == len(set(letters))


def test_switcher_shows_only_the_own_organisations() -> None:
    foreign = an_organization("Secret Rival")
    owner = a_person("Olga Owner")
    first = an_organization("Alpha", owner=owner)
    an_organization("Beta", owner=owner)
    page = signed_in(owner).get(f"/o/{first.slug}/help/").content.decode()
    assert "Beta" in page
    assert "Secret Rival" not in page
    assert signed_in(owner).get(f"/o/{foreign.slug}/help/").status_code == 404


def test_forbidden_page_names_roles_and_people_who_can_grant_them() -> None:
    organization = an_organization(owner=a_person("Olga Owner"))
    answer = signed_in(a_member(organization, "employee")).get(f"/o/{organization.slug}/settings/api-keys/")
    assert answer.status_code == 403
    page = answer.content.decode()
    assert "Owner, Admin" in page
    assert "Olga Owner" in page


def test_page_that_does_not_exist_keeps_the_shell() -> None:
    organization = an_organization()
    answer = signed_in(a_member(organization, "manager")).get(f"/o/{organization.slug}/no-such-page/")
    assert answer.status_code == 404
    assert 'id="cx-side"' in answer.content.decode()


def test_unknown_address_is_a_plain_page_for_strangers() -> None:
    answer = Client().get("/no/such/page/")
    assert answer.status_code == 404
    assert 'id="cx-side"' not in answer.content.decode()


def test_fragment_request_gets_a_fragment_for_what_goes_wrong() -> None:
    organization = an_organization()
    client = signed_in(a_member(organization, "employee"))
    answer = client.get(f"/o/{organization.slug}/settings/api-keys/", headers={"HX-Request-Type": "partial"})
    assert answer.status_code == 403
    assert answer.content.decode().lstrip().startswith('<div class="cx-alert')


def test_script_gets_json_for_what_goes_wrong() -> None:
    organization = an_organization()
    client = signed_in(a_member(organization, "employee"))
    answer = client.get(f"/o/{organization.slug}/settings/api-keys/", headers={"Accept": "application/json"})
    assert (answer.status_code, answer.json()["status"]) == (403, 403)


def test_shell_costs_the_same_for_one_and_for_three_organisations(django_assert_max_num_queries) -> None:
    owner = a_person("Olga Owner")
    first = an_organization("Alpha", owner=owner)
    client = signed_in(owner)
    address = f"/o/{first.slug}/help/"
    client.get(address)
    with django_assert_max_num_queries(40) as one:
        client.get(address)
    an_organization("Beta", owner=owner)
    an_organization("Gamma", owner=owner)
    with django_assert_max_num_queries(40) as three:
        client.get(address)
    assert len(three) == len(one)
