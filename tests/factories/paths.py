"""Counts of paths."""

from __future__ import annotations

from typing import Any

from apps.paths.definition import Scope, define
from apps.paths.models import PathReport
from apps.paths.queries import map_for
from apps.paths.services import request_report
from cxm.actor import Actor
from tests.factories.maps import a_journey
from tests.factories.registry import factory


@factory(PathReport)
def a_path_report(**values: Any) -> PathReport:
    """A count of a map's real paths that waits for a worker."""
    journey = values.pop("journey", None) or a_journey()
    definition = define(map_for(journey), Scope(**values))
    return request_report(actor=Actor.system("test"), journey=journey, kind="paths", definition=definition)
