"""Roles in words."""

from django import template

from apps.organizations.roles import ROLE_LABELS

register = template.Library()


@register.filter
def role_label(role: str) -> str:
    """``{{ grant.role|role_label }}``: what people call the role."""
    return str(ROLE_LABELS.get(role, role))
