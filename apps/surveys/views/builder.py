"""The editor of a draft, its preview, undo, settings, and JSON in and out.

Every change is a plain form that comes back to the page; the page's script sends the same fields with PATCH (what was
typed) or POST (what was pressed), asks for JSON and says which version it saw as If-Match. ``part`` names what the form
changes (``q:ID``, ``order``, ``texts``), ``do`` what was pressed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse, JsonResponse, QueryDict
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST

from apps.organizations.branding import dark_accent, is_colour
from apps.surveys import drafts, editor, queries, services
from apps.surveys.advice import Advice, advise
from apps.surveys.definition import Definition, parse_definition, problems_before_publication
from apps.surveys.forms import ImportForm, SettingsForm
from apps.surveys.live import published_definition
from apps.surveys.models import Survey, SurveyVersion
from apps.surveys.paths import reach_of
from apps.surveys.services.drafts import (
    DraftConflict,
    DraftEdit,
    draft_json,
    edit_draft,
    import_draft,
    read_json,
    redo_draft,
    undo_draft,
)
from apps.surveys.services.steps import can_walk
from apps.surveys.walk import Walk
from apps.surveys.wording import LANGUAGE_NAMES, standard_question
from cxm.errors import DomainError, NotFound
from cxm.web.forms import domain_errors_into
from cxm.web.http import MemberRequest
from cxm.web.urls import org_url
from cxm.web.views import permission_required, render_page, respondent_csp, see_other, wants_json

Json = dict[str, Any]
DARK_PHONE = (
    "--bg:#12161D;--ink:#E7ECF3;--mut:#9AA6B8;--ln:#6F7C90;--ac:#4CC9BB;--on:#0E1218;--tint:#173B3A;--bad:#FF9C8F"
)
"""The dark colours of ``static/survey.css``, which takes them when the phone asks for them."""


@permission_required("surveys.edit")
@require_http_methods(["GET", "HEAD", "POST", "PATCH"])
def survey_edit(request: MemberRequest, pk: UUID) -> HttpResponse:
    """The draft: its questions, one of them with all its words and rules, and how it looks on a phone."""
    survey = survey_or_404(pk)
    if request.method in ("GET", "HEAD"):
        return _editor(request, survey)
    sent = request.POST if request.method == "POST" else QueryDict(request.body)
    return _change(request, survey, sent)


@permission_required("surveys.edit")
@require_POST
def survey_undo(request: MemberRequest, pk: UUID) -> HttpResponse:
    """Take back the last change of the draft."""
    return _walk_steps(request, pk, undo_draft, _("Undone."))


@permission_required("surveys.edit")
@require_POST
def survey_redo(request: MemberRequest, pk: UUID) -> HttpResponse:
    """Bring back the change that was undone last."""
    return _walk_steps(request, pk, redo_draft, _("Brought back."))


@csrf_exempt
@permission_required("surveys.edit")
@respondent_csp(frame_ancestors=["'self'"])
def survey_preview(request: MemberRequest, pk: UUID) -> HttpResponse:
    """The respondent's pages of the draft, to walk through; what is answered travels in the form, nothing is stored.

    So a POST needs no token, and the respondent's templates have none; nobody else can read the answer.
    """
    survey = survey_or_404(pk)
    raw = draft_json(survey)
    definition = parse_definition(raw)
    typed = {name: request.POST.getlist(name) for name in request.POST if name.count(".") == 2}
    if typed:
        drafts.apply_fields(raw, typed)
        try:
            definition = parse_definition(raw)
        except DomainError:
            typed = {}
    theme = (request.POST if request.method == "POST" else request.GET).get("theme", "")
    dark = org_url(request.organization, "surveys:preview_dark") if theme == "dark" else ""
    walk = Walk(survey, definition, request.organization, home=request.path, dark=dark)
    if request.method == "POST" and not typed:
        template, context = walk.step(request.POST, request.FILES)
    else:
        language = request.POST.get("preview_language", "") or request.GET.get("lang", "")
        reach = None
        at = request.GET.get("at", "")
        if at in definition.questions:
            reach = reach_of(definition, at)
        answers = dict(reach.witness) if reach and reach.witness else {}
        template, context = walk.show(answers, language, at=at)
    return HttpResponse(render_to_string(template, context))


@permission_required("surveys.edit")
def preview_dark(request: MemberRequest) -> HttpResponse:
    """What a dark phone makes of a respondent's page, for the preview: a phone decides by itself, a frame cannot."""
    colour = request.organization.accent
    accent = ""
    if is_colour(colour):
        dark = dark_accent(colour)
        accent = f"--ac:{dark.fill};--on:{dark.on};--tint:{dark.tint}"
    sheet = f":root{{color-scheme:dark;{DARK_PHONE}}}:root{{{accent}}}"
    return HttpResponse(sheet, content_type="text/css; charset=utf-8")


@permission_required("surveys.edit")
def survey_settings(request: MemberRequest, pk: UUID) -> HttpResponse:
    """What a survey is about, whom it asks, in which languages, and when it ends."""
    survey = survey_or_404(pk)
    initial = {name: getattr(survey, name) for name in SettingsForm.SURVEY_FIELDS}
    form = SettingsForm(request.POST or None, organization=request.organization, survey=survey, initial=initial)
    if request.method == "POST" and form.is_valid():
        with domain_errors_into(form):
            services.update_survey(actor=request.actor, survey=survey, **form.changes(survey))
            messages.success(request, _("Settings saved."))
            return see_other(request, org_url(request.organization, "surveys:settings", pk=survey.pk))
    return render_page(request, "surveys/settings.html", {"survey": survey, "form": form})


@permission_required("surveys.view")
def survey_export(request: MemberRequest, pk: UUID) -> HttpResponse:
    """The draft (or ``?version=n``) as a file in the documented JSON."""
    survey = survey_or_404(pk)
    number = request.GET.get("version", "")
    raw, suffix = draft_json(survey), "draft"
    if number:
        if not (number.isascii() and number.isdigit() and len(number) <= 9):
            raise Http404
        if not SurveyVersion.objects.filter(survey=survey, number=int(number)).exists():
            raise Http404
        raw, suffix = published_definition(survey.pk, int(number)).to_json(), f"v{int(number)}"
    text = json.dumps(raw, ensure_ascii=False, indent=1)
    response = HttpResponse(text, content_type="application/json; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{survey.slug}-{suffix}.json"'
    return response


@permission_required("surveys.edit")
def survey_import(request: MemberRequest, pk: UUID) -> HttpResponse:
    """Replace the draft by a definition from a file or the clipboard: one step, which can be undone."""
    survey = survey_or_404(pk)
    form = ImportForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        try:
            import_draft(actor=request.actor, survey=survey, text=form.text())
        except DomainError as error:
            _name_paths(form, error)
        else:
            messages.success(request, _("Imported. Undo brings back what was there before."))
            return see_other(request, org_url(request.organization, "surveys:edit", pk=survey.pk))
    context = {"survey": survey, "form": form}
    return render_page(request, "surveys/import.html", context)


@permission_required("surveys.edit")
def survey_import_new(request: MemberRequest) -> HttpResponse:
    """A new survey from a definition in a file or from the clipboard."""
    form = ImportForm(request.POST or None, request.FILES or None, named=True)
    if request.method == "POST" and form.is_valid():
        try:
            raw = read_json(form.text())
            survey = services.create_survey(
                actor=request.actor, name=form.cleaned_data["name"], kind=kind_of(raw), definition=raw
            )
        except DomainError as error:
            _name_paths(form, error)
        else:
            messages.success(request, _("Survey created from the file."))
            return see_other(request, org_url(request.organization, "surveys:edit", pk=survey.pk))
    return render_page(request, "surveys/import.html", {"survey": None, "form": form})


def _name_paths(form: ImportForm, error: DomainError) -> None:
    """Every mistake at the field where the definition is, with its path inside."""
    for item in error.errors:
        path = item["field"].removeprefix("definition").removeprefix(".")
        if path in form.fields:
            form.add_error(path, item["message"])
        else:
            form.add_error("definition", f"{path}: {item['message']}" if path else item["message"])


def kind_of(raw: Json) -> str:
    """The kind of a survey by its first measured question, as far as it can be told before it is read."""
    try:
        headline = parse_definition(raw).headline
    except DomainError:
        return str(Survey.Kind.CUSTOM)
    return headline.metric if headline and headline.metric else str(Survey.Kind.CUSTOM)


def survey_or_404(pk: UUID) -> Survey:
    """The organisation's survey. Raises Http404."""
    survey = queries.surveys().filter(pk=pk).first()
    if survey is None:
        raise Http404
    return survey


# -- changing ---------------------------------------------------------------------------------------------------------


def _change(request: MemberRequest, survey: Survey, sent: QueryDict) -> HttpResponse:
    """Fields first, then what was pressed: one change, one step."""
    verb, _colon, target = sent.get("do", "").partition(":")
    question_id, part = sent.get("q", ""), sent.get("part", "")
    fields = {name: sent.getlist(name) for name in sent}
    press = _presses(request, sent, question_id, target).get(verb) if verb else None
    if verb and press is None:
        raise Http404

    def change(raw: Json) -> Any:
        drafts.apply_fields(raw, fields)
        return press(raw) if press else None

    seen = request.headers.get("If-Match", "").strip('"') or sent.get("version", "")
    try:
        edit = edit_draft(actor=request.actor, survey=survey, change=change, part=part, seen=seen)
    except DraftConflict as conflict:
        return _conflicting(request, survey, conflict, sent)
    except NotFound:
        raise
    except DomainError as error:
        if error.status != 400:
            raise
        return _refused(request, survey, error, fields, question_id, change)
    say, focus = _outcome(edit, verb, question_id)
    return _answer(request, edit, part=part, say=say, focus=focus, undoable=bool(verb) and edit.changed)


def _presses(
    request: MemberRequest, sent: QueryDict, question_id: str, target: str
) -> Mapping[str, Callable[[Json], Any]]:
    """What the buttons of the editor do to a draft."""

    def entries(raw: Json) -> None:
        verb = sent.get("do", "").partition(":")[0]
        lines = sent.get("row_lines" if verb == "row-add" else "lines", "")
        drafts.change_entries(raw, question_id, verb, target, lines)

    def standard(raw: Json) -> None:
        question = drafts.find(raw, question_id)
        usual = standard_question(question["type"], raw["languages"], request.organization.name, _about(request))
        question["title"] = usual["title"]
        if question.get("scale") == parse_definition(_alone(raw, usual)).questions[usual["id"]].scale:
            question["labels"] = usual["labels"]

    def index(text: str) -> int:
        return int(text) if text.isascii() and text.isdigit() and len(text) < 4 else -1

    presses: dict[str, Callable[[Json], Any]] = {
        "add": lambda raw: drafts.add_question(
            raw,
            sent.get("kind", ""),
            after=sent.get("after", ""),
            same_page=sent.get("same_page") == "1",
            organization=request.organization.name,
        ),
        "up": lambda raw: drafts.move_beside(raw, question_id, "up"),
        "down": lambda raw: drafts.move_beside(raw, question_id, "down"),
        "move": lambda raw: drafts.move_question(
            raw, question_id, index(sent.get("page", "")), index(sent.get("position", ""))
        ),
        "duplicate": lambda raw: drafts.duplicate_question(raw, question_id),
        "delete": lambda raw: drafts.delete_question(raw, question_id),
        "split": lambda raw: drafts.split_page(raw, question_id),
        "join": lambda raw: drafts.join_page(raw, question_id),
        "rule-add": lambda raw: drafts.add_rule(raw, question_id),
        "rule-remove": lambda raw: drafts.remove_rule(raw, question_id, index(target)),
        "hidden-add": drafts.add_hidden,
        "hidden-remove": lambda raw: drafts.remove_hidden(raw, target),
        "standard": standard,
    }
    for kind in drafts.ENTRY_LISTS:
        for verb in ("add", "up", "down", "remove"):
            presses[f"{kind}-{verb}"] = entries
    return presses


def _alone(raw: Json, question: Json) -> Json:
    return {"languages": raw["languages"], "pages": [{"id": "p1", "questions": [question]}]}


def _about(request: MemberRequest) -> str:
    match = request.resolver_match
    survey = survey_or_404(match.kwargs["pk"]) if match else None
    return survey.touchpoint.name if survey and survey.touchpoint else ""


def _outcome(edit: DraftEdit, verb: str, question_id: str) -> tuple[str, str]:
    """What to say after a press, and which question to show."""
    if verb == "add":
        return _("Question added."), edit.result
    if verb == "duplicate":
        return _("Copied. The copy stands below."), edit.result
    if verb == "delete":
        first = next(drafts.questions_of(edit.raw))["id"]
        if edit.result:
            return _("Deleted, with %(n)d comparison that named it.") % {"n": edit.result}, first
        return _("Deleted."), first
    if verb in ("up", "down", "move"):
        if not edit.changed:
            return _("It cannot go further in that direction."), question_id
        page, place = drafts.place_of(edit.raw, question_id)
        return _("Moved to page %(page)d, place %(n)d.") % {"page": page + 1, "n": place + 1}, question_id
    return "", question_id


def _answer(
    request: MemberRequest, edit: DraftEdit, *, part: str, say: str, focus: str, undoable: bool = False
) -> HttpResponse:
    if wants_json(request):
        can_undo, can_redo = can_walk(edit.survey)
        return JsonResponse(
            {
                "part": part,
                "version": drafts.version_of(edit.raw, part) if part else "",
                "saved": saved_at(),
                "say": say,
                "focus": focus,
                "undoable": undoable,
                "undo": can_undo,
                "redo": can_redo,
            }
        )
    messages.success(request, say or (_("Saved. Respondents see it once you publish.")))
    return see_other(request, _edit_url(request, edit.survey, focus or _panel_of(part)))


def _panel_of(part: str) -> str:
    return "~thanks" if part == "texts" else ""


def _edit_url(request: MemberRequest, survey: Survey, selected: str = "") -> str:
    url = org_url(request.organization, "surveys:edit", pk=survey.pk)
    return f"{url}?{_query(q=selected)}" if selected else url


def _query(**values: str) -> str:
    query = QueryDict(mutable=True)
    query.update(values)
    return query.urlencode()


def saved_at() -> str:
    """ "All changes saved 14:02", in the reader's time zone."""
    return _("All changes saved %(time)s") % {"time": date_format(timezone.localtime(), "H:i")}


def _walk_steps(request: MemberRequest, pk: UUID, walk: Callable[..., DraftEdit], say: str) -> HttpResponse:
    edit = walk(actor=request.actor, survey=survey_or_404(pk))
    focus = edit.result if edit.result in {question["id"] for question in drafts.questions_of(edit.raw)} else ""
    return _answer(request, edit, part="", say=say, focus=focus)


def _conflicting(request: MemberRequest, survey: Survey, conflict: DraftConflict, sent: QueryDict) -> HttpResponse:
    """412 with both sides of every difference; the same can be sent again on top of what is there now, knowing it."""
    rows = [
        {"what": path, "mine": _plain(mine), "theirs": _plain(theirs)}
        for path, mine, theirs in drafts.differing(conflict.mine, conflict.theirs)
    ][:50]
    if wants_json(request):
        body = {"detail": conflict.message, "rows": rows, "version": conflict.version}
        return JsonResponse(body, status=conflict.status)
    kept = [
        (name, value) for name in sent if name not in ("version", "csrfmiddlewaretoken") for value in sent.getlist(name)
    ]
    context = {"survey": survey, "conflict": conflict, "rows": rows, "sent": kept, "selected": sent.get("q", "")}
    return render_page(request, "surveys/conflict.html", context, status=conflict.status)


def _plain(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _refused(
    request: MemberRequest,
    survey: Survey,
    error: DomainError,
    fields: Mapping[str, list[str]],
    question_id: str,
    change: Callable[[Json], Any],
) -> HttpResponse:
    """422 with every mistake at its field; what was typed stays in the form."""
    wrong = draft_json(survey)
    try:
        change(wrong)
    except DomainError:
        wrong = draft_json(survey)
    explained = editor.explain(error.errors, wrong)
    if wants_json(request):
        return JsonResponse({"title": explained[0]["message"], "status": 422, "errors": explained}, status=422)
    typed = {name: values[-1] for name, values in fields.items() if values}
    return _editor(request, survey, selected=question_id, typed=typed, errors=explained, status=422)


# -- showing ----------------------------------------------------------------------------------------------------------


def _editor(
    request: MemberRequest,
    survey: Survey,
    *,
    selected: str = "",
    typed: Mapping[str, str] | None = None,
    errors: list[Any] | None = None,
    status: int | None = None,
) -> HttpResponse:
    raw = draft_json(survey)
    definition = parse_definition(raw)
    selected = selected or request.GET.get("q", "")
    panel_name = selected[1:] if selected[:1] == "~" and selected[1:] in editor.PANELS else ""
    if not panel_name and selected not in definition.questions:
        selected = next(iter(definition.questions))
    advice = advice_for(request, survey, definition)
    warnings: dict[str, int] = {}
    for one in advice:
        if one.severity == "warning":
            warnings[one.question] = warnings.get(one.question, 0) + 1
    numbers = {question_id: number for number, question_id in enumerate(definition.questions, start=1)}
    can_undo, can_redo = can_walk(survey)
    versions = SurveyVersion.objects.filter(survey=survey).values_list("definition", flat=True)
    published = {question["id"] for version in versions for question in drafts.questions_of(version)}
    latest = published_definition(survey.pk, survey.current_version) if survey.current_version else None
    context: Json = {
        "survey": survey,
        "selected": selected,
        "panel_name": panel_name,
        "pages": editor.outline(definition, selected, definition.languages[0], warnings),
        "order_version": drafts.version_of(raw, "order"),
        "texts_version": drafts.version_of(raw, "texts"),
        "advice": [(numbers.get(one.question, ""), one, one.question == selected) for one in advice],
        "problems": editor.explain(problems_before_publication(definition, latest, anonymous=survey.anonymous), raw),
        "types": [(key, name, icon) for key, (name, icon) in editor.TYPES.items()],
        "languages": [(code, LANGUAGE_NAMES.get(code, code)) for code in definition.languages],
        "can_undo": can_undo,
        "can_redo": can_redo,
        "errors": errors or [],
        "changed": survey.state != Survey.State.LIVE or latest is None or latest.to_json() != definition.to_json(),
        "count": len(definition.questions),
    }
    if panel_name:
        context |= {
            "thanks": editor.thanks_rows(definition, typed),
            "thanks_url": definition.thank_you_link.url if definition.thank_you_link else "",
            "hidden": definition.hidden,
        }
    else:
        context["panel"] = editor.panel(definition, raw, selected, published, typed)
    return render_page(request, "surveys/edit.html", context, partial="main", status=status or 200)


def advice_for(request: MemberRequest, survey: Survey, definition: Definition) -> list[Advice]:
    """What may be wrong with the draft of this survey."""
    return advise(
        definition,
        organization=request.organization.name,
        touchpoint=survey.touchpoint.name if survey.touchpoint else "",
        audience=survey.audience,
        anonymous=survey.anonymous,
    )
