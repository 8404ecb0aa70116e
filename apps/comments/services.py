"""Every write of comments: say, answer, change, remove, resolve, and what was read of mentions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from django.db import transaction
from django.utils.timezone import now
from django.utils.translation import gettext as _

from apps.audit.services import record
from apps.comments.mentions import Mention, people_who_see, read_mentions
from apps.comments.models import Comment, CommentMention
from apps.comments.registry import Commentable, commentable
from apps.outbox.services import emit
from cxm.actor import Actor
from cxm.errors import Conflict, DomainError, NotAllowed, NotFound
from cxm.ids import parse_uuid

LONGEST: Final = 5_000
MOST_ANSWERS: Final = 200


@transaction.atomic
def add_comment(
    *,
    actor: Actor,
    kind: str,
    object_id: UUID,
    body: object,
    parent: Comment | UUID | str | None = None,
    anchor: UUID | str | None = None,
) -> Comment:
    """Say something about a thing, or answer a comment on it.

    An answer to an answer stands under the same comment; answering a resolved comment opens it again. `anchor` names a
    part of the thing, such as a card of a map. Emits comments.comment_added, and comments.person_mentioned for every
    colleague called upon by “@Name”. Raises NotFound when the actor may not see the thing, DomainError naming `body`,
    `parent` or `anchor`.
    """
    actor.require("comments.write")
    thing = _thing_for(actor, kind, object_id)
    text = _read_body(body)
    above = _read_parent(kind, object_id, parent)
    comment = Comment.objects.create(
        kind=kind,
        object_id=object_id,
        anchor=above.anchor if above else _read_anchor(actor, thing, object_id, anchor),
        parent=above,
        author_id=actor.user_id,
        author_name=(actor.name or actor.kind)[:254],
        key_id=actor.id if actor.kind == "key" else None,
        body=text,
    )
    if above is not None and above.resolved_at is not None:
        above.resolved_at = above.resolved_by = None
        above.save(update_fields=["resolved_at", "resolved_by"])
    _mention(actor, comment, read_mentions(text, people_who_see(thing, object_id)) if "@" in text else [])
    record(actor=actor, action="comments.added", target=comment)
    emit("comments.comment_added", {"comment": str(comment.pk)})
    return comment


@transaction.atomic
def edit_comment(*, actor: Actor, comment: Comment, body: object) -> Comment:
    """Change one's own comment. Who is called upon anew is told; who no longer is, is no longer listed.

    Raises NotAllowed for somebody else's, Conflict for a deleted one, DomainError naming `body`.
    """
    actor.require("comments.write")
    comment = _locked(comment)
    thing = _thing_for(actor, comment.kind, comment.object_id)
    if not is_own(actor, comment):
        raise NotAllowed(_("Only who wrote a comment can change it."))
    _require_there(comment)
    text = _read_body(body)
    if text == comment.body:
        return comment
    rows = {row.user_id: row for row in CommentMention.objects.filter(comment=comment)}
    before = [Mention(row.user_id, row.text) for row in rows.values()]
    mentioned = read_mentions(text, people_who_see(thing, comment.object_id), before) if "@" in text else []
    comment.body, comment.edited_at = text, now()
    comment.save(update_fields=["body", "edited_at"])
    still = {mention.person_id: mention for mention in mentioned}
    for user_id, row in rows.items():
        if user_id not in still:
            row.delete()
        elif row.text != still[user_id].text:
            row.text = still[user_id].text
            row.save(update_fields=["text"])
    _mention(actor, comment, [mention for mention in mentioned if mention.person_id not in rows])
    record(actor=actor, action="comments.changed", target=comment, fields=["body"])
    emit("comments.comment_changed", {"comment": str(comment.pk)})
    return comment


@transaction.atomic
def delete_comment(*, actor: Actor, comment: Comment) -> None:
    """Remove one's own comment, or with comments.moderate any. What was answered keeps its place without its text.

    Raises NotAllowed. Deleting twice changes nothing.
    """
    actor.require("comments.write")
    comment = _locked(comment)
    _thing_for(actor, comment.kind, comment.object_id)
    if not (is_own(actor, comment) or actor.can("comments.moderate")):
        raise NotAllowed(_("Only who wrote a comment, or who moderates, can remove it."))
    if comment.deleted_at is not None:
        return
    record(actor=actor, action="comments.deleted", target=comment)
    emit("comments.comment_deleted", {"comment": str(comment.pk)})
    if comment.parent_id is None and Comment.objects.filter(parent=comment).exists():
        CommentMention.objects.filter(comment=comment).delete()
        comment.body, comment.deleted_at = "", now()
        comment.save(update_fields=["body", "deleted_at"])
        return
    above = comment.parent
    comment.delete()
    if above is not None and above.deleted_at and not Comment.objects.filter(parent=above).exists():
        above.delete()


@transaction.atomic
def resolve_comment(*, actor: Actor, comment: Comment, resolved: bool = True) -> Comment:
    """Say that what a comment is about is settled, or with False that it is not. Once is once.

    Raises DomainError for an answer: the comment it stands under is what is resolved.
    """
    actor.require("comments.write")
    comment = _locked(comment)
    _thing_for(actor, comment.kind, comment.object_id)
    if comment.parent_id is not None:
        raise DomainError(_("Resolve the comment that was answered, not the answer."), field="resolved")
    if resolved != (comment.resolved_at is not None):
        comment.resolved_at = now() if resolved else None
        comment.resolved_by_id = actor.user_id if resolved else None
        comment.save(update_fields=["resolved_at", "resolved_by"])
        record(actor=actor, action="comments.resolved" if resolved else "comments.reopened", target=comment)
        emit("comments.comment_changed", {"comment": str(comment.pk)})
    return comment


@transaction.atomic
def read_mention(*, actor: Actor, mention: CommentMention) -> CommentMention:
    """Note that the person called upon looked. Raises NotFound for a mention of somebody else."""
    if actor.user_id is None or mention.user_id != actor.user_id:
        raise NotFound
    if mention.read_at is None:
        mention.read_at = now()
        mention.save(update_fields=["read_at"])
    return mention


@transaction.atomic
def read_all_mentions(*, actor: Actor) -> int:
    """Note that the actor looked at every mention; how many were new."""
    if actor.user_id is None:
        return 0
    return CommentMention.objects.filter(user_id=actor.user_id, read_at=None).update(read_at=now())


@transaction.atomic
def forget_comments(*, kind: str, object_id: UUID) -> int:
    """Remove everything said about a thing that is gone for good; how many comments. Called by whoever deletes it."""
    rows = Comment.objects.filter(kind=kind, object_id=object_id)
    count = rows.count()
    rows.delete()
    return count


def is_own(actor: Actor, comment: Comment) -> bool:
    """Whether the actor, a person or a key, wrote it."""
    if actor.kind == "key":
        return comment.key_id is not None and comment.key_id == actor.id
    return actor.user_id is not None and actor.user_id == comment.author_id


def _thing_for(actor: Actor, kind: str, object_id: UUID) -> Commentable:
    thing = commentable(kind)
    if thing.find(actor, object_id) is None:
        raise NotFound
    return thing


def _locked(comment: Comment) -> Comment:
    found = Comment.objects.select_for_update(of=("self",)).select_related("parent").filter(pk=comment.pk).first()
    if found is None:
        raise NotFound
    return found


def _require_there(comment: Comment) -> None:
    if comment.deleted_at is not None:
        raise Conflict(_("This comment was removed."), code="deleted")


def _mention(actor: Actor, comment: Comment, mentions: Sequence[Mention]) -> None:
    """Write whom a comment calls upon and tell each. Whoever calls upon themselves is not told."""
    made = [
        CommentMention(
            comment=comment,
            user_id=mention.person_id,
            text=mention.text[:260],
            read_at=now() if mention.person_id == actor.user_id else None,
        )
        for mention in mentions
    ]
    CommentMention.objects.bulk_create(made)
    for row in made:
        if row.user_id != actor.user_id:
            emit("comments.person_mentioned", {"mention": str(row.pk)})


def _read_body(value: object) -> str:
    text = value.replace("\r\n", "\n").strip() if isinstance(value, str) else ""
    if not text:
        raise DomainError(_("Write something first."), field="body", code="required")
    if len(text) > LONGEST:
        message = _("Use at most %(longest)d characters.") % {"longest": LONGEST}
        raise DomainError(message, field="body", code="too_long")
    if any(character == "\x00" or "\ud800" <= character <= "\udfff" for character in text):
        raise DomainError(_("This holds characters that cannot be stored. Type it anew."), field="body")
    return text


def _read_parent(kind: str, object_id: UUID, parent: Comment | UUID | str | None) -> Comment | None:
    """The comment that an answer stands under."""
    if parent is None or parent == "":
        return None
    identifier = parent.pk if isinstance(parent, Comment) else parse_uuid(parent)
    rows = Comment.objects.filter(kind=kind, object_id=object_id)
    found = rows.select_related("parent").filter(pk=identifier).first() if identifier else None
    if found is None:
        raise DomainError(_("The comment you answer is no longer there."), field="parent", code="not_found")
    top = Comment.objects.select_for_update().get(pk=found.parent_id or found.pk)
    if Comment.objects.filter(parent=top).count() >= MOST_ANSWERS:
        message = _("This comment has %(most)d answers. Begin a new one.") % {"most": MOST_ANSWERS}
        raise DomainError(message, field="parent", code="too_many")
    return top


def _read_anchor(actor: Actor, thing: Commentable, object_id: UUID, anchor: UUID | str | None) -> UUID | None:
    if anchor is None or anchor == "":
        return None
    identifier = parse_uuid(anchor)
    if identifier is None or str(identifier) not in thing.anchors_of(actor, object_id):
        raise DomainError(_("There is no such part to comment on."), field="anchor", code="not_found")
    return identifier
