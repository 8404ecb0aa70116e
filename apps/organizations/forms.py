"""The forms of organisation pages. They check shape and offer choices; rules are the services'."""

import uuid
from datetime import timedelta
from typing import Any

from django import forms
from django.http import HttpRequest
from django.utils import timezone
from django.utils.functional import Promise as StrPromise
from django.utils.translation import gettext_lazy as _

from apps.organizations import preferences, roles, rules
from apps.organizations.csv_files import MOST_BYTES
from apps.organizations.models import Organization, Unit
from apps.organizations.services.organizations import MOST_LOGO_BYTES
from apps.organizations.unit_tree import UnitTree
from cxm.actor import Actor
from cxm.errors import DomainError

LANGUAGES = (
    ("ar", _("Arabic")),
    ("bg", _("Bulgarian")),
    ("cs", _("Czech")),
    ("da", _("Danish")),
    ("de", _("German")),
    ("el", _("Greek")),
    ("en", _("English")),
    ("es", _("Spanish")),
    ("et", _("Estonian")),
    ("fi", _("Finnish")),
    ("fr", _("French")),
    ("he", _("Hebrew")),
    ("hi", _("Hindi")),
    ("hr", _("Croatian")),
    ("hu", _("Hungarian")),
    ("it", _("Italian")),
    ("ja", _("Japanese")),
    ("ko", _("Korean")),
    ("lt", _("Lithuanian")),
    ("lv", _("Latvian")),
    ("nb", _("Norwegian")),
    ("nl", _("Dutch")),
    ("pl", _("Polish")),
    ("pt", _("Portuguese")),
    ("ro", _("Romanian")),
    ("ru", _("Russian")),
    ("sk", _("Slovak")),
    ("sl", _("Slovenian")),
    ("sv", _("Swedish")),
    ("tr", _("Turkish")),
    ("uk", _("Ukrainian")),
    ("zh", _("Chinese")),
)

WEEKDAY_LABELS = {
    "mon": _("Monday"),
    "tue": _("Tuesday"),
    "wed": _("Wednesday"),
    "thu": _("Thursday"),
    "fri": _("Friday"),
    "sat": _("Saturday"),
    "sun": _("Sunday"),
}


class UnitChoiceField(forms.TypedChoiceField):
    """One unit of the tree, or none. Offers only the units given; anything else is an invalid choice."""

    def __init__(self, **kwargs: Any) -> None:
        self.units: dict[str, Any] = {}
        super().__init__(coerce=self._unit, empty_value=None, **kwargs)

    def offer(
        self, tree: UnitTree, within: frozenset[uuid.UUID] | None = None, *, none: str | StrPromise | None = None
    ) -> None:
        """Offer the units of the tree (only those ``within``), before them an empty choice with the words ``none``."""
        self.units = {str(unit.id): unit for unit, _level in tree.walk(within)}
        empty = [("", none)] if none is not None else []
        self.choices = [*empty, *((key, tree.label(unit.id)) for key, unit in self.units.items())]
        self.required = none is None

    def _unit(self, value: str) -> Unit:
        return self.units[value]


class SmallFileField(forms.FileField):
    """A file that is read in one piece, so a large one is refused before it is read."""

    def __init__(self, *, largest: int, **kwargs: Any) -> None:
        self.largest = largest
        super().__init__(**kwargs)

    def clean(self, data: Any, initial: Any = None) -> Any:
        file = super().clean(data, initial)
        if file and file.size > self.largest:
            raise forms.ValidationError(
                _("This file is larger than %(size)d kB."), code="too_large", params={"size": self.largest // 1024}
            )
        return file


class FoundingForm(forms.Form):
    """A new organisation."""

    name = forms.CharField(label=_("Name of the organisation"), max_length=120)
    zone = forms.ChoiceField(
        label=_("Time zone"), help_text=_("Days, weeks and months are counted in it."), initial="UTC"
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _choice(self, "zone").choices = zone_choices()


class SettingsForm(forms.Form):
    """A form whose values are settings of the organisation."""

    def settings(self) -> dict[str, Any]:
        """What ``update_settings`` is called with."""
        return dict(self.cleaned_data)


class GeneralForm(SettingsForm):
    """Name, time zone, languages and experience directions."""

    name = forms.CharField(label=_("Name"), max_length=120)
    timezone = forms.ChoiceField(
        label=_("Time zone"),
        help_text=_("Days, weeks and months are counted in it. After a change all scores are counted anew."),
    )
    languages = forms.MultipleChoiceField(
        label=_("Languages you ask customers in"), choices=LANGUAGES, widget=forms.CheckboxSelectMultiple
    )
    default_language = forms.ChoiceField(
        label=_("Main language"),
        choices=LANGUAGES,
        help_text=_("Used when a customer's language is not known or not offered."),
    )

    def __init__(self, *args: Any, organization: Organization, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _choice(self, "timezone").choices = zone_choices()
        extra = [(code, code) for code in organization.languages if code not in dict(LANGUAGES)]
        _choice(self, "languages").choices = [*LANGUAGES, *extra]
        _choice(self, "default_language").choices = [*LANGUAGES, *extra]
        for position in range(preferences.MOST_DIRECTIONS):
            self.fields[f"direction_{position}_name"] = forms.CharField(
                label=_("Direction"), max_length=60, required=False
            )
            self.fields[f"direction_{position}_metric"] = forms.ChoiceField(
                label=_("Measured by"), choices=[("", "–"), *preferences.DIRECTION_METRICS.items()], required=False
            )
        self.initial.update(_initial(organization, "name", "timezone", "languages", "default_language"))
        for position, direction in enumerate(organization.experience_directions):
            self.initial[f"direction_{position}_name"] = direction["name"]
            self.initial[f"direction_{position}_metric"] = direction["metric"]

    @property
    def direction_rows(self) -> list[tuple[forms.BoundField, forms.BoundField]]:
        """The fields of each direction, name and metric beside each other."""
        return [
            (self[f"direction_{position}_name"], self[f"direction_{position}_metric"])
            for position in range(preferences.MOST_DIRECTIONS)
        ]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        directions = []
        for position in range(preferences.MOST_DIRECTIONS):
            name = data.get(f"direction_{position}_name") or ""
            metric = data.get(f"direction_{position}_metric") or ""
            if name and not metric:
                self.add_error(f"direction_{position}_metric", _("Choose what measures this direction."))
            elif metric and not name:
                self.add_error(f"direction_{position}_name", _("Give this direction a name, for example Easier."))
            elif name:
                directions.append({"name": name, "metric": metric})
        data["experience_directions"] = directions
        return data

    def settings(self) -> dict[str, Any]:
        data = self.cleaned_data
        return {
            key: data[key] for key in ("name", "timezone", "languages", "default_language", "experience_directions")
        }


class BrandingForm(forms.Form):
    """Logo and accent colour."""

    logo = SmallFileField(
        label=_("Logo"),
        largest=MOST_LOGO_BYTES,
        required=False,
        help_text=_("PNG, JPEG or WebP, at most 2 MB. Shown 48 pixels high."),
    )
    remove_logo = forms.BooleanField(label=_("Remove the logo"), required=False)
    accent = forms.CharField(
        label=_("Accent colour"),
        required=False,
        max_length=7,
        help_text=_("Six digits after a #, for example #0F766E. Must be readable on white. Empty: our teal."),
    )

    def __init__(self, *args: Any, organization: Organization, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["accent"] = organization.accent
        if not organization.logo:
            del self.fields["remove_logo"]


class ContactRulesForm(SettingsForm):
    """When and how often customers may be asked, and what is kept anonymous."""

    global_limit = forms.IntegerField(label=_("Surveys of any kind: at most"))
    global_days = forms.IntegerField(label=_("in so many days"), help_text=_("0 switches the limit off."))
    relationship_limit = forms.IntegerField(label=_("Relationship surveys: at most"))
    relationship_days = forms.IntegerField(label=_("in so many days"))
    transactional_limit = forms.IntegerField(label=_("Surveys about one touchpoint: at most"))
    transactional_days = forms.IntegerField(label=_("in so many days"))
    new_customer_days = forms.IntegerField(label=_("Days to wait before a new customer's first survey"))
    opt_in_required = forms.BooleanField(
        label=_("Ask only customers who agreed to be asked"),
        required=False,
        help_text=_("A customer who said no is never asked, whatever is set here."),
    )
    business_hours_enabled = forms.BooleanField(label=_("Send surveys only in open hours"), required=False)
    anonymity_threshold = forms.IntegerField(
        label=_("Smallest group shown of anonymous surveys"),
        min_value=3,
        max_value=10,
        help_text=_("3 to 10 answers. Smaller groups are never shown."),
    )
    anonymous_ideas_allowed = forms.BooleanField(label=_("Employees may submit ideas anonymously"), required=False)

    def __init__(self, *args: Any, organization: Organization, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for key, (default, smallest, largest) in preferences.FATIGUE.items():
            self.fields[key] = forms.IntegerField(
                label=self.fields[key].label,
                help_text=self.fields[key].help_text,
                min_value=smallest,
                max_value=largest,
                initial=organization.fatigue.get(key, default),
            )
        for day, label in WEEKDAY_LABELS.items():
            spans = organization.business_hours.get(day) or []
            self.fields[f"hours_{day}"] = forms.CharField(
                label=label,
                required=False,
                max_length=100,
                initial=", ".join(f"{opens}-{closes}" for opens, closes in spans),
            )
        switches = ("opt_in_required", "business_hours_enabled", "anonymity_threshold", "anonymous_ideas_allowed")
        self.initial.update(_initial(organization, *switches))

    @property
    def hour_fields(self) -> list[forms.BoundField]:
        """The open hours of each day."""
        return [self[f"hours_{day}"] for day in WEEKDAY_LABELS]

    @property
    def cap_rows(self) -> list[tuple[forms.BoundField, forms.BoundField]]:
        """Each limit beside its span of days."""
        return [(self[f"{kind}_limit"], self[f"{kind}_days"]) for kind in ("global", "relationship", "transactional")]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        hours: dict[str, list[list[str]]] = {}
        for day in WEEKDAY_LABELS:
            text = data.get(f"hours_{day}") or ""
            spans = [[clock.strip() for clock in span.split("-")] for span in text.split(",") if span.strip()]
            try:
                hours |= {day: preferences.clean_business_hours({day: spans})[day]}
            except DomainError as error:
                self.add_error(f"hours_{day}", error.message)
        data["business_hours"] = hours
        return data

    def settings(self) -> dict[str, Any]:
        data = self.cleaned_data
        switches = ("opt_in_required", "business_hours_enabled", "anonymity_threshold", "anonymous_ideas_allowed")
        return {
            **{key: data[key] for key in (*switches, "business_hours")},
            "fatigue": {key: data[key] for key in preferences.FATIGUE},
        }


class ScoringForm(SettingsForm):
    """What counts towards a score."""

    include_provisional = forms.BooleanField(
        label=_("Count a score chosen in the mail even when the answer was not sent"),
        required=False,
        help_text=_("Only scores that a person touched the page with. The page says so before."),
    )
    inactivity_days = forms.IntegerField(
        label=_("Days without a sign of life after which a customer counts as inactive"), min_value=1, max_value=3650
    )

    def __init__(self, *args: Any, organization: Organization, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial.update(_initial(organization, "include_provisional", "inactivity_days"))


class RoleForm(forms.Form):
    """A role, on the whole organisation or on a branch; offers what the actor may give."""

    role = forms.ChoiceField(label=_("Role"))
    unit = UnitChoiceField(label=_("Where"), help_text=_("A role on a branch holds for all units below it too."))

    def __init__(self, *args: Any, actor: Actor, tree: UnitTree, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        branches = actor.visible_units("members.manage")
        offered = {role for unit_id in [None, *(branches or ())] for role in rules.grantable_on(actor, unit_id)}
        _choice(self, "role").choices = [(role, roles.ROLE_LABELS[role]) for role in roles.ROLES if role in offered]
        whole = _("The whole organisation") if branches is None else None
        unit = self.fields["unit"]
        assert isinstance(unit, UnitChoiceField)
        unit.offer(tree, branches, none=whole)


class InviteForm(RoleForm):
    """A colleague by e-mail."""

    email = forms.EmailField(label=_("E-mail address"), max_length=254)
    field_order = ("email", "role", "unit")


class FileForm(forms.Form):
    """A CSV file."""

    file = SmallFileField(label=_("CSV file"), largest=MOST_BYTES)


class UnitForm(forms.Form):
    """A unit and its place in the tree."""

    name = forms.CharField(label=_("Name"), max_length=120)
    code = forms.CharField(
        label=_("Code"),
        max_length=64,
        required=False,
        help_text=_("Short name in files and other systems. Made from the name when empty."),
    )
    parent = UnitChoiceField(label=_("Belongs to"))
    valid_from = forms.DateField(label=_("First day"), required=False, widget=forms.DateInput(attrs={"type": "date"}))
    valid_to = forms.DateField(label=_("Last day"), required=False, widget=forms.DateInput(attrs={"type": "date"}))

    def __init__(self, *args: Any, actor: Actor, tree: UnitTree, unit: Unit | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        managed = actor.visible_units("units.manage")
        own = tree.branch(unit.pk) if unit else frozenset()
        possible = frozenset(tree.units) - own if managed is None else managed - own
        parent = self.fields["parent"]
        assert isinstance(parent, UnitChoiceField)
        parent.offer(tree, possible, none=_("Nothing: it stands at the top") if managed is None else None)
        if unit is not None:
            self.initial.update(_initial(unit, "name", "code", "valid_from", "valid_to"))
            self.initial["parent"] = str(unit.parent_id or "")
            stands_in_reach = managed is None if unit.parent_id is None else unit.parent_id in possible
            if not stands_in_reach:
                del self.fields["parent"]


class KeyForm(forms.Form):
    """A new API key or public write key."""

    name = forms.CharField(
        label=_("What is it for?"), max_length=120, help_text=_("For example: Web shop, production.")
    )
    kind = forms.ChoiceField(
        label=_("Kind"),
        choices=[
            ("api", _("API key: reads and writes what its scopes allow. Keep it secret.")),
            ("write", _("Public write key: only creates events and responses. May stand in a web page.")),
        ],
        widget=forms.RadioSelect,
        initial="api",
    )
    lifetime = forms.ChoiceField(
        label=_("Works for"),
        choices=[("30", _("30 days")), ("90", _("90 days")), ("365", _("A year")), ("", _("Until revoked"))],
        required=False,
        initial="365",
    )
    scopes = forms.MultipleChoiceField(
        label=_("Scopes"), required=False, widget=forms.CheckboxSelectMultiple, help_text=_("None chosen: all of them.")
    )

    def __init__(self, *args: Any, actor: Actor, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        grantable = roles.grantable_scopes(rules.held_on(actor, None))
        _choice(self, "scopes").choices = [(scope, scope) for scope in grantable]

    def key(self) -> dict[str, Any]:
        """What ``create_api_key`` is called with."""
        data = self.cleaned_data
        days = int(data["lifetime"]) if data["lifetime"] else 0
        return {
            "name": data["name"],
            "kind": data["kind"],
            "scopes": (data["scopes"] or None) if data["kind"] == "api" else None,
            "expires_at": timezone.now() + timedelta(days=days) if days else None,
        }


class ConfirmForm(forms.Form):
    """Typing a name to confirm what cannot be undone; the field itself is written by the template."""

    confirm = forms.CharField(required=False, max_length=200)


def posted(request: HttpRequest) -> dict[str, Any]:
    """The arguments that bind a form to what was sent, an empty form too; none when the page is only asked for."""
    return {"data": request.POST, "files": request.FILES} if request.method == "POST" else {}


def zone_choices() -> list[tuple[str, str]]:
    """Every time zone by name, UTC first."""
    return [("UTC", "UTC"), *((zone, zone.replace("_", " ")) for zone in sorted(preferences.time_zones() - {"UTC"}))]


def _choice(form: forms.Form, name: str) -> Any:
    return form.fields[name]


def _initial(row: object, *names: str) -> dict[str, Any]:
    return {name: getattr(row, name) for name in names}
