"""The pages where places are kept: accessible and fitting, wide and on a phone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from cxm.scope import tenant
from tests.browser.conftest import Watched
from tests.factories import a_member, an_organization
from tests.factories.collectors import a_collector
from tests.factories.surveys import a_survey

pytestmark = pytest.mark.browser


@pytest.mark.parametrize(("width", "theme"), [(1280, "light"), (390, "dark"), (320, "light")])
def test_the_pages_of_places_are_accessible_and_fit(
    page_as: Callable[..., Watched], findings: Callable[[Any], list[str]], width: int, theme: str
) -> None:
    organization = an_organization("Nordwind")
    with tenant(organization):
        survey = a_survey(languages=["en", "ar"])
        places = [a_collector(survey, kind=kind) for kind in ("poster", "kiosk", "widget")]
    watched = page_as(a_member(organization), width=width, theme=theme)
    home = f"/o/{organization.slug}/surveys/{survey.pk}/share/"
    paths = [
        home,
        *(f"{home}new/{kind}/" for kind in ("poster", "kiosk", "widget")),
        *(f"{home}{p.pk}/" for p in places),
    ]
    for path in paths:
        assert watched.open(path) == 200
        assert findings(watched.page) == []
        assert watched.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert watched.page.evaluate("[...document.images].every(image => image.complete && image.naturalWidth > 0)")
    assert watched.gather() == []
