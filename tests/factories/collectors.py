"""Places where surveys stand open."""

from __future__ import annotations

from apps.collectors.models import Collector
from apps.surveys.models import Survey
from tests.factories.registry import factory
from tests.factories.surveys import a_survey


@factory(Collector)
def a_collector(survey: Survey | None = None, *, kind: str = "poster") -> Collector:
    return Collector.objects.create(survey=survey or a_survey(), kind=kind, name="Entrance")
