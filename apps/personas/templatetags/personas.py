"""A persona's face."""

from __future__ import annotations

from typing import Any

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from apps.personas.faces import initials_of, tone_of
from cxm.web.urls import org_url

register = template.Library()


@register.simple_tag(takes_context=True)
def cx_face(context: template.Context, persona: Any, content: Any, number: int = 0, size: str = "") -> SafeString:
    """The portrait of a persona, or its initials on a tone of its own. Decoration: the name stands beside it."""
    css = f"cx-face cx-face-{size}" if size else "cx-face"
    if content["portrait"]:
        url = org_url(context["request"].organization, "personas:portrait", pk=persona.pk)
        source = f"{url}?version={number}" if number else url
        return format_html('<img class="{}" src="{}" alt="" width="96" height="96" loading="lazy">', css, source)
    letters = initials_of(content["name"])
    return format_html('<span class="{} cx-tone-{}" aria-hidden="true">{}</span>', css, tone_of(persona.pk), letters)
