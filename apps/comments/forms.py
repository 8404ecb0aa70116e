"""The form of a comment. Shape only: what it may hold is decided by the services."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from apps.comments.services import LONGEST


class CommentForm(forms.Form):
    """What somebody says, under which comment, and about which part of the thing."""

    body = forms.CharField(label=_("Comment"), max_length=LONGEST, widget=forms.Textarea(attrs={"rows": 3}))
    parent = forms.UUIDField(required=False, widget=forms.HiddenInput)
    anchor = forms.UUIDField(required=False, widget=forms.HiddenInput)
