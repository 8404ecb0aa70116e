"""Finding one customer among a million, and opening one with ten thousand items on the timeline."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

from django.conf import settings
from django.db import connection
from django.test import Client
from django.utils.timezone import now

from apps.accounts.models import User
from apps.customers.models import Customer
from apps.customers.queries import count_up_to, customers
from apps.customers.search import matching
from apps.customers.timeline import timeline_of
from apps.organizations.models import Organization
from apps.organizations.services import create_organization
from benchmarks import Row, seconds, settle
from cxm.actor import Actor
from cxm.scope import current_tenant_id, tenant

SYSTEM = Actor.system("benchmark")
PAGE = 50
ITEMS = 10_000
TEXTS = (
    "gmail", "a", "jo", "zq", "7", "kowalska", "anna smith", "basic outlook", "zzzzq", "u-7777", "berlin web.de",
    "jo smith", "zq gmail", "hamburg pro haas", "+49171234", "cookie-5a", "5000", "plus 777", "anna.kowalska",
)  # fmt: skip
"""Very common, rare, one letter, two words that are common apart and never together, ids, beginnings, nothing."""


def measure(size: str) -> Iterable[Row]:
    """A million customers with two million identifiers, or fifty thousand when small."""
    people = 1_000_000 if size == "full" else 50_000
    user = User.objects.create_user(email="bench-customers@example.com", name="Bench")
    organization = create_organization(actor=SYSTEM, owner=user, name="People", slug="bench-people")
    with tenant(organization):
        fill(people)
        settle("customers_customer", "customers_customeridentifier")
        yield from search_rows(people)
        customer = Customer.objects.order_by("created_at").first()
        assert customer is not None
        fill_timeline(customer)
        settle("interactions_interaction")
        yield from timeline_rows(customer)
    yield page_row(organization, user, customer)


FIRST = [
    "anna", "peter", "maria", "jan", "julia", "tom", "laura", "felix", "sofia", "marco", "lena", "paul", "nina", "erik",
    "clara", "max", "ida", "leon", "eva", "omar",
]  # fmt: skip
LAST = [
    "smith", "meyer", "kowalska", "nowak", "garcia", "rossi", "dubois", "jensen", "novak", "silva", "berg", "kim",
    "chen", "ali", "weber", "wagner", "fischer", "bauer", "koch", "wolf", "klein", "braun", "lange", "krause", "vogel",
    "frank", "haas", "kuhn", "ernst", "roth",
]  # fmt: skip
HOSTS = ["gmail.com"] * 4 + ["outlook.com"] * 2 + ["web.de", "yahoo.com", "company.example", "firm.example"]


def fill(people: int) -> None:
    """Customers whose names, cities, plans and mail hosts are of realistic skew, with two identifiers each."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO customers_customer (tenant_id, id, external_id, email, phone, name, stage, account, attributes,
                   said_at, alias_of, language, timezone, created_at, updated_at)
            SELECT %(tenant)s, gen_random_uuid(), 'u-' || i,
                   first || '.' || last || i || '@' || (%(hosts)s::text[])[1 + i %% 10],
                   '+4917' || (10000000 + (i::bigint * 7919) %% 89999999), initcap(first) || ' ' || initcap(last),
                   (ARRAY['customer', 'customer', 'prospect', 'former'])[1 + i %% 4], 'Account ' || (i * 31 %% 5000),
                   jsonb_build_object('plan', (ARRAY['basic', 'plus', 'pro'])[1 + i %% 3],
                       'city', (ARRAY['Berlin', 'Hamburg', 'Warszawa', 'Paris', 'Lyon'])[1 + i %% 5],
                       'clv', (i * 97) %% 10000, 'contract', 'C-' || (i * 13)),
                   '{}', '', 'en', '', %(now)s - i * interval '40 seconds', %(now)s - i * interval '40 seconds'
              FROM (SELECT i, (%(first)s::text[])[1 + i * 7 %% 20] AS first,
                           (%(last)s::text[])[1 + i * 11 %% 30] AS last
                      FROM generate_series(1, %(people)s) i) x
            """,
            {
                "tenant": current_tenant_id(),
                "now": now(),
                "people": people,
                "first": FIRST,
                "last": LAST,
                "hosts": HOSTS,
            },
        )
        for kind, value in (("email", "email"), ("anonymous_id", "'cookie-' || md5(id::text)")):
            cursor.execute(
                f"""
                INSERT INTO customers_customeridentifier (tenant_id, id, kind, value, customer_id, claimed_by,
                       claimed_at, traits, barred, created_at)
                SELECT tenant_id, gen_random_uuid(), %s, {value}, id, 'user_id:' || external_id, created_at, '{{}}',
                       '[]', created_at
                  FROM customers_customer WHERE tenant_id = %s ON CONFLICT DO NOTHING
                """,
                [kind, current_tenant_id()],
            )


def fill_timeline(customer: Customer) -> None:
    """Ten thousand interactions of one customer over a year, among those of others."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO interactions_interaction (tenant_id, id, customer_id, identity_id, kind, event, channel,
                   occurred_at, recorded_at, is_time_received, properties, context, source)
            SELECT %(tenant)s,
                   (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7000'
                       || substr(md5(i::text), 1, 16))::uuid,
                   %(customer)s, %(customer)s, (ARRAY['event', 'page', 'page', 'call'])[1 + i %% 4],
                   (ARRAY['order_placed', 'Page viewed', 'Page viewed', 'Call'])[1 + i %% 4],
                   (ARRAY['web', 'app', 'phone'])[1 + i %% 3], at, at, false,
                   jsonb_build_object('path', '/products/' || i %% 100, 'amount', i), '{}', 'ingest'
              FROM (SELECT i, date_trunc('milliseconds', %(now)s::timestamptz - i * interval '50 minutes') AS at
                      FROM generate_series(1, %(items)s) i) x
            """,
            {"tenant": current_tenant_id(), "customer": customer.pk, "now": now(), "items": ITEMS},
        )


def search_rows(people: int) -> Iterable[Row]:
    """The first page of what each text finds, with its count, newest first; the slowest text counts."""
    times = {text: 1000 * seconds(partial(found, text), repeat=5) for text in TEXTS}
    slowest = max(times, key=lambda text: times[text])
    typical = sorted(times.values())[len(times) // 2]
    yield Row(
        f"search of {people:,} customers, slowest of {len(TEXTS)} texts (“{slowest}”)",
        "50 ms",
        f"{times[slowest]:.1f} ms (median {typical:.1f} ms)",
        times[slowest] / 50,
        1,
        better="lower",
    )
    common = "gmail"
    bare = 1000 * seconds(lambda: bare_search(common), repeat=5)
    yield Row(
        f"search of {people:,} customers for “{common}”, newest {PAGE}",
        f"{bare:.1f} ms for LIKE as the planner runs it",
        f"{times[common]:.1f} ms",
        times[common] / bare,
        25,
        better="lower",
    )


def found(text: str) -> list[Customer]:
    """One page of the list as the view reads it."""
    rows = matching(customers(SYSTEM), text)
    count_up_to(rows, 100)
    return list(rows.order_by("-created_at", "-id")[: PAGE + 1])


def bare_search(text: str) -> list[Any]:
    """The plain query."""
    rows = customers(SYSTEM).filter(search_text__contains=text)
    return list(rows.order_by("-created_at", "-id")[: PAGE + 1])


def timeline_rows(customer: Customer) -> Iterable[Row]:
    """The newest fifty of ten thousand items, of all sources, and only those of one kind and channel."""
    filters: dict[str, Any] = {"kinds": ["call"], "channel": "app"}
    for what, asked, condition in (
        (f"timeline, newest {PAGE} of {ITEMS:,}, all sources", {}, ""),
        (f"timeline, newest {PAGE} calls in one channel", filters, "AND kind = 'call' AND channel = 'app'"),
    ):
        bare = 1000 * seconds(partial(bare_timeline, customer, condition), repeat=25)
        read = partial(timeline_of, actor=SYSTEM, customer=customer, limit=PAGE, **asked)
        ours = 1000 * seconds(read, repeat=25)
        limit = f"{bare:.1f} ms bare SQL of interactions"
        yield Row(what, limit, f"{ours:.1f} ms", ours / bare, 8, better="lower")


def bare_timeline(customer: Customer, condition: str) -> list[Any]:
    """The newest interactions by their index."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT * FROM interactions_interaction WHERE tenant_id = %s AND customer_id = %s"
            f" {condition} ORDER BY id DESC LIMIT %s",
            [current_tenant_id(), customer.pk, PAGE],
        )
        return cursor.fetchall()


def page_row(organization: Organization, user: User, customer: Customer) -> Row:
    """The whole profile page, audit entry included, in the process."""
    client = Client(headers={"host": settings.ALLOWED_HOSTS[0] if settings.ALLOWED_HOSTS else "localhost"})
    client.force_login(user)
    address = f"/o/{organization.slug}/customers/{customer.pk}/"
    client.get(address)
    ours = 1000 * seconds(lambda: client.get(address), repeat=9)
    return Row(f"profile page with {ITEMS:,} items", "300 ms", f"{ours:.0f} ms", ours / 300, 1, better="lower")
