"""What can be commented on. Apps above register their things in `apps/<x>/wiring.py`:

    register_commentable(
        "persona",
        url_name="personas:detail",
        title_of=lambda persona: persona.name,
        permission="personas.view",
        model=Persona,
        rows=visible,
    )

and show the thread on their page: `{% load comments %}{% cx_comments "persona" persona.pk %}`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Model, QuerySet

from cxm.actor import Actor
from cxm.errors import NotFound

Rows = Callable[[Actor], "QuerySet[Any]"]
Anchors = Callable[[Actor, UUID], Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Commentable:
    """A kind of thing that can be commented on.

    `url_name` is reversed with the organisation's slug and `pk`; `title_of` gives what people call one. `rows` are the
    things an actor who holds `permission` may see; `anchors` the parts of one that a comment may name, by id, in words.
    """

    kind: str
    url_name: str
    title_of: Callable[[Any], str]
    permission: str
    rows: Rows
    anchors: Anchors | None = None

    def find(self, actor: Actor, object_id: UUID) -> Model | None:
        """The thing, if the actor may see it. One query."""
        if not actor.can(self.permission):
            return None
        found: Model | None = self.rows(actor).filter(pk=object_id).first()
        return found

    def anchors_of(self, actor: Actor, object_id: UUID) -> Mapping[str, str]:
        """The parts a comment may name; {} when things of this kind have none."""
        return self.anchors(actor, object_id) if self.anchors else {}


COMMENTABLES: dict[str, Commentable] = {}


def register_commentable(
    kind: str,
    *,
    url_name: str,
    title_of: Callable[[Any], str],
    permission: str,
    model: type[Model],
    rows: Rows | None = None,
    anchors: Anchors | None = None,
) -> None:
    """Let people comment on the rows of a model. `kind` is stored with every comment: never change it."""

    def every_row(_actor: Actor) -> QuerySet[Any]:
        return model._default_manager.all()

    COMMENTABLES[kind] = Commentable(kind, url_name, title_of, permission, rows or every_row, anchors)


def commentable(kind: str) -> Commentable:
    """What is registered under a kind. Raises NotFound."""
    found = COMMENTABLES.get(kind)
    if found is None:
        raise NotFound
    return found
