"""Forms of the settings of providers. They offer what a backend wants to know; rules are the services'."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.messaging.backends import BACKENDS, Backend
from apps.messaging.models import Provider
from apps.messaging.rules import LONGEST_CREDENTIAL, LONGEST_REPLY, MOST_PER_DAY, MOST_PER_SECOND


class BackendForm(forms.Form):
    """Which provider to add."""

    backend = forms.ChoiceField(label=gettext_lazy("Provider"), widget=forms.RadioSelect)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["backend"]
        field.choices = [(key, label_of(backend)) for key, backend in BACKENDS.items()]


class ProviderForm(forms.Form):
    """An account at one provider. Secrets that are stored are not shown: left empty, they stay."""

    name = forms.CharField(
        label=gettext_lazy("Name"), max_length=120, help_text=gettext_lazy("What you and your colleagues call it.")
    )

    def __init__(
        self, *args: Any, backend: Backend, provider: Provider | None = None, shown: dict[str, str], **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.backend = backend
        if not backend.is_local:
            self.fields["sender"] = forms.CharField(
                label=_("Sender"),
                max_length=254,
                required=backend.kind == Provider.Kind.EMAIL,
                help_text=_("The address mail comes from; the provider has to know it.")
                if backend.kind == Provider.Kind.EMAIL
                else _("The number messages come from, for example +49 30 123456, or a name of at most 11 letters."),
            )
        for credential in backend.credentials:
            self.fields[credential.name] = self._credential(credential, stored=provider is not None)
        for name, label, most in (
            ("per_second", _("Messages a second, at most"), MOST_PER_SECOND),
            ("per_day", _("Messages a day, at most"), MOST_PER_DAY),
        ):
            self.fields[name] = forms.IntegerField(
                label=label, required=False, min_value=0, max_value=most, help_text=_("Empty or 0: no limit of ours.")
            )
        if provider is None:
            self.initial.setdefault("name", backend.name)
        else:
            self.initial.update(name=provider.name, sender=provider.sender)
            self.initial.update(per_second=provider.per_second or None, per_day=provider.per_day or None)
            self.initial.update(shown)

    def _credential(self, credential: Any, *, stored: bool) -> forms.Field:
        help_text = str(credential.help)
        if credential.choices:
            return forms.ChoiceField(
                label=credential.label, choices=credential.choices, required=False, help_text=help_text
            )
        if credential.secret and stored:
            help_text = f"{help_text} {_('Stored and not shown again. Leave it empty to keep it.')}".strip()
        return forms.CharField(
            label=credential.label,
            required=credential.required and not (credential.secret and stored),
            max_length=LONGEST_CREDENTIAL,
            help_text=help_text,
            widget=forms.PasswordInput(attrs={"autocomplete": "new-password"})
            if credential.secret
            else forms.TextInput(attrs={"autocomplete": "off"}),
        )

    def values(self) -> dict[str, Any]:
        """What the services are called with."""
        data = self.cleaned_data
        names = {credential.name for credential in self.backend.credentials}
        return {
            "name": data["name"],
            "sender": data.get("sender", ""),
            "per_second": data["per_second"],
            "per_day": data["per_day"],
            "credentials": {name: data[name] for name in names},
        }


class TrialForm(forms.Form):
    """To whom a trial text message goes."""

    to = forms.CharField(
        label=gettext_lazy("Your number"), max_length=40, help_text=gettext_lazy("For example +49 151 23456789.")
    )


class ReplyForm(forms.Form):
    """What the person with a number answers, on the page of the local provider."""

    text = forms.CharField(label=gettext_lazy("Answer"), max_length=LONGEST_REPLY)


def label_of(backend: Backend) -> str:
    """A provider in a list."""
    if backend.is_local:
        return _("Local: text messages are kept on a page, for trying out")
    if backend.kind == Provider.Kind.SMS:
        return _("%(name)s: text messages") % {"name": backend.name}
    return _("%(name)s: e-mail") % {"name": backend.name}
