"""Pages over several personas: our customer, two beside each other, and what is to be looked at again."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from apps.personas import queries
from apps.personas.models import Persona
from apps.personas.overlaps import Side, overlap, parts_of, score_pairs, side_of
from apps.personas.registry import maps_of
from apps.personas.reviews import reviews_due
from apps.personas.views import version_asked
from cxm.ids import parse_uuid
from cxm.web.http import MemberRequest
from cxm.web.views import permission_required, render_page

MOST_CHOICES = 500
ONE_PAGE = 60
REVIEWS_A_PAGE = 100
BRIEF = ("needs", "goals", "frustrations")


@permission_required("personas.view")
@require_safe
def our_customer(request: MemberRequest) -> HttpResponse:
    """Who our customers are, in one page: every published persona with its maps, then whom we do not serve and why."""
    rows = list(queries.published()[:ONE_PAGE])
    contents = queries.published_contents(rows)
    maps = maps_of(actor=request.actor, persona_ids=[row.pk for row in rows])
    sheets: list[dict[str, Any]] = []
    for row in rows:
        content = contents[row.pk]
        parts = [(title, content[section]) for section, title in queries.titles(BRIEF) if content[section]]
        sheets.append({"persona": row, "content": content, "parts": parts, "maps": maps.get(row.pk, [])})
    context = {
        "sheets": [sheet for sheet in sheets if sheet["content"]["kind"] != Persona.Kind.ANTI],
        "not_served": [sheet for sheet in sheets if sheet["content"]["kind"] == Persona.Kind.ANTI],
    }
    return render_page(request, "personas/our_customer.html", context)


@permission_required("personas.view")
@require_safe
def persona_compare(request: MemberRequest) -> HttpResponse:
    """Two personas (`?a=&b=`), or two versions (`&va=&vb=`), beside each other."""
    sides = [_side(request, name) for name in ("a", "b")]
    rows = queries.visible(request.actor).filter(archived_at=None).order_by("name", "pk")[:MOST_CHOICES]
    context: dict[str, object] = {"choices": list(rows), "left": sides[0], "right": sides[1]}
    left, right = sides
    if left is not None and right is not None:
        words = {"kind": dict(Persona.Kind.choices), "evidence_level": dict(Persona.Evidence.choices)}
        parts = parts_of(left.content, right.content, words)
        context |= {
            "sides": sides,
            "parts": parts,
            "alike": sum(part.same for part in parts),
            "scores": score_pairs(left, right),
            "both": None if left.number or right.number else overlap(left.persona.segment_id, right.persona.segment_id),
            "one_segment": left.persona.segment_id is not None
            and left.persona.segment_id == right.persona.segment_id
            and left.persona.pk != right.persona.pk,
        }
    return render_page(request, "personas/compare.html", context)


@permission_required("personas.view")
@require_safe
def reviews(request: MemberRequest) -> HttpResponse:
    """What is overdue to be looked at again, of all kinds; `?mine=1` one's own alone."""
    mine = bool(request.GET.get("mine"))
    today = timezone.localdate()
    page = Paginator(reviews_due(request.actor, today, mine=mine), REVIEWS_A_PAGE).get_page(request.GET.get("page"))
    rows = [(reviewable, due, (today - due.review_date).days) for reviewable, due in page.object_list]
    return render_page(request, "personas/reviews.html", {"page": page, "rows": rows, "mine": mine}, partial="list")


def _side(request: MemberRequest, name: str) -> Side | None:
    """One side of a comparison; None while nothing that can be seen is chosen. Raises NotFound for an unknown one."""
    text = request.GET.get(name, "")
    if not text:
        return None
    pk = parse_uuid(text) or UUID(int=0)
    persona = queries.persona_for(request.actor, pk)
    number = version_asked(request, f"v{name}")
    content = queries.version_content(persona, number) if number else queries.shown_content(request.actor, persona)
    return side_of(request.actor, request.organization, persona, content, number or None)
