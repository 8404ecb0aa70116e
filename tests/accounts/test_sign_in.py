"""Signing up and in, without telling strangers who exists."""

import re

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP
from django.core import mail
from django.core.cache import cache
from django.urls import reverse

from apps.accounts.models import User
from apps.organizations.queries import organizations_of
from tests.factories import PASSWORD, a_person, an_organization, signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def fresh_limits():
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def alice():
    return a_person("Alice", email="alice@example.com")


def without_chance(response) -> bytes:
    """The page without nonces, form tokens and the address that was typed."""
    return re.sub(rb"[A-Za-z0-9_+/=-]{16,}|(alice|nobody)@example\.com", b"", response.content)


def sign_in(client, email, password=PASSWORD):
    return client.post(reverse("account_login"), {"login": email, "password": password})


def test_newcomer_signs_up_and_founds_an_organisation_although_no_mail_was_read(client):
    response = client.post(
        reverse("account_signup"), {"name": "Ada", "email": "Ada@Example.com", "password1": PASSWORD}, follow=True
    )
    assert response.redirect_chain[-1][0] == reverse("home")
    assert reverse("organization_create") in response.content.decode()
    ada = User.objects.get(email="ada@example.com")
    assert ada.name == "Ada"
    client.post(reverse("organization_create"), {"name": "Ada's", "zone": "UTC"})
    assert [organization.name for organization in organizations_of(ada)] == ["Ada's"]


def test_name_is_not_demanded(client):
    client.post(reverse("account_signup"), {"email": "ada@example.com", "password1": PASSWORD})
    assert User.objects.filter(email="ada@example.com").exists()


@pytest.mark.parametrize("password", ["short", "1234567890", "password123", "ada@example.com"])
def test_guessable_password_is_refused(client, password):
    response = client.post(reverse("account_signup"), {"email": "ada@example.com", "password1": password})
    assert response.status_code in (200, 422)
    assert response.context["form"].errors["password1"]
    assert not User.objects.exists()


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"email": "a\x00@example.com", "password1": PASSWORD},
        {"email": "x" * 300 + "@example.com", "password1": PASSWORD},
        {"email": "ada@example.com", "password1": PASSWORD, "name": "x" * 500},
        {"email": "ada@example.com", "password1": "x" * 100_000},
    ],
)
def test_hostile_sign_up_is_refused_in_words(client, data):
    assert client.post(reverse("account_signup"), data).status_code in (200, 302, 422)


def test_wrong_password_and_unknown_address_get_the_same_answer(client, alice):
    wrong, unknown = sign_in(client, alice.email, "not the password"), sign_in(client, "nobody@example.com")
    assert wrong.status_code == unknown.status_code
    assert without_chance(wrong) == without_chance(unknown)


def test_reset_answers_the_same_for_a_known_and_an_unknown_address(client, alice):
    known, unknown = (
        client.post(reverse("account_reset_password"), {"email": email})
        for email in (alice.email, "nobody@example.com")
    )
    assert (known.status_code, known["Location"]) == (unknown.status_code, unknown["Location"])
    assert [message.to for message in mail.outbox] == [["alice@example.com"], ["nobody@example.com"]]


def test_code_by_mail_answers_the_same_for_a_known_and_an_unknown_address(client, alice):
    known, unknown = (
        client.post(reverse("account_request_login_code"), {"email": email})
        for email in (alice.email, "nobody@example.com")
    )
    assert (known.status_code, known["Location"]) == (unknown.status_code, unknown["Location"])


def test_code_by_mail_signs_in(client, alice):
    client.post(reverse("account_request_login_code"), {"email": alice.email})
    assert client.get(reverse("account_confirm_login_code")).status_code == 200
    code = next(
        word
        for word in re.findall(r"[\w-]{6,12}", mail.outbox[0].body)
        if re.fullmatch(r"[A-Z0-9]{3,4}-?[A-Z0-9]{3,4}", word)
    )
    client.post(reverse("account_confirm_login_code"), {"code": code})
    assert client.session["_auth_user_id"] == str(alice.pk)


def test_inactive_person_does_not_get_in(client, alice):
    User.objects.update(is_active=False)
    sign_in(client, alice.email)
    assert "_auth_user_id" not in client.session


def test_guessing_is_slowed_down_for_the_address_whoever_asks(client, alice):
    for _ in range(5):
        sign_in(client, alice.email, "a guess")
    response = sign_in(client, alice.email, PASSWORD)
    assert "_auth_user_id" not in client.session
    assert response.status_code in (200, 422, 429)


def test_limit_counts_the_true_client_behind_our_proxy(client, settings):
    settings.TRUSTED_PROXIES = 1
    settings.ACCOUNT_RATE_LIMITS = {"login": "2/m/ip"}

    def status(forwarded):
        return client.post(
            reverse("account_login"),
            {"login": "x@example.com", "password": "x"},
            REMOTE_ADDR="10.0.0.1",
            HTTP_X_FORWARDED_FOR=forwarded,
        ).status_code

    assert [status("203.0.113.7"), status("203.0.113.7")] != [429, 429]
    assert status("203.0.113.7") == 429
    assert status("198.51.100.1, 203.0.113.7") == 429
    assert status("203.0.113.8") != 429


def test_mail_server_that_is_away_stops_nobody(client, settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9
    response = client.post(reverse("account_signup"), {"email": "ada@example.com", "password1": PASSWORD})
    assert response.status_code == 302
    assert "_auth_user_id" in client.session


def test_next_never_leads_elsewhere(client, alice):
    response = client.post(
        reverse("account_login"), {"login": alice.email, "password": PASSWORD, "next": "https://evil.example/"}
    )
    assert "evil" not in response["Location"]


def test_totp_seed_is_encrypted_and_still_works(client, alice):
    seed = "JBSWY3DPEHPK3PXP"
    TOTP.activate(alice, seed)
    stored = Authenticator.objects.get(user=alice).data["secret"]
    assert seed not in stored
    from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value, yield_hotp_counters_from_time

    code = format_hotp_value(hotp_value(seed, next(iter(yield_hotp_counters_from_time()))))
    assert TOTP(Authenticator.objects.get(user=alice)).validate_code(code)


def test_totp_seed_survives_a_rotation_of_the_secret_key(alice, settings):
    TOTP.activate(alice, "JBSWY3DPEHPK3PXP")
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another key " * 5
    from allauth.mfa.utils import decrypt

    assert decrypt(Authenticator.objects.get(user=alice).data["secret"]) == "JBSWY3DPEHPK3PXP"


def test_second_factor_is_asked_for(client, alice):
    TOTP.activate(alice, "JBSWY3DPEHPK3PXP")
    response = sign_in(client, alice.email)
    assert response["Location"] == reverse("mfa_authenticate")
    assert "_auth_user_id" not in client.session


def test_one_organisation_is_entered_at_once(alice):
    an_organization("Acme", owner=alice)
    response = signed_in(alice).get(reverse("home"))
    assert response.status_code == 302
    assert response["Location"].startswith("/o/acme/")


@pytest.fixture
def valkey_away(settings):
    away = "redis://127.0.0.1:9/0"
    settings.CACHES = {"default": {**settings.CACHES["default"], "LOCATION": away}}
    cache.clear()
    yield
    cache.clear()


def test_sign_in_works_and_is_still_limited_while_the_cache_is_away(valkey_away, client, alice):
    sign_in(client, alice.email)
    assert "_auth_user_id" in client.session
    stranger = client.__class__()
    for _ in range(5):
        sign_in(stranger, alice.email, "a guess")
    sign_in(stranger, alice.email)
    assert "_auth_user_id" not in stranger.session
