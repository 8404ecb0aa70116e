"""Writes about people: making an account, proving an address, changing one's own preferences."""

from typing import Any
from zoneinfo import available_timezones

from allauth.account.models import EmailAddress
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.contrib.sessions.models import Session
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from apps.accounts.models import User
from cxm.errors import DomainError, DomainErrors, FieldError, NotFound

#: The shortest password that an operator may set on the command line.
LEAST_OF_OPERATOR = 8

#: Preferences a person sets for themselves.
PREFERENCES = ("name", "theme", "language", "timezone", "shortcuts_enabled")


@transaction.atomic
def create_user(
    *, email: str, password: str, name: str = "", email_proven: bool = False, by_operator: bool = False
) -> User:
    """Make an account outside the sign-up page (from the command line or the demo).

    Args:
        email: a well-formed address nobody has an account with.
        password: as the sign-up page takes them; an operator may choose any of 8 characters or more.
        email_proven: whether the caller vouches for the address; then no mail has to work.
        by_operator: whether somebody with a shell on the machine chose the password.

    Raises DomainErrors for a password that is too weak, DomainError when the address is taken.
    """
    email = email.strip().lower()
    if User.objects.filter(email=email).exists():
        raise DomainError(_("There is an account with this address already."), field="email", code="taken")
    if len(password) < LEAST_OF_OPERATOR or not by_operator:
        problems = password_problems(password, User(email=email, name=name))
        if problems:
            raise DomainErrors([{"field": "password", "code": "weak", "message": problem} for problem in problems])
    user = User.objects.create_user(email, password, name=name)
    EmailAddress.objects.create(user=user, email=email, primary=True, verified=email_proven)
    return user


def password_problems(password: str, user: User) -> list[str]:
    """Why the sign-up page would refuse this password; empty when it would not."""
    try:
        validate_password(password, user)
    except ValidationError as error:
        return list(error.messages)
    return []


@transaction.atomic
def mark_email_proven(*, user: User, email: str) -> None:
    """Note that this person reads mail at this address, for example because they followed a link sent there.

    An address that somebody else proved earlier stays theirs.
    """
    email = email.lower()
    if EmailAddress.objects.filter(email=email, verified=True).exclude(user=user).exists():
        return
    EmailAddress.objects.update_or_create(
        user=user,
        email=email,
        defaults={"verified": True},
        create_defaults={"verified": True, "primary": email == user.email.lower()},
    )


@transaction.atomic
def update_preferences(*, user: User, **changes: Any) -> User:
    """Change one's own preferences (see ``PREFERENCES``). Raises DomainErrors naming each field that cannot be."""
    unknown = set(changes) - set(PREFERENCES)
    if unknown:
        raise TypeError(f"not preferences: {sorted(unknown)}")
    for name, value in changes.items():
        setattr(user, name, value)
    errors: list[FieldError] = []
    try:
        user.clean_fields(exclude=[field.name for field in User._meta.fields if field.name not in changes])
    except ValidationError as error:
        errors += [
            {"field": name, "code": "invalid", "message": message}
            for name, messages in error.message_dict.items()
            for message in messages
        ]
    if changes.get("timezone") and changes["timezone"] not in available_timezones():
        errors.append({"field": "timezone", "code": "unknown_timezone", "message": _("There is no such time zone.")})
    if "language" in changes and changes["language"] not in dict(settings.LANGUAGES):
        errors.append({"field": "language", "code": "invalid", "message": _("This language is not offered.")})
    if errors:
        raise DomainErrors(errors)
    user.save(update_fields=list(changes))
    return user


@transaction.atomic
def end_session(*, user: User, session: UserSession) -> None:
    """Sign out one device of this person; its next request is a stranger's."""
    if session.user_id != user.pk:
        raise NotFound(_("This is not a session of yours."))
    Session.objects.filter(session_key=session.session_key).delete()
    session.delete()


@transaction.atomic
def end_other_sessions(*, user: User, keep: str) -> None:
    """Sign out every device of this person but the one whose session key is ``keep``."""
    others = UserSession.objects.filter(user=user).exclude(session_key=keep)
    Session.objects.filter(session_key__in=list(others.values_list("session_key", flat=True))).delete()
    others.delete()
