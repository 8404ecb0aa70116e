"""Whom a text calls upon: `@` and the name of somebody who may see the thing. Pure, but for `people_who_see`.

A name is taken as people write it: the full name, or the first name where only one person has it. Two people of one
name are told apart by a number in brackets, in the order in which they joined: “@Ada Blum (2)”.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from uuid import UUID

from django.utils.translation import gettext as _

from apps.comments.registry import Commentable
from apps.organizations import roles
from apps.organizations.models import Membership
from apps.organizations.queries import grants_of, unit_tree
from cxm.actor import Actor, Grant
from cxm.errors import DomainError
from cxm.scope import current_tenant_id

MOST_SIGNS = 100
"""Signs @ of a text that are looked at."""
MOST_MENTIONS = 20
"""People one comment can call upon."""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who can be called upon. `name` tells them apart from everybody else; `role` is their widest one."""

    id: UUID
    name: str
    role: str


@dataclass(frozen=True, slots=True)
class Mention:
    """A person called upon, and the words that do it, with the @."""

    person_id: UUID
    text: str


def fold(text: str) -> str:
    """A text in lower case and of the same length, so that positions in it are positions in the text."""
    return "".join(low if len(low := character.lower()) == 1 else character for character in text)


def people_who_see(thing: Commentable, object_id: UUID) -> list[Person]:
    """The members who may see a thing, by name. Three queries, and one for every different set of rights."""
    members = Membership.objects.filter(organization_id=current_tenant_id(), is_active=True, user__is_active=True)
    users = [member.user for member in members.select_related("user").order_by("joined_at", "id")]
    granted = grants_of([user.pk for user in users])
    tree = unit_tree() if any(grant.unit_id for grants in granted.values() for grant in grants) else None
    answers: dict[tuple[Grant, ...], bool] = {}
    seeing = []
    for user in users:
        held = tuple(
            Grant(roles.permissions_of(grant.role, on_branch=True), tree.branch(grant.unit_id))
            if tree and grant.unit_id
            else Grant(roles.permissions_of(grant.role))
            for grant in granted[user.pk]
        )
        if held not in answers:
            actor = Actor(kind="user", id=user.pk, name=str(user), grants=held)
            answers[held] = thing.find(actor, object_id) is not None
        if answers[held]:
            seeing.append(user)
    times = Counter(fold(str(user)) for user in seeing)
    met: Counter[str] = Counter()
    found = []
    for user in seeing:
        name = str(user)
        met[fold(name)] += 1
        if times[fold(name)] > 1:
            name = f"{name} ({met[fold(name)]})"
        first = next((grant.role for grant in granted[user.pk]), "")
        found.append(Person(user.pk, name, str(roles.ROLE_LABELS.get(first, ""))))
    return sorted(found, key=lambda person: fold(person.name))


def suggest(people: Sequence[Person], typed: str, limit: int = 8) -> list[Person]:
    """The people of whose name a word, or the whole, begins with what was typed; those it begins with first."""
    text = fold(typed.strip())
    starts = [person for person in people if fold(person.name).startswith(text)]
    words = [
        person
        for person in people
        if person not in starts and any(word.startswith(text) for word in fold(person.name).split())
    ]
    return [*starts, *words][:limit]


_AT = re.compile(r"(?<![\w@])@(?=\w)")


def read_mentions(body: str, people: Sequence[Person], kept: Sequence[Mention] = ()) -> list[Mention]:
    """The people a text calls upon, each once, in the order of the text.

    `kept` were read from it before: the same words mean the same person still. Raises DomainError naming `body` for a
    name that several people have, and for more than 20 people.
    """
    names: dict[str, list[UUID]] = {}
    for person in people:
        names.setdefault(fold(person.name), []).append(person.id)
    shared = {name.rpartition(" (")[0]: name for name in names if re.search(r" \(\d+\)$", name)}
    firsts: dict[str, list[UUID]] = {}
    for person in people:
        first = fold(person.name).split()[0]
        firsts.setdefault(first, []).append(person.id)
    before = {fold(mention.text.removeprefix("@")): mention.person_id for mention in kept}
    known = sorted({*names, *shared, *firsts, *before}, key=len, reverse=True)
    found: dict[UUID, Mention] = {}
    folded = fold(body)
    for match in islice(_AT.finditer(body), MOST_SIGNS):
        start = match.end()
        name = next((name for name in known if _stands_at(folded, name, start)), None)
        if name is None:
            continue
        if name in before:
            person_id = before[name]
        else:
            meant = names.get(name) or ([] if name in shared else firsts.get(name, []))
            if len(meant) != 1:
                raise DomainError(_ambiguous(body[start : start + len(name)], name, people), field="body")
            person_id = meant[0]
        found.setdefault(person_id, Mention(person_id, f"@{body[start : start + len(name)]}"))
    if len(found) > MOST_MENTIONS:
        message = _("One comment can call upon %(most)d people at most.") % {"most": MOST_MENTIONS}
        raise DomainError(message, field="body", code="too_many")
    return list(found.values())


def _stands_at(text: str, name: str, start: int) -> bool:
    """Whether the name stands here as a whole, not as the beginning of a longer word."""
    end = start + len(name)
    return text.startswith(name, start) and not (end < len(text) and (text[end].isalnum() or text[end] == "_"))


def _ambiguous(written: str, name: str, people: Sequence[Person]) -> str:
    those = [
        person.name + (f" – {person.role}" if person.role else "")
        for person in people
        if fold(person.name).startswith(f"{name} ") or fold(person.name) == name
    ]
    values = {"name": written, "people": "; ".join(those[:8])}
    return _("“@%(name)s” can be more than one person. Write one of: %(people)s.") % values


def parts_of(body: str, texts: Sequence[str]) -> list[tuple[str, bool]]:
    """A text in pieces, each with whether it is one of the mentions `texts`; for showing it."""
    if not texts:
        return [(body, False)]
    pattern = "|".join(re.escape(text) for text in sorted(texts, key=len, reverse=True))
    pieces = re.split(rf"(?<![\w@])({pattern})(?!\w)", body)
    return [(piece, index % 2 == 1) for index, piece in enumerate(pieces) if piece]
