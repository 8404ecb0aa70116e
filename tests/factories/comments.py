"""Comments and mentions."""

from __future__ import annotations

from typing import Any

from apps.comments.models import Comment, CommentMention
from apps.comments.services import add_comment
from apps.organizations.models import Organization
from cxm.actor import Actor
from cxm.scope import current_tenant_id
from tests.factories.maps import a_persona
from tests.factories.people import a_member
from tests.factories.registry import factory


@factory(Comment)
def a_comment(
    body: str = "Is that still so?", *, actor: Actor | None = None, thing: Any = None, **values: Any
) -> Comment:
    """A comment on a persona; of nobody unless an actor is given."""
    about = thing or a_persona()
    return add_comment(
        actor=actor or Actor.system("test"), kind=about._meta.model_name, object_id=about.pk, body=body, **values
    )


@factory(CommentMention)
def a_mention() -> CommentMention:
    """Somebody called upon by a comment on a persona."""
    person = a_member(Organization.objects.get(pk=current_tenant_id()), name="Mia Called")
    comment = a_comment("What do you say, @Mia Called?")
    return CommentMention.objects.get(comment=comment, user=person)
