"""The idea pages, made for a phone: three fields to submit, one tap to vote."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from django.contrib import messages
from django.core.files.storage import default_storage
from django.core.paginator import Paginator
from django.http import FileResponse, Http404, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from apps.ideas import queries, services
from apps.ideas.filters import IdeaFilter
from apps.ideas.forms import CommentForm, IdeaForm, MergeForm, StatusForm
from apps.ideas.models import Idea
from apps.touchpoints.models import Touchpoint
from cxm.pictures import CONTENT_TYPE
from cxm.web.forms import domain_errors_into
from cxm.web.http import MemberRequest
from cxm.web.urls import org_url
from cxm.web.views import is_htmx, permission_required, render_page, see_other

PAGE_SIZE: Final = 30
SORTS: Final = {
    "newest": ("-created_at", "-pk"),
    "votes": ("-votes_count", "-created_at", "-pk"),
    "comments": ("-comments_count", "-created_at", "-pk"),
}
BADGES: Final = {
    Idea.Status.UNDER_REVIEW: "i",
    Idea.Status.PLANNED: "i",
    Idea.Status.IN_PROGRESS: "i",
    Idea.Status.DONE: "ok",
}


@permission_required("ideas.view")
def idea_list(request: MemberRequest) -> HttpResponse:
    """What was proposed, filtered and sorted. Merged ideas are shown when the filter asks for them."""
    found = IdeaFilter(request.GET or None, queryset=queries.ideas(request.actor), request=request)
    valid = not found.is_bound or found.form.is_valid()
    rows = found.qs if valid else found.queryset.none()
    if not (found.is_bound and valid and found.form.cleaned_data.get("status")):
        rows = rows.exclude(status=Idea.Status.MERGED)
    sort = request.GET.get("sort", "")
    sort = sort if sort in SORTS else "newest"
    page = Paginator(rows.order_by(*SORTS[sort]), PAGE_SIZE).get_page(request.GET.get("page"))
    context = {"filter": found, "page": page, "sort": sort, "badges": BADGES}
    return render_page(request, "ideas/list.html", context, partial="list")


@permission_required("ideas.submit")
def idea_create(request: MemberRequest) -> HttpResponse:
    """Submit an idea; `?touchpoint=key` preselects where it belongs."""
    form = IdeaForm(
        request.POST or None,
        request.FILES or None,
        anonymous_allowed=request.organization.anonymous_ideas_allowed,
        initial={"touchpoint": _touchpoint(request.GET.get("touchpoint", ""))},
    )
    if request.method == "POST" and form.is_valid():
        with domain_errors_into(form):
            idea = services.submit_idea(actor=request.actor, **form.cleaned_data)
            messages.success(request, _("Thank you. Your idea is number %(number)d.") % {"number": idea.number})
            return see_other(request, _page_of(request, idea))
    similar = queries.similar_ideas(request.actor, request.POST.get("title", "").replace("\x00", ""))
    return render_page(request, "ideas/form.html", {"form": form, "idea": None, "similar": similar})


@permission_required("ideas.submit")
@require_safe
def idea_similar(request: MemberRequest) -> HttpResponse:
    """The fragment beside the title: ideas that say much the same."""
    title = request.GET.get("title", "")[:200].replace("\x00", "")
    context = {"similar": queries.similar_ideas(request.actor, title), "title": title}
    return render_page(request, "ideas/similar.html", context, partial="similar")


@permission_required("ideas.view")
def idea_detail(request: MemberRequest, pk: UUID) -> HttpResponse:
    """One idea: votes, comments, the official answer, and for who moderates what becomes of it."""
    return _detail(request, queries.idea_for(request.actor, pk))


@permission_required("ideas.submit")
def idea_edit(request: MemberRequest, pk: UUID) -> HttpResponse:
    """Change an idea of one's own; who moderates may change each."""
    idea = queries.idea_for(request.actor, pk)
    if not services.may_change(request.actor, idea):
        raise Http404
    form = IdeaForm(request.POST or None, request.FILES or None, idea=idea)
    if request.method == "POST" and form.is_valid():
        with domain_errors_into(form):
            services.change_idea(actor=request.actor, idea=idea, **form.changes())
            messages.success(request, _("Saved."))
            return see_other(request, _page_of(request, idea))
    return render_page(request, "ideas/form.html", {"form": form, "idea": idea, "similar": []})


@permission_required("ideas.submit")
def idea_delete(request: MemberRequest, pk: UUID) -> HttpResponse:
    """Ask, then remove an idea."""
    idea = queries.idea_for(request.actor, pk)
    if not services.may_change(request.actor, idea):
        raise Http404
    if request.method == "POST":
        services.delete_idea(actor=request.actor, idea=idea)
        messages.success(request, _("Idea removed."))
        return see_other(request, org_url(request.organization, "ideas:list"))
    return render_page(request, "ideas/delete.html", {"idea": idea})


@permission_required("ideas.vote")
@require_POST
def idea_vote(request: MemberRequest, pk: UUID) -> HttpResponse:
    """Vote, or take the vote back (`vote=0`)."""
    idea = queries.idea_for(request.actor, pk)
    services.vote_for_idea(actor=request.actor, idea=idea, vote=request.POST.get("vote") != "0")
    if is_htmx(request):
        context = {"idea": queries.idea_for(request.actor, pk)}
        return render_page(request, "ideas/vote.html", context, partial="vote")
    return see_other(request, _page_of(request, idea))


@permission_required("ideas.comment")
@require_POST
def idea_comment(request: MemberRequest, pk: UUID) -> HttpResponse:
    """Add a comment."""
    idea = queries.idea_for(request.actor, pk)
    form = CommentForm(request.POST)
    if form.is_valid():
        with domain_errors_into(form):
            services.comment_on_idea(actor=request.actor, idea=idea, body=form.cleaned_data["body"])
            return see_other(request, f"{_page_of(request, idea)}#comments")
    return _detail(request, idea, comment_form=form)


@permission_required("ideas.moderate")
@require_POST
def idea_status(request: MemberRequest, pk: UUID) -> HttpResponse:
    """Set status and official answer."""
    idea = queries.idea_for(request.actor, pk)
    form = StatusForm(request.POST, idea=idea)
    if form.is_valid():
        with domain_errors_into(form):
            services.set_idea_status(actor=request.actor, idea=idea, **form.cleaned_data)
            messages.success(request, _("Saved. The author is told by mail."))
            return see_other(request, _page_of(request, idea))
    return _detail(request, idea, status_form=form)


@permission_required("ideas.moderate")
@require_POST
def idea_merge(request: MemberRequest, pk: UUID) -> HttpResponse:
    """Merge a duplicate into the idea with the number given."""
    idea = queries.idea_for(request.actor, pk)
    form = MergeForm(request.POST)
    if form.is_valid():
        into = Idea.objects.filter(number=form.cleaned_data["into"]).first()
        if into is None:
            form.add_error("into", _("There is no idea with this number."))
        else:
            with domain_errors_into(form):
                remaining = services.merge_idea(actor=request.actor, idea=idea, into=into)
                messages.success(request, _("Merged. The votes are counted here now."))
                return see_other(request, _page_of(request, remaining))
    return _detail(request, idea, merge_form=form)


@permission_required("ideas.view")
@require_safe
def idea_picture(request: MemberRequest, pk: UUID) -> HttpResponseBase:
    """The picture of an idea, as it was drawn anew on upload."""
    idea = queries.idea_for(request.actor, pk)
    if not idea.picture or not default_storage.exists(idea.picture):
        raise Http404
    return FileResponse(
        default_storage.open(idea.picture),
        content_type=CONTENT_TYPE,
        headers={"Cache-Control": "private, max-age=86400", "Content-Security-Policy": "default-src 'none'; sandbox"},
    )


def _detail(request: MemberRequest, idea: Idea, **forms: Any) -> HttpResponse:
    moderates = request.actor.can("ideas.moderate")
    context: dict[str, Any] = {
        "idea": idea,
        "comments": queries.comments_of(idea),
        "badge": BADGES.get(Idea.Status(idea.status), ""),
        "may_change": services.may_change(request.actor, idea),
        "is_open": idea.status != Idea.Status.MERGED,
        "comment_form": CommentForm(),
        "status_form": StatusForm(idea=idea) if moderates else None,
        "merge_form": MergeForm() if moderates else None,
        "similar": queries.similar_ideas(request.actor, idea.title, but=idea.pk) if moderates else [],
        **forms,
    }
    return render_page(request, "ideas/detail.html", context)


def _touchpoint(key: str) -> Touchpoint | None:
    return Touchpoint.objects.filter(key=key).first() if key and "\x00" not in key else None


def _page_of(request: MemberRequest, idea: Idea) -> str:
    return org_url(request.organization, "ideas:detail", pk=idea.pk)
