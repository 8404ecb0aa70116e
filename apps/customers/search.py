"""Finding customers by what somebody typed, in an organisation of any size (docs/adr/0097).

What is found: customers whose name, external id, e-mail, phone, account or values of attributes hold every word of the
text, in any case. A word of three characters or more is found anywhere, a shorter one at the beginning of a word (then
the trigram index serves it too). The whole text is also looked up among all identifiers a person ever had.

How: no single plan is fast for every text. Rare words are found by the trigram index, which reads all that match;
common ones by walking the order of the list until the page is full. Which it is, a look at the newest customers tells;
the planner's guess about LIKE is too often wrong by a hundred times. Costs two to four short queries.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import F, Q, QuerySet, Value
from django.db.models.functions import StrIndex
from django.db.models.lookups import GreaterThan

from apps.customers.models import Customer, CustomerIdentifier
from apps.customers.rules import clean_phone

MOST_WORDS = 10
SHORT = 3
"""From how many characters on a word is looked for anywhere: that many make a trigram."""
SAMPLE = 2_000
"""How many of the newest customers are looked at; an organisation with fewer is simply searched."""
COMMON = 10
"""Matches in the sample from which on a text is common."""
FEW = 1_000
"""As many matches are taken from the trigram index; with more of them the text is common after all."""
MOST_IDENTIFIERS = 200
WORD_STARTS = ("\n", " ", '"', "[", "-", ".", "@")
"""What stands before a word in `search_text`."""
LAST_CHARACTER = "\U0010ffff"


def words_of(text: str) -> list[str]:
    """The words to look for: lower case, without what cannot be stored, at most MOST_WORDS of them."""
    storable = "".join(c for c in text if c != "\x00" and not "\ud800" <= c <= "\udfff")
    return storable.lower().split()[:MOST_WORDS]


def matching(rows: QuerySet[Customer], text: str) -> QuerySet[Customer]:
    """Those of `rows` that the text finds, in any order that an index of the table serves. All, for no word.

    Runs up to three queries itself, to choose the way the returned queryset goes.
    """
    words = words_of(text)
    if not words:
        return rows
    named = Q(pk__in=ids) if (ids := named_by(" ".join(words))) else Q()
    since = sample_starts()
    if since is None:
        return rows.filter(holds(words) | named) if named else rows.filter(holds(words))
    walked = holds(words, walking=True)
    sample = rows.filter(walked, created_at__gte=since).order_by()[:COMMON]
    if len(sample.values_list("pk")) < COMMON:
        found = few(rows.filter(holds(words)))
        if found is not None:
            return rows.filter(pk__in={*found, *ids})
    return rows.filter(walked | named) if named else rows.filter(walked)


def holds(words: list[str], *, walking: bool = False) -> Q:
    """The condition that the text of a customer holds every word: anywhere, short ones at the beginning of a word.

    As LIKE, which the trigram index serves; `walking` says the same in a way that no index serves and that the planner
    takes to be true of many rows, so that it reads the list in its order.
    """
    condition = Q()
    for word in words:
        if len(word) >= SHORT:
            condition &= found_in(word) if walking else Q(search_text__contains=word)
            continue
        begins = Q(search_text__startswith=word)
        for before in WORD_STARTS:
            begins |= found_in(before + word) if walking else Q(search_text__contains=before + word)
        condition &= begins
    return condition


def found_in(part: str) -> Q:
    """That the text of a customer holds a part, by its position."""
    return Q(GreaterThan(StrIndex(F("search_text"), Value(part)), 0))


def sample_starts() -> datetime | None:
    """Since when the newest SAMPLE customers were made; None in an organisation that has fewer. One index scan."""
    newest = Customer.objects.order_by("-created_at", "-id").values_list("created_at", flat=True)
    return newest[SAMPLE - 1 : SAMPLE].first()


def few(rows: QuerySet[Customer]) -> list[UUID] | None:
    """The ids of these rows when there are at most FEW of them, else None.

    Written as a materialised query because the planner would, for the sake of the limit, read the table until it has
    found enough, which with rare words is all of it.
    """
    sql, parameters = rows.order_by().values("pk").query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute(f"WITH found AS MATERIALIZED ({sql}) SELECT * FROM found LIMIT %s", [*parameters, FEW + 1])
        found = [pk for (pk,) in cursor.fetchall()]
    return found if len(found) <= FEW else None


def named_by(text: str) -> list[UUID]:
    """Whom an identifier belongs to that is the text, or begins with it from three characters on. One query.

    External ids in their own case and the person's present e-mail and phone are in `search_text` already: this finds
    former addresses and numbers, and anonymous ids. At most MOST_IDENTIFIERS.
    """
    values = {text}
    with suppress(ValueError):
        values.add(clean_phone(text) or text)
    kinds = CustomerIdentifier.Kind.values
    condition = Q(value__in=values)
    if len(text) >= SHORT:
        condition |= Q(value__gte=text, value__lt=text + LAST_CHARACTER, value__startswith=text)
    rows: Any = CustomerIdentifier.objects.filter(condition, kind__in=kinds, customer__isnull=False)
    return list(rows.order_by().values_list("customer_id", flat=True)[:MOST_IDENTIFIERS])
