"""What this app adds to the shell's registries and to those of the apps below."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from apps.integrity.devices import note_device
from apps.integrity.facts import coverage_facts
from apps.surveys.registry import register_facts, register_witness
from cxm.web.navigation import NavItem, register_nav

register_nav(
    NavItem(
        group="measure",
        label=_("Integrity"),
        icon="shield-check",
        url_name="integrity:coverage",
        permission="metrics.view",
        order=40,
    )
)

register_facts(coverage_facts)
register_witness(note_device)
