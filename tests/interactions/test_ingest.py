"""The event interface as its callers see it: what is taken, what is refused, and what is stored."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any

import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_started
from django.db import OperationalError, close_old_connections
from django.test import Client, override_settings
from django.utils.timezone import now
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.customers.models import Account, Customer, CustomerIdentifier
from apps.interactions import ingest
from apps.interactions.messages import MAX_BATCH, MAX_MESSAGE
from apps.interactions.models import Interaction, RefusedMessage
from apps.interactions.refused import KEPT, Refusal, forget_refused_messages, write_down_refusals
from apps.organizations import proven_keys
from apps.organizations.models import Organization
from apps.organizations.services import create_api_key
from apps.organizations.services.keys import revoke_api_key
from cxm.actor import Actor
from cxm.ingest import FastLane
from cxm.scope import tenant
from tests.factories import an_organization

pytestmark = pytest.mark.django_db
SYSTEM = Actor.system("test")
TAKEN = {"success": True}
NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


class Answer:
    """Status, headers and the JSON of an answer."""

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Door:
    """Both ways in: the fast lane as the server has it, and the view behind it."""

    def __init__(self) -> None:
        self.common = 0
        handler = WSGIHandler()

        def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
            self.common += 1
            return handler(environ, start_response)

        self.both: dict[str, Any] = {"lane": FastLane(application), "view": application}

    def send(self, path: str, body: bytes, way: str = "lane", method: str = "POST", **environ: str) -> Answer:
        answer: dict[str, Any] = {}

        def start(status: str, headers: list[tuple[str, str]], _error: Any = None) -> None:
            answer.update(status=int(status[:3]), headers=dict(headers))

        request = {
            "REQUEST_METHOD": method,
            "PATH_INFO": path,
            "QUERY_STRING": "",
            "SERVER_NAME": "testserver",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": "203.0.113.9",
            "HTTP_HOST": "testserver",
            "CONTENT_TYPE": "application/json",
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.input": BytesIO(body),
            "wsgi.url_scheme": "http",
            "wsgi.errors": BytesIO(),
            **environ,
        }
        content = b"".join(self.both[way](request, start))
        return Answer(answer["status"], answer["headers"], content)


@pytest.fixture
def door() -> Iterator[Door]:
    """Django would close the connection that holds the test's transaction; its own test client does the same."""
    request_started.disconnect(close_old_connections)
    yield Door()
    request_started.connect(close_old_connections)


@pytest.fixture
def acme() -> Iterator[Organization]:
    """An organisation, in force, so that what was stored can be looked at."""
    organization = an_organization("Acme")
    with tenant(organization):
        yield organization


@pytest.fixture
def key(acme: Organization) -> str:
    return a_write_key()


def a_write_key(name: str = "Site") -> str:
    return create_api_key(actor=SYSTEM, name=name, kind="write")[1]


def basic(key: str) -> dict[str, str]:
    return {"HTTP_AUTHORIZATION": "Basic " + base64.b64encode(f"{key}:".encode()).decode()}


@pytest.fixture
def send(door: Door, key: str) -> Callable[..., Answer]:
    """Send a message, or a batch, with the write key of Acme."""

    def post(kind: str, value: Any, **environ: str) -> Answer:
        raw = value if isinstance(value, bytes) else json.dumps(value).encode()
        return door.send(f"/v1/{kind}", raw, **{**basic(key), **environ})

    return post


def track(**more: Any) -> dict[str, Any]:
    return {"type": "track", "userId": "u-1", "event": "Paid", **more}


def only() -> Interaction:
    return Interaction.objects.get()


def events() -> list[str]:
    """The names of what was stored, in time order."""
    return list(Interaction.objects.order_by("id").values_list("event", flat=True))


# -- kinds -------------------------------------------------------------------------------------------------------------


def test_track_makes_the_person_and_stores_what_they_did(send, door: Door) -> None:
    answer = send("track", track(properties={"amount": 36, "currency": "EUR"}, messageId="m-1", channel="server"))
    assert (answer.status, answer.json) == (200, TAKEN)
    assert door.common == 0
    row = only()
    assert (row.event, row.kind, row.channel, row.source) == ("Paid", "event", "api", "ingest")
    assert row.properties == {"amount": 36, "currency": "EUR"}
    assert row.customer == Customer.objects.get(external_id="u-1")
    assert row.identity_id == row.customer_id


@pytest.mark.parametrize(
    ("kind", "event", "stored", "channel"),
    [("page", "Page viewed", "page", "web"), ("screen", "Screen viewed", "screen", "app")],
)
def test_pages_and_screens_keep_their_name_and_category(send, kind: str, event: str, stored: str, channel: str) -> None:
    send(kind, {"userId": "u-1", "name": "Prices", "category": "Shop", "properties": {"url": "https://x.example/?a=1"}})
    row = only()
    assert (row.event, row.kind, row.channel) == (event, stored, channel)
    assert row.properties == {"name": "Prices", "category": "Shop", "url": "https://x.example/?a=1"}


def test_identify_lays_traits_on_the_person_and_stores_no_interaction(send) -> None:
    send("identify", {"userId": 17, "traits": {"email": "Ada@Example.com", "plan": "pro", "name": "Ada"}})
    person = Customer.objects.get(external_id="17")
    assert (person.email, person.name, person.attributes) == ("ada@example.com", "Ada", {"plan": "pro"})
    assert not Interaction.objects.exists()


def test_traits_of_the_context_count_as_well(send) -> None:
    send("identify", {"userId": "u-1", "context": {"traits": {"email": "ada@example.com", "plan": "pro"}}})
    person = Customer.objects.get(external_id="u-1")
    assert (person.email, person.attributes) == ("ada@example.com", {"plan": "pro"})


def test_history_of_a_visitor_becomes_the_persons_when_they_are_identified(send) -> None:
    send("track", {"anonymousId": "a-1", "event": "Seen"})
    assert only().customer is None
    send("identify", {"anonymousId": "a-1", "userId": "u-1"})
    assert only().customer == Customer.objects.get(external_id="u-1")


def test_alias_joins_the_former_id_to_the_present_one(send) -> None:
    send("track", {"anonymousId": "a-1", "event": "Seen"})
    assert send("alias", {"previousId": "a-1", "userId": "u-1"}).status == 200
    assert only().customer == Customer.objects.get(external_id="u-1")


def test_group_names_the_company_of_a_person_and_what_is_known_of_it(send) -> None:
    send("group", {"userId": "u-1", "groupId": "acme-7", "traits": {"name": "Acme Ltd", "employees": 12}})
    assert Customer.objects.get(external_id="u-1").account == "acme-7"
    company = Account.objects.get(key="acme-7")
    assert (company.name, company.attributes) == ("Acme Ltd", {"employees": 12})


def test_messages_of_a_batch_keep_their_order_at_one_time(send) -> None:
    at = NOW.isoformat()
    names = [f"Step {number:02}" for number in range(40)]
    messages = [track(event=name, timestamp=at, messageId=name) for name in names]
    assert send("batch", {"batch": messages}).status == 200
    assert events() == names


def test_import_is_a_batch(send) -> None:
    assert send("import", {"batch": [track(timestamp="2019-05-01T00:00:00Z")]}).json == TAKEN
    assert only().occurred_at == datetime(2019, 5, 1, tzinfo=UTC)


@pytest.mark.parametrize(("short", "stored"), [("t", 1), ("p", 1), ("s", 1), ("i", 0), ("g", 0), ("a", 0)])
def test_addresses_of_the_library_for_browsers(send, short: str, stored: int) -> None:
    message = {"userId": "u-1", "event": "Paid", "groupId": "g", "previousId": "u-0"}
    assert send(short, message, CONTENT_TYPE="text/plain;charset=UTF-8").json == TAKEN
    assert Interaction.objects.count() == stored


def test_channel_is_ours_as_the_message_says_it(send) -> None:
    said = [
        (track(properties={"channel": "phone"}), "phone"),
        (track(properties={"channel": "carrier pigeon"}, channel="browser"), "web"),
        (track(context={"channel": "mobile"}), "app"),
        (track(channel="email"), "email"),
        (track(), "api"),
    ]
    send("batch", {"batch": [message for message, _channel in said]})
    assert [row.channel for row in Interaction.objects.order_by("id")] == [channel for _message, channel in said]


def test_only_the_useful_part_of_the_context_is_kept(send) -> None:
    context = {
        "ip": "203.0.113.5",
        "userAgent": "Mozilla/5.0",
        "page": {
            "url": "https://x.example/a?token=1#b",
            "path": "/a",
            "referrer": "",
            "title": "A",
            "search": "?token=1",
        },
        "library": {"name": "analytics.js", "version": "2"},
        "locale": "de-DE",
        "device": {"type": "ios", "id": "d-1", "advertisingId": "x"},
        "network": {"carrier": "x"},
    }
    send("track", track(context=context))
    assert only().context == {
        "page": {"url": "https://x.example/a", "path": "/a", "referrer": "", "title": "A"},
        "library": {"name": "analytics.js", "version": "2"},
        "locale": "de-DE",
        "device": "ios",
    }


# -- times -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def at_ten(time_machine) -> None:
    """It is ten o'clock, and stays so."""
    time_machine.move_to(NOW, tick=False)


@pytest.mark.usefixtures("at_ten")
@pytest.mark.parametrize(
    ("times", "occurred"),
    [
        ({}, NOW),
        ({"timestamp": "2026-11-22T09:00:00.123Z"}, NOW - timedelta(hours=1) + timedelta(milliseconds=123)),
        ({"originalTimestamp": "2026-11-22T10:30:00+01:00"}, NOW - timedelta(minutes=30)),
        ({"timestamp": "2026-11-22T09:00:00", "originalTimestamp": "2026-11-22T08:00:00Z"}, NOW - timedelta(hours=1)),
        # a clock that is two hours slow, and one that is a day fast
        ({"timestamp": "2026-11-22T07:59:00Z", "sentAt": "2026-11-22T08:00:00Z"}, NOW - timedelta(minutes=1)),
        ({"originalTimestamp": "2026-11-23T09:58:00Z", "sentAt": "2026-11-23T10:00:00Z"}, NOW - timedelta(minutes=2)),
        # three seconds on its way are no wrong clock, and a sentAt that cannot be read corrects nothing
        ({"timestamp": "2026-11-22T09:00:00Z", "sentAt": "2026-11-22T09:59:57Z"}, NOW - timedelta(hours=1)),
        ({"timestamp": "2026-11-22T09:00:00Z", "sentAt": "yesterday"}, NOW - timedelta(hours=1)),
        ({"timestamp": 1795338000000}, datetime.fromtimestamp(1795338000, UTC)),
    ],
)
def test_time_is_the_senders_by_our_clock(send, times: dict[str, Any], occurred: datetime) -> None:
    send("track", track(**times))
    assert (only().occurred_at, only().is_time_received) == (occurred, False)


@pytest.mark.usefixtures("at_ten")
def test_the_batch_says_when_it_was_sent(send) -> None:
    message = track(timestamp="2026-11-22T07:59:00Z", sentAt="2026-11-22T09:59:59Z")
    send("batch", {"batch": [message], "sentAt": "2026-11-22T08:00:00Z"})
    assert only().occurred_at == NOW - timedelta(minutes=1)


@pytest.mark.usefixtures("at_ten")
@pytest.mark.parametrize("timestamp", ["1969-12-31T23:59:59Z", "2031-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00"])
def test_a_time_that_cannot_be_believed_is_that_of_the_receipt(send, timestamp: str) -> None:
    answer = send("batch", {"batch": [track(timestamp=timestamp)]})
    assert answer.status == 200
    if timestamp.startswith("0001"):
        assert RefusedMessage.objects.get().field == "timestamp"
    else:
        assert (only().occurred_at, only().is_time_received) == (NOW, True)


# -- once --------------------------------------------------------------------------------------------------------------


def test_a_message_counts_once_whenever_it_comes(send, time_machine) -> None:
    time_machine.move_to(NOW)
    message = track(messageId="m-1", timestamp=NOW.isoformat())
    send("batch", {"batch": [message, message]})
    send("track", message)
    time_machine.shift(timedelta(days=40))
    send("batch", {"batch": [track(messageId="m-2"), message], "sentAt": now().isoformat()})
    assert Interaction.objects.count() == 2


def test_messages_without_an_id_count_every_time(send) -> None:
    send("batch", {"batch": [track(), track(messageId=None), track(messageId="")]})
    assert Interaction.objects.count() == 3


def test_all_write_keys_of_an_organisation_share_the_ids_of_messages(door: Door, send, acme: Organization) -> None:
    send("track", track(messageId="m-1"))
    other = a_write_key("App")
    door.send("/v1/track", json.dumps(track(messageId="m-1")).encode(), **basic(other))
    assert Interaction.objects.count() == 1


def test_the_same_message_in_two_organisations_is_two(door: Door, send) -> None:
    beta = an_organization("Beta")
    with tenant(beta):
        other = a_write_key()
    message = json.dumps(track(messageId="m-1")).encode()
    send("track", message)
    door.send("/v1/track", message, **basic(other))
    assert Interaction.objects.count() == 1
    with tenant(beta):
        assert Interaction.objects.count() == 1


# -- keys --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["track", "batch"])
def test_the_key_may_stand_in_the_body(door: Door, key: str, kind: str) -> None:
    message = {**track(), "writeKey": key} if kind == "track" else {"writeKey": key, "batch": [track()]}
    assert door.send(f"/v1/{kind}", json.dumps(message).encode()).json == TAKEN
    assert Interaction.objects.count() == 1


def test_unknown_keys_are_refused(door: Door, key: str, acme: Organization) -> None:
    api_key = create_api_key(actor=SYSTEM, name="API")[1]
    body = json.dumps({"batch": [track()]}).encode()
    for wrong in ("", "nonsense", key[:-1] + ("a" if key[-1] != "a" else "b"), api_key, "\x00", "ä"):
        answer = door.send("/v1/batch", body, **basic(wrong))
        assert (answer.status, answer.json["code"]) == (401, "invalid_write_key")
    assert door.send("/v1/batch", body, HTTP_AUTHORIZATION="Basic %%%").status == 401
    assert door.send("/v1/batch", body, HTTP_AUTHORIZATION=f"Bearer {key}").status == 401
    assert not Interaction.objects.exists()


def test_a_revoked_key_ends_within_five_seconds(send, acme: Organization, time_machine) -> None:
    from apps.organizations.models import ApiKey

    assert send("track", track()).status == 200
    revoke_api_key(actor=SYSTEM, key=ApiKey.objects.get(kind="write"))
    for key in list(proven_keys._kept):
        until, holder = proven_keys._kept[key]
        proven_keys._kept[key] = (until - 4.0, holder)
    assert send("track", track()).status == 401


def test_a_key_is_asked_for_once_in_a_while(send, django_assert_num_queries) -> None:
    send("track", track())
    with django_assert_num_queries(5):
        send("track", track())


# -- refusals ----------------------------------------------------------------------------------------------------------


def test_an_invalid_message_is_refused_and_written_down_and_the_rest_is_taken(send) -> None:
    batch = [
        track(messageId="m-1"),
        {"type": "track", "userId": "u-1", "messageId": "m-2", "context": {"library": {"name": "analytics-python"}}},
        {"type": "dance", "userId": "u-1"},
        {"type": "track", "event": "Paid"},
        {"type": "track", "event": "Paid", "userId": "null", "anonymousId": None},
        {"type": "track", "event": "Paid", "userId": {"id": 1}},
        {"type": "track", "event": "P" * 201, "userId": "u-1"},
        {"type": "page", "userId": "u-1", "properties": ["x"]},
        {"type": "group", "userId": "u-1"},
        {"type": "alias", "userId": "u-1"},
        {"type": "track", "event": "Paid", "userId": "u-1", "timestamp": "tomorrow"},
        "text",
        None,
        track(messageId="m-3"),
    ]
    assert send("batch", {"batch": batch}).json == TAKEN
    assert Interaction.objects.count() == 2
    refused = list(RefusedMessage.objects.order_by("id").values_list("kind", "field"))
    assert refused == [
        ("track", "event"),
        ("dance", "type"),
        ("track", "userId"),
        ("track", "userId"),
        ("", "userId"),
        ("track", "event"),
        ("page", "properties"),
        ("group", "groupId"),
        ("alias", "previousId"),
        ("track", "timestamp"),
        ("", ""),
        ("", ""),
    ]
    first = RefusedMessage.objects.order_by("id").first()
    assert first is not None
    assert (first.message_id, first.library) == ("m-2", "analytics-python")
    assert all(row.reason for row in RefusedMessage.objects.all())


def test_a_single_message_that_is_invalid_is_a_400_that_says_why(send) -> None:
    answer = send("track", {"userId": "u-1"})
    assert (answer.status, answer.json["code"]) == (400, "invalid")
    assert answer.json["message"].startswith("event: ")
    assert RefusedMessage.objects.get().kind == "track"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"12",
        b'"text"',
        b"{}",
        b'{"batch": null}',
        b'{"batch": {}}',
        b'{"batch": "x"}',
        b'{"batch": [',
        b'{"batch": []} x',
        b'{"batch": [NaN]}',
        b"\xff\xfe",
        b'{"batch": ["\xff"]}',
        b"[" * 5_000 + b"]" * 5_000,
        b'{"batch": [' + b"[" * 5_000 + b"]" * 5_000 + b"]}",
        b"a=1&b=2",
        b"\x1f\x8b not gzip",
        gzip.compress(b'{"batch": []}', mtime=0)[:-4],
    ],
)
def test_a_body_that_does_not_parse_is_a_400(send, body: bytes) -> None:
    answer = send("batch", body)
    assert (answer.status, answer.json["success"]) == (400, False)
    assert {"code", "message"} <= set(answer.json)


def test_an_empty_batch_is_fine(send) -> None:
    assert send("batch", {"batch": []}).json == TAKEN


@pytest.mark.parametrize(
    "message",
    [
        b'{"userId": "u\\u0000", "event": "Paid"}',
        b'{"userId": "u", "event": "Paid", "properties": {"a": "\\u0000"}}',
        b'{"userId": "u", "event": "Paid", "properties": {"\\u0000": 1}}',
        b'{"userId": "u", "event": "Paid", "properties": {"a": "\\ud800"}}',
        b'{"userId": "u", "event": "\\udc00", "properties": {}}',
        b'{"userId": "u", "event": "Paid", "properties": {"a": 1' + b"0" * 400 + b"}}",
        b'{"userId": "u", "event": "Paid", "properties": {"a": 1e400}}',
        b'{"userId": "u", "event": "Paid", "properties": {"a": ' + b"[" * 40 + b"]" * 40 + b"}}",
        b'{"userId": "u", "event": "Paid", "properties": {"a": ' + b"[" * 5000 + b"]" * 5000 + b"}}",
        b'{"userId": "u", "event": "Paid", "properties": {' + b",".join(b'"p%d": 1' % n for n in range(501)) + b"}}",
        b'{"userId": "u", "event": "Paid", "messageId": "\\u0000"}',
        b'{"userId": "u", "event": "Paid", "context": {"locale": "\\u0000"}}',
    ],
)
def test_what_cannot_be_stored_is_refused_with_a_reason(send, message: bytes) -> None:
    assert send("track", message).status == 400
    answer = send(
        "batch",
        b'{"batch": [{"type": "track", ' + message[1:] + b', {"type": "track", "userId": "u", "event": "Good"}]}',
    )
    assert answer.status in (200, 400)
    if answer.status == 200:
        assert events() == ["Good"]


def test_escaped_characters_are_read(send) -> None:
    send(
        "track",
        b'{"userId": "u-\\u00e4", "event": "Gr\\u00fc\\u00dfe \\ud83d\\ude00", "properties": {"n": 12345678901234567}}',
    )
    assert only().event == "Grüße 😀"
    assert only().properties == {"n": 12345678901234567}


@override_settings(INGEST_RATE_LIMIT=(10_000, 10_000))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    value=st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "userId",
                        "anonymousId",
                        "event",
                        "type",
                        "timestamp",
                        "sentAt",
                        "traits",
                        "properties",
                        "context",
                        "x",
                        "email",
                        "messageId",
                        "previousId",
                        "groupId",
                        "channel",
                        "library",
                        "page",
                        "name",
                    ]
                ),
                inner,
                max_size=6,
            )
        ),
        max_leaves=12,
    ),
    kind=st.sampled_from(["track", "identify", "page", "group", "alias"]),
)
def test_no_message_breaks_it(send, value: Any, kind: str) -> None:
    assert send(kind, value).status in (200, 400)
    message = {"type": kind, "userId": "u-1", "event": "Paid", **value} if isinstance(value, dict) else value
    assert send("batch", {"batch": [message]}).status == 200


# -- sizes -------------------------------------------------------------------------------------------------------------


def sized(size: int) -> bytes:
    """A track message of exactly so many bytes."""
    start, end = b'{"type":"track","userId":"u-1","event":"Paid","properties":{"t":"', b'"}}'
    return start + b"x" * (size - len(start) - len(end)) + end


def test_a_message_may_have_32_kb(send) -> None:
    assert send("track", sized(MAX_MESSAGE)).status == 200
    answer = send("track", sized(MAX_MESSAGE + 1))
    assert (answer.status, answer.json["code"]) == (413, "too_large")


def test_a_message_of_a_batch_that_is_too_large_is_refused_alone(send) -> None:
    batch = b'{"batch":[' + b",".join([sized(MAX_MESSAGE + 1), sized(MAX_MESSAGE)]) + b"]}"
    assert send("batch", batch).json == TAKEN
    assert Interaction.objects.count() == 1
    assert str(MAX_MESSAGE) in RefusedMessage.objects.get().reason


def test_a_batch_may_have_500_kb_however_it_is_packed(send) -> None:
    batch = b'{"batch":[' + sized(1_000) + b"]}"
    full = batch + b" " * (MAX_BATCH - len(batch))
    packed = gzip.compress(full)
    assert send("batch", full).status == 200
    assert send("batch", packed, HTTP_CONTENT_ENCODING="gzip").status == 200
    assert send("batch", full + b" ").status == 413
    assert send("batch", gzip.compress(full + b" "), HTTP_CONTENT_ENCODING="gzip").status == 413
    assert send("batch", gzip.compress(b" " * 50_000_000), HTTP_CONTENT_ENCODING="gzip").status == 413
    assert send("batch", b"x" * 3_000_000).status == 413
    assert Interaction.objects.count() == 2


def test_gzip_is_taken_with_and_without_the_header(send) -> None:
    packed = gzip.compress(json.dumps({"batch": [track()]}).encode())
    assert send("batch", packed, HTTP_CONTENT_ENCODING="gzip").json == TAKEN
    assert send("batch", packed, CONTENT_TYPE="application/x-www-form-urlencoded").json == TAKEN
    assert Interaction.objects.count() == 2


# -- the two ways in ---------------------------------------------------------------------------------------------------

CALLS: list[tuple[str, bytes, dict[str, str]]] = [
    ("/v1/track", json.dumps(track()).encode(), {}),
    ("/v1/track/", json.dumps(track()).encode(), {}),
    ("/v1/batch", json.dumps({"batch": [track(), {}]}).encode(), {}),
    ("/v1/batch", gzip.compress(b'{"batch": []}', mtime=0), {"HTTP_CONTENT_ENCODING": "gzip"}),
    ("/v1/track", b"{}", {}),
    ("/v1/batch", b"{", {}),
    ("/v1/batch", b"x" * (MAX_BATCH + 1), {}),
    ("/v1/track", sized(MAX_MESSAGE + 1), {}),
    ("/v1/batch", b"{}", {"HTTP_AUTHORIZATION": "Basic eDo="}),
    ("/v1/batch", b'{"batch": []}', {"HTTP_AUTHORIZATION": ""}),
    ("/v1/batch", b'{"batch": []}', {"CONTENT_TYPE": "text/plain"}),
    ("/v1/batch", b'{"batch": []}', {"CONTENT_TYPE": "multipart/form-data; boundary=x"}),
]


@pytest.mark.parametrize(("path", "body", "environ"), CALLS)
def test_both_ways_in_answer_alike(door: Door, key: str, path: str, body: bytes, environ: dict[str, str]) -> None:
    headers = {**basic(key), **environ}
    lane, view = (door.send(path, body, way, **headers) for way in ("lane", "view"))
    assert door.common == 1
    assert (lane.status, lane.body) == (view.status, view.body)
    changing = {"RateLimit-Remaining", "RateLimit-Reset"}
    assert {name: value for name, value in lane.headers.items() if name not in changing}.items() <= view.headers.items()
    assert view.headers["Access-Control-Allow-Origin"] == "*"


def test_a_body_without_a_length_is_taken_by_the_view(door: Door, key: str) -> None:
    body = json.dumps({"batch": [track()]}).encode()
    chunked = {"CONTENT_LENGTH": "", "HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input_terminated": "1"}
    answer = door.send("/v1/batch", body, **basic(key), **chunked)
    assert door.common == 1
    assert answer.status in (200, 400)


def test_pages_of_any_site_may_send(door: Door, key: str) -> None:
    asked = {"HTTP_ORIGIN": "https://shop.example", "HTTP_ACCESS_CONTROL_REQUEST_METHOD": "POST"}
    answer = door.send("/v1/batch", b"", method="OPTIONS", **asked)
    assert answer.status == 204
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "Authorization" in answer.headers["Access-Control-Allow-Headers"]
    assert "POST" in answer.headers["Access-Control-Allow-Methods"]


def test_other_methods_are_refused(client: Client) -> None:
    answer = client.get("/v1/track")
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST, OPTIONS")
    assert client.post("/v1/dance").status_code == 404


# -- limits and faults -------------------------------------------------------------------------------------------------


def test_a_key_that_sends_too_much_is_told_when_to_come_back(send, settings) -> None:
    settings.INGEST_RATE_LIMIT = (1, 3)
    answers = [send("track", track()) for _number in range(5)]
    statuses = [answer.status for answer in answers]
    assert statuses[:3] == [200, 200, 200]
    assert statuses[-1] == 429
    assert int(answers[-1].headers["Retry-After"]) >= 1
    assert answers[0].headers["RateLimit-Limit"] == "3"
    assert answers[-1].headers["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize("way", ["lane", "view"])
def test_without_the_database_the_sender_is_asked_to_come_back(door: Door, key: str, monkeypatch, way: str) -> None:
    def gone(**_arguments: Any) -> None:
        raise OperationalError("the server closed the connection")

    monkeypatch.setattr(ingest, "record_messages", gone)
    answer = door.send("/v1/track", json.dumps(track()).encode(), way, **basic(key))
    assert (answer.status, answer.headers["Retry-After"], answer.json["code"]) == (503, "1", "busy")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


def test_only_the_newest_refusals_are_kept(acme: Organization) -> None:
    write_down_refusals([Refusal(f"reason {number}") for number in range(KEPT + 5)])
    beta = an_organization("Beta")
    with tenant(beta):
        write_down_refusals([Refusal("beta")])
    assert forget_refused_messages() == 5
    assert RefusedMessage.objects.count() == KEPT
    assert not RefusedMessage.objects.filter(reason="reason 4").exists()
    assert RefusedMessage.objects.filter(reason="reason 5").exists()
    assert forget_refused_messages() == 0
    with tenant(beta):
        assert RefusedMessage.objects.count() == 1


def test_identifiers_of_a_visitor_without_a_name_are_no_customer(send) -> None:
    send("track", {"anonymousId": "a-1", "event": "Seen"})
    assert not Customer.objects.exists()
    assert CustomerIdentifier.objects.get().value == "a-1"
