"""What this app adds to the registries of the apps below."""

from __future__ import annotations

from apps.api.services import forget_stored_answers
from apps.customers.traces import register_trace

register_trace("stored_answers", forget_stored_answers)
