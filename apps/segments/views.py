"""The pages of segments: list, detail, the form with its live count, members of a list."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from apps.customers.models import Customer
from apps.customers.search import matching
from apps.customers.services import people_called
from apps.segments import builder, queries, services
from apps.segments.builder_rows import rows_of
from apps.segments.describe import describe_rule
from apps.segments.forms import MemberFilterForm, MembersForm, SegmentForm
from apps.segments.listing import all_people, listed, share_words, users_of
from apps.segments.models import Segment
from apps.segments.references import read_rule
from apps.segments.rule import Rule
from apps.segments.scores import scores_of
from apps.segments.suggestions import choices_for
from cxm.errors import DomainError, DomainErrors, FieldError
from cxm.ids import parse_uuid
from cxm.web.forms import add_domain_errors, domain_errors_into
from cxm.web.http import MemberRequest
from cxm.web.urls import org_url
from cxm.web.views import is_htmx, permission_required, render_page, see_other

PAGE_SIZE = 50
SORTS = {"name": "name", "size": "size", "created": "created_at"}
MOST_PASTED = 10_000
SHOWN = 10
LONGEST_JSON = 200_000
DEEPEST_JSON = 60


@permission_required("segments.view")
def segment_list(request: MemberRequest) -> HttpResponse:
    """Every segment with its sentence, size and users."""
    sort = request.GET.get("sort", "")
    column = SORTS.get(sort.removeprefix("-"))
    order = [f"{'-' if sort.startswith('-') else ''}{column}", "id"] if column else ["name", "id"]
    page = Paginator(queries.segments().order_by(*order), PAGE_SIZE).get_page(request.GET.get("page"))
    context = {"page": page, "rows": listed(list(page.object_list))}
    return render_page(request, "segments/list.html", context, partial="list")


@permission_required("segments.view")
def segment_detail(request: MemberRequest, pk: UUID) -> HttpResponse:
    """One segment: who belongs to it, what they score, what uses it."""
    segment = queries.segment_for(pk)
    (row,) = listed([segment])
    actor = request.actor
    context: dict[str, Any] = {
        "segment": segment,
        "row": row,
        "scores": scores_of(actor=actor, organization=request.organization, segment_id=pk),
        "may_edit": actor.can("segments.edit"),
        "members_form": MembersForm(),
    }
    if actor.can("customers.view"):
        context |= members_page(request, segment)
    return render_page(request, "segments/detail.html", context, partial="members", status=200)


@dataclass(frozen=True, slots=True)
class MembersPage:
    """Some members, and the way to the next ones."""

    rows: list[Customer]
    next_url: str | None
    previous_url: str | None


def members_page(request: MemberRequest, segment: Segment) -> dict[str, Any]:
    """The members that the search finds, by id: a page at any depth costs the same."""
    form = MemberFilterForm(request.GET)
    text = form.cleaned_data["q"] if form.is_valid() else ""
    rows = matching(queries.members(request.actor, segment), text).order_by("pk")
    after = parse_uuid(request.GET.get("after", ""))
    if after:
        rows = rows.filter(pk__gt=after)
    found = list(rows[: PAGE_SIZE + 1])
    query = request.GET.copy()
    query.pop("after", None)
    first = f"?{query.urlencode()}" if after else None
    following = None
    if len(found) > PAGE_SIZE:
        query["after"] = str(found[PAGE_SIZE - 1].pk)
        following = f"?{query.urlencode()}"
    return {"members": MembersPage(found[:PAGE_SIZE], following, first), "filter": form, "searched": bool(text)}


@permission_required("segments.edit")
def segment_create(request: MemberRequest) -> HttpResponse:
    """Make a segment by rule, or an empty list."""
    return edit(request, None)


@permission_required("segments.edit")
def segment_edit(request: MemberRequest, pk: UUID) -> HttpResponse:
    """Change a segment's name and rule."""
    return edit(request, queries.segment_for(pk))


def edit(request: MemberRequest, segment: Segment | None) -> HttpResponse:
    """The form: what a button asks for, then the form again or the page of what was saved."""
    is_static = segment.kind == Segment.Kind.STATIC if segment else request.GET.get("kind") == "static"
    initial = {"name": segment.name, "description": segment.description} if segment else {}
    do = request.POST.get("do", "refresh") if request.method == "POST" else ""
    form = SegmentForm(request.POST if do == "save" else None, initial=initial)
    if do and do != "save":
        form = SegmentForm(initial={name: request.POST.get(name, "") for name in form.fields})
    state = RuleState(request, segment)
    if do == "save":
        saved = save(request, segment, form, state, is_static=is_static)
        if saved is not None:
            return see_other(request, org_url(request.organization, "segments:detail", pk=saved.pk))
    elif do:
        state.press(do)
    context: dict[str, Any] = {
        "form": form,
        "segment": segment,
        "is_static": is_static,
        "builder_url": request.get_full_path(),
    }
    if not is_static:
        context |= state.context()
        suffix = f"?segment={segment.pk}" if segment else ""
        context["count_url"] = org_url(request.organization, "segments:count") + suffix
        if not is_htmx(request):
            context["preview"] = preview(request, state)
    refused = bool(form.is_bound and form.errors) or (do == "save" and state.has_errors)
    return render_page(request, "segments/form.html", context, partial="builder", status=422 if refused else 200)


def save(
    request: MemberRequest, segment: Segment | None, form: SegmentForm, state: RuleState, *, is_static: bool
) -> Segment | None:
    """The saved segment; None when something was refused and stands in the form or at its row of the rule."""
    is_form_valid = form.is_valid()
    raw = None if is_static else state.raw()
    if not is_form_valid:
        state.check(raw)
        return None
    values: dict[str, Any] = dict(form.cleaned_data)
    if not is_static:
        if state.json_error:
            return None
        values["rule"] = raw
    try:
        if segment is None:
            kind = Segment.Kind.STATIC if is_static else Segment.Kind.LIVE
            saved = services.create_segment(actor=request.actor, kind=kind, **values)
            messages.success(request, _("Segment made."))
        else:
            saved = services.update_segment(actor=request.actor, segment=segment, **values)
            messages.success(request, _("Saved."))
    except DomainError as error:
        if error.status not in (400, 409):
            raise
        of_rule = [one for one in error.errors if one["field"].split(".")[0] == "rule"]
        state.place(of_rule)
        others = [one for one in error.errors if one not in of_rule]
        if others:
            add_domain_errors(form, DomainErrors(others))
        return None
    return saved


class RuleState:
    """The rule while it is edited: as rows or as JSON, with what is wrong."""

    def __init__(self, request: MemberRequest, segment: Segment | None) -> None:
        self.segment_id = segment.pk if segment else None
        self.as_json = "json" in request.POST
        self.json_text = request.POST.get("json", "")[: LONGEST_JSON + 1]
        self.json_error = ""
        self.errors: list[str] = []
        self.focus = ""
        if request.method == "POST":
            self.draft = builder.draft_from_post(request.POST)
        elif segment is not None and segment.kind == Segment.Kind.LIVE:
            self.draft = builder.draft_from_rule(segment.rule)
        else:
            self.draft = builder.empty_draft()
        if self.draft.leaves() > builder.MOST_ROWS and not self.as_json:
            self.as_json, self.json_text = True, pretty(self.draft.as_json())

    @property
    def has_errors(self) -> bool:
        """Whether something of the rule was refused."""
        return bool(self.errors or self.json_error or any_error(self.draft))

    @property
    def too_large(self) -> bool:
        """Whether the form cannot show it."""
        return self.draft.leaves() > builder.MOST_ROWS

    def raw(self) -> Any:
        """The rule as it would be sent to the API; None with `json_error` when the JSON cannot be read."""
        if not self.as_json:
            return self.draft.as_json()
        try:
            return read_json(self.json_text)
        except DomainError as error:
            self.json_error = error.message
            return None

    def press(self, do: str) -> None:
        """What a button of the form changes."""
        if do == "json" and not self.as_json:
            self.as_json, self.json_text = True, pretty(self.draft.as_json())
        elif do == "form" and self.as_json:
            rule = self.check(self.raw())
            if rule is not None and sum(1 for _leaf in rule.leaves()) > builder.MOST_ROWS:
                self.errors.append(_("It has too many conditions to be shown as a form."))
            elif rule is not None:
                self.draft, self.as_json = builder.draft_from_rule(rule.as_json()), False
        elif do == "preview":
            self.check(self.raw())
        elif not self.as_json:
            self.focus = builder.change_draft(self.draft, do)

    def check(self, raw: Any) -> Rule | None:
        """The rule, or None with its errors in their places."""
        if raw is None:
            return None
        try:
            return read_rule(raw, segment_id=self.segment_id)
        except DomainError as error:
            self.place(error.errors)
            return None

    def place(self, errors: list[FieldError]) -> None:
        """Write errors to where they belong."""
        if self.as_json:
            self.errors += [f"{error['field'].removeprefix('rule.')}: {error['message']}" for error in errors]
        else:
            self.errors += builder.place_errors(self.draft, errors)

    def context(self) -> dict[str, Any]:
        """What the template of the builder needs."""
        found: dict[str, Any] = {
            "as_json": self.as_json,
            "json_text": self.json_text,
            "too_large": self.too_large,
            "focus": self.focus,
            "rule_errors": [*self.errors, *([self.json_error] if self.json_error else [])],
        }
        if not self.as_json:
            found["row"] = rows_of(self.draft, choices_for(self.segment_id))
        return found


def any_error(node: builder.Node) -> bool:
    """Whether an error stands at a row."""
    return bool(node.errors) or any(any_error(part) for part in node.parts)


def pretty(rule: Any) -> str:
    """A rule as people read JSON."""
    return json.dumps(rule, indent=2, ensure_ascii=False)


def read_json(text: str) -> Any:
    """The value of a JSON text of bounded size and depth. Raises DomainError saying where it stops making sense."""
    if len(text) > LONGEST_JSON:
        raise DomainError(_("This is too long for a rule."), field="rule")
    depth = 0
    for bracket in re.findall(r'"(?:[^"\\]|\\.)*"|[\[\]{}]', text):
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(bracket, 0)
        if depth > DEEPEST_JSON:
            raise DomainError(_("This is nested too deep for a rule."), field="rule")
    try:
        return json.loads(text)
    except ValueError as error:
        line = getattr(error, "lineno", 1)
        raise DomainError(_("This is no JSON: look at line %(line)d.") % {"line": line}, field="rule") from error


@dataclass(frozen=True, slots=True)
class Shown:
    """What stands beside the form: the count with its sentence and some names, or why there is none."""

    count: queries.Count | None = None
    sentence: str = ""
    share: str = ""
    names: tuple[str, ...] = ()
    problem: str = ""


@permission_required("segments.edit")
@require_POST
def segment_count(request: MemberRequest) -> HttpResponse:
    """The number of customers a rule finds while it is typed; a fragment."""
    pk = parse_uuid(request.GET.get("segment", ""))
    segment = queries.segments().filter(pk=pk).first() if pk else None
    return render_page(request, "segments/_count.html", {"preview": preview(request, RuleState(request, segment))})


def preview(request: MemberRequest, state: RuleState) -> Shown:
    """Count what the state says, within two seconds; what is not yet complete is said, not refused."""
    raw = state.raw()
    if state.json_error:
        return Shown(problem=state.json_error)
    try:
        rule = read_rule(raw, segment_id=state.segment_id)
    except DomainError as error:
        empty = all(one["code"] == "required" for one in error.errors)
        message = _("Fill in the empty fields and the number appears here.") if empty else error.errors[0]["message"]
        return Shown(problem=message)
    found = queries.preview_rule(request.actor, rule)
    sentence = describe_rule(rule)
    if found.count.n is None:
        return Shown(problem=_("Counting takes too long to wait for. Save it: the number is computed then."))
    share = share_words(found.count.n, all_people())
    return Shown(found.count, sentence, share, tuple(str(customer) for customer in found.sample))


@permission_required("segments.edit")
def segment_delete(request: MemberRequest, pk: UUID) -> HttpResponse:
    """Ask, then delete a segment that nothing uses."""
    segment = queries.segment_for(pk)
    if request.method == "POST":
        services.delete_segment(actor=request.actor, segment=segment)
        messages.success(request, _("The segment is gone. Its customers are not."))
        return see_other(request, org_url(request.organization, "segments:list"))
    return render_page(request, "segments/delete.html", {"segment": segment, "used_by": users_of([pk]).get(pk, [])})


@permission_required("segments.edit")
@require_POST
def segment_refresh(request: MemberRequest, pk: UUID) -> HttpResponse:
    """Have it computed anew."""
    segment = queries.segment_for(pk)
    services.refresh_now(actor=request.actor, segment=segment)
    messages.success(request, _("It is computed anew, in a moment."))
    return see_other(request, org_url(request.organization, "segments:detail", pk=pk))


@permission_required("segments.edit")
@require_POST
def segment_members(request: MemberRequest, pk: UUID) -> HttpResponse:
    """Put customers on a list or take them off, by pasted ids."""
    segment = queries.segment_for(pk)
    form = MembersForm(request.POST)
    if form.is_valid():
        with domain_errors_into(form):
            ids = pasted_customers(form.cleaned_data["ids"])
            if request.POST.get("do") == "remove":
                gone = services.remove_static_members(actor=request.actor, segment=segment, customer_ids=ids)
                text = ngettext("%(n)d customer taken off.", "%(n)d customers taken off.", gone) % {"n": gone}
            else:
                came = services.set_static_members(actor=request.actor, segment=segment, customer_ids=ids)
                text = ngettext("%(n)d customer added.", "%(n)d customers added.", came) % {"n": came}
            messages.success(request, text)
            return see_other(request, org_url(request.organization, "segments:detail", pk=pk))
    (row,) = listed([segment])
    context: dict[str, Any] = {"segment": segment, "row": row, "scores": [], "may_edit": True, "members_form": form}
    if request.actor.can("customers.view"):
        context |= members_page(request, segment)
    return render_page(request, "segments/detail.html", context, status=422)


def pasted_customers(text: str) -> list[UUID]:
    """The customers whose external ids or e-mail addresses these are. Raises DomainError naming those unknown."""
    wanted = list(dict.fromkeys(part.strip() for part in re.split(r"[\n\r,;\t]+", text) if part.strip()))
    if len(wanted) > MOST_PASTED:
        raise DomainError(_("Paste at most 10,000 at a time, or bring a file."), field="ids", code="too_many")
    found = people_called(wanted)
    unknown = [one for one in wanted if one not in found]
    if unknown:
        names = ", ".join(unknown[:SHOWN]) + (" …" if len(unknown) > SHOWN else "")
        message = ngettext("%(n)d is unknown: %(names)s.", "%(n)d are unknown: %(names)s.", len(unknown))
        raise DomainError(message % {"n": len(unknown), "names": names}, field="ids", code="not_found")
    return [found[one] for one in wanted]
