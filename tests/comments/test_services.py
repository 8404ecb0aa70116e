"""What a comment does: who may say, change and remove it, whom it calls upon, and what they get."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.core import mail

from apps.audit.models import AuditEntry
from apps.comments import queries
from apps.comments.models import Comment, CommentMention
from apps.comments.services import add_comment, delete_comment, edit_comment, read_all_mentions, resolve_comment
from apps.organizations.models import Membership, Organization
from apps.organizations.queries import actor_for
from apps.outbox.relay import drain
from apps.personas import services as persona_services
from apps.personas.models import Persona
from cxm.actor import Actor
from cxm.errors import DomainError, NotAllowed, NotFound
from cxm.scope import tenant
from tests.factories import a_member, an_organization
from tests.factories.comments import a_comment
from tests.factories.maps import a_persona

ActorAs = Callable[[str], Actor]


def said(persona: Persona, body: str, actor: Actor, **values: object) -> Comment:
    return add_comment(actor=actor, kind="persona", object_id=persona.pk, body=body, **values)  # type: ignore[arg-type]


def called(comment: Comment) -> set[str]:
    return {mention.user.name for mention in CommentMention.objects.filter(comment=comment).select_related("user")}


def test_answers_stand_one_level_deep_under_the_comment(organization: Organization, actor_as: ActorAs) -> None:
    persona, manager = a_persona(), actor_as("manager")
    first = said(persona, "Is Lena still so young?", manager)
    answer = said(persona, "She is.", manager, parent=first)
    deeper = said(persona, "By whose count?", manager, parent=answer)
    assert deeper.parent_id == first.pk
    (root,) = queries.thread_of(manager, "persona", persona.pk).shown
    assert [reply.comment.body for reply in root.replies] == ["She is.", "By whose count?"]
    elsewhere = a_comment()
    with pytest.raises(DomainError) as wrong:
        said(persona, "x", manager, parent=elsewhere)
    assert wrong.value.errors[0]["field"] == "parent"


def test_employee_comments_on_what_is_published_only(organization: Organization, actor_as: ActorAs) -> None:
    persona, employee = a_persona(), actor_as("employee")
    with pytest.raises(NotFound):
        said(persona, "Hello", employee)
    persona_services.publish_persona(actor=actor_as("manager"), persona=persona, purpose="First")
    assert said(persona, "Hello", employee).author_id == employee.user_id


def test_own_comment_is_changed_by_its_author_only(organization: Organization, actor_as: ActorAs) -> None:
    author, owner = actor_as("manager"), actor_as("owner")
    comment = a_comment("Frist", actor=author)
    with pytest.raises(NotAllowed):
        edit_comment(actor=owner, comment=comment, body="First")
    changed = edit_comment(actor=author, comment=comment, body="First")
    assert changed.body == "First" and changed.edited_at is not None


def test_removing_needs_ownership_or_moderation(organization: Organization, actor_as: ActorAs) -> None:
    author, stranger, moderator = actor_as("manager"), actor_as("manager"), actor_as("admin")
    comment = a_comment(actor=author)
    with pytest.raises(NotAllowed):
        delete_comment(actor=stranger, comment=comment)
    delete_comment(actor=moderator, comment=comment)
    assert not Comment.objects.exists()


def test_answered_comment_keeps_its_place_until_the_last_answer_goes(
    organization: Organization, actor_as: ActorAs
) -> None:
    persona, author = a_persona(), actor_as("manager")
    first = said(persona, "Secret", author)
    answer = said(persona, "Noted", author, parent=first)
    delete_comment(actor=author, comment=first)
    first.refresh_from_db()
    assert first.body == "" and first.deleted_at is not None
    with pytest.raises(DomainError):
        edit_comment(actor=author, comment=first, body="Back")
    delete_comment(actor=author, comment=answer)
    assert not Comment.objects.exists()


def test_resolving_and_answering_again(organization: Organization, actor_as: ActorAs) -> None:
    persona, manager = a_persona(), actor_as("manager")
    first = said(persona, "Photo?", manager)
    answer = said(persona, "Done", manager, parent=first)
    with pytest.raises(DomainError):
        resolve_comment(actor=manager, comment=answer)
    assert resolve_comment(actor=manager, comment=first).resolved_at is not None
    said(persona, "Not quite", manager, parent=first)
    first.refresh_from_db()
    assert first.resolved_at is None, "an answer opens it again"


def test_plain_name_calls_upon_a_colleague_who_gets_one_mail(organization: Organization, actor_as: ActorAs) -> None:
    ada = a_member(organization, "employee", name="Ada Blum")
    persona = a_persona("Lena")
    persona_services.publish_persona(actor=actor_as("manager"), persona=persona, purpose="First")
    comment = said(persona, "What do you think, @ada blum? And @Ada?", actor_as("manager"))
    assert called(comment) == {"Ada Blum"}
    drain()
    (sent,) = [message for message in mail.outbox if message.to == [ada.email]]
    assert "Lena" in sent.subject
    assert "What do you think" in sent.body
    assert sent.extra_headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    edit_comment(actor=actor_for_author(comment, organization), comment=comment, body="And now, @Ada Blum?")
    drain()
    assert len([message for message in mail.outbox if message.to == [ada.email]]) == 1, "told once"


def actor_for_author(comment: Comment, organization: Organization) -> Actor:
    assert comment.author is not None
    return actor_for(comment.author, organization)


def test_who_stopped_notices_gets_no_mail_but_the_mention(organization: Organization, actor_as: ActorAs) -> None:
    from apps.dispatch.models import Suppression
    from apps.dispatch.suppression import suppress

    ada = a_member(organization, "manager", name="Ada Blum")
    suppress(actor=Actor.system("test"), email=ada.email, reason=Suppression.Reason.UNSUBSCRIBED)
    said(a_persona(), "@Ada Blum look", actor_as("manager"))
    drain()
    assert [message for message in mail.outbox if message.to == [ada.email]] == []
    assert queries.unread_count(actor_for(ada, organization)) == 1


def test_who_cannot_see_the_thing_or_left_is_not_called_upon(organization: Organization, actor_as: ActorAs) -> None:
    a_member(organization, "employee", name="Emil Employee")
    gone = a_member(organization, "manager", name="Gone Girl")
    Membership.objects.filter(user=gone).update(is_active=False)
    draft = a_persona()
    assert called(said(draft, "@Emil Employee and @Gone Girl", actor_as("manager"))) == set()


def test_two_of_one_name_are_told_apart(organization: Organization, actor_as: ActorAs) -> None:
    first = a_member(organization, "manager", name="Ada Blum")
    second = a_member(organization, "analyst", name="Ada Blum")
    persona, manager = a_persona(), actor_as("manager")
    persona_services.publish_persona(actor=manager, persona=persona, purpose="First")
    with pytest.raises(DomainError) as wrong:
        said(persona, "Look, @Ada Blum", manager)
    assert wrong.value.errors[0]["field"] == "body"
    assert "Ada Blum (2)" in wrong.value.message and "Analyst" not in wrong.value.message.split("Ada Blum (2)")[0]
    comment = said(persona, "Look, @Ada Blum (2)!", manager)
    assert [row.user_id for row in CommentMention.objects.filter(comment=comment)] == [second.pk]
    Membership.objects.filter(user=first).update(is_active=False)
    changed = edit_comment(actor=manager, comment=comment, body="Look again, @Ada Blum (2)!")
    assert [row.user_id for row in CommentMention.objects.filter(comment=changed)] == [second.pk], "the same words"


def test_mail_addresses_and_half_words_call_upon_nobody(organization: Organization, actor_as: ActorAs) -> None:
    a_member(organization, "manager", name="Ada Blum")
    assert called(said(a_persona(), "mail me@ada blum, @Adamant, @@Ada Blum", actor_as("manager"))) == set()


def test_mentions_are_read_one_by_one_and_all(organization: Organization, actor_as: ActorAs) -> None:
    ada = a_member(organization, "manager", name="Ada Blum")
    reader, manager, persona = actor_for(ada, organization), actor_as("manager"), a_persona()
    said(persona, "@Ada Blum one", manager)
    said(persona, "@Ada Blum two", manager)
    said(persona, "@Ada Blum, that is me", reader)
    assert queries.unread_count(reader) == 2, "nobody is told of what they wrote themselves"
    assert read_all_mentions(actor=reader) == 2
    assert queries.unread_count(reader) == 0


def test_audit_names_the_comment_and_never_its_text(organization: Organization, actor_as: ActorAs) -> None:
    comment = a_comment("Very private", actor=actor_as("manager"))
    entry = AuditEntry.objects.get(action="comments.added")
    assert entry.target_id == comment.pk and "private" not in str(entry.fields)


@pytest.mark.parametrize("body", ["", "   ", "x" * 5001, "a\x00b", "\ud800", None, 7, ["x"]])
def test_unusable_text_is_refused_by_name(organization: Organization, actor_as: ActorAs, body: object) -> None:
    persona = a_persona()
    with pytest.raises(DomainError) as wrong:
        add_comment(actor=actor_as("manager"), kind="persona", object_id=persona.pk, body=body)
    assert wrong.value.errors[0]["field"] == "body"


def test_what_is_said_elsewhere_cannot_be_read_or_answered(organization: Organization, actor_as: ActorAs) -> None:
    with tenant(an_organization("Other")):
        foreign = a_persona("Foreign")
        comment = a_comment("Foreign words", thing=foreign)
    manager = actor_as("manager")
    with pytest.raises(NotFound):
        said(foreign, "Hello", manager)
    with pytest.raises(NotFound):
        queries.comment_for(manager, comment.pk)
    assert not queries.comments(manager).exists()


def test_comments_go_with_a_persona_that_goes_for_good(organization: Organization, actor_as: ActorAs) -> None:
    persona = a_persona()
    a_comment(thing=persona)
    persona_services.delete_persona(actor=actor_as("manager"), persona=persona)
    assert not Comment.objects.exists()


def test_text_full_of_signs_is_read_at_once(organization: Organization, actor_as: ActorAs) -> None:
    for number in range(5):
        a_member(organization, "manager", name=f"Ada Number{number}")
    comment = said(a_persona(), "@x " * 1_600 + "@Ada Number1", actor_as("manager"))
    assert called(comment) == set(), "the first hundred signs are looked at"


def test_answers_of_one_comment_end_somewhere(
    organization: Organization, actor_as: ActorAs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apps.comments.services.MOST_ANSWERS", 2)
    persona, manager = a_persona(), actor_as("manager")
    first = said(persona, "Well?", manager)
    for _number in range(2):
        said(persona, "So.", manager, parent=first)
    with pytest.raises(DomainError) as wrong:
        said(persona, "So.", manager, parent=first)
    assert wrong.value.errors[0]["field"] == "parent"
