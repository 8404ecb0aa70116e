"""The pages of comments: a thread by itself, the forms of a thread, and where one was called upon."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse, JsonResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from apps.comments import queries, services
from apps.comments.forms import CommentForm
from apps.comments.mentions import people_who_see, suggest
from apps.comments.models import Comment, CommentMention
from apps.comments.registry import commentable
from apps.comments.threads import Refused, anchor_asked, thread_context
from cxm.errors import DomainError, NotAllowed, NotFound
from cxm.web.http import MemberRequest
from cxm.web.urls import org_url
from cxm.web.views import is_htmx, permission_required, render_page, see_other

PAGE_SIZE: Final = 30
LONGEST_TYPED: Final = 60


@permission_required("comments.write")
def thread(request: MemberRequest, kind: str, object_id: UUID) -> HttpResponse:
    """What is said about a thing; a POST adds a comment or an answer."""
    refused = None
    if request.method == "POST":
        form = CommentForm(request.POST)
        parent = str(request.POST.get("parent", ""))[:36]
        typed = str(request.POST.get("body", ""))
        if form.is_valid():
            try:
                comment = services.add_comment(actor=request.actor, kind=kind, object_id=object_id, **form.cleaned_data)
            except (NotFound, NotAllowed):
                raise
            except DomainError as error:
                refused = Refused(parent, typed, error.errors[0]["message"])
            else:
                return _again(request, comment)
        else:
            refused = Refused(parent, typed, _first_error(form))
    return _thread(request, kind, object_id, refused=refused)


@permission_required("comments.write")
@require_safe
def people(request: MemberRequest, kind: str, object_id: UUID) -> HttpResponse:
    """Whom one can call upon here whose name begins with `?q=`, as JSON: at most eight."""
    thing = commentable(kind)
    if thing.find(request.actor, object_id) is None:
        raise NotFound
    typed = request.GET.get("q", "")[:LONGEST_TYPED]
    found = suggest(people_who_see(thing, object_id), typed)
    return JsonResponse({"people": [{"name": person.name, "role": person.role} for person in found]})


@permission_required("comments.write")
@require_POST
def edit(request: MemberRequest, pk: UUID) -> HttpResponse:
    """Change one's own comment."""
    comment = queries.comment_for(request.actor, pk)
    form = CommentForm(request.POST)
    typed = str(request.POST.get("body", ""))
    if not form.is_valid():
        return _refuse(request, comment, typed, _first_error(form))
    try:
        services.edit_comment(actor=request.actor, comment=comment, body=form.cleaned_data["body"])
    except (NotFound, NotAllowed):
        raise
    except DomainError as error:
        return _refuse(request, comment, typed, error.errors[0]["message"])
    return _again(request, comment)


@permission_required("comments.write")
@require_POST
def delete(request: MemberRequest, pk: UUID) -> HttpResponse:
    """Remove a comment."""
    comment = queries.comment_for(request.actor, pk)
    services.delete_comment(actor=request.actor, comment=comment)
    return _again(request, comment, there=False)


@permission_required("comments.write")
@require_POST
def resolve(request: MemberRequest, pk: UUID) -> HttpResponse:
    """Say that it is settled; with `resolved=0`, that it is not."""
    comment = queries.comment_for(request.actor, pk)
    services.resolve_comment(actor=request.actor, comment=comment, resolved=request.POST.get("resolved") != "0")
    return _again(request, comment)


@permission_required("comments.write")
@require_safe
def mentions(request: MemberRequest) -> HttpResponse:
    """Where colleagues called upon the reader, the unread first."""
    page = Paginator(queries.mentions_of(request.actor), PAGE_SIZE).get_page(request.GET.get("page"))
    rows = list(page.object_list)
    titles = queries.titles_of(request.actor, {(row.comment.kind, row.comment.object_id) for row in rows})
    shown = [(row, titles.get((row.comment.kind, row.comment.object_id))) for row in rows]
    context = {"page": page, "shown": shown, "unread": any(row.read_at is None for row in rows)}
    return render_page(request, "comments/mentions.html", context, partial="list")


@permission_required("comments.write")
@require_safe
def mention(request: MemberRequest, pk: UUID) -> HttpResponse:
    """On to the comment that calls upon the reader, which is read by then."""
    row = CommentMention.objects.select_related("comment").filter(pk=pk).first()
    if row is None:
        raise NotFound
    services.read_mention(actor=request.actor, mention=row)
    comment = queries.comment_for(request.actor, row.comment_id)
    return see_other(request, _address(request, comment))


@permission_required("comments.write")
@require_POST
def read_all(request: MemberRequest) -> HttpResponse:
    """Take every mention as read."""
    services.read_all_mentions(actor=request.actor)
    messages.success(request, _("Nothing is unread any more."))
    return see_other(request, org_url(request.organization, "comments:mentions"))


def _address(request: MemberRequest, comment: Comment) -> str:
    """Where a comment stands: on the page of its thing, or on the thread's own page when it is an older one."""
    thing = commentable(comment.kind)
    top = comment.parent or comment
    newer = Comment.objects.filter(
        kind=comment.kind, object_id=comment.object_id, parent=None, created_at__gt=top.created_at
    ).count()
    page = newer // queries.ROOTS_A_PAGE + 1
    if page == 1:
        url = org_url(request.organization, thing.url_name, pk=comment.object_id)
    else:
        url = org_url(request.organization, "comments:thread", kind=comment.kind, object_id=comment.object_id)
        url = f"{url}?page={page}"
    return f"{url}#c-{comment.pk}"


def _again(request: MemberRequest, comment: Comment, *, there: bool = True) -> HttpResponse:
    """After a write: the fragment with the thread as it is now, or the page of the thing."""
    if is_htmx(request):
        return _thread(request, comment.kind, comment.object_id)
    thing = commentable(comment.kind)
    url = org_url(request.organization, thing.url_name, pk=comment.object_id)
    return see_other(request, f"{url}#c-{comment.pk}" if there else f"{url}#comments")


def _refuse(request: MemberRequest, comment: Comment, typed: str, message: str) -> HttpResponse:
    return _thread(request, comment.kind, comment.object_id, refused=Refused(str(comment.pk), typed, message, True))


def _thread(request: MemberRequest, kind: str, object_id: UUID, *, refused: Refused | None = None) -> HttpResponse:
    text = request.GET.get("page", "")
    page = int(text) if text.isascii() and text.isdigit() and 0 < len(text) < 6 else 1
    context = thread_context(request, kind, object_id, anchor=anchor_asked(request), page=max(page, 1), refused=refused)
    name = "comments/_thread_section.html" if is_htmx(request) else "comments/thread.html"
    return render_page(request, name, context, status=422 if refused else None)


def _first_error(form: CommentForm) -> str:
    return str(next(iter(form.errors.values()))[0])
