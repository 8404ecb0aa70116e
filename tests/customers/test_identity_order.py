"""The same messages in any order make the same people; so do messages that arrive at the same time."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.customers import identity_graph, merging, services
from apps.customers.identity import Named, attach, clean_named, with_identities
from apps.customers.identity_rules import LIMITS, Claim, parents_of, roots_of
from apps.customers.models import Customer, CustomerIdentifier
from apps.organizations.models import Organization
from cxm.actor import Actor
from cxm.errors import NotFound
from cxm.scope import tenant
from tests.factories import an_organization

START = datetime(2026, 3, 1, tzinfo=UTC)

users = st.sampled_from(["u1", "u2", "u3"])
emails = st.sampled_from(["a@x.de", "b@x.de", "c@x.de"])
phones = st.sampled_from(["+491111", "+492222"])
anonymous = st.sampled_from(["n1", "n2", "u1"])
minutes = st.integers(0, 5)
traits = st.dictionaries(
    st.sampled_from(["plan", "city", "name", "email", "company"]),
    st.one_of(st.sampled_from(["p", "q", "a@x.de"]), st.none(), st.integers(0, 2)),
    max_size=3,
)


@st.composite
def messages(draw: st.DrawFn) -> Named:
    at = START + timedelta(minutes=draw(minutes))
    if draw(st.integers(0, 4)) == 0:
        return clean_named(user_id=draw(users), alias_of=draw(st.one_of(users, anonymous)), at=at)
    return clean_named(
        user_id=draw(st.none() | users),
        email=draw(st.none() | emails),
        phone=draw(st.none() | phones),
        anonymous_id=draw(st.none() | anonymous),
        traits=draw(st.none() | traits),
        at=at,
    )


class Events:
    """What interactions do, in a list: each event is filed under a person, and follows its identity."""

    def __init__(self) -> None:
        self.rows: dict[int, list[UUID | None]] = {}

    def file(self, number: int, identity_id: UUID | None, customer_id: UUID | None) -> None:
        self.rows[number] = [identity_id, customer_id]

    def follow(self, identity_ids: list[UUID], former: UUID | None, customer_id: UUID | None) -> None:
        for row in self.rows.values():
            if row[0] in identity_ids and row[1] == former:
                row[1] = customer_id


def people_after(order: list[tuple[int, Named]], batches: int, events: Events) -> Any:
    """Let messages arrive in this order, so many at a time; then people as what can be seen of them."""
    for start in range(0, len(order), batches):
        chunk = order[start : start + batches]
        found = with_identities(lambda chunk=chunk: attach([named for _number, named in chunk]))
        for (number, _named), attached in zip(chunk, found, strict=True):
            events.file(number, attached.identity_id, attached.customer_id)
    members: dict[UUID | None, set[str]] = defaultdict(set)
    for pk, external_id, merged_into in Customer.records.values_list("pk", "external_id", "merged_into_id"):
        if external_id:
            members[merged_into or pk].add(f"user_id:{external_id}")
    waiting = set()
    for kind, value, customer in CustomerIdentifier.objects.values_list("kind", "value", "customer_id"):
        if customer is None:
            waiting.add(f"{kind}:{value}")
        else:
            members[customer].add(f"{kind}:{value}")
    filed: dict[UUID | None, set[int]] = defaultdict(set)
    for number, (_identity, customer) in events.rows.items():
        filed[customer].add(number)
    people = {
        (
            row.external_id,
            frozenset(members[row.pk]),
            frozenset(filed[row.pk]),
            row.email,
            row.phone,
            row.name,
            row.account,
            tuple(sorted((name, repr(value)) for name, value in row.attributes.items())),
        )
        for row in Customer.objects.all()
    }
    return people, waiting, filed.get(None, set()), Customer.objects.count()


@pytest.fixture
def events_follow(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Events]]:
    """The list whose last element follows identities, instead of the apps above."""
    following: list[Events] = []
    monkeypatch.setattr(identity_graph, "_followers", [lambda *args: following[-1].follow(*args)])
    yield following


@pytest.mark.parametrize("limit", [5, 1])
@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(said=st.lists(messages(), min_size=2, max_size=9), data=st.data())
def test_any_order_makes_the_same_people(
    db: None,
    monkeypatch: pytest.MonkeyPatch,
    events_follow: list[Events],
    limit: int,
    said: list[Named],
    data: st.DataObject,
) -> None:
    monkeypatch.setitem(LIMITS, "email", limit)
    monkeypatch.setitem(LIMITS, "anonymous_id", limit)
    numbered = list(enumerate(said))
    again = data.draw(st.lists(st.sampled_from(numbered), max_size=3))
    orders = [numbered, data.draw(st.permutations([*numbered, *again]))]
    batches = [1, data.draw(st.integers(1, 4))]
    outcomes = []
    for order, batch in zip(orders, batches, strict=True):
        with transaction.atomic():
            events_follow.append(Events())
            with tenant(an_organization()):
                outcomes.append(people_after(order, batch, events_follow[-1]))
            transaction.set_rollback(True)
    assert outcomes[0] == outcomes[1]


@settings(max_examples=200, deadline=None)
@given(
    claims=st.dictionaries(
        st.tuples(st.sampled_from(["user_id", "email", "phone"]), st.sampled_from("abcd")),
        st.tuples(st.tuples(st.sampled_from(["user_id", "email"]), st.sampled_from("abcd")), minutes),
    ),
    data=st.data(),
)
def test_roots_do_not_depend_on_the_order_of_claims(claims: dict[Any, Any], data: st.DataObject) -> None:
    made = {node: Claim.by(holder, START + timedelta(minutes=at)) for node, (holder, at) in claims.items()}
    shuffled = dict(data.draw(st.permutations(list(made.items()))))
    first, second = parents_of(made, {}, {}), parents_of(shuffled, {}, {})
    assert roots_of(made, first) == roots_of(made, second)


def test_messages_that_arrive_together_make_each_person_once(transactional_db: None) -> None:
    organization: Organization = an_organization("Acme")
    errors: list[BaseException] = []
    barrier = threading.Barrier(4)

    def send(worker: int) -> None:
        try:
            with tenant(organization):
                barrier.wait()
                for round_ in range(4):
                    numbers = range(10) if worker % 2 else range(9, -1, -1)
                    named = [
                        clean_named(
                            user_id=f"u-{n}" if worker != 3 else None,
                            email=f"{n}@b.de",
                            anonymous_id=f"n-{n}-{round_}",
                            traits={"round": round_, f"of{worker}": n},
                            at=START + timedelta(minutes=n),
                        )
                        for n in numbers
                    ]
                    with_identities(lambda named=named: attach(named))
        except BaseException as error:
            errors.append(error)
        finally:
            connection.close()

    workers = [threading.Thread(target=send, args=(number,)) for number in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert errors == []
    with tenant(organization):
        people = Customer.objects.all()
        assert sorted(row.external_id or "" for row in people) == [f"u-{n}" for n in range(10)]
        assert {row.email for row in people} == {f"{n}@b.de" for n in range(10)}
        assert all({"round", "of0", "of1", "of2", "of3"} <= row.attributes.keys() for row in people)
        assert CustomerIdentifier.objects.filter(kind="anonymous_id", customer=None).count() == 0


def test_colleagues_and_messages_change_the_same_people_at_the_same_time(transactional_db: None) -> None:
    organization: Organization = an_organization("Acme")
    system = Actor.system("test")
    with tenant(organization):
        people = [services.create_customer(actor=system, external_id=f"u-{n}").pk for n in range(3)]
    errors: list[BaseException] = []
    barrier = threading.Barrier(3)

    def run(work: Callable[[int], object]) -> None:
        try:
            with tenant(organization):
                barrier.wait()
                for round_ in range(8):
                    work(round_)
        except BaseException as error:
            errors.append(error)
        finally:
            connection.close()

    def edit(round_: int) -> None:
        values = {"name": f"N{round_}", "email": f"e{round_}@b.de"}
        with suppress(NotFound), transaction.atomic():  # while it is merged
            services.update_customer(actor=system, customer=people[round_ % 3], values=values)

    def identify(round_: int) -> None:
        named = [
            clean_named(user_id=f"u-{n}", anonymous_id=f"n-{n}-{round_ // 2}", traits={"r": round_}, at=START)
            for n in (2, 0, 1)
        ]
        with_identities(lambda: attach([clean_named(anonymous_id=f"n-{n}-{round_ // 2}", at=START) for n in range(3)]))
        with_identities(lambda: attach(named))

    def join(round_: int) -> None:
        merge = merging.merge_customers(actor=system, kept=people[0], merged=people[1])
        merging.undo_merge(actor=system, merge=merge)

    workers = [threading.Thread(target=run, args=(work,)) for work in (edit, identify, join)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert errors == []
    with tenant(organization):
        assert Customer.objects.count() == 3
        assert all(row.attributes == {"r": 7} for row in Customer.objects.all())
