"""Surveys and their versions: made, edited as a draft, published as a frozen version, closed, removed."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.text import slugify
from django.utils.translation import gettext as _

from apps.audit.services import record
from apps.organizations.models import Organization
from apps.outbox.services import emit
from apps.surveys.catalogue import TEMPLATES, translation_of
from apps.surveys.definition import Definition, Question, parse_definition, problems_before_publication
from apps.surveys.entries import read_language
from apps.surveys.live import forget_survey, published_definition, tell_processes
from apps.surveys.models import Response, Survey, SurveyVersion
from apps.surveys.services.steps import note_step
from apps.surveys.wording import standard_definition
from apps.touchpoints.models import Touchpoint
from cxm.actor import Actor
from cxm.errors import Conflict, DomainError, DomainErrors, FieldError, NotFound
from cxm.scope import current_tenant_id

FIELDS: Final = (
    "name", "slug", "kind", "relationship", "anonymous", "audience", "touchpoint", "languages", "definition",
    "closes_at", "answer_limit",
)  # fmt: skip
MAX_NAME: Final = 120
MAX_DEFINITION_BYTES: Final = 512 * 1024
MAX_ANSWER_LIMIT: Final = 10_000_000
_FIXED_ONCE_PUBLISHED: Final = ("kind", "anonymous", "audience", "slug")


@transaction.atomic
def create_survey(
    *,
    actor: Actor,
    name: str,
    kind: str = Survey.Kind.NPS,
    touchpoint: Touchpoint | None = None,
    relationship: bool = False,
    anonymous: bool = False,
    audience: str = Survey.Audience.CUSTOMERS,
    languages: Sequence[str] | None = None,
    definition: dict[str, Any] | None = None,
    slug: str = "",
    closes_at: datetime | None = None,
    answer_limit: int | None = None,
) -> Survey:
    """Make a draft. Without a definition it has the standard question of its kind and one open question.

    ``languages`` default to the definition's, else to the organisation's default language. It takes no answers from
    ``closes_at`` on, nor once it has ``answer_limit`` submitted ones. Raises DomainErrors naming each field. Emits
    ``surveys.survey_created``.
    """
    actor.require("surveys.edit")
    organization = _organization()
    values = _clean(
        {
            "name": name,
            "kind": kind,
            "relationship": relationship,
            "anonymous": anonymous,
            "audience": audience,
            "touchpoint": touchpoint,
            "languages": languages,
            "slug": slug,
            "closes_at": closes_at,
            "answer_limit": answer_limit,
        }
    )
    given = read_definition(definition) if definition else None
    spoken = values.pop("languages") or (given.languages if given else (organization.default_language,))
    parsed = given or standard_definition(
        values["kind"], spoken, organization.name, touchpoint.name if touchpoint else ""
    )
    wanted = values.pop("slug")
    survey = Survey(
        **values,
        slug=wanted or _free_slug(values["name"]),
        languages=list(parsed.languages),
        definition=parsed.to_json(),
    )
    _save(survey, force_insert=True)
    record(actor=actor, action="surveys.created", target=survey)
    emit("surveys.survey_created", {"survey": str(survey.pk)})
    return survey


@transaction.atomic
def create_from_template(
    *,
    actor: Actor,
    template: str,
    name: str = "",
    touchpoint: Touchpoint | None = None,
    languages: Sequence[str] | None = None,
    **settings: Any,
) -> Survey:
    """Make a draft from the catalogue, in these languages (else the organisation's default one).

    ``settings`` are those of ``create_survey``; what is not given is the template's. Raises DomainErrors.
    """
    chosen = TEMPLATES.get(template)
    if chosen is None:
        known = ", ".join(TEMPLATES)
        raise DomainError(
            _("There is no such template. Choose one of %(ids)s.") % {"ids": known}, field="template", code="choice"
        )
    if settings.pop("definition", None):
        message = _("Give a template or a definition, not both.")
        raise DomainError(message, field="definition", code="template")
    organization = _organization()
    spoken = _clean({"languages": languages}).get("languages") or (organization.default_language,)
    definition = chosen.definition(spoken, organization.name, touchpoint.name if touchpoint else "")
    given = {
        "kind": chosen.kind,
        "relationship": chosen.relationship and touchpoint is None,
        "anonymous": chosen.anonymous,
        "audience": chosen.audience,
        **settings,
    }
    return create_survey(
        actor=actor,
        name=name.strip() or str(chosen.name),
        touchpoint=touchpoint,
        definition=definition.to_json(),
        **given,
    )


@transaction.atomic
def update_survey(*, actor: Actor, survey: Survey, **changes: Any) -> Survey:
    """Change the draft: any of ``FIELDS``. What is published stays as it is until the next publication.

    ``languages`` alone adds the standard wordings of new languages, and removes the texts of those left out. Kind,
    anonymity, audience and address are fixed by the first publication. Raises DomainErrors, Conflict.
    """
    actor.require("surveys.edit")
    survey = lock_survey(survey)
    given = {name: value for name, value in changes.items() if name in FIELDS}
    raw_definition = given.pop("definition", None)
    values = _clean(given)
    if survey.current_version:
        for field in _FIXED_ONCE_PUBLISHED:
            if field in values and values[field] not in ("", getattr(survey, field)):
                message = _("This cannot change once the survey is published. Make a new survey instead.")
                raise Conflict(message, field=field, code="published")
    if not values.get("slug", "x"):
        del values["slug"]
    spoken = values.pop("languages", None)
    kind_changed = "kind" in values and values["kind"] != survey.kind
    before = {field: getattr(survey, field) for field in values}
    for field, value in values.items():
        setattr(survey, field, value)
    if raw_definition:
        parsed = read_definition(raw_definition)
        if spoken and tuple(spoken) != parsed.languages:
            parsed = _in_languages(parsed, spoken, survey)
    elif kind_changed and not _fits_kind(survey):
        parsed = _standard(survey, spoken or survey.languages)
    elif spoken and list(spoken) != survey.languages:
        parsed = _in_languages(parse_definition(survey.definition), spoken, survey)
    else:
        parsed = None
    changed = [field for field, value in before.items() if getattr(survey, field) != value]
    if changed:
        _save(survey, update_fields=[*changed, "updated_at"])
        record(actor=actor, action="surveys.changed", target=survey, fields=changed)
        emit("surveys.survey_changed", {"survey": str(survey.pk)})
        _forget(survey)
    if parsed:
        write_draft(actor=actor, survey=survey, parsed=parsed)
    return survey


def write_draft(*, actor: Actor, survey: Survey, parsed: Definition, note: bool = True) -> bool:
    """Store the draft of a locked survey, as a step to undo unless ``note`` is off. Whether it is another one."""
    before, after = survey.definition, json.loads(json.dumps(parsed.to_json()))
    changed = [
        field
        for field, value in (("definition", after), ("languages", list(parsed.languages)))
        if getattr(survey, field) != value
    ]
    if not changed:
        return False
    survey.definition, survey.languages = after, list(parsed.languages)
    survey.save(update_fields=[*changed, "updated_at"])
    if note and before != after:
        note_step(actor=actor, survey=survey, before=before, after=after)
    record(actor=actor, action="surveys.changed", target=survey, fields=changed)
    emit("surveys.survey_changed", {"survey": str(survey.pk)})
    _forget(survey)
    return True


@transaction.atomic
def use_standard_wording(*, actor: Actor, survey: Survey) -> Survey:
    """Put the draft back to the standard question of its kind and one open question, in the survey's languages."""
    actor.require("surveys.edit")
    survey = lock_survey(survey)
    return update_survey(actor=actor, survey=survey, definition=_standard(survey, survey.languages).to_json())


@transaction.atomic
def publish_survey(*, actor: Actor, survey: Survey) -> SurveyVersion:
    """Freeze the draft as the next version and take answers to it; a closed survey opens again.

    Publishing a draft that is what was published last answers with that version. Raises DomainErrors with everything
    that a published survey may not lack: texts in every language, question ids that keep their meaning.
    """
    actor.require("surveys.publish")
    survey = lock_survey(survey)
    definition = parse_definition(survey.definition)
    latest = _latest(survey)
    previous = published_definition(survey.pk, latest.number) if latest else None
    if errors := problems_before_publication(definition, previous, anonymous=survey.anonymous):
        raise DomainErrors(errors)
    if survey.kind != Survey.Kind.CUSTOM and not (definition.headline and definition.headline.metric == survey.kind):
        message = _("The first measured question must be of the survey's kind, %(kind)s.")
        raise DomainError(message % {"kind": survey.get_kind_display()}, field="definition", code="kind")
    if latest and latest.definition == definition.to_json():
        version = latest
        if survey.state == Survey.State.LIVE:
            return version
    else:
        version = SurveyVersion.objects.create(
            survey=survey,
            number=latest.number + 1 if latest else 1,
            definition=definition.to_json(),
            published_by_id=actor.user_id,
        )
    survey.state, survey.current_version, survey.closed_at = Survey.State.LIVE, version.number, None
    survey.save(update_fields=["state", "current_version", "closed_at", "updated_at"])
    record(actor=actor, action="surveys.published", target=survey)
    emit("surveys.survey_published", {"survey": str(survey.pk), "version": version.number})
    _forget(survey)
    return version


@transaction.atomic
def close_survey(*, actor: Actor, survey: Survey) -> Survey:
    """Take no further answers; those there stay. Closing twice changes nothing. Raises Conflict for a draft."""
    actor.require("surveys.publish")
    survey = lock_survey(survey)
    if survey.state == Survey.State.DRAFT:
        raise Conflict(_("A draft takes no answers yet: publish or delete it."), code="draft")
    if survey.state == Survey.State.LIVE:
        survey.state, survey.closed_at = Survey.State.CLOSED, timezone.now()
        survey.save(update_fields=["state", "closed_at", "updated_at"])
        record(actor=actor, action="surveys.closed", target=survey)
        emit("surveys.survey_closed", {"survey": str(survey.pk)})
        _forget(survey)
    return survey


@transaction.atomic
def delete_survey(*, actor: Actor, survey: Survey) -> None:
    """Remove a survey that nobody has answered. Raises Conflict otherwise: answers are never deleted on the way."""
    actor.require("surveys.edit")
    survey = lock_survey(survey)
    if survey.current_version and Response.objects.filter(survey=survey).exists():
        raise Conflict(_("This survey has answers: close it instead of deleting it."), code="answered")
    record(actor=actor, action="surveys.deleted", target=survey)
    emit("surveys.survey_deleted", {"survey": str(survey.pk)})
    try:
        with transaction.atomic():
            survey.delete()
    except IntegrityError:
        raise Conflict(_("This survey was sent or is used elsewhere: close it instead."), code="used") from None
    _forget(survey)


def lock_survey(survey: Survey) -> Survey:
    """The survey as it is now, locked until the transaction ends. Raises NotFound."""
    found = Survey.objects.select_for_update().filter(pk=survey.pk).first()
    if found is None:
        raise NotFound
    return found


def _latest(survey: Survey) -> SurveyVersion | None:
    return SurveyVersion.objects.filter(survey=survey).order_by("-number").first()


def _organization() -> Organization:
    return Organization.objects.get(pk=current_tenant_id())


def _fits_kind(survey: Survey) -> bool:
    """Whether the draft asks what a survey of its kind must ask: then another kind leaves its words alone."""
    headline = parse_definition(survey.definition).headline
    return survey.kind == Survey.Kind.CUSTOM or (headline is not None and headline.metric == survey.kind)


def _standard(survey: Survey, languages: Sequence[str]) -> Definition:
    touchpoint = survey.touchpoint
    return standard_definition(survey.kind, languages, _organization().name, touchpoint.name if touchpoint else "")


def read_definition(raw: Any) -> Definition:
    """The definition, at most 512 kB. Raises DomainErrors whose fields are paths under ``definition``."""
    try:
        if isinstance(raw, dict) and len(json.dumps(raw)) > MAX_DEFINITION_BYTES:
            raise DomainError(_("This definition is too large: 512 kB at most."), code="too_large")
        return parse_definition(raw)
    except DomainError as error:
        raise DomainErrors({**found, "field": _under("definition", found["field"])} for found in error.errors) from None


def _under(parent: str, field: str) -> str:
    return parent if field in ("", parent) else f"{parent}.{field}"


def _in_languages(definition: Definition, languages: Sequence[str], survey: Survey) -> Definition:
    """The same questions in other languages: texts of a new one come from the standard, where the question is it."""
    raw = {**definition.to_json(), "languages": list(languages)}
    first = definition.languages[0]
    standard = _standard(survey, languages)

    name = _organization().name

    def spread(text: dict[str, str], usual: Mapping[str, str]) -> None:
        written = dict(text)
        for language in languages:
            if language not in text:
                known = "" if usual.get(first) == written.get(first) else translation_of(written, language, name)
                fallback = written.get(first) or next(iter(written.values()), "")
                text[language] = known or usual.get(language) or fallback

    for page in raw["pages"]:
        for question in page["questions"]:
            usual = standard.questions.get(question["id"])
            if usual is None or usual.type != question["type"]:
                usual = Question(id="", type="", title={})
            spread(question["title"], usual.title)
            for point, text in question.get("labels", {}).items():
                spread(text, usual.labels.get(int(point), {}))
            for band, text in question.get("follow_up", {}).items():
                spread(text, usual.follow_up.get(band, {}))
            for entry in (*question.get("choices", ()), *question.get("rows", ())):
                spread(entry["label"], {})
    for key, text in raw["thank_you"].items():
        spread(text["label"] if key == "link" else text, standard.thank_you.get(key, {}))
    return parse_definition(raw)


def _clean(values: dict[str, Any]) -> dict[str, Any]:
    """The given fields in their stored form. Raises DomainErrors with every one that is wrong."""
    errors: list[FieldError] = []

    def wrong(field: str, code: str, message: str) -> None:
        errors.append({"field": field, "code": code, "message": message})

    if "name" in values:
        values["name"] = " ".join(str(values["name"] or "").split())
        if not 0 < len(values["name"]) <= MAX_NAME:
            wrong("name", "length", _("Give a name of 1 to %(n)d characters.") % {"n": MAX_NAME})
    for field, allowed in (("kind", Survey.Kind.values), ("audience", Survey.Audience.values)):
        if field in values and values[field] not in allowed:
            wrong(field, "choice", _("Choose one of %(choices)s.") % {"choices": ", ".join(allowed)})
    for field in ("relationship", "anonymous"):
        if field in values and not isinstance(values[field], bool):
            wrong(field, "type", _("This must be true or false."))
    if values.get("closes_at") is not None and not (
        isinstance(values["closes_at"], datetime) and timezone.is_aware(values["closes_at"])
    ):
        wrong("closes_at", "time", _("Give a time with its zone, such as 2026-12-31T18:00:00Z."))
    limit = values.get("answer_limit")
    if limit is not None and (
        isinstance(limit, bool) or not isinstance(limit, int) or not 1 <= limit <= MAX_ANSWER_LIMIT
    ):
        wrong("answer_limit", "range", _("Give a whole number from 1 to %(n)d.") % {"n": MAX_ANSWER_LIMIT})
    if values.get("slug"):
        slug = values["slug"] = str(values["slug"]).strip().lower()
        if slugify(slug) != slug or len(slug) > 80:
            wrong("slug", "slug", _("An address has 1 to 80 letters, digits and hyphens."))
    if values.get("languages") is not None:
        try:
            values["languages"] = _clean_languages(values["languages"])
        except DomainError as error:
            wrong("languages", error.code, error.message)
    if errors:
        raise DomainErrors(errors)
    return values


def _clean_languages(languages: Any) -> tuple[str, ...]:
    if isinstance(languages, str) or not isinstance(languages, Sequence) or len(languages) > 30:
        raise DomainError(_("Give the languages as a list of codes such as “en”."), code="type")
    return tuple(dict.fromkeys(read_language(language) for language in languages if language))


def _free_slug(name: str) -> str:
    base = slugify(name)[:60].strip("-") or "survey"
    taken = set(Survey.objects.filter(slug__startswith=base).values_list("slug", flat=True))
    return next(slug for slug in (base, f"{base}-{secrets.token_hex(4)}", secrets.token_hex(12)) if slug not in taken)


def _save(survey: Survey, **options: Any) -> None:
    try:
        with transaction.atomic():
            survey.save(**options)
    except IntegrityError as error:
        if "survey_slug" not in str(error):
            raise
        raise Conflict(_("Another survey has this address. Choose another."), field="slug", code="taken") from None


def _forget(survey: Survey) -> None:
    """Now, for this transaction, and once it has committed: other threads and processes know the old state."""
    pk = survey.pk
    forget_survey(pk)
    tenant_id = current_tenant_id()

    def forget_everywhere() -> None:
        forget_survey(pk, tenant_id)
        tell_processes()

    transaction.on_commit(forget_everywhere)
