"""What is read of people. Global rows: these need no organisation in force."""

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib.auth import HASH_SESSION_KEY
from django.contrib.sessions.models import Session
from django.db.models import QuerySet
from django.utils import timezone

from apps.accounts.models import User


def emails_of(user: User) -> frozenset[str]:
    """The addresses by which this person is known, in lower case: the account's and every one they proved."""
    proven = EmailAddress.objects.filter(user=user, verified=True).values_list("email", flat=True)
    return frozenset({user.email.lower(), *(email.lower() for email in proven)})


def has_proven(user: User, email: str) -> bool:
    """Whether this person proved to read mail at this address."""
    return EmailAddress.objects.filter(user=user, email=email.lower(), verified=True).exists()


def passkeys_of(user: User) -> list[Authenticator]:
    """The passkeys and security keys of a person, the newest first."""
    return list(Authenticator.objects.filter(user=user, type=Authenticator.Type.WEBAUTHN).order_by("-created_at"))


def tracked_sessions(user: User) -> QuerySet[UserSession]:
    """Every sign-in of this person that was noted, the newest first; some may be over."""
    return UserSession.objects.filter(user=user).order_by("-last_seen_at", "-pk")


def sessions_of(user: User) -> list[UserSession]:
    """Where this person is signed in now. Two queries, however many there are.

    A session ends with its time, by signing out, and with a change of the password.
    """
    noted = list(tracked_sessions(user))
    stored = Session.objects.filter(session_key__in=[row.session_key for row in noted], expire_date__gt=timezone.now())
    hashes = {row.session_key: row.get_decoded().get(HASH_SESSION_KEY) for row in stored}
    good = user.get_session_auth_hash()
    return [row for row in noted if hashes.get(row.session_key) == good]
