"""Every operation of the API, and what a test needs to call it: a row for the address, a valid body.

The operations come from the router, so a new resource is asked all the questions of the contract by itself. What cannot
be guessed is written here by hand: `ROWS` and `BODIES`. An operation that finds nothing here fails the contract.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from itertools import count
from typing import Any
from uuid import uuid4

from django.apps import apps
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils.timezone import now
from drf_spectacular.generators import EndpointEnumerator
from rest_framework.test import APIClient

from apps.api.views import openapi_document
from apps.audit.services import record
from apps.dispatch.plans import pause_plan, start_plan
from apps.imports.exports import file_of
from apps.imports.models import ExportJob, ImportJob
from apps.imports.staging import file_of as import_file_of
from apps.interactions.touches import add_touch
from apps.organizations.models import ApiKey, Membership, Organization
from cxm.actor import Actor
from cxm.scope import current_tenant_id
from tests.factories import a_member, make
from tests.factories.dispatch import a_send_plan
from tests.factories.privacy import a_privacy_request
from tests.factories.surveys import a_survey

ROOT = "/api/v1/"
_numbers = count(1)


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one address (`/api/v1/customers/{id}/`)."""

    method: str
    path: str
    view: type
    action: str

    @property
    def key(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def names(self) -> list[str]:
        """The slots of the address."""
        return re.findall(r"\{(\w+)\}", self.path)

    @property
    def permission(self) -> str | None:
        return self.view.required_permissions.get(self.action)

    @property
    def takes_body(self) -> bool:
        return self.method in ("POST", "PUT", "PATCH")

    @property
    def is_list(self) -> bool:
        return self.action == "list"

    def address(self, slots: dict[str, Any]) -> str:
        return self.path.format(**slots)

    def send(self, client: APIClient, slots: dict[str, Any], body: Any = None, **extra: Any) -> Any:
        """Call it. A body with a file goes as a form."""
        kind = "multipart" if isinstance(body, dict) and any(hasattr(v, "read") for v in body.values()) else "json"
        options = {"format": kind, **extra} if self.method not in ("GET", "DELETE") else extra
        return getattr(client, self.method.lower())(self.address(slots), body, **options)

    @property
    def query_names(self) -> list[str]:
        """The query parameters the document declares."""
        declared = openapi_document()["paths"][self.path][self.method.lower()].get("parameters", [])
        return [parameter["name"] for parameter in declared if parameter["in"] == "query"]

    def send_raw(self, client: APIClient, slots: dict[str, Any], raw: bytes) -> Any:
        """Call it with these bytes as JSON."""
        return client.generic(self.method, self.address(slots), raw, content_type="application/json")


@cache
def operations() -> list[Operation]:
    """All of them, in the order of the document."""
    found = []
    for path, _regex, method, view in EndpointEnumerator().get_api_endpoints():
        actions = getattr(view, "actions", None) or {}
        found.append(Operation(method, path, view.cls, actions.get(method.lower(), method.lower())))
    return found


def row(model: str, **slots: str) -> Callable[[], dict[str, Any]]:
    """Slots of an address filled from a new row: `row("customers.Customer", id="pk")`."""

    def make_row() -> dict[str, Any]:
        made = make(apps.get_model(model))
        return {slot: str(getattr(made, attribute)) for slot, attribute in slots.items()}

    return make_row


def an_audit_entry() -> dict[str, Any]:
    return {"id": str(record(actor=Actor.system("test"), action="tests.asked").pk)}


def a_membership() -> dict[str, Any]:
    organization = Organization.objects.get(pk=current_tenant_id())
    return {"id": str(Membership.objects.get(user=a_member(organization)).pk)}


def a_survey_that_asks_for_a_file() -> dict[str, Any]:
    question = {"id": "photo", "type": "file", "title": {"en": "Your receipt?"}}
    survey = a_survey("custom", definition={"pages": [{"questions": [question]}]})
    return {"survey_id": str(survey.pk)}


def a_written_export() -> dict[str, Any]:
    job = make(ExportJob)
    job.file = f"{job.pk}.csv"
    job.save()
    file_of(job).parent.mkdir(parents=True, exist_ok=True)
    file_of(job).write_bytes(b"id\r\n")
    return {"id": str(job.pk)}


def a_waiting_export() -> dict[str, Any]:
    job = make(ExportJob)
    job.state = ExportJob.State.QUEUED
    job.save()
    return {"id": str(job.pk)}


def a_checked_import() -> dict[str, Any]:
    job = make(ImportJob)
    job.dry_run, job.file = True, f"{job.pk}.csv"
    job.save()
    import_file_of(job).parent.mkdir(parents=True, exist_ok=True)
    import_file_of(job).write_bytes(b"id\r\n1\r\n")
    return {"id": str(job.pk)}


def an_import_that_can_be_undone() -> dict[str, Any]:
    job = make(ImportJob)
    job.accepted, job.keep_until = 1, now() + timedelta(days=1)
    job.save()
    return {"id": str(job.pk)}


def a_waiting_import() -> dict[str, Any]:
    job = make(ImportJob)
    job.state = ImportJob.State.QUEUED
    job.save()
    return {"id": str(job.pk)}


def a_static_segment() -> dict[str, Any]:
    """A list with somebody on it."""
    member = make(apps.get_model("segments.SegmentMember"))
    return {"id": member.segment_id, "customer_id": member.customer_id}


def a_person_of_two() -> dict[str, Any]:
    """A customer into whom another one was merged."""
    merge = make(apps.get_model("customers.CustomerMerge"))
    return {"id": str(merge.kept_id)}


def a_touch() -> dict[str, Any]:
    """A call that a colleague wrote down, of a customer."""
    customer = make(apps.get_model("customers.Customer"))
    touch = add_touch(actor=Actor.system("test"), customer=customer, values={"kind": "call"})
    return {"id": str(touch.pk), "customer_id": str(customer.pk)}


def an_objection() -> dict[str, Any]:
    """A request that can be fulfilled at once."""
    return {"id": str(a_privacy_request("object").pk)}


def a_plan_to_start() -> dict[str, Any]:
    """A draft that lacks nothing."""
    return {"id": str(a_send_plan().pk)}


def a_started_plan() -> dict[str, Any]:
    """A plan that rests and can be paused, resumed and stopped."""
    system = Actor.system("test")
    return {"id": str(pause_plan(actor=system, plan=start_plan(actor=system, plan=a_send_plan())).pk)}


def a_comment_of_the_key() -> dict[str, Any]:
    """A comment that the key of the test wrote: nobody changes another's."""
    comment = make(apps.get_model("comments.Comment"))
    comment.key_id = ApiKey.objects.order_by("-created_at").values_list("pk", flat=True).first()
    comment.save(update_fields=["key_id"])
    return {"id": str(comment.pk)}


ROWS: dict[str, Callable[[], dict[str, Any]]] = {
    "accounts/": row("customers.Account", id="pk"),
    "activities/": row("interactions.Activity", id="pk"),
    "audit/": an_audit_entry,
    "collectors/": row("collectors.Collector", id="pk"),
    "comments/": a_comment_of_the_key,
    "customers/": row("customers.Customer", id="pk", external_id="external_id"),
    "customers/{id}/unmerge/": a_person_of_two,
    "customers/{customer_id}/": row("customers.Customer", customer_id="pk"),
    "customers/{customer_id}/touches/": a_touch,
    "exports/": row("imports.ExportJob", id="pk"),
    "exports/{id}/file/": a_written_export,
    "ideas/": row("ideas.Idea", id="pk"),
    "imports/": row("imports.ImportJob", id="pk"),
    "exports/{id}/stop/": a_waiting_export,
    "imports/{id}/import/": a_checked_import,
    "imports/{id}/stop/": a_waiting_import,
    "imports/{id}/undo/": an_import_that_can_be_undone,
    "insights/": row("insights.Insight", id="pk"),
    "interactions/": row("interactions.Interaction", id="pk"),
    "backstage/": row("touchpoints.BackstageRecord", id="pk"),
    "journeys/": row("journeys.Journey", id="pk"),
    "journeys/{id}/versions/{number}/": row("journeys.JourneyVersion", id="journey_id", number="number"),
    "journeys/{journey_id}/": row("journeys.Journey", journey_id="pk"),
    "members/": a_membership,
    "opportunities/": row("opportunities.Opportunity", id="pk"),
    "personas/": row("personas.Persona", id="pk"),
    "privacy/requests/": row("privacy.PrivacyRequest", id="pk"),
    "privacy/requests/{id}/complete/": an_objection,
    "providers/": row("messaging.Provider", id="pk"),
    "segments/": row("segments.Segment", id="pk"),
    "segments/{id}/customers/": a_static_segment,
    "share-links/": row("sharing.ShareLink", id="pk"),
    "send-plans/": row("dispatch.SendPlan", id="pk", plan_id="pk"),
    "send-plans/{id}/start/": a_plan_to_start,
    "send-plans/{id}/pause/": a_started_plan,
    "send-plans/{id}/resume/": a_started_plan,
    "send-plans/{id}/stop/": a_started_plan,
    "send-plans/{id}/simulate/": a_plan_to_start,
    "suppressions/": row("dispatch.Suppression", id="pk"),
    "surveys/": row("surveys.Survey", id="pk", survey_id="pk"),
    "surveys/{survey_id}/files/": a_survey_that_asks_for_a_file,
    "surveys/{survey_id}/files/{id}/": row("surveys.ResponseFile", id="pk", survey_id="survey_id"),
    "surveys/{survey_id}/responses/{id}/": row("surveys.Response", id="pk", survey_id="survey_id"),
    "touchpoints/": row("touchpoints.Touchpoint", key="key"),
    "units/": row("organizations.Unit", id="pk"),
    "workshops/": row("workshops.Workshop", id="pk"),
}
"""Beginning of an address (the longest counts) -> its slots, for a row just made in the organisation in force."""


def text(prefix: str = "x") -> str:
    """A text that was not used before."""
    return f"{prefix}-{next(_numbers)}"


BODIES: dict[str, Callable[[], dict[str, Any]]] = {
    "POST customers/": lambda: {
        "external_id": text(),
        "name": "Ada",
        "email": "ada@example.com",
        "attributes": {"a": 1},
    },
    "PUT customers/{id}/": lambda: {"name": "Bo", "stage": "former", "phone": "+4930123456"},
    "PUT customers/by-external-id/{external_id}/": lambda: {"name": "Bo", "attributes": {"b": [1, "x"]}},
    "POST customers/{customer_id}/erase/": lambda: {"reason": "asked"},
    "POST customers/{customer_id}/restrict/": lambda: {"restricted": True},
    "POST privacy/requests/": lambda: {"kind": "access", "person": "Ada", "reply_to": "ada@example.com"},
    "PUT privacy/requests/{id}/": lambda: {"kind": "access", "notes": text()},
    "POST privacy/requests/{id}/identity/": lambda: {"method": "document", "confirmed": True},
    "POST privacy/requests/{id}/complete/": dict,
    "POST privacy/requests/{id}/refuse/": lambda: {"reason": "withdrawn"},
    "PUT privacy/retention/": lambda: {"rules": {"interactions": 24}},
    "POST send-plans/": lambda: {
        "survey": row("surveys.Survey", id="pk")()["id"],
        "segment": row("segments.Segment", id="pk")()["id"],
        "name": text("Plan"),
        "reminder_days": [3, 7],
    },
    "PUT send-plans/{id}/": lambda: {"name": text("Plan"), "per_day": 20},
    "POST send-plans/{id}/start/": dict,
    "POST send-plans/{id}/pause/": dict,
    "POST send-plans/{id}/resume/": dict,
    "POST send-plans/{id}/stop/": dict,
    "POST send-plans/{id}/simulate/": dict,
    "POST surveys/{survey_id}/invitations/simulate/": lambda: {
        "customers": [row("customers.Customer", id="pk")()["id"]]
    },
    "POST providers/": lambda: {"backend": "local", "name": text("Try it out")},
    "PUT providers/{id}/": lambda: {"backend": "local", "name": text("Try it out"), "per_day": 100},
    "POST providers/{id}/activate/": dict,
    "POST providers/{id}/deactivate/": dict,
    "POST suppressions/": lambda: {"email": f"{text()}@example.com"},
    "POST suppressions/{id}/lift/": lambda: {"reason": "asked again", "asked_by_person": True},
    "POST accounts/": lambda: {"key": text("acme"), "name": "Acme", "attributes": {"seats": 20}},
    "PUT accounts/{id}/": lambda: {"name": "Acme AG", "attributes": {"seats": 30}},
    "POST customers/{id}/merge/": lambda: {"customer": row("customers.Customer", id="pk")()["id"]},
    "POST customers/{id}/unmerge/": dict,
    "POST customers/{id}/consents/": lambda: {
        "purpose": "surveys",
        "channel": "email",
        "state": "given",
        "how": "page",
    },
    "POST customers/{customer_id}/touches/": lambda: {"kind": "call", "outcome": "reached", "text": "Wants a quote"},
    "PUT customers/{customer_id}/touches/{id}/": lambda: {"kind": "call", "channel": "phone", "text": "Sent it"},
    "POST collectors/": lambda: {
        "survey": row("surveys.Survey", id="pk")()["id"],
        "kind": "widget",
        "name": text("Checkout"),
        "settings": {"sites": ["https://shop.example.com"], "sample": 50},
    },
    "PUT collectors/{id}/": lambda: {"kind": "poster", "name": text("Door"), "settings": {"headline": "How was it?"}},
    "POST collectors/{id}/revoke/": dict,
    "POST collectors/{id}/renew/": dict,
    "POST comments/": lambda: {
        "kind": "persona",
        "object": row("personas.Persona", id="pk")()["id"],
        "body": text("Is that so?"),
    },
    "PUT comments/{id}/": lambda: {"body": text("Is it?")},
    "POST comments/{id}/resolve/": lambda: {"resolved": True},
    "POST activities/": lambda: {"name": text("Activity"), "kind": "calls", "success_event": "contract_signed"},
    "POST activities/{id}/customers/": lambda: {
        "customers": [row("customers.Customer", id="external_id")()["id"]],
        "kind": "call",
    },
    "POST exports/": lambda: {"kind": "customers", "format": "csv", "filters": {}},
    "POST ideas/": lambda: {"title": text("Idea"), "body": "Say the price first"},
    "POST ideas/{id}/comments/": lambda: {"body": "Yes"},
    "POST ideas/{id}/merge/": lambda: {"into": row("ideas.Idea", id="pk")()["id"]},
    "POST ideas/{id}/status/": lambda: {"status": "planned", "official_answer": "In spring"},
    "POST ideas/{id}/vote/": lambda: {"vote": True},
    "POST insights/": lambda: {"title": text("Insight"), "kind": "interview", "score": -1, "people": 3},
    "PUT insights/{id}/": lambda: {"title": text("Insight"), "body": "They wait for the letter"},
    "POST opportunities/": lambda: {"title": text("How might we answer at once?"), "customer_value": 4},
    "PUT opportunities/{id}/": lambda: {"title": text("How might we answer today?"), "effort": 2},
    "POST opportunities/{id}/move/": lambda: {"status": "planned", "position": 0},
    "POST imports/": lambda: {
        "file": SimpleUploadedFile("people.csv", b"id,mail\nc1,ada@example.com\n", "text/csv"),
        "kind": "customers",
        "mapping": json.dumps({"external_id": "id", "email": "mail"}),
        "dry_run": "true",
    },
    "POST exports/{id}/stop/": dict,
    "POST imports/{id}/import/": dict,
    "POST imports/{id}/stop/": dict,
    "POST imports/{id}/undo/": dict,
    "POST interactions/": lambda: {
        "customer": {"external_id": text()},
        "event": "Paid",
        "occurred_at": "2026-01-31T10:00:00Z",
        "channel": "api",
        "properties": {"amount": 3},
        "source_id": text(),
    },
    "POST journeys/": lambda: {
        "name": text("Map"),
        "persona": None,
        "stages": [{"name": "Buy", "steps": [{"name": "Pay", "touchpoints": [], "belief": 1, "cards": []}]}],
    },
    "POST journeys/import/": lambda: {"text": "# Buy\nPain points: waits in line", "name": text("Pasted")},
    "POST journeys/{id}/publish/": lambda: {"purpose": "First"},
    "POST journeys/{id}/to-be/": dict,
    "POST members/": lambda: {"email": f"{text('person')}@example.com", "role": "employee"},
    "PATCH members/{id}/": lambda: {"role": "analyst"},
    "POST personas/": lambda: {"name": text("Persona"), "needs": ["To know the price"]},
    "POST personas/{id}/publish/": lambda: {"purpose": "First"},
    "POST share-links/": lambda: {
        "kind": "journey",
        "object_id": row("journeys.JourneyVersion", id="journey_id")()["id"],
        "note": text("For the board"),
    },
    "PUT share-links/{id}/": lambda: {"note": text("For the board"), "options": {"version": "draft"}},
    "POST segments/": lambda: {
        "name": text("Segment"),
        "rule": {"all": [{"event": "Purchase", "count": {"op": ">=", "value": 2}, "within": {"days": 90}}]},
    },
    "POST segments/preview/": lambda: {"rule": {"any": [{"attribute": "plan", "op": "=", "value": "pro"}]}},
    "POST segments/{id}/customers/": lambda: {"external_ids": [row("customers.Customer", id="external_id")()["id"]]},
    "POST surveys/": lambda: {"name": text("Survey"), "kind": "nps", "relationship": True},
    "POST surveys/{id}/publish/": dict,
    "POST surveys/{id}/close/": dict,
    "POST surveys/{survey_id}/files/": lambda: {
        "file": SimpleUploadedFile("receipt.pdf", b"%PDF-1.4\n%%EOF", "application/pdf"),
        "question": "photo",
    },
    "POST surveys/{survey_id}/responses/": lambda: {
        "answers": {"score": 9, "reason": "Quick"},
        "customer": {"external_id": text()},
        "channel": "api",
        "occurred_at": "2026-01-31T10:00:00Z",
        "source_id": text(),
    },
    "POST surveys/{survey_id}/invitations/": lambda: {"customers": [row("customers.Customer", id="pk")()["id"]]},
    "POST backstage/": lambda: {"kind": "system", "name": text("Billing")},
    "PUT backstage/{id}/": lambda: {"kind": "team", "name": text("Desk")},
    "PUT touchpoints/{key}/": lambda: {"name": "Checkout", "channel": "app"},
    "POST touchpoints/": lambda: {"key": text("tp"), "name": "Checkout", "channel": "web"},
    "POST units/": lambda: {"name": text("Unit"), "code": text("u")},
    "POST workshops/": lambda: {"journey": row("journeys.Journey", id="pk")()["id"], "title": text("Moving in")},
    "POST workshops/{id}/end/": dict,
}
"""Operation (without the root) -> a minimal valid body; a PUT without one takes that of its collection's POST."""


def slots_of(operation: Operation) -> dict[str, Any]:
    """The slots for an existing row of the organisation in force. Raises KeyError when ROWS has none."""
    if not operation.names:
        return {}
    path = operation.path.removeprefix(ROOT)
    beginning = max((start for start in ROWS if path.startswith(start)), key=len, default=path)
    found = ROWS[beginning]()
    return {name: found[name] for name in operation.names}


def slots_of_nothing(operation: Operation, value: str | None = None) -> dict[str, Any]:
    """The slots filled with ids that never existed (or with `value`)."""
    return {name: value if value is not None else str(uuid4()) for name in operation.names}


def body_of(operation: Operation) -> dict[str, Any]:
    """A valid body. Raises KeyError when BODIES has none."""
    key = f"{operation.method} {operation.path.removeprefix(ROOT)}"
    collection = operation.path.removeprefix(ROOT).split("/")[0] + "/"
    if key not in BODIES and operation.method in ("PUT", "PATCH"):
        as_put = key.replace("PATCH ", "PUT ")
        key = as_put if as_put in BODIES else f"POST {collection}"
    return BODIES[key]()
