"""What upper apps know about surveys, for the pages of this app. Filled from their ``wiring.py``."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

from django.http import HttpResponse

from apps.surveys.models import Survey
from cxm.actor import Actor


class ResultSource(Protocol):
    """The score of each survey's headline metric, as the metric service has it; surveys without one may be missing."""

    def __call__(self, *, actor: Actor, organization: Any, surveys: Collection[Survey]) -> Mapping[UUID, Any]: ...


class FactSource(Protocol):
    """Facts about one survey as (name, text) pairs: mails sent, response rate, suspected scanner hits."""

    def __call__(self, *, actor: Actor, survey: Survey) -> list[tuple[str, str]]: ...


@dataclass(frozen=True, slots=True)
class SurveyAction:
    """A page about one survey in an upper app. ``url_name`` is reversed with the organisation's slug and ``pk``."""

    label: Any
    icon: str
    url_name: str
    permission: str
    states: frozenset[str]


@dataclass(frozen=True, slots=True)
class AnswerPages:
    """Where answers are read: the list filtered to one survey (``?survey=``)."""

    url_name: str


class SurveyPage(Protocol):
    """A survey's own page: its results, and what can be done with it. The reader may see surveys."""

    def __call__(self, request: Any, survey: Survey) -> HttpResponse: ...


_pages: list[SurveyPage] = []
_results: list[ResultSource] = []
_facts: list[FactSource] = []
_actions: dict[str, SurveyAction] = {}
_answers: list[AnswerPages] = []


def register_results(source: ResultSource) -> None:
    """Say who measures."""
    _results[:] = [source]


def register_survey_page(page: SurveyPage) -> None:
    """Say who draws the page of a survey: an app that measures."""
    _pages[:] = [page]


def survey_page() -> SurveyPage:
    """Who draws the page of a survey."""
    return _pages[0]


def register_facts(source: FactSource) -> None:
    """Add facts to a survey's page."""
    if source not in _facts:
        _facts.append(source)


def register_action(
    *, label: Any, icon: str, url_name: str, permission: str, states: Collection[str] = Survey.State.values
) -> None:
    """Add a page to the actions of a survey in these states."""
    _actions[url_name] = SurveyAction(label, icon, url_name, permission, frozenset(map(str, states)))


def register_answer_list(url_name: str) -> None:
    """Say where the answers of a survey are listed."""
    _answers[:] = [AnswerPages(url_name)]


def results_of(*, actor: Actor, organization: Any, surveys: Collection[Survey]) -> Mapping[UUID, Any]:
    """The scores of these surveys, for who may see scores; one call of the source however many there are."""
    if not surveys or not _results or not actor.can("metrics.view"):
        return {}
    return _results[0](actor=actor, organization=organization, surveys=surveys)


def facts_of(*, actor: Actor, survey: Survey) -> list[tuple[str, str]]:
    """What upper apps know about a survey."""
    return [fact for source in _facts for fact in source(actor=actor, survey=survey)]


def actions_for(*, actor: Actor, survey: Survey) -> list[SurveyAction]:
    """The pages of upper apps that this actor may open about this survey in its state."""
    return [action for action in _actions.values() if survey.state in action.states and actor.can(action.permission)]


def answer_list() -> str | None:
    """The URL name of the list of answers, or None when no app has one."""
    return _answers[0].url_name if _answers else None


DeviceWitness = Callable[..., None]
"""Called with (answer_key, ip=, user_agent=) when an answer is about to come by a page; never for anonymous surveys."""
_witnesses: list[DeviceWitness] = []


def register_witness(witness: DeviceWitness) -> None:
    """Say who wants to know that answers come from one device."""
    _witnesses[:] = [witness]


def witness_device(answer_key: str, *, ip: str | None, user_agent: str) -> None:
    """Tell of the device an answer comes from: under its invitation's id or its source id."""
    for witness in _witnesses:
        witness(answer_key, ip=ip, user_agent=user_agent)
