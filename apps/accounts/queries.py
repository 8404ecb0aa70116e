"""What is read of people. Global rows: these need no organisation in force."""

from allauth.account.models import EmailAddress

from apps.accounts.models import User


def emails_of(user: User) -> frozenset[str]:
    """The addresses by which this person is known, in lower case: the account's and every one they proved."""
    proven = EmailAddress.objects.filter(user=user, verified=True).values_list("email", flat=True)
    return frozenset({user.email.lower(), *(email.lower() for email in proven)})


def has_proven(user: User, email: str) -> bool:
    """Whether this person proved to read mail at this address."""
    return EmailAddress.objects.filter(user=user, email=email.lower(), verified=True).exists()
