"""Serializer bases: UTC times, unknown fields ignored, shape only (rules are in the services)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.db import models
from rest_framework import serializers


class UtcDateTimeField(serializers.DateTimeField):
    """ISO 8601 in UTC with `Z`, whatever time zone is active; a time without a zone is read as UTC."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(default_timezone=UTC, **kwargs)

    def to_representation(self, value: datetime | str) -> str:
        return utc_text(value) if isinstance(value, datetime) else value


class TenantSerializer(serializers.Serializer):
    """For bodies that are no model."""


class TenantModelSerializer(serializers.ModelSerializer):
    """For models. Uniqueness is left to the service, which answers 409, and to the database."""

    serializer_field_mapping = {
        **serializers.ModelSerializer.serializer_field_mapping,
        models.DateTimeField: UtcDateTimeField,
    }

    def get_validators(self) -> list[Any]:
        return []


class PublishSerializer(TenantSerializer):
    """Why a version is published."""

    purpose = serializers.CharField(max_length=10_000, allow_blank=True)


class VersionNumberSerializer(TenantSerializer):
    """The number of the version just published."""

    version = serializers.IntegerField()


def utc_text(at: datetime) -> str:
    """`2026-11-21T09:30:00Z`, with microseconds when there are any."""
    return at.astimezone(UTC).isoformat().removesuffix("+00:00") + "Z"
