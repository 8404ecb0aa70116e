"""Things for tests, made by calling services wherever there is one.

``make(model)`` gives one row of any model of the organisation in force; sweeps over all models and URLs use it. An app
registers its own in ``tests/factories/<app>.py`` with ``@factory(Model)``.
"""

from tests.factories.people import (
    PASSWORD,
    a_member,
    a_person,
    an_actor,
    an_api_client,
    an_organization,
    signed_in,
)
from tests.factories.registry import factory, make, registered

__all__ = [
    "PASSWORD",
    "a_member",
    "a_person",
    "an_actor",
    "an_api_client",
    "an_organization",
    "factory",
    "make",
    "registered",
    "signed_in",
]
