"""One factory for every model, found by the model."""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from django.db.models import Model

_factories: dict[type[Model], Callable[[], Model]] = {}


def factory(*models: type[Model]) -> Callable[[Callable[[], Any]], Callable[[], Any]]:
    """Register a function without arguments that makes one row of each of these models.

    It runs with an organisation in force and returns the row of the model, or a dict model -> row for several.
    """

    def register(function: Callable[[], Any]) -> Callable[[], Any]:
        for model in models:
            _factories[model] = lambda model=model: _pick(function(), model)
        return function

    return register


def _pick(made: Any, model: type[Model]) -> Model:
    return made[model] if isinstance(made, dict) else made


def make(model: type[Model]) -> Model:
    """One row of this model in the organisation in force. Raises KeyError when nobody registered a factory."""
    return registered()[model]()


def registered() -> dict[type[Model], Callable[[], Model]]:
    """Every factory, those of all modules of this package included."""
    for path in sorted(Path(__file__).parent.glob("[a-z]*.py")):
        if path.stem != "registry":
            import_module(f"tests.factories.{path.stem}")
    return _factories
