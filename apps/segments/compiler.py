"""From a rule to one SQL query for the ids of the customers who meet it.

    SELECT c.id FROM customers_customer c LEFT JOIN (...) s0 ON s0.customer_id = c.id ... WHERE <person> AND <condition>

Every condition on events, answers, consent or a list is a set of customer ids, computed once and joined by hash: no
subquery depends on a row outside, and NOT is `s0.customer_id IS NULL`, which no NULL can spoil (docs/adr/0100). The
segments that a rule refers to are written out, so that a rule is always asked at one moment. Each set names the
organisation by itself, and a window on events is a range of ids, so that other months are not read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from apps.organizations.models import Organization
from apps.organizations.queries import unit_tree
from apps.organizations.unit_tree import UnitTree
from apps.segments.comparisons import Binder, Clock, compare_json, compare_moment, compare_text, negated
from apps.segments.describe import units_of
from apps.segments.references import referred_segments, stored_rules
from apps.segments.rule import (
    NEGATIONS,
    AnswerLeaf,
    AttributeLeaf,
    BucketLeaf,
    Comparison,
    ConsentLeaf,
    EventLeaf,
    FieldLeaf,
    Group,
    Leaf,
    Rule,
    SegmentLeaf,
    SequenceLeaf,
    Step,
    Window,
)
from apps.surveys.models import Response
from cxm.partitions import lowest_id
from cxm.scope import current_tenant_id

EARLIEST, LATEST = datetime(1000, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)
"""Windows are cut to this, where every sum of a time and some days still is a time."""
BUCKETS = 2**32

PEOPLE = "c.tenant_id = %(tenant)s AND c.merged_into_id IS NULL AND c.restricted_at IS NULL"
"""Who can belong to a segment: people, not records merged into one, and nobody whose data must not be used."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What compiling needs to know of the organisation in force."""

    zone: str
    states: tuple[str, ...]
    rules: Mapping[UUID, Rule | None] = field(default_factory=dict)
    tree: UnitTree | None = None


@dataclass(frozen=True, slots=True)
class Compiled:
    """A query for customer ids (one column, ``id``) and its parameters."""

    sql: str
    params: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Dependencies:
    """What a rule looks at, with all that it refers to: so what must happen before its members can change."""

    customer: bool = False
    account: bool = False
    answers: bool = False
    consent: bool = False
    unit: bool = False
    dates: bool = False
    is_time_bound: bool = False
    events: frozenset[str] = frozenset()
    segments: frozenset[UUID] = frozenset()


def read_facts(*rules: Rule) -> Facts:
    """The facts that these rules need: one query, one more each if they refer to segments or name units."""
    organization = Organization.objects.only("timezone", "include_provisional").get(pk=current_tenant_id())
    stored = stored_rules() if any(isinstance(leaf, SegmentLeaf) for rule in rules for leaf in rule.leaves()) else {}
    every = (*rules, *(rule for rule in stored.values() if rule is not None))
    names_unit = any(isinstance(leaf, FieldLeaf) and leaf.field == "unit" for rule in every for leaf in rule.leaves())
    states = Response.State
    provisional = (states.PROVISIONAL_INTERACTION, states.PROVISIONAL_DWELL)
    counted = (states.SUBMITTED, *provisional) if organization.include_provisional else (states.SUBMITTED,)
    return Facts(
        zone=organization.timezone,
        states=tuple(str(state) for state in counted),
        rules=stored,
        tree=unit_tree() if names_unit else None,
    )


def compile_rule(
    rule: Rule, *, at: datetime, facts: Facts | None = None, customers: Sequence[UUID] | None = None
) -> Compiled:
    """The query for everybody who meets the rule at a moment, or for those of ``customers`` who do.

    With ``customers`` every set is limited to them, so that the cost is theirs and not the organisation's.
    """
    compiler = _Compiler(Clock(at, (facts := facts or read_facts(rule)).zone), facts, customers)
    condition = compiler.condition(rule)
    among = f" AND c.id = ANY({compiler.among})" if compiler.among else ""
    sql = f"SELECT c.id FROM customers_customer c{compiler.joins()} WHERE {PEOPLE}{among} AND {condition}"
    return Compiled(sql, compiler.binder.values)


def dependencies(rule: Rule, rules: Mapping[UUID, Rule | None]) -> Dependencies:
    """What a rule depends on. Pure; ``rules``: those of every segment it may refer to."""
    referred = referred_segments(rule, rules)
    leaves = [leaf for other in (rule, *(rules.get(pk) for pk in referred)) if other for leaf in other.leaves()]
    fields = [leaf for leaf in leaves if isinstance(leaf, FieldLeaf)]
    attributes = [leaf for leaf in leaves if isinstance(leaf, AttributeLeaf)]
    timed = [leaf for leaf in leaves if isinstance(leaf, EventLeaf | SequenceLeaf | AnswerLeaf)]
    tests = [leaf.test for leaf in leaves if isinstance(leaf, FieldLeaf | AttributeLeaf | AnswerLeaf)]
    steps = [step for leaf in timed for step in steps_of(leaf)]
    tests += [condition.test for step in steps for condition in step.where]
    relative = any(test.op in ("within_last_days", "more_than_days_ago") for test in tests)
    return Dependencies(
        customer=bool(fields) or bool(attributes),
        account=any(leaf.of_account for leaf in attributes),
        answers=any(isinstance(leaf, AnswerLeaf) for leaf in leaves),
        consent=any(isinstance(leaf, ConsentLeaf) for leaf in leaves),
        unit=any(leaf.field == "unit" for leaf in fields),
        dates=bool(timed) or bool(tests),
        is_time_bound=relative or any(leaf.window.days is not None for leaf in timed),
        events=frozenset(step.event for step in steps),
        segments=frozenset(referred),
    )


def steps_of(leaf: Leaf) -> tuple[Step, ...]:
    """The events that a condition names."""
    if isinstance(leaf, EventLeaf):
        return (leaf.step,)
    return (leaf.first, leaf.then) if isinstance(leaf, SequenceLeaf) else ()


class _Compiler:
    """Writes one query."""

    def __init__(self, clock: Clock, facts: Facts, customers: Sequence[UUID] | None) -> None:
        self.clock, self.facts = clock, facts
        self.binder = Binder({"tenant": current_tenant_id()})
        self.among = "" if customers is None else self.binder.bind([str(pk) for pk in customers], "::uuid[]")
        self.sets: dict[str, str] = {}
        self.written: dict[UUID, str] = {}
        self.uses_account = False

    def joins(self) -> str:
        """The joins that the conditions asked for."""
        account = " LEFT JOIN customers_account a ON a.tenant_id = %(tenant)s AND a.key = c.account"
        sets = "".join(f" LEFT JOIN ({sql}) {name} ON {name}.customer_id = c.id" for sql, name in self.sets.items())
        return (account if self.uses_account else "") + sets

    def condition(self, group: Group) -> str:
        """A group as a condition on the row ``c``."""
        parts = [self.condition(part) if isinstance(part, Group) else self.leaf(part) for part in group.parts]
        if group.mode == "all":
            return f"({' AND '.join(parts)})" if parts else "TRUE"
        some = f"({' OR '.join(parts)})" if parts else "FALSE"
        return negated(some) if group.mode == "none" else some

    def leaf(self, leaf: Leaf) -> str:
        """One condition on the row ``c``."""
        if isinstance(leaf, FieldLeaf):
            return self.field(leaf)
        if isinstance(leaf, AttributeLeaf):
            self.uses_account |= leaf.of_account
            value = f"({'a' if leaf.of_account else 'c'}.attributes -> {self.binder.bind(leaf.name)})"
            return compare_json(value, leaf.test, self.binder, self.clock)
        if isinstance(leaf, EventLeaf):
            return self.event(leaf)
        if isinstance(leaf, SequenceLeaf):
            return self.is_in(self.sequence(leaf))
        if isinstance(leaf, AnswerLeaf):
            return self.answer(leaf)
        if isinstance(leaf, SegmentLeaf):
            return self.segment(leaf)
        if isinstance(leaf, ConsentLeaf):
            return self.consent(leaf)
        return self.bucket(leaf)

    def is_in(self, sql: str) -> str:
        """The condition that the customer is in the set that a query with a unique ``customer_id`` gives."""
        return f"{self.set_of(sql)}.customer_id IS NOT NULL"

    def set_of(self, sql: str) -> str:
        """The name under which a set is joined; equal sets are joined once."""
        return self.sets.setdefault(sql, f"s{len(self.sets)}")

    def of_customers(self, alias: str) -> str:
        """The beginning of every WHERE on a table with customers."""
        among = f" AND {alias}.customer_id = ANY({self.among})" if self.among else ""
        return f"{alias}.tenant_id = %(tenant)s AND {alias}.customer_id IS NOT NULL{among}"

    # -- the customer's own row

    def field(self, leaf: FieldLeaf) -> str:
        """A condition on a column. A unit stands for its whole branch."""
        if leaf.field == "created_at":
            return compare_moment("c.created_at", leaf.test, self.binder, self.clock)
        if leaf.field == "unit":
            op = NEGATIONS.get(leaf.test.op, leaf.test.op)
            branch = self.facts.tree.branches(units_of(leaf)) if self.facts.tree else frozenset()
            ids = self.binder.bind(sorted(str(pk) for pk in branch), "::uuid[]")
            some = "c.unit_id IS NOT NULL" if op == "exists" else f"c.unit_id = ANY({ids})"
            return negated(some) if leaf.test.op in NEGATIONS else some
        return compare_text(f"c.{leaf.field}", leaf.test, self.binder)

    def bucket(self, leaf: BucketLeaf) -> str:
        """The first 32 bits of md5(salt ':' id) as a share of all their values (docs/segments.md has test vectors)."""
        digest = f"md5({self.binder.bind(leaf.salt)} || ':' || c.id::text)"
        number = f"('x' || left({digest}, 8))::bit(32)::bigint * 10000"
        start, end = (self.binder.bind(round(share * 100) * BUCKETS) for share in (leaf.start, leaf.end))
        return f"({number} >= {start} AND {number} < {end})"

    def segment(self, leaf: SegmentLeaf) -> str:
        """A live segment is written out, a static one is its list."""
        if leaf.segment not in self.written:
            rule = self.facts.rules.get(leaf.segment)
            if rule is not None:
                self.written[leaf.segment] = self.condition(rule)
            else:
                segment = self.binder.bind(str(leaf.segment), "::uuid")
                where = f"{self.of_customers('m')} AND m.segment_id = {segment}"
                self.written[leaf.segment] = self.is_in(
                    f"SELECT m.customer_id FROM segments_segmentmember m WHERE {where}"
                )
        return self.written[leaf.segment]

    def consent(self, leaf: ConsentLeaf) -> str:
        """The newest statement for the channel or for any channel is in force."""
        channels = self.binder.bind(sorted({leaf.channel, "any"}), "::text[]")
        name = self.set_of(
            "SELECT DISTINCT ON (k.customer_id) k.customer_id, k.state FROM customers_consentrecord k"
            f" WHERE {self.of_customers('k')} AND k.purpose = {self.binder.bind(leaf.purpose)}"
            f" AND k.channel = ANY({channels}) ORDER BY k.customer_id, k.at DESC, k.id DESC"
        )
        if leaf.state == "unknown":
            return f"{name}.customer_id IS NULL"
        return f"{name}.state = {self.binder.bind(leaf.state)}"

    # -- events

    def event(self, leaf: EventLeaf) -> str:
        """Customers by how often an event happened; those to whom it never did are the rest of some set."""
        opposite = {"=": "<>", "!=": "=", "<": ">=", "<=": ">", ">": "<=", ">=": "<"}[leaf.count_op]
        op = opposite if leaf.takes_none else {"!=": "<>"}.get(leaf.count_op, leaf.count_op)
        having = f" HAVING count(*) {op} {self.binder.bind(leaf.count)}"
        if (op, leaf.count) in ((">=", 1), (">", 0), ("<>", 0)):
            having = ""
        where = f"{self.of_customers('i')} AND {self.step(leaf.step)}{self.within(leaf.window)}"
        name = self.set_of(
            f"SELECT i.customer_id FROM interactions_interaction i WHERE {where} GROUP BY i.customer_id{having}"
        )
        return f"{name}.customer_id IS {'NULL' if leaf.takes_none else 'NOT NULL'}"

    def step(self, step: Step) -> str:
        """The condition that the row ``i`` is such an event."""
        conditions = [f"i.event = {self.binder.bind(step.event)}"]
        if step.channel:
            conditions.append(f"i.channel = {self.binder.bind(step.channel)}")
        for condition in step.where:
            value = self.property(condition.property)
            conditions.append(compare_json(value, condition.test, self.binder, self.clock))
        return " AND ".join(conditions)

    def property(self, name: str) -> str:
        """A property of the event by its name, or by the way to it over dots."""
        value = f"(i.properties -> {self.binder.bind(name)})"
        if "." not in name:
            return value
        way = self.binder.bind(name.split("."), "::text[]")
        return f"coalesce({value}, i.properties #> {way})"

    def within(self, window: Window, *, longer: int = 0) -> str:
        """A window as a range of ids; ``longer`` days are added to its end."""
        start, end = self.ends(window)
        conditions = ""
        if start is not None:
            conditions += f" AND i.id >= {self.binder.bind(str(lowest_id(start)), '::uuid')}"
        if end is not None:
            last = lowest_id(end + timedelta(days=longer))
            conditions += f" AND i.id < {self.binder.bind(str(last), '::uuid')}"
        return conditions

    def sequence(self, leaf: SequenceLeaf) -> str:
        """Customers with an event that another one follows in time.

        One pass over both kinds of events, newest first, carries along when the next one that counts as the second
        happened: the cost is one sort, however often a customer did either. Where one event may be both, it does not
        follow itself, so the rows before it are looked at in both orders of equal times.
        """
        first, then = self.step(leaf.first), self.step(leaf.then)
        in_window = self.within(leaf.window)
        events = (
            f"SELECT i.customer_id, i.id, i.occurred_at AS at, coalesce({first}{in_window}, FALSE) AS is_first,"
            f" CASE WHEN {then} THEN i.occurred_at END AS then_at FROM interactions_interaction i"
            f" WHERE {self.of_customers('i')} AND (({first}) OR ({then}))"
            f" AND i.event = ANY({self.binder.bind(sorted({leaf.first.event, leaf.then.event}), '::text[]')})"
            f"{self.within(leaf.window, longer=leaf.within_days)}"
        )
        newest_first = "PARTITION BY e.customer_id ORDER BY e.at DESC"
        if leaf.first.event == leaf.then.event:
            frame = "ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING"
            follows = " , ".join(
                f"min(e.then_at) OVER ({newest_first}, e.id {order} {frame})" for order in ("DESC", "ASC")
            )
            follows = f"least({follows})"
        else:
            follows = f"min(e.then_at) OVER ({newest_first} RANGE UNBOUNDED PRECEDING)"
        days = f"make_interval(hours => {self.binder.bind(leaf.within_days * 24)})"
        return (
            f"SELECT f.customer_id FROM (SELECT e.customer_id, e.at, e.is_first, {follows} AS next_at"
            f" FROM ({events}) e) f WHERE f.is_first AND f.next_at <= f.at + {days} GROUP BY f.customer_id"
        )

    # -- answers

    def answer(self, leaf: AnswerLeaf) -> str:
        """Customers by what they answered last, or at any time. “Is not” also takes those who never answered."""
        test = Comparison(NEGATIONS[leaf.test.op], leaf.test.value) if leaf.test.op in NEGATIONS else leaf.test
        condition = compare_json("w.value", test, self.binder, self.clock)
        answers = self.scores(leaf) if leaf.is_score else self.answers(leaf)
        if leaf.latest:
            ranked = "rank() OVER (PARTITION BY v.customer_id ORDER BY v.occurred_at DESC, v.id DESC)"
            answers = f"SELECT v.customer_id, v.value, {ranked} AS place FROM ({answers}) v"
            condition = f"w.place = 1 AND {condition}"
        found = self.is_in(f"SELECT w.customer_id FROM ({answers}) w WHERE {condition} GROUP BY w.customer_id")
        return negated(found) if leaf.test.op in NEGATIONS else found

    def scores(self, leaf: AnswerLeaf) -> str:
        """Every score that counts: the headline question's, and those of further measured questions."""
        where = self.responses(leaf)
        metric = self.binder.bind(leaf.metric) if leaf.metric else ""
        question = self.binder.bind(leaf.question) if leaf.question else ""
        headline = f"{where} AND r.score IS NOT NULL AND r.metric <> ''"
        further = f"{where} AND q.question <> r.score_question AND jsonb_typeof(r.answers -> q.question) = 'number'"
        if metric:
            headline += f" AND r.metric = {metric}"
            further += f" AND q.metric = {metric}"
        if question:
            headline += f" AND r.score_question = {question}"
            further += f" AND q.question = {question}"
        of_survey = f" AND v.survey_id = {self.binder.bind(str(leaf.survey), '::uuid')}" if leaf.survey else ""
        questions = (
            "SELECT v.survey_id, v.number, x.question ->> 'id' AS question, x.question ->> 'metric' AS metric"
            " FROM surveys_surveyversion v"
            " CROSS JOIN jsonb_path_query(v.definition, '$.pages[*].questions[*]') AS x(question)"
            f" WHERE v.tenant_id = %(tenant)s{of_survey} AND x.question ->> 'metric' <> ''"
            " AND jsonb_typeof(x.question -> 'scale') = 'number'"
        )
        return (
            "SELECT r.customer_id, r.occurred_at, r.id, to_jsonb(r.score) AS value"
            f" FROM surveys_response r WHERE {headline}"
            " UNION ALL SELECT r.customer_id, r.occurred_at, r.id, r.answers -> q.question"
            f" FROM ({questions}) q JOIN surveys_response r ON r.survey_id = q.survey_id AND r.version = q.number"
            f" WHERE {further}"
        )

    def answers(self, leaf: AnswerLeaf) -> str:
        """Every answer to one question, of whatever type."""
        value = f"(r.answers -> {self.binder.bind(leaf.question)})"
        given = compare_json(value, Comparison("exists"), self.binder, self.clock)
        return (
            f"SELECT r.customer_id, r.occurred_at, r.id, {value} AS value"
            f" FROM surveys_response r WHERE {self.responses(leaf)} AND {given}"
        )

    def responses(self, leaf: AnswerLeaf) -> str:
        """The condition that an answer counts, and is one of those that the leaf names."""
        conditions = [self.of_customers("r"), f"r.state = ANY({self.binder.bind(list(self.facts.states), '::text[]')})"]
        if leaf.survey:
            conditions.append(f"r.survey_id = {self.binder.bind(str(leaf.survey), '::uuid')}")
        if leaf.touchpoint:
            key = self.binder.bind(leaf.touchpoint)
            touchpoint = f"SELECT t.id FROM touchpoints_touchpoint t WHERE t.tenant_id = %(tenant)s AND t.key = {key}"
            conditions.append(f"r.touchpoint_id = ({touchpoint})")
        start, end = self.ends(leaf.window)
        if start is not None:
            conditions.append(f"r.occurred_at >= {self.binder.bind(start)}")
        if end is not None:
            conditions.append(f"r.occurred_at < {self.binder.bind(end)}")
        return " AND ".join(conditions)

    # -- time

    def ends(self, window: Window) -> tuple[datetime | None, datetime | None]:
        """The first instant inside a window and the first after it."""
        if window.days is not None:
            return self.clock.before(window.days), None
        start = self.instant(window.start) if window.start is not None else None
        end = window.end
        if end is not None and not isinstance(end, datetime):
            end = min(end, LATEST.date()) + timedelta(days=1)
        return start, self.instant(end) if end is not None else None

    def instant(self, when: date | datetime) -> datetime:
        """An instant, or the midnight at which a day begins, within the times that can be reckoned with."""
        if not isinstance(when, datetime):
            day = min(max(when, EARLIEST.date()), LATEST.date())
            when = datetime.combine(day, time.min, ZoneInfo(self.clock.zone)).astimezone(UTC)
        return min(max(when, EARLIEST), LATEST)
