"""What this app adds to the registries of the apps below."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from apps.collectors.queries import poster_place
from apps.surveys.models import Survey
from apps.surveys.places import register_place_reader
from apps.surveys.registry import register_action

register_place_reader(poster_place)
register_action(
    label=_("Collect"),
    icon="qrcode",
    url_name="collectors:share",
    permission="surveys.view",
    states=[Survey.State.LIVE, Survey.State.CLOSED],
)
