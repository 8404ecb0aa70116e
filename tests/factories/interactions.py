"""Interactions of customers, and activities."""

from datetime import datetime
from typing import Any

from django.utils.timezone import now

from apps.customers.models import Customer
from apps.interactions.activities import create_activity
from apps.interactions.models import Activity, Interaction, InteractionKey, RefusedMessage
from apps.interactions.refused import Refusal, write_down_refusals
from apps.interactions.store import NewInteraction, record_interactions
from cxm.actor import Actor
from tests.factories.customers import a_customer
from tests.factories.registry import factory

SYSTEM = Actor.system("test")


@factory(Interaction)
def an_interaction(
    customer: Customer | None = None, event: str = "order_placed", at: datetime | None = None, **values: Any
) -> Interaction:
    customer = customer or a_customer()
    new = NewInteraction(event=event, customer_id=customer.pk, occurred_at=at or now(), **values)
    return Interaction.objects.get(pk=record_interactions(actor=SYSTEM, rows=[new]).ids[0])


@factory(Activity)
def an_activity(**values: Any) -> Activity:
    return create_activity(actor=SYSTEM, values={"name": "Spring calls", **values})


@factory(InteractionKey)
def an_interaction_key() -> InteractionKey:
    an_interaction(key=f"key-{now().timestamp()}")
    return InteractionKey.objects.latest("pk")


@factory(RefusedMessage)
def a_refused_message() -> RefusedMessage:
    write_down_refusals([Refusal("Send the name of the event.", "event", "track")])
    return RefusedMessage.objects.latest("at")
