from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

from django.apps import AppConfig


class CxmConfig(AppConfig):
    name = "cxm"
    label = "cxm"
    verbose_name = "Platform core"


class DomainAppConfig(AppConfig):
    """An app under ``apps/``.

    Once all models are there, its ``handlers`` (outbox subscribers) and its ``wiring`` (entries in the registries of
    lower layers: navigation, palette, timeline, ...) are imported, when the app has them.
    """

    default = False  # apps.py of every app imports this class: Django must not take it for a second configuration

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        cls.default = True

    def ready(self) -> None:
        for module in ("handlers", "wiring"):
            if find_spec(f"{self.name}.{module}"):
                import_module(f"{self.name}.{module}")
