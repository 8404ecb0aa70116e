"""Places where surveys stand open."""

from __future__ import annotations

from typing import Any

from apps.collectors.models import Collector, RefusedAnswer
from apps.collectors.services import create_collector
from apps.surveys.models import Survey
from cxm.actor import Actor
from tests.factories.registry import factory
from tests.factories.surveys import a_survey

SETTINGS: dict[str, dict[str, Any]] = {
    "poster": {},
    "kiosk": {"pin": "4711"},
    "widget": {"sites": ["https://shop.example.com"]},
}
"""What a place of each kind cannot do without."""


@factory(Collector)
def a_collector(survey: Survey | None = None, *, kind: str = "poster", **values: Any) -> Collector:
    """A place of the organisation in force."""
    values.setdefault("name", "Entrance")
    values["settings"] = {**SETTINGS[kind], **values.pop("settings", {})}
    return create_collector(actor=Actor.system("test"), survey=survey or a_survey(), kind=kind, **values)


@factory(RefusedAnswer)
def _refused_answer() -> RefusedAnswer:
    return RefusedAnswer.objects.create(collector=a_collector(kind="kiosk"), source_id="0" * 32, code="closed")
