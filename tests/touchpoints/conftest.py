"""Organisations for the tests of maps."""

from __future__ import annotations

from typing import Any

import pytest

from tests.factories import an_organization


@pytest.fixture
def acme(db: Any) -> Any:
    return an_organization("Acme")


@pytest.fixture
def globex(db: Any) -> Any:
    return an_organization("Globex")
