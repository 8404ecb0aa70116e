"""A person's own pages."""

import pytest
from allauth.usersessions.models import UserSession
from django.test import Client
from django.urls import reverse

from apps.accounts.clients import client_ip, device_name
from apps.accounts.models import User
from tests.factories import PASSWORD, a_person, signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice():
    return a_person("Alice", email="alice@example.com")


def device(agent: str) -> Client:
    """A browser signed in through the page."""
    browser = Client(HTTP_USER_AGENT=agent)
    browser.post(reverse("account_login"), {"login": "alice@example.com", "password": PASSWORD})
    return browser


@pytest.mark.parametrize("name", ["profile", "security"])
def test_signed_out_visitor_signs_in_first(client, name):
    assert client.get(reverse(name))["Location"].startswith("/accounts/login/")


def test_profile_is_saved(alice):
    data = {"name": "Alice A.", "language": "en", "timezone": "Asia/Tokyo", "theme": "dark"}
    assert signed_in(alice).post(reverse("profile"), data).status_code == 302
    alice.refresh_from_db()
    assert (alice.name, alice.timezone, alice.theme, alice.shortcuts_enabled) == (
        "Alice A.",
        "Asia/Tokyo",
        "dark",
        False,
    )


@pytest.mark.parametrize(
    ("field", "value"),
    [("theme", "pink"), ("timezone", "Mars"), ("language", "tlh"), ("name", "x" * 200), ("name", "a\x00b")],
)
def test_impossible_preferences_stay_on_the_form(alice, field, value):
    data = {"name": "Alice", "language": "en", "timezone": "", "theme": "auto", field: value}
    response = signed_in(alice).post(reverse("profile"), data)
    assert response.status_code == 422
    assert field in response.context["form"].errors


def test_devices_are_listed_and_signed_out(alice):
    phone, laptop = device("Phone"), device("Laptop")
    content = laptop.get(reverse("security")).content.decode()
    assert "Phone" in content
    assert "Laptop" in content
    of_phone = UserSession.objects.get(user_agent="Phone")
    assert laptop.post(reverse("end_session", args=[of_phone.pk])).status_code == 302
    assert phone.get(reverse("security")).status_code == 302
    assert laptop.get(reverse("security")).status_code == 200


def test_all_other_devices_are_signed_out(alice):
    phone, tablet, laptop = device("Phone"), device("Tablet"), device("Laptop")
    laptop.post(reverse("end_other_sessions"))
    assert phone.get(reverse("security")).status_code == 302
    assert tablet.get(reverse("security")).status_code == 302
    assert laptop.get(reverse("security")).status_code == 200


def test_device_of_somebody_else_is_unknown(alice):
    device("Phone")
    of_phone = UserSession.objects.get(user_agent="Phone")
    bob = signed_in(a_person("Bob"))
    assert bob.post(reverse("end_session", args=[of_phone.pk])).status_code == 404
    assert UserSession.objects.filter(pk=of_phone.pk).exists()


def test_password_change_ends_the_other_devices(alice):
    phone, laptop = device("Phone"), device("Laptop")
    laptop.post(
        reverse("account_change_password"),
        {"oldpassword": PASSWORD, "password1": "another good phrase", "password2": "another good phrase"},
    )
    assert phone.get(reverse("security")).status_code == 302
    assert "Phone" not in laptop.get(reverse("security")).content.decode()


def test_disabling_a_person_ends_every_session(alice):
    phone = device("Phone")
    User.objects.update(is_active=False)
    assert phone.get(reverse("security")).status_code == 302


def test_number_of_queries_of_the_security_page_does_not_grow(alice):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    laptop = device("Laptop")

    def queries_with(more: int) -> int:
        for number in range(more):
            device(f"Device {number}")
        with CaptureQueriesContext(connection) as captured:
            laptop.get(reverse("security"))
        return len(captured)

    assert queries_with(1) == queries_with(2)


@pytest.mark.parametrize(
    ("proxies", "forwarded", "remote", "expected"),
    [
        (0, "203.0.113.7", "10.0.0.1", "10.0.0.1"),
        (1, "198.51.100.1, 203.0.113.7", "10.0.0.1", "203.0.113.7"),
        (2, "198.51.100.1, 203.0.113.7", "10.0.0.1", "198.51.100.1"),
        (3, "203.0.113.7", "10.0.0.1", "10.0.0.1"),
        (1, "", "10.0.0.1", "10.0.0.1"),
        (1, "not an address", "10.0.0.1", None),
        (1, "203.0.113.7:4711", "10.0.0.1", "203.0.113.7"),
        (1, "[2001:db8::1]:443", "10.0.0.1", "2001:db8::1"),
        (0, "", "::ffff:10.0.0.1", "10.0.0.1"),
        (0, "", "fe80::1%eth0", "fe80::1"),
        (0, "", "", None),
        (0, "", "unix:", None),
    ],
)
def test_true_client_is_what_the_outermost_of_our_proxies_saw(rf, settings, proxies, forwarded, remote, expected):
    settings.TRUSTED_PROXIES = proxies
    assert client_ip(rf.get("/", REMOTE_ADDR=remote, HTTP_X_FORWARDED_FOR=forwarded)) == expected


@pytest.mark.parametrize(
    ("user_agent", "name"),
    [
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox, Windows"),
        ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36", "Chrome, Linux"),
        ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/140.0 Safari/537.36 Edg/140.0", "Edge, Windows"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) Version/19.0 Mobile Safari/604.1", "Safari, iPhone"),
        ("curl/8.0", ""),
        ("", ""),
    ],
)
def test_device_is_named_as_people_call_it(user_agent, name):
    assert device_name(user_agent) == name
