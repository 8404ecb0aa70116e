"""Every write of ideas: submit, change, vote, comment, answer, merge."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, BinaryIO, Final
from uuid import UUID

from django.db import connection, transaction
from django.utils.timezone import now
from django.utils.translation import gettext as _

from apps.audit.services import record
from apps.ideas.models import Idea, IdeaComment, IdeaVote
from apps.organizations.models import Organization
from apps.outbox.services import emit
from apps.personas.models import Persona
from apps.touchpoints.models import Touchpoint
from cxm.actor import Actor
from cxm.errors import Conflict, DomainError, DomainErrors, FieldError, NotAllowed
from cxm.pictures import store_picture
from cxm.scope import current_tenant_id

LONGEST_TITLE: Final = 160
LONGEST_TEXT: Final = 10_000

Unset: Any = object()

PICTURES: Final = "ideas"
"""The folder of their pictures."""
PICTURE_SIDE: Final = 1600


@transaction.atomic
def submit_idea(
    *,
    actor: Actor,
    title: str,
    body: str = "",
    touchpoint: Touchpoint | None = None,
    persona: Persona | None = None,
    picture: BinaryIO | None = None,
    anonymous: bool = False,
) -> Idea:
    """Propose an improvement; a title is enough. Emits `ideas.idea_submitted`.

    An anonymous idea keeps no way back to its author, in no table and no log; the organisation must allow it.
    Raises `DomainErrors` naming `title`, `body`, `picture` or `anonymous`.
    """
    actor.require("ideas.submit")
    if anonymous and not Organization.objects.get(pk=current_tenant_id()).anonymous_ideas_allowed:
        raise DomainError(
            _("Your organisation asks for a name on ideas. Submit it with yours."),
            field="anonymous",
            code="not_allowed",
        )
    values = _cleaned({"title": title, "body": body})
    idea = Idea.objects.create(
        number=_next_number(),
        **values,
        author_id=None if anonymous else actor.user_id,
        anonymous=anonymous,
        touchpoint=touchpoint,
        persona=persona,
        picture=store_picture(picture, folder=PICTURES, longest_side=PICTURE_SIDE) if picture else "",
    )
    record(actor=Actor.system("anonymous idea") if anonymous else actor, action="ideas.submitted", target=idea)
    emit("ideas.idea_submitted", {"idea": str(idea.pk)})
    return idea


@transaction.atomic
def change_idea(
    *,
    actor: Actor,
    idea: Idea,
    title: str = Unset,
    body: str = Unset,
    touchpoint: Touchpoint | None = Unset,
    persona: Persona | None = Unset,
    picture: BinaryIO | None = Unset,
) -> Idea:
    """Change what was said: by its author, or by somebody who moderates. Only the fields given.

    `picture` None takes the picture away. Raises `NotAllowed`, `DomainErrors` naming the field.
    """
    idea = _locked(idea)
    _require_own(actor, idea)
    texts = {name: value for name, value in (("title", title), ("body", body)) if value is not Unset}
    values: dict[str, Any] = _cleaned(texts)
    values |= {name: value for name, value in (("touchpoint", touchpoint), ("persona", persona)) if value is not Unset}
    if picture is not Unset:
        values["picture"] = store_picture(picture, folder=PICTURES, longest_side=PICTURE_SIDE) if picture else ""
    changed = [name for name, value in values.items() if getattr(idea, name) != value]
    if changed:
        for name in changed:
            setattr(idea, name, values[name])
        idea.save(update_fields=[*changed, "updated_at"])
        record(actor=actor, action="ideas.changed", target=idea, fields=changed)
        emit("ideas.idea_changed", {"idea": str(idea.pk), "fields": changed})
    return idea


@transaction.atomic
def delete_idea(*, actor: Actor, idea: Idea) -> None:
    """Remove an idea with its votes and comments: by its author, or by somebody who moderates."""
    idea = _locked(idea)
    _require_own(actor, idea)
    record(actor=actor, action="ideas.deleted", target=idea)
    emit("ideas.idea_deleted", {"idea": str(idea.pk)})
    Idea.objects.filter(merged_into=idea).update(merged_into=None, status=Idea.Status.NEW)
    idea.delete()


@transaction.atomic
def vote_for_idea(*, actor: Actor, idea: Idea, vote: bool = True) -> int:
    """Vote for an idea or take the vote back; once is once, however often. The number of votes then.

    Raises `Conflict` for an idea that was merged: its votes are at the other one.
    """
    actor.require("ideas.vote")
    idea = _locked(idea)
    _require_open(idea)
    voter = _voter(actor)
    if vote:
        IdeaVote.objects.get_or_create(idea=idea, voter=voter)
    else:
        IdeaVote.objects.filter(idea=idea, voter=voter).delete()
    return IdeaVote.objects.filter(idea=idea).count()


@transaction.atomic
def comment_on_idea(*, actor: Actor, idea: Idea, body: str) -> IdeaComment:
    """Say something about an idea. Raises `DomainErrors` naming `body`. Emits `ideas.comment_added`."""
    actor.require("ideas.comment")
    values = _cleaned({"body": body}, required=("body",))
    comment = IdeaComment.objects.create(idea=idea, author_id=actor.user_id, **values)
    record(actor=actor, action="ideas.commented", target=idea)
    emit("ideas.comment_added", {"idea": str(idea.pk), "comment": str(comment.pk)})
    return comment


@transaction.atomic
def set_idea_status(*, actor: Actor, idea: Idea, status: str, official_answer: str | None = None) -> Idea:
    """Say what becomes of an idea; `official_answer` None leaves the answer as it is.

    Emits `ideas.status_changed`, by which the author gets a mail. Raises `DomainErrors` naming `status` or
    `official_answer`, `Conflict` for an idea that was merged.
    """
    actor.require("ideas.moderate")
    if status not in Idea.Status.values or status == Idea.Status.MERGED:
        choices = ", ".join(value for value in Idea.Status.values if value != Idea.Status.MERGED)
        raise DomainError(_("Choose one of: %(choices)s.") % {"choices": choices}, field="status")
    idea = _locked(idea)
    _require_open(idea)
    values: dict[str, Any] = {"status": status}
    if official_answer is not None:
        values |= _cleaned({"official_answer": official_answer})
    changed = [name for name, value in values.items() if getattr(idea, name) != value]
    if changed:
        for name in changed:
            setattr(idea, name, values[name])
        idea.answered_at = now()
        idea.save(update_fields=[*changed, "answered_at", "updated_at"])
        record(actor=actor, action="ideas.status_changed", target=idea, fields=changed)
        emit("ideas.status_changed", {"idea": str(idea.pk)})
    return idea


@transaction.atomic
def merge_idea(*, actor: Actor, idea: Idea, into: Idea) -> Idea:
    """Merge a duplicate into another idea, which keeps the votes of both; a person's two votes become one.

    Comments stay where they were said. What was merged into the duplicate before follows it. The idea that remains.
    Raises `DomainError` naming `into`, `Conflict` when one of them was merged already.
    """
    actor.require("ideas.moderate")
    if idea.pk == into.pk:
        raise DomainError(_("Choose another idea: this one cannot be merged into itself."), field="into")
    both = {row.pk: row for row in Idea.objects.select_for_update().filter(pk__in=[idea.pk, into.pk]).order_by("pk")}
    idea, into = both[idea.pk], both[into.pk]
    _require_open(idea)
    if into.status == Idea.Status.MERGED:
        raise Conflict(_("That idea was merged into another one. Choose the one that remains."))
    voters = IdeaVote.objects.filter(idea=idea).values_list("voter", "at")
    IdeaVote.objects.bulk_create(
        (IdeaVote(idea=into, voter=voter, at=at) for voter, at in voters), ignore_conflicts=True
    )
    Idea.objects.filter(merged_into=idea).update(merged_into=into)
    idea.status, idea.merged_into, idea.answered_at = Idea.Status.MERGED, into, now()
    idea.save(update_fields=["status", "merged_into", "answered_at", "updated_at"])
    record(actor=actor, action="ideas.merged", target=idea, fields=["merged_into"])
    emit("ideas.status_changed", {"idea": str(idea.pk)})
    return into


def may_change(actor: Actor, idea: Idea) -> bool:
    """Whether the actor wrote the idea under the own name, or moderates."""
    return actor.can("ideas.moderate") or (actor.user_id is not None and actor.user_id == idea.author_id)


def _require_own(actor: Actor, idea: Idea) -> None:
    if not may_change(actor, idea):
        raise NotAllowed(_("Only who wrote this idea, or a CX manager, can change it."))


def _require_open(idea: Idea) -> None:
    if idea.status == Idea.Status.MERGED:
        raise Conflict(_("This idea was merged into another one. Open that one."), code="merged")


def _locked(idea: Idea) -> Idea:
    return Idea.objects.select_for_update(of=("self",)).get(pk=idea.pk)


def _voter(actor: Actor) -> UUID:
    """Who votes: a person or a key, each once."""
    if actor.id is None:
        raise NotAllowed(_("Only people and API keys can vote."))
    return actor.id


def _next_number() -> int:
    """The next number of an idea in this organisation; whoever else submits now waits for this transaction."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtext('ideas.number'), hashtext(%s))", [str(current_tenant_id())]
        )
    last = Idea.objects.order_by("-number").values_list("number", flat=True).first()
    return (last or 0) + 1


def _cleaned(texts: Mapping[str, str], *, required: tuple[str, ...] = ("title",)) -> dict[str, str]:
    """The texts stripped. Raises `DomainErrors` for each that is empty, too long or cannot be stored."""
    errors: list[FieldError] = []
    clean: dict[str, str] = {}
    for name, value in texts.items():
        longest = LONGEST_TITLE if name == "title" else LONGEST_TEXT
        text = value.strip() if isinstance(value, str) else ""
        if name == "title":
            text = " ".join(text.split())
        if not text and name in required:
            errors.append({"field": name, "code": "required", "message": _("This must not be empty.")})
        elif len(text) > longest:
            message = _("Use at most %(longest)d characters.") % {"longest": longest}
            errors.append({"field": name, "code": "too_long", "message": message})
        elif any(character == "\x00" or 0xD800 <= ord(character) <= 0xDFFF for character in text):
            message = _("This holds characters that cannot be stored. Type it anew.")
            errors.append({"field": name, "code": "invalid", "message": message})
        clean[name] = text
    if errors:
        raise DomainErrors(errors)
    return clean
