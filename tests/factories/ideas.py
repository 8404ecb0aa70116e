"""Ideas, votes and comments."""

from __future__ import annotations

from itertools import count
from typing import Any

from apps.ideas import services
from apps.ideas.models import Idea, IdeaComment, IdeaVote
from cxm.actor import Actor
from cxm.ids import uuid7
from tests.factories.registry import factory

_numbers = count(1)


@factory(Idea)
def an_idea(title: str = "", *, actor: Actor | None = None, **values: Any) -> Idea:
    """An idea; of nobody unless an actor is given."""
    return services.submit_idea(actor=actor or Actor.system("test"), title=title or f"Idea {next(_numbers)}", **values)


@factory(IdeaVote)
def a_vote(idea: Idea | None = None) -> IdeaVote:
    """A vote of somebody."""
    return IdeaVote.objects.create(idea=idea or an_idea(), voter=uuid7())


@factory(IdeaComment)
def a_comment(idea: Idea | None = None) -> IdeaComment:
    """A comment of another system."""
    return services.comment_on_idea(actor=Actor.system("test"), idea=idea or an_idea(), body="Yes, please.")
