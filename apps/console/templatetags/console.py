"""What only the shell needs: sidebar, workspaces, the organisation's accent, who can grant a right."""

from __future__ import annotations

from typing import Any

from django import template
from django.template import Context
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from apps.console import shortcuts
from apps.organizations import roles
from apps.organizations.branding import is_colour
from apps.organizations.models import Organization, RoleGrant
from apps.organizations.queries import organizations_of
from cxm.web.navigation import Link, links

register = template.Library()

MOST_NAMES = 5


def _request(context: Context) -> Any:
    return context.get("request")


def _scope(context: Context) -> tuple[Any, Any]:
    """The actor and the organisation of the page, or (None, None) outside one."""
    request = _request(context)
    return getattr(request, "actor", None), getattr(request, "organization", None)


def _all_links(context: Context) -> list[Link]:
    """The sidebar of this page, made once."""
    actor, organization = _scope(context)
    if organization is None:
        return context.get("sample_links") or []
    request = _request(context)
    if not hasattr(request, "console_links"):
        request.console_links = links(actor, organization, path=request.path)
    return request.console_links


@register.simple_tag(takes_context=True)
def shell_navigation(context: Context) -> dict[str, Any]:
    """The sidebar by group, the way to the settings, and the palette's address. Only pages the role may open."""
    found = _all_links(context)
    _, organization = _scope(context)
    labels = (
        ("measure", gettext("Measure")),
        ("understand", gettext("Understand")),
        ("improve", gettext("Improve")),
    )
    groups = [
        {"key": key, "label": label, "links": [link for link in found if link.item.group == key]}
        for key, label in labels
    ]
    settings = [link for link in found if link.item.group == "settings"]
    return {
        "groups": [group for group in groups if group["links"]],
        "settings_url": settings[0].url if settings else "",
        "settings_current": any(link.current for link in settings),
        "help": [link for link in found if link.item.group == "help"],
        "palette_url": reverse("console:palette", args=[organization.slug]) if organization else "",
    }


@register.simple_tag(takes_context=True)
def settings_navigation(context: Context) -> list[Link]:
    """The pages of the settings this person may open."""
    return [link for link in _all_links(context) if link.item.group == "settings"]


@register.simple_tag(takes_context=True)
def workspaces(context: Context) -> list[Organization]:
    """The organisations the reader can switch to, the present one included. One query outside an organisation."""
    request = _request(context)
    if hasattr(request, "memberships"):
        return [membership.organization for membership in request.memberships]
    user = getattr(request, "user", None)
    return organizations_of(user) if user is not None and user.is_authenticated else []


@register.simple_tag(takes_context=True)
def shortcut_list(context: Context) -> list[dict[str, Any]]:
    """The keyboard shortcuts by kind, with those of the reader's own sidebar."""
    return [
        {"label": gettext("Everywhere"), "shortcuts": shortcuts.GENERAL},
        {"label": gettext("Go to"), "shortcuts": shortcuts.go_to(_all_links(context))},
        {"label": gettext("In lists"), "shortcuts": shortcuts.LISTS},
        {"label": gettext("On the journey board"), "shortcuts": shortcuts.BOARD},
    ]


@register.simple_tag(takes_context=True)
def accent_stylesheet(context: Context) -> SafeString:
    """The link to the organisation's accent, when it has chosen one."""
    _, organization = _scope(context)
    accent = getattr(organization, "accent", "")
    if not accent or not is_colour(accent):
        return SafeString("")
    return format_html('<link rel="stylesheet" href="{}">', reverse("accent", args=[accent.removeprefix("#").upper()]))


@register.simple_tag(takes_context=True)
def who_can_grant(context: Context, permission: str) -> dict[str, str]:
    """The roles that include a permission, and up to five people who can give somebody such a role. One query."""
    names = ", ".join(str(roles.ROLE_LABELS[role]) for role in roles.roles_with(permission))
    _, organization = _scope(context)
    if organization is None:
        return {"roles": names, "people": ""}
    granting = RoleGrant.objects.filter(
        role__in=roles.roles_with("members.manage"), unit__isnull=True, user__is_active=True
    ).select_related("user")
    people = sorted({str(grant.user) for grant in granting})
    return {"roles": names, "people": ", ".join(people[:MOST_NAMES])}
