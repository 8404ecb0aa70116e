"""Ideas: submitting, voting, answering, merging, and what nobody learns about an idea without a name."""

from __future__ import annotations

import io
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.core.files.storage import default_storage
from django.db import connection
from PIL import Image

from apps.audit.models import AuditEntry
from apps.dispatch.models import MailboxMessage
from apps.dispatch.suppression import suppress
from apps.ideas import services
from apps.ideas.models import Idea, IdeaComment, IdeaVote
from apps.ideas.queries import ideas_by_touchpoint, similar_ideas
from apps.organizations.models import Organization
from apps.outbox.relay import drain
from apps.touchpoints.models import Touchpoint
from cxm.actor import Actor
from cxm.errors import Conflict, DomainError, NotAllowed
from cxm.scope import tenant
from tests.factories import an_organization
from tests.factories.ideas import a_comment, a_vote, an_idea

ActorAs = Callable[[str], Actor]
SYSTEM = Actor.system("test")


def test_title_is_enough_and_ideas_are_numbered(actor_as: ActorAs) -> None:
    employee = actor_as("employee")
    first = services.submit_idea(actor=employee, title="  Show the   waiting time ")
    second = services.submit_idea(actor=employee, title="Call back")
    assert (first.number, first.title, first.author_id, first.status) == (
        1, "Show the waiting time", employee.user_id, "new",
    )  # fmt: skip
    assert second.number == 2
    with tenant(an_organization("Other")):
        assert an_idea().number == 1


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"title": ""}, "title"),
        ({"title": "   "}, "title"),
        ({"title": None}, "title"),
        ({"title": "x" * 161}, "title"),
        ({"title": "a\x00"}, "title"),
        ({"title": "a", "body": "\ud800"}, "body"),
        ({"title": "a", "body": "x" * 10_001}, "body"),
        ({"title": "a", "picture": io.BytesIO(b"not a picture")}, "picture"),
        ({"title": "a", "picture": io.BytesIO(b"x" * (8 * 1024 * 1024 + 1))}, "picture"),
        ({"title": "a", "picture": io.BytesIO(b"\x89PNG\r\n\x1a\n" + b"\x00" * 100)}, "picture"),
    ],
)
def test_wrong_value_names_its_field(organization: Organization, values: dict[str, object], field: str) -> None:
    with pytest.raises(DomainError) as refused:
        services.submit_idea(actor=SYSTEM, **values)  # type: ignore[arg-type]
    assert [error["field"] for error in refused.value.errors] == [field]
    assert not Idea.objects.exists()


def test_idea_without_a_name_keeps_no_way_to_its_author(organization: Organization, actor_as: ActorAs) -> None:
    employee = actor_as("employee")
    before = AuditEntry.objects.count()
    idea = services.submit_idea(actor=employee, title="The boss is late", anonymous=True)
    assert (idea.author_id, idea.anonymous) == (None, True)
    [entry] = AuditEntry.objects.order_by("at")[before:]
    assert (entry.actor_id, entry.ip, entry.target_id) == (None, None, idea.pk)
    with pytest.raises(NotAllowed):
        services.change_idea(actor=employee, idea=idea, title="Another")
    organization.anonymous_ideas_allowed = False
    organization.save()
    with pytest.raises(DomainError) as refused:
        services.submit_idea(actor=employee, title="Again", anonymous=True)
    assert refused.value.errors[0]["field"] == "anonymous"


def test_picture_is_drawn_anew_smaller_and_without_its_metadata(
    organization: Organization, tmp_path: object, settings: object
) -> None:
    settings.MEDIA_ROOT = tmp_path  # type: ignore[attr-defined]
    original = io.BytesIO()
    exif = Image.Exif()
    exif[0x010E] = "<script>alert(1)</script>"
    Image.new("RGB", (3000, 1000), "red").save(original, "JPEG", exif=exif)
    original.seek(0)
    idea = services.submit_idea(actor=SYSTEM, title="Look", picture=original)
    with default_storage.open(idea.picture) as stored:
        raw = stored.read()
    picture = Image.open(io.BytesIO(raw))
    assert (picture.format, picture.size) == ("WEBP", (1600, 533))
    assert b"script" not in raw


def test_vote_counts_once_and_can_be_taken_back(actor_as: ActorAs) -> None:
    idea, one, two = an_idea(), actor_as("employee"), actor_as("agent")
    assert services.vote_for_idea(actor=one, idea=idea) == 1
    assert services.vote_for_idea(actor=one, idea=idea) == 1
    assert services.vote_for_idea(actor=two, idea=idea) == 2
    assert services.vote_for_idea(actor=one, idea=idea, vote=False) == 1
    assert services.vote_for_idea(actor=one, idea=idea, vote=False) == 1


def test_merge_keeps_every_vote_once_and_the_comments_where_they_were(organization: Organization) -> None:
    kept, duplicate, older = an_idea("Kept"), an_idea("Duplicate"), an_idea("Older")
    both = a_vote(duplicate).voter
    IdeaVote.objects.create(idea=kept, voter=both)
    a_vote(duplicate), a_vote(kept), a_vote(older)
    comment = a_comment(duplicate)
    services.merge_idea(actor=SYSTEM, idea=older, into=duplicate)
    services.merge_idea(actor=SYSTEM, idea=duplicate, into=kept)
    assert IdeaVote.objects.filter(idea=kept).count() == 4
    duplicate.refresh_from_db()
    older.refresh_from_db()
    assert (duplicate.status, duplicate.merged_into_id) == ("merged", kept.pk)
    assert older.merged_into_id == kept.pk
    assert IdeaComment.objects.get().pk == comment.pk
    assert comment.idea_id == duplicate.pk
    for refused in (
        lambda: services.vote_for_idea(actor=SYSTEM, idea=duplicate),
        lambda: services.merge_idea(actor=SYSTEM, idea=kept, into=duplicate),
        lambda: services.merge_idea(actor=SYSTEM, idea=duplicate, into=kept),
        lambda: services.set_idea_status(actor=SYSTEM, idea=duplicate, status="done"),
    ):
        with pytest.raises(Conflict):
            refused()
    with pytest.raises(DomainError):
        services.merge_idea(actor=SYSTEM, idea=kept, into=kept)


def test_deleting_the_idea_that_remained_gives_the_merged_ones_back(organization: Organization) -> None:
    kept, duplicate = an_idea(), an_idea()
    services.merge_idea(actor=SYSTEM, idea=duplicate, into=kept)
    services.delete_idea(actor=SYSTEM, idea=kept)
    duplicate.refresh_from_db()
    assert (duplicate.status, duplicate.merged_into_id) == ("new", None)


def test_author_gets_a_mail_when_the_status_changes(actor_as: ActorAs, settings: object) -> None:
    settings.EMAIL_BACKEND = "apps.dispatch.mailbox.MailboxBackend"  # type: ignore[attr-defined]
    employee = actor_as("employee")
    idea = services.submit_idea(actor=employee, title="Call <b>back</b>")
    services.set_idea_status(actor=SYSTEM, idea=idea, status="planned", official_answer="In spring.")
    services.set_idea_status(actor=SYSTEM, idea=idea, status="planned", official_answer="In spring.")
    drain()
    mail = MailboxMessage.objects.get()
    assert mail.subject == "Your idea: Planned"
    assert "In spring." in mail.text
    assert "Call &lt;b&gt;back&lt;/b&gt;" in mail.html
    assert f"/ideas/{idea.pk}/" in mail.text
    assert mail.headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


def test_nobody_is_written_to_about_an_idea_without_a_name_or_who_said_stop(
    actor_as: ActorAs, settings: object
) -> None:
    from apps.accounts.models import User

    settings.EMAIL_BACKEND = "apps.dispatch.mailbox.MailboxBackend"  # type: ignore[attr-defined]
    employee = actor_as("employee")
    nameless = services.submit_idea(actor=employee, title="A", anonymous=True)
    named = services.submit_idea(actor=employee, title="B")
    suppress(actor=SYSTEM, email=User.objects.get(pk=employee.id).email, reason="unsubscribed")
    for idea in (nameless, named):
        services.set_idea_status(actor=SYSTEM, idea=idea, status="done")
    drain()
    assert not MailboxMessage.objects.exists()


@pytest.mark.parametrize("status", ["merged", "finished", "", None])
def test_status_is_one_of_ours(organization: Organization, status: str) -> None:
    with pytest.raises(DomainError) as refused:
        services.set_idea_status(actor=SYSTEM, idea=an_idea(), status=status)
    assert refused.value.errors[0]["field"] == "status"


def test_employee_changes_only_the_own_idea_and_moderates_none(actor_as: ActorAs) -> None:
    one, two = actor_as("employee"), actor_as("employee")
    idea = services.submit_idea(actor=one, title="Mine")
    assert services.change_idea(actor=one, idea=idea, body="More").body == "More"
    for refused in (
        lambda: services.change_idea(actor=two, idea=idea, title="Theirs"),
        lambda: services.delete_idea(actor=two, idea=idea),
        lambda: services.set_idea_status(actor=one, idea=idea, status="done"),
        lambda: services.merge_idea(actor=one, idea=idea, into=an_idea()),
    ):
        with pytest.raises(NotAllowed):
            refused()
    services.delete_idea(actor=actor_as("manager"), idea=idea)


def test_change_touches_only_the_fields_given(organization: Organization) -> None:
    touchpoint = Touchpoint.objects.create(key="visit", name="Visit")
    idea = an_idea("A", body="B", touchpoint=touchpoint)
    services.change_idea(actor=SYSTEM, idea=idea, title="C")
    idea.refresh_from_db()
    assert (idea.title, idea.body, idea.touchpoint) == ("C", "B", touchpoint)
    services.change_idea(actor=SYSTEM, idea=idea, touchpoint=None)
    idea.refresh_from_db()
    assert idea.touchpoint is None


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("show waiting time on hotline", True),
        ("Show the WAITING time", True),
        ("waiting hotline", True),
        ("wait", True),
        ("Free coffee", False),
        ("the", False),
        ("", False),
    ],
)
def test_similar_ideas_are_found_while_typing(organization: Organization, typed: str, found: bool) -> None:
    idea = an_idea("Show the waiting time on the hotline")
    an_idea("Paper invoices in large print")
    with tenant(an_organization("Other")):
        an_idea("Show the waiting time on the hotline")
    assert [row.pk for row in similar_ideas(SYSTEM, typed)] == ([idea.pk] if found else [])


def test_touchpoint_counts_open_ideas(organization: Organization) -> None:
    visit, bill = (Touchpoint.objects.create(key=key, name=key) for key in ("visit", "bill"))
    an_idea(touchpoint=visit), an_idea()
    declined = an_idea(touchpoint=visit)
    services.set_idea_status(actor=SYSTEM, idea=declined, status="declined")
    assert ideas_by_touchpoint(touchpoint_ids=[visit.pk, bill.pk], start=None, end=None) == {visit.pk: 1}


@pytest.mark.django_db(transaction=True)
def test_ideas_submitted_at_once_get_different_numbers() -> None:
    organization = an_organization("Busy")

    def submit(number: int) -> int:
        try:
            with tenant(organization):
                return an_idea(f"Idea {number}").number
        finally:
            connection.close()

    with ThreadPoolExecutor(max_workers=8) as pool:
        numbers = list(pool.map(submit, range(20)))
    assert sorted(numbers) == list(range(1, 21))
