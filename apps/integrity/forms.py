"""The filter bars of the pages about integrity. What the filters mean is decided in `scope.py`."""

from __future__ import annotations

from collections.abc import Iterable

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from apps.integrity.flags import FLAGS
from apps.organizations.unit_tree import UnitTree

ANY = [("", _("Any"))]


class IntegrityFilterForm(forms.Form):
    """Period, survey, touchpoint and unit; on the page of respondents also a segment to tell apart."""

    all_time: dict[str, str] = {"period": "all"}
    """What an address carries to say "all time", where the page's own default is a shorter period."""
    defaults = ("from", "to")
    """Fields that the page fills in itself, so that they are no filters to clear."""

    def __init__(
        self,
        data: QueryDict,
        *,
        surveys: Iterable[tuple[str, str]],
        touchpoints: Iterable[tuple[str, str]],
        units: UnitTree,
        visible_units: frozenset | None = None,
        segments: Iterable[tuple[str, str]] = (),
        with_flags: bool = False,
    ) -> None:
        super().__init__(data)
        self.fields["from"] = forms.DateField(label=_("From"), required=False)
        self.fields["to"] = forms.DateField(label=_("To"), required=False)
        self.fields["touchpoint"] = _choice(_("Touchpoint"), touchpoints)
        self.fields["survey"] = _choice(_("Survey"), surveys)
        tree = [(str(unit.id), "\u2003" * level + unit.name) for unit, level in units.walk(visible_units)]
        if tree:
            self.fields["unit"] = _choice(_("Unit"), tree)
        if segments:
            self.fields["by_segment"] = _choice(_("Tell a segment apart"), segments)
        if with_flags:
            self.fields["flag"] = _choice(_("Mark"), [(code, flag.label) for code, flag in FLAGS.items()])


def _choice(label: object, choices: Iterable[tuple[str, object]]) -> forms.ChoiceField:
    return forms.ChoiceField(label=label, required=False, choices=[*ANY, *choices])  # type: ignore[arg-type]
