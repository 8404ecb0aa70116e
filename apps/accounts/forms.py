"""Forms of people: what sign-up asks besides the address and password, and one's own preferences."""

from typing import Any, cast
from zoneinfo import available_timezones

from django import forms
from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import User
from apps.accounts.services import PREFERENCES


class NameForm(forms.Form):
    """Added to allauth's sign-up form (``ACCOUNT_SIGNUP_FORM_CLASS``)."""

    name = forms.CharField(
        label=_("Your name"),
        max_length=120,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
        help_text=_("As your colleagues know you."),
    )

    field_order = ("name", "email", "password1")

    def signup(self, request: HttpRequest, user: User) -> None:
        """Keep the name; allauth calls this once the account exists."""
        user.name = self.cleaned_data["name"].strip()
        user.save(update_fields=["name"])


class ProfileForm(forms.Form):
    """Name, language, time zone, theme, shortcuts."""

    name = forms.CharField(label=_("Name"), max_length=120, required=False)
    language = forms.ChoiceField(label=_("Language of the interface"), choices=settings.LANGUAGES)
    timezone = forms.ChoiceField(
        label=_("Time zone"), required=False, help_text=_("Times are shown in it. Empty: the organisation's zone.")
    )
    theme = forms.ChoiceField(
        label=_("Colours"),
        choices=[("auto", _("Same as the device")), ("light", _("Light")), ("dark", _("Dark"))],
        widget=forms.RadioSelect,
    )
    shortcuts_enabled = forms.BooleanField(label=_("Keyboard shortcuts of single letters"), required=False)

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        zones = sorted(available_timezones() - {"localtime"})
        zone = cast(forms.ChoiceField, self.fields["timezone"])
        zone.choices = [("", _("The organisation's")), *((name, name.replace("_", " ")) for name in zones)]
        self.initial.update({name: getattr(user, name) for name in PREFERENCES})
