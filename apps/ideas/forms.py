"""The forms of the idea pages. Shape only: what a field may hold is decided by the services."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from apps.ideas.models import Idea
from apps.ideas.services import LONGEST_TEXT, LONGEST_TITLE
from apps.personas.models import Persona
from apps.touchpoints.models import Touchpoint


class IdeaForm(forms.Form):
    """Three fields make an idea; the rest is for who wants it."""

    title = forms.CharField(
        label=_("Your idea in one sentence"),
        max_length=LONGEST_TITLE,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    body = forms.CharField(
        label=_("What would be better then?"),
        required=False,
        max_length=LONGEST_TEXT,
        widget=forms.Textarea(attrs={"rows": 4}),
    )
    touchpoint = forms.ModelChoiceField(
        label=_("Where do customers notice?"),
        required=False,
        queryset=Touchpoint.objects.none(),
        empty_label=_("Nowhere in particular"),
    )
    persona = forms.ModelChoiceField(
        label=_("For whom?"), required=False, queryset=Persona.objects.none(), empty_label=_("Everyone")
    )
    picture = forms.FileField(
        label=_("Picture"),
        required=False,
        widget=forms.ClearableFileInput(attrs={"accept": "image/*"}),
        help_text=_("A photo or a sketch, up to 8 MB."),
    )
    anonymous = forms.BooleanField(
        label=_("Submit without my name"),
        required=False,
        help_text=_("Your name is stored nowhere, so nobody can write to you about it."),
    )

    def __init__(self, *args: Any, idea: Idea | None = None, anonymous_allowed: bool = False, **kwargs: Any) -> None:
        if idea is not None:
            kwargs["initial"] = {name: getattr(idea, name) for name in ("title", "body", "touchpoint", "persona")}
        super().__init__(*args, **kwargs)
        kept = Touchpoint.objects.filter(archived_at=None)
        if idea is not None and idea.touchpoint_id:
            kept = kept | Touchpoint.objects.filter(pk=idea.touchpoint_id)
        self.fields["touchpoint"].queryset = kept.order_by("name")  # type: ignore[attr-defined]
        self.fields["persona"].queryset = Persona.objects.order_by("name")  # type: ignore[attr-defined]
        if idea is not None or not anonymous_allowed:
            del self.fields["anonymous"]
        if idea is not None and idea.picture:
            self.fields["remove_picture"] = forms.BooleanField(label=_("Remove the picture"), required=False)

    def changes(self) -> dict[str, Any]:
        """The fields as `change_idea` takes them; the picture only when another one was chosen or taken away."""
        values = {name: self.cleaned_data[name] for name in ("title", "body", "touchpoint", "persona")}
        if self.cleaned_data.get("picture"):
            values["picture"] = self.cleaned_data["picture"]
        elif self.cleaned_data.get("remove_picture"):
            values["picture"] = None
        return values


class CommentForm(forms.Form):
    """Say something about an idea."""

    body = forms.CharField(label=_("Your comment"), max_length=LONGEST_TEXT, widget=forms.Textarea(attrs={"rows": 3}))


class StatusForm(forms.Form):
    """Say what becomes of an idea."""

    status = forms.ChoiceField(
        label=_("Status"), choices=[(v, label) for v, label in Idea.Status.choices if v != Idea.Status.MERGED]
    )
    official_answer = forms.CharField(
        label=_("Official answer"),
        required=False,
        max_length=LONGEST_TEXT,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("Everybody reads it. The author gets it by mail."),
    )

    def __init__(self, data: Any = None, *, idea: Idea) -> None:
        super().__init__(data, initial={"status": idea.status, "official_answer": idea.official_answer})


class MergeForm(forms.Form):
    """Choose the idea that remains, by its number."""

    into = forms.IntegerField(label=_("Number of the idea that remains"), min_value=1, max_value=2_000_000_000)
