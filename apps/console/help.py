"""The help pages that ship with the release. Each is a template ``help/<name>.html`` of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True, slots=True)
class HelpPage:
    """One page: its address, its title, an icon, and one sentence for the index."""

    name: str
    title: Any
    icon: str
    summary: Any

    @property
    def template(self) -> str:
        return f"help/{self.name}.html"


PAGES = {
    page.name: page
    for page in (
        HelpPage("start", _("First steps"), "rocket", _("From an empty organisation to a score that moves.")),
        HelpPage("journeys", _("Journey maps"), "route", _("Stages, steps, touchpoints, belief and measurement.")),
        HelpPage(
            "touchpoints",
            _("Touchpoints"),
            "target-arrow",
            _("One record for one contact, on as many maps as you like."),
        ),
        HelpPage("personas", _("Personas"), "users", _("Who the customer is, and how much of it you know.")),
        HelpPage("surveys", _("Surveys"), "forms", _("Ask one question well: kinds, versions, languages, links.")),
        HelpPage("invitations", _("Sending surveys"), "mail", _("Who is asked, who is not, and why.")),
        HelpPage(
            "scores", _("How scores are made"), "chart-bar", _("NPS, CSAT, CES, intervals, and what “weak” means.")
        ),
        HelpPage("customers", _("Customers"), "address-book", _("Profiles, consent, and the timeline.")),
        HelpPage("ideas", _("Ideas"), "bulb", _("What colleagues propose, and what comes of it.")),
        HelpPage("imports", _("Import and export"), "file-import", _("CSV and XLSX in and out, row by row.")),
        HelpPage("roles", _("Roles and access"), "lock", _("Who may see and change what.")),
        HelpPage("api", _("API"), "code", _("Keys, pages of results, errors.")),
        HelpPage("shortcuts", _("Keyboard shortcuts"), "keyboard", _("Every command from the keyboard.")),
    )
}
