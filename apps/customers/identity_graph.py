"""The people and identifiers that messages touch: read, settled by the rules, and written back."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import connection
from django.utils.timezone import now

from apps.customers.holders import HOLDERS, Holder, TableHolder
from apps.customers.identity_profiles import Changed, implied, keep_accounts, lock_people, refold
from apps.customers.identity_rules import (
    ANONYMOUS,
    EMAIL,
    LIMITS,
    PHONE,
    PRIORITY,
    RECORD,
    USER,
    Claim,
    Node,
    parents_of,
    root_of,
    within_limits,
)
from apps.customers.identity_statements import Said, columns_of, fold, lay_over, to_json
from apps.customers.models import ConsentRecord, Customer, CustomerIdentifier, CustomerMerge
from apps.outbox.services import emit
from cxm.ids import uuid7
from cxm.scope import current_tenant_id

CONSENTS: Final = TableHolder("consents", ConsentRecord, label="", represent=lambda row: {"id": str(row.pk)})
Follower = Callable[[list[UUID], UUID | None, UUID | None], None]
_followers: list[Follower] = []


class NeedsExclusive(Exception):
    """What is to be done needs the organisation's identity lock alone."""


def register_identity_follower(function: Follower) -> Follower:
    """Add what follows identities: `function(identity_ids, former, customer_id)` gives all rows of these identities
    that are filed under `former` (None: nobody) to another person, or to nobody."""
    if function not in _followers:
        _followers.append(function)
    return function


@dataclass(slots=True)
class Record:
    """A row of Customer as far as identity goes. ``person`` is where it stood when it was read."""

    id: UUID
    external_id: str | None
    person: UUID
    alias: Claim | None = None
    is_new: bool = False
    is_changed: bool = False
    said: Said = field(default_factory=dict)

    @property
    def node(self) -> Node:
        """Its place in the graph of the rules."""
        return (USER, self.external_id) if self.external_id else (RECORD, str(self.id))


@dataclass(slots=True)
class Ident:
    """A row of CustomerIdentifier. ``person`` is where it stood when it was read."""

    id: UUID
    node: Node
    person: UUID | None
    claim: Claim | None = None
    home: UUID | None = None
    barred: list[str] = field(default_factory=list)
    is_new: bool = False
    is_changed: bool = False
    said: Said = field(default_factory=dict)


@dataclass(slots=True)
class Merge:
    """A merge in force."""

    id: UUID
    merged: UUID
    kept: UUID
    how: str
    journal: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Entry:
    """One message: its identifiers, best first, its time, and what it says of the person."""

    nodes: tuple[Node, ...]
    at: datetime
    said: Said = field(default_factory=dict)
    alias_of: str | None = None


class Batch:
    """Many messages as sets: identifiers, the claims on each, and what was said under each."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self.nodes: dict[Node, None] = {}
        self.claims: dict[Node, dict[str, Claim]] = {}
        self.said: dict[Node, Said] = {}
        for entry in entries:
            self._add(entry)

    def _add(self, entry: Entry) -> None:
        if not entry.nodes:
            return
        best, *others = entry.nodes
        if best[0] == USER and entry.alias_of and entry.alias_of != best[1]:
            others += [(USER, entry.alias_of), (ANONYMOUS, entry.alias_of)]
        self.nodes[best] = None
        for node in others:
            self.nodes[node] = None
            claim = Claim.by(best, entry.at)
            claims = self.claims.setdefault(node, {})
            known = claims.get(claim.text)
            if known is None or claim < known:
                claims[claim.text] = claim
        if entry.said:
            lay_over(self.said.setdefault(best, {}), entry.said)

    def claim_on(self, node: Node, barred: Iterable[str] = ()) -> Claim | None:
        """The best claim of the batch on this identifier, those of barred holders aside."""
        return min((each for text, each in self.claims.get(node, {}).items() if text not in barred), default=None)

    def changes_known(self, graph: Graph) -> bool:
        """Whether something that is there already gets another claim, or a user id is to be another one."""
        for node in self.claims:
            if node[0] == USER:
                record = graph.users.get(node[1])
                if record is None or is_better(self.claim_on(node), record.alias):
                    return True
            elif (ident := graph.idents.get(node)) and is_better(self.claim_on(node, ident.barred), ident.claim):
                return True
        return False


def is_better(new: Claim | None, old: Claim | None) -> bool:
    """Whether a claim replaces another."""
    return new is not None and (old is None or new < old)


class Graph:
    """Records and identifiers, by what the rules call them.

    A graph made by `look_up` is partial: it holds only what messages name, which may get company but cannot move. One
    made by `load` holds everything of all people concerned.
    """

    def __init__(self, *, is_partial: bool) -> None:
        self.is_partial = is_partial
        self.records: dict[UUID, Record] = {}
        self.users: dict[str, Record] = {}
        self.idents: dict[Node, Ident] = {}
        self.units: dict[UUID, UUID | None] = {}
        self.merges: dict[UUID, Merge] = {}
        self.parents: dict[Node, Node] = {}
        self.person: dict[Node, UUID | None] = {}
        self.created: list[UUID] = []

    def add_record(self, record: Record) -> Record:
        """Put a record into the graph."""
        self.records[record.id] = record
        if record.external_id:
            self.users[record.external_id] = record
        return record

    def identity_of(self, node: Node) -> tuple[UUID, UUID | None]:
        """The id of a node's own row, and the person it belongs to."""
        if node[0] == USER:
            record = self.users[node[1]]
            return record.id, record.person
        ident = self.idents[node]
        return ident.id, ident.person

    # -- changing ------------------------------------------------------------------------------------------------

    def rows(self) -> list[Record | Ident]:
        """Records and identifiers."""
        return [*self.records.values(), *self.idents.values()]

    def bring_company(self, batch: Batch) -> bool:
        """Add what is new in a batch, in a partial graph; whether that can be written as it is (see `settle`).

        It cannot when a known holder would get more identifiers than count: then the earliest of all have to be found.
        Locks the people that get something.
        """
        self._add_new(batch)
        gains: dict[tuple[str, str], int] = defaultdict(int)
        people = {self._stored_person(node) for node in batch.said if not self._is_new(node)}
        for ident in self.idents.values():
            if ident.is_new and ident.claim is not None and not self._is_new(ident.claim.holder):
                gains[ident.claim.text, ident.node[0]] += 1
                people.add(self._stored_person(ident.claim.holder))
        lock_people(people)
        return not gains or not self._is_over_limit(gains)

    def bring_record(self, said: Said, nodes: Sequence[Node], at: datetime) -> Record:
        """Add a record that no user id names, with identifiers that are new: the first is its home (partial graph)."""
        pk = uuid7()
        record = self.add_record(Record(pk, None, pk, is_new=True, said=said))
        for position, node in enumerate(nodes):
            claim = Claim.by(record.node, at) if position else None
            self.idents[node] = Ident(uuid7(), node, None, claim, None if position else pk, is_new=True)
        return record

    def bring(self, batch: Batch) -> None:
        """Add what is new in a batch, and its claims on what is there, in a full graph."""
        self._add_new(batch)
        for node in batch.claims:
            self._claim(node, batch)

    @property
    def has_news(self) -> bool:
        """Whether anything in it is not stored yet."""
        return any(row.is_new for row in self.rows())

    def _is_new(self, node: Node) -> bool:
        return self.users[node[1]].is_new if node[0] == USER else self.idents[node].is_new

    def _is_new_record(self, pk: UUID) -> bool:
        return pk in self.records and self.records[pk].is_new

    def _stored_person(self, node: Node) -> UUID | None:
        return self.users[node[1]].person if node[0] == USER else self.idents[node].person

    def _add_new(self, batch: Batch) -> None:
        for node in batch.nodes:
            if node[0] == USER:
                if node[1] not in self.users:
                    pk = uuid7()
                    self.add_record(Record(pk, node[1], pk, is_new=True, said=batch.said.get(node, {})))
            elif node not in self.idents:
                claim = batch.claim_on(node)
                self.idents[node] = Ident(uuid7(), node, None, claim=claim, is_new=True, said=batch.said.get(node, {}))

    def _claim(self, node: Node, batch: Batch) -> None:
        if node[0] == USER:
            record = self.users[node[1]]
            claim = batch.claim_on(node)
            if is_better(claim, record.alias):
                record.alias, record.is_changed = claim, True
        else:
            ident = self.idents[node]
            claim = batch.claim_on(node, ident.barred)
            if is_better(claim, ident.claim):
                ident.claim, ident.is_changed = claim, True

    @staticmethod
    def _is_over_limit(gains: dict[tuple[str, str], int]) -> bool:
        """Whether a known holder gets more identifiers of a kind than count; the holders are locked."""
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT claimed_by, kind, count(*) FROM customers_customeridentifier"
                " WHERE tenant_id = %s AND claimed_by = ANY(%s) AND claimed_by <> '' GROUP BY claimed_by, kind",
                [str(current_tenant_id()), sorted({text for text, _kind in gains})],
            )
            known = {(text, kind): count for text, kind, count in cursor.fetchall()}
        return any(count + known.get(gain, 0) > LIMITS[gain[1]] for gain, count in gains.items())

    # -- settling ------------------------------------------------------------------------------------------------

    def settle(
        self,
        *,
        said: dict[Node, Said] | None = None,
        join: dict[UUID, UUID] | None = None,
        part: Iterable[UUID] = (),
        by: UUID | None = None,
    ) -> list[Changed]:
        """Give everything to whom the rules say, and write what that changes.

        Args:
            said: statements to lay over those there are, by the identifier they came under.
            join: records that a colleague merges, and into which.
            part: records whose merge a colleague undoes.
            by: the id of that colleague.
        """
        joined = {merge.merged: merge.kept for merge in self.merges.values() if merge.how == CustomerMerge.How.HAND}
        for merged in part:
            joined.pop(merged, None)
        joined |= join or {}
        claims = self._claims_in_force()
        if not self.is_partial:
            self._adopt(claims, set(joined))
            claims = self._claims_in_force()
        homes = {
            ident.node: self.records[ident.home].node
            for ident in self.idents.values()
            if ident.home in self.records and (ident.is_new or not self.is_partial)
        }
        self.parents = parents_of(
            claims, homes, {self.records[a].node: self.records[b].node for a, b in joined.items()}
        )
        self._find_people()
        return self._write(said or {}, set(joined), by)

    def _claims_in_force(self) -> dict[Node, Claim]:
        """The claims whose holder is there; in a partial graph only those of what is new."""
        claims: dict[Node, Claim] = {}
        for ident in self.idents.values():
            if ident.claim is not None and (ident.is_new or not self.is_partial) and self._has(ident.claim.holder):
                claims[ident.node] = ident.claim
        if not self.is_partial:
            for record in self.users.values():
                if record.alias is not None and self._has(record.alias.holder):
                    claims[record.node] = record.alias
        return claims

    def _has(self, node: Node) -> bool:
        if node[0] == USER:
            return node[1] in self.users
        return UUID(node[1]) in self.records if node[0] == RECORD else node in self.idents

    def _adopt(self, claims: dict[Node, Claim], joined: set[UUID]) -> None:
        """A record known by a lesser identifier alone becomes that of its holder, when that has none yet."""
        counting = within_limits(claims)
        candidates = sorted(
            (ident.home, ident.node) for ident in self.idents.values() if ident.home and ident.node in counting
        )
        for home, node in candidates:
            record = self.records.get(home)
            if record is None or record.external_id or record.id in joined:
                continue
            holder = node
            while holder in counting and holder[0] not in (USER, RECORD):
                holder = claims[holder].holder
            ident = self.idents[node]
            if holder[0] == USER and self.users[holder[1]].is_new:
                made = self.users[holder[1]]
                del self.records[made.id]
                record.external_id, record.alias, record.said = made.external_id, made.alias, made.said
                record.is_changed = True
                self.users[holder[1]] = record
                self.rename_holder((RECORD, str(record.id)), record.node)
            elif holder[0] in (EMAIL, PHONE) and holder != node and self.idents[holder].home is None:
                self.idents[holder].home, self.idents[holder].is_changed = record.id, True
            else:
                continue
            ident.home, ident.is_changed = None, True

    def rename_holder(self, old: Node, new: Node, at: datetime | None = None) -> None:
        """Let a record keep what it holds when its external id changes (``at``: by hand, then).

        An identifier that was its home is claimed by the new user id; when the user id is taken away, the best address
        or number becomes the home.
        """
        held = [ident for ident in self.idents.values() if ident.claim is not None and ident.claim.holder == old]
        for ident in held:
            if ident.claim is not None:
                ident.claim, ident.is_changed = Claim.by(new, ident.claim.at), True
        for record in self.records.values():
            if record.alias is not None and record.alias.holder == old:
                record.alias = Claim.by(new, record.alias.at) if new[0] == USER else None
                record.is_changed = True
        if at is None:
            return
        if new[0] == USER:
            for ident in self.idents.values():
                if ident.home is not None and self.records[ident.home].node == new:
                    ident.home, ident.is_changed = None, True
                    ident.claim = ident.claim or Claim.by(new, at)
        elif candidates := sorted(ident.node for ident in held if ident.node[0] in (EMAIL, PHONE)):
            home = self.idents[candidates[0]]
            home.home, home.claim = UUID(new[1]), None

    def _find_people(self) -> None:
        nodes: list[Node] = [record.node for record in self.records.values()]
        nodes += sorted(self.idents, key=lambda node: (PRIORITY[node[0]], node[1]))
        for node in nodes:
            root = root_of(node, self.parents)
            if root[0] == USER:
                record = self.users[root[1]]
                self.person[node] = record.person if self.is_partial and not record.is_new else record.id
            elif root[0] == RECORD:
                self.person[node] = UUID(root[1])
            elif self.is_partial and not self.idents[root].is_new:
                self.person[node] = self.idents[root].person
            elif root[0] == ANONYMOUS:
                self.person[node] = None
            else:
                pk = uuid7()
                record = self.add_record(Record(pk, None, pk, is_new=True))
                ident = self.idents[root]
                ident.home, ident.is_changed = pk, True
                self.parents[root] = record.node
                self.person[node] = self.person[record.node] = pk

    def _record_above(self, record: Record) -> Record | None:
        """The record this one is directly part of."""
        node = self.parents.get(record.node)
        while node is not None and node[0] not in (USER, RECORD):
            node = self.parents.get(node)
        if node is None or node == record.node:
            return None
        return self.users[node[1]] if node[0] == USER else self.records[UUID(node[1])]

    # -- writing -------------------------------------------------------------------------------------------------

    def _write(self, said: dict[Node, Said], joined: set[UUID], by: UUID | None) -> list[Changed]:
        records = list(self.records.values())
        idents = list(self.idents.values())
        moved: dict[tuple[UUID | None, UUID | None], list[UUID]] = defaultdict(list)
        for row in self.rows():
            if not row.is_new and row.person != self.person[row.node]:
                moved[row.person, self.person[row.node]].append(row.id)
        affected: set[UUID] = {person for pair in moved for person in pair if person is not None}
        for ident in idents:
            person = self.person[ident.node]
            if person is None or not (ident.is_new or ident.is_changed):
                continue
            if not self._is_new_record(person) and (ident.said or ident.node[0] in (EMAIL, PHONE)):
                affected.add(person)
        for record in records:
            person = self.person[record.node]
            if record.is_new and record.said and person is not None and not self._is_new_record(person):
                affected.add(person)
        laid = [node for node in said if not self._is_new(node)]
        statements = {self.identity_of(node)[0]: said[node] for node in laid}
        affected |= {person for person in map(self.person.get, laid) if person is not None}
        undone, made = ([], []) if self.is_partial else self._merges(joined)
        for merge in undone:
            self._give_back(merge)
        self._insert_records([record for record in records if record.is_new])
        self._update_records([record for record in records if not record.is_new])
        self._insert_idents([ident for ident in idents if ident.is_new])
        self._update_idents([ident for ident in idents if not ident.is_new])
        for merge in undone:
            CustomerMerge.objects.filter(pk=merge.id).update(undone_at=now(), undone_by=by)
        for merge in made:
            self._hand_over(merge, by)
        for (former, person), ids in moved.items():
            for follow in _followers:
                follow(ids, former, person)
        for record in records:
            record.person = self.person[record.node] or record.id
        for ident in idents:
            ident.person = self.person[ident.node]
        self.created = created = [row.id for row in records if row.is_new and row.person == row.id]
        changes = refold(affected, statements)
        for change in changes:
            self.units[change.customer_id] = change.unit_id
        keep_accounts(record.said["account"][0] for record in records if record.is_new and "account" in record.said)
        if created:
            emit("customers.customer_created", {"customers": [str(pk) for pk in created]})
        made_now = set(created)
        told = [change for change in changes if change.fields and change.customer_id not in made_now]
        if told:
            people = [str(change.customer_id) for change in told]
            fields = sorted({name.partition(".")[0] for change in told for name in change.fields})
            emit("customers.customer_updated", {"customers": people, "fields": fields})
        for merge in undone:
            emit("customers.customers_unmerged", _told_of(merge))
        for merge in made:
            emit("customers.customers_merged", _told_of(merge))
        for row in self.rows():
            row.is_new = row.is_changed = False
        return changes

    def _merges(self, joined: set[UUID]) -> tuple[list[Merge], list[Merge]]:
        """The merges that are no longer, deepest first, and those that are new."""
        undone: list[Merge] = []
        made: list[Merge] = []
        for record in self.records.values():
            above = self._record_above(record)
            active = self.merges.get(record.id)
            if active is not None and (above is None or above.id != active.kept):
                undone.append(active)
            if above is not None and (active is None or active.kept != above.id):
                journal: dict[str, Any] = {"holders": {}}
                if record.id in joined:
                    how = CustomerMerge.How.HAND
                elif record.external_id:
                    how = CustomerMerge.How.ALIAS
                else:
                    how = CustomerMerge.How.IDENTIFIED
                    journal["by"] = [
                        [*ident.node] for ident in self.idents.values() if ident.home == record.id and ident.claim
                    ]
                made.append(Merge(uuid7(), record.id, above.id, how.value, journal))
        undone.sort(key=lambda merge: -self._depth(merge))
        return undone, made

    def _depth(self, merge: Merge) -> int:
        depth, seen = 0, {merge.merged}
        up: Merge | None = merge
        while up is not None and up.kept not in seen:
            seen.add(up.kept)
            depth += 1
            up = self.merges.get(up.kept)
        return depth

    def _give_back(self, merge: Merge) -> None:
        """What was moved when this record, and those merged into it, were merged goes back to it."""
        record = self.records[merge.merged]
        below = [merge]
        for each in below:
            below += [other for other in self.merges.values() if other.kept == each.merged and other not in below]
        for name, holder in movables().items():
            ids = [pk for each in below for pk in each.journal.get("holders", {}).get(name, [])]
            if ids:
                holder.move_back(ids, record.id, record.person)

    def _hand_over(self, merge: Merge, by: UUID | None) -> None:
        """Move what the merged record has to its person, and keep the journal."""
        record = self.records[merge.merged]
        person = self.person[record.node]
        if not record.is_new and person is not None:
            # Whoever is filing something under this record right now is waited for, so that it is moved as well.
            Customer.records.select_for_update().filter(pk=record.id).values_list("pk").first()
            for name, holder in movables().items():
                ids = holder.move(record.id, person)
                if ids:
                    merge.journal["holders"][name] = ids
        CustomerMerge.objects.create(
            id=merge.id,
            kept_id=merge.kept,
            merged_id=merge.merged,
            how=merge.how,
            journal=merge.journal,
            merged_by_id=by,
        )
        self.merges[merge.merged] = merge

    def _insert_records(self, records: list[Record]) -> None:
        if not records:
            return
        under: dict[UUID, list[Said]] = defaultdict(list)
        for ident in self.idents.values():
            person = self.person[ident.node]
            if ident.is_new and person is not None:
                under[person] += [ident.said, implied(*ident.node, ident.claim.at if ident.claim else None)]
        for record in records:
            person = self.person[record.node]
            if person is not None and person != record.id:
                under[person].append(record.said)
        rows = []
        for record in sorted(records, key=lambda each: (each.external_id or "", each.id)):
            person = self.person[record.node]
            whole = fold([record.said, *under[record.id]])
            columns = columns_of(whole)
            rows.append(
                {
                    "id": str(record.id),
                    "external_id": record.external_id,
                    "unit_id": columns.pop("unit"),
                    **columns,
                    "base": None if whole == record.said else to_json(record.said),
                    "merged_into_id": None if person == record.id else str(person),
                    "alias_of": record.alias.value if record.alias else "",
                    "alias_at": record.alias.at.isoformat() if record.alias else None,
                }
            )
            self.units[record.id] = UUID(rows[-1]["unit_id"]) if rows[-1]["unit_id"] else None
        if self._run(INSERT_RECORDS, rows, now()) < len(rows):
            raise NeedsExclusive

    def _update_records(self, records: list[Record]) -> None:
        rows = []
        for record in records:
            person = self.person[record.node]
            if record.is_changed or person != record.person:
                rows.append(
                    {
                        "id": str(record.id),
                        "external_id": record.external_id,
                        "merged_into_id": None if person == record.id else str(person),
                        "alias_of": record.alias.value if record.alias else "",
                        "alias_at": record.alias.at.isoformat() if record.alias else None,
                    }
                )
        self._run(UPDATE_RECORDS, rows, now())

    def _insert_idents(self, idents: list[Ident]) -> None:
        rows = [self._ident_row(ident) for ident in sorted(idents, key=lambda each: each.node)]
        if self._run(INSERT_IDENTS, rows, now()) < len(rows):
            raise NeedsExclusive

    def _update_idents(self, idents: list[Ident]) -> None:
        rows = [
            self._ident_row(ident) for ident in idents if ident.is_changed or ident.person != self.person[ident.node]
        ]
        self._run(UPDATE_IDENTS, rows)

    def _ident_row(self, ident: Ident) -> dict[str, Any]:
        person = self.person[ident.node]
        return {
            "id": str(ident.id),
            "kind": ident.node[0],
            "value": ident.node[1],
            "customer_id": str(person) if person else None,
            "claimed_by": ident.claim.text if ident.claim else "",
            "claimed_at": ident.claim.at.isoformat() if ident.claim else None,
            "traits": to_json(ident.said),
            "home_id": str(ident.home) if ident.home else None,
            "barred": ident.barred,
        }

    def _run(self, sql: str, rows: list[dict[str, Any]], *more: Any) -> int:
        if not rows:
            return 0
        with connection.cursor() as cursor:
            cursor.execute(sql, [str(current_tenant_id()), *more, json.dumps(rows)])
            return cursor.rowcount


def movables() -> dict[str, Holder]:
    """Who gives what they hold to another record: this app with the consents, and all above."""
    return {"consents": CONSENTS, **HOLDERS}


def _told_of(merge: Merge) -> dict[str, Any]:
    """What the event of a merge or its undoing says."""
    kept, merged = str(merge.kept), str(merge.merged)
    return {"customers": [kept, merged], "kept": kept, "merged": merged}


INSERT_RECORDS = """
INSERT INTO customers_customer (tenant_id, id, external_id, email, phone, name, stage, account, unit_id, language,
    timezone, attributes, said_at, base, alias_of, alias_at, merged_into_id, created_at, updated_at)
SELECT %s, r.id, r.external_id, r.email, r.phone, r.name, r.stage, r.account, r.unit_id, r.language, r.timezone,
    r.attributes, r.said_at, NULLIF(r.base, 'null'::jsonb), r.alias_of, r.alias_at, r.merged_into_id, m.at, m.at
FROM (SELECT %s::timestamptz AS at) AS m, jsonb_to_recordset(%s) AS r(id uuid, external_id text, email text,
    phone text, name text, stage text, account text, unit_id uuid, language text, timezone text, attributes jsonb,
    said_at jsonb, base jsonb, alias_of text, alias_at timestamptz, merged_into_id uuid)
ON CONFLICT DO NOTHING
"""
UPDATE_RECORDS = """
UPDATE customers_customer AS c SET external_id = r.external_id, merged_into_id = r.merged_into_id,
    alias_of = r.alias_of, alias_at = r.alias_at, updated_at = m.at
FROM (SELECT %s::uuid AS tenant_id, %s::timestamptz AS at) AS m, jsonb_to_recordset(%s) AS r(id uuid,
    external_id text, merged_into_id uuid, alias_of text, alias_at timestamptz)
WHERE c.tenant_id = m.tenant_id AND c.id = r.id
"""
INSERT_IDENTS = """
INSERT INTO customers_customeridentifier
    (tenant_id, id, kind, value, customer_id, claimed_by, claimed_at, traits, home_id, barred, created_at)
SELECT %s, r.id, r.kind, r.value, r.customer_id, r.claimed_by, r.claimed_at, r.traits, r.home_id, r.barred, m.at
FROM (SELECT %s::timestamptz AS at) AS m,
    jsonb_to_recordset(%s) AS r(id uuid, kind text, value text, customer_id uuid, claimed_by text,
    claimed_at timestamptz, traits jsonb, home_id uuid, barred jsonb)
ON CONFLICT DO NOTHING
"""
UPDATE_IDENTS = """
UPDATE customers_customeridentifier AS i SET customer_id = r.customer_id, claimed_by = r.claimed_by,
    claimed_at = r.claimed_at, home_id = r.home_id, barred = r.barred
FROM (SELECT %s::uuid AS tenant_id) AS m, jsonb_to_recordset(%s) AS r(id uuid, customer_id uuid, claimed_by text,
    claimed_at timestamptz, home_id uuid, barred jsonb)
WHERE i.tenant_id = m.tenant_id AND i.id = r.id
"""
LOOK_UP = """
SELECT 'user_id', c.external_id, c.id, COALESCE(c.merged_into_id, c.id), COALESCE(p.unit_id, c.unit_id),
    c.alias_of, c.alias_at, NULL::uuid, NULL::jsonb
FROM customers_customer c
LEFT JOIN customers_customer p ON p.tenant_id = c.tenant_id AND p.id = c.merged_into_id
WHERE c.tenant_id = %s AND c.external_id = ANY(%s::varchar[])
UNION ALL
SELECT i.kind, i.value, i.id, i.customer_id, p.unit_id, i.claimed_by, i.claimed_at, i.home_id, i.barred
FROM unnest(%s::varchar[], %s::varchar[]) AS n(kind, value)
JOIN customers_customeridentifier i ON i.tenant_id = %s AND i.kind = n.kind AND i.value = n.value
LEFT JOIN customers_customer p ON p.tenant_id = i.tenant_id AND p.id = i.customer_id
"""


def look_up(nodes: Iterable[Node]) -> Graph:
    """What is there of these identifiers. One query."""
    graph = Graph(is_partial=True)
    nodes = list(nodes)
    if not nodes:
        return graph
    users = [value for kind, value in nodes if kind == USER]
    others = [node for node in nodes if node[0] != USER]
    tenant_id = str(current_tenant_id())
    kinds, values = [kind for kind, _value in others], [value for _kind, value in others]
    with connection.cursor() as cursor:
        cursor.execute(LOOK_UP, [tenant_id, users, kinds, values, tenant_id])
        for kind, value, pk, person, unit, claimed_by, claimed_at, home, barred in cursor.fetchall():
            if kind == USER:
                alias = Claim.by((USER, claimed_by), claimed_at) if claimed_by else None
                graph.add_record(Record(pk, value, person, alias))
            else:
                claim = Claim.read(claimed_by, claimed_at)
                graph.idents[kind, value] = Ident(pk, (kind, value), person, claim, home, as_list(barred))
            if person is not None:
                graph.units[person] = unit
    return graph


def as_list(value: Any) -> list[str]:
    """A JSON list, whether or not the driver has read it."""
    return json.loads(value) if isinstance(value, str) else list(value or ())


RECORD_FIELDS = ("id", "external_id", "merged_into_id", "alias_of", "alias_at", "unit_id")
IDENT_FIELDS = ("id", "kind", "value", "customer_id", "claimed_by", "claimed_at", "home_id", "barred")


def load(nodes: Iterable[Node] = (), *, people: Iterable[UUID] = ()) -> Graph:
    """Everything of all people that these identifiers belong to or compete with. Under the exclusive lock.

    Holders and what they hold are followed until nothing new appears: three queries a round, two rounds as a rule.
    """
    graph = Graph(is_partial=False)
    nodes = list(nodes)
    users = {value for kind, value in nodes if kind == USER}
    keys = {node for node in nodes if node[0] not in (USER, RECORD)}
    ids = set(people)
    sought_users: set[str] = set()
    sought_keys: set[Node] = set()
    sought_ids: set[UUID] = set()
    sought_holders: set[str] = set()
    holders: set[str] = set()
    while users - sought_users or ids - sought_ids or keys - sought_keys or holders - sought_holders:
        new_users, new_ids = users - sought_users, ids - sought_ids
        sought_users, sought_ids = set(users), set(ids)
        for record in _records(new_users, new_ids):
            if record[0] not in graph.records:
                pk, external_id, merged_into, alias_of, alias_at, unit = record
                alias = Claim.by((USER, alias_of), alias_at) if alias_of else None
                graph.add_record(Record(pk, external_id, merged_into or pk, alias))
                if merged_into is None:
                    graph.units[pk] = unit
                ids |= {pk, merged_into or pk}
                holders.add(f"{USER}:{external_id}" if external_id else f"{RECORD}:{pk}")
                if alias_of:
                    users.add(alias_of)
        new_keys, new_holders = keys - sought_keys, holders - sought_holders
        sought_keys, sought_holders = set(keys), set(holders)
        for pk, kind, value, person, claimed_by, claimed_at, home, barred in _idents(new_keys, new_holders, new_ids):
            node = (kind, value)
            if node in graph.idents:
                continue
            claim = Claim.read(claimed_by, claimed_at)
            graph.idents[node] = Ident(pk, node, person, claim, home, list(barred))
            keys.add(node)
            sought_keys.add(node)
            holders.add(f"{kind}:{value}")
            ids |= {each for each in (person, home) if each is not None}
            if claim is not None:
                if claim.kind == USER:
                    users.add(claim.value)
                elif claim.kind == RECORD:
                    ids.add(UUID(claim.value))
                else:
                    keys.add(claim.holder)
    for merge in CustomerMerge.objects.filter(merged__in=list(graph.records), undone_at=None):
        graph.merges[merge.merged_id] = Merge(merge.pk, merge.merged_id, merge.kept_id, merge.how, merge.journal)
    return graph


def _records(users: set[str], ids: set[UUID]) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = []
    if users:
        rows += Customer.records.filter(external_id__in=users).values_list(*RECORD_FIELDS)
    if ids:
        rows += Customer.records.filter(pk__in=ids).values_list(*RECORD_FIELDS)
        rows += Customer.records.filter(merged_into__in=ids).values_list(*RECORD_FIELDS)
    return rows


def _idents(keys: set[Node], holders: set[str], people: set[UUID]) -> list[tuple[Any, ...]]:
    found: list[tuple[Any, ...]] = []
    rows = CustomerIdentifier.objects.all()
    for kind in {kind for kind, _value in keys}:
        found += rows.filter(kind=kind, value__in=[v for k, v in keys if k == kind]).values_list(*IDENT_FIELDS)
    if holders:
        found += rows.filter(claimed_by__in=holders).exclude(claimed_by="").values_list(*IDENT_FIELDS)
    if people:
        found += rows.filter(customer__in=people).values_list(*IDENT_FIELDS)
        found += rows.filter(home__in=people).values_list(*IDENT_FIELDS)
    return found
