"""Surveys and answers."""

from itertools import count
from typing import Any

from apps.surveys import services
from apps.surveys.entries import NewResponse
from apps.surveys.models import DraftStep, Response, ResponseFile, ResponseRevision, Survey, SurveyVersion
from cxm.actor import Actor
from tests.factories.registry import factory

_numbers = count(1)


def a_survey(kind: str = "nps", *, published: bool = True, **values: Any) -> Survey:
    """A survey of the organisation in force with the standard wording, published unless said otherwise."""
    values.setdefault("name", f"Survey {next(_numbers)}")
    survey = services.create_survey(actor=Actor.system("test"), kind=kind, **values)
    if published:
        services.publish_survey(actor=Actor.system("test"), survey=survey)
        survey.refresh_from_db()
    return survey


def an_answer(survey: Survey, score: int = 9, comment: str = "", **values: Any) -> Response:
    """An answer to a survey with the standard questions."""
    answers = {"score": score, **({"reason": comment} if comment else {})}
    entry = NewResponse(answers=values.pop("answers", answers), **values)
    recorded = services.record_response(actor=Actor.system("test"), survey_id=survey.pk, entry=entry)
    return Response.objects.get(pk=recorded.row.id)


@factory(Survey)
def _survey() -> Survey:
    return a_survey()


@factory(SurveyVersion)
def _version() -> SurveyVersion:
    return SurveyVersion.objects.get(survey=a_survey())


@factory(Response)
def _response() -> Response:
    return an_answer(a_survey())


@factory(ResponseRevision)
def _revision() -> ResponseRevision:
    survey = a_survey()
    an_answer(survey, 3, source_id="again")
    an_answer(survey, 8, source_id="again")
    return ResponseRevision.objects.get(response__survey=survey)


@factory(DraftStep)
def _draft_step() -> DraftStep:
    survey = a_survey(published=False)
    return DraftStep.objects.create(survey=survey, number=1_000_000, definition=survey.definition)


@factory(ResponseFile)
def _response_file() -> ResponseFile:
    return ResponseFile.objects.create(
        survey=a_survey(), question="photo", name="shelf.png", content_type="image/png", size=3, path="none"
    )
