"""How the rows of the rule form look: which inputs a condition has, with which choices. Pure: reads no row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.customers.models import ConsentRecord, Customer
from apps.segments.builder import Draft, Node
from apps.segments.rule import FIELD_OPERATORS, MAX_DEPTH, OPERATORS, PRESENCE, RELATIVE, SCORE_OPERATORS
from cxm.channels import Channel

Text = str | Promise
Options = Sequence[tuple[str, Text]]

KIND_LABELS: dict[str, Text] = {
    "attribute": gettext_lazy("Attribute of the customer"),
    "field": gettext_lazy("Field of the profile"),
    "event": gettext_lazy("Did something"),
    "sequence": gettext_lazy("Did one thing after another"),
    "answer": gettext_lazy("Gave an answer or score"),
    "segment": gettext_lazy("Is in a segment"),
    "consent": gettext_lazy("Consent"),
    "bucket": gettext_lazy("Random share"),
    "account_attribute": gettext_lazy("Attribute of the company"),
}
MODE_LABELS: dict[str, Text] = {
    "all": gettext_lazy("All of these are true"),
    "any": gettext_lazy("At least one of these is true"),
    "none": gettext_lazy("None of these is true"),
}
FIELD_NAMES: dict[str, Text] = {
    "stage": gettext_lazy("Stage"),
    "email": gettext_lazy("E-mail"),
    "phone": gettext_lazy("Phone"),
    "name": gettext_lazy("Name"),
    "external_id": gettext_lazy("External id"),
    "account": gettext_lazy("Account"),
    "unit": gettext_lazy("Unit"),
    "language": gettext_lazy("Language"),
    "timezone": gettext_lazy("Time zone"),
    "created_at": gettext_lazy("First seen"),
}
OPERATOR_NAMES: dict[str, Text] = {
    "=": gettext_lazy("is"),
    "!=": gettext_lazy("is not"),
    "<": gettext_lazy("is less than"),
    "<=": gettext_lazy("is at most"),
    ">": gettext_lazy("is more than"),
    ">=": gettext_lazy("is at least"),
    "in": gettext_lazy("is one of"),
    "not_in": gettext_lazy("is none of"),
    "contains": gettext_lazy("contains"),
    "not_contains": gettext_lazy("does not contain"),
    "starts_with": gettext_lazy("starts with"),
    "exists": gettext_lazy("is known"),
    "missing": gettext_lazy("is not known"),
    "within_last_days": gettext_lazy("lies in the last days"),
    "more_than_days_ago": gettext_lazy("lies more days back than"),
}
COUNT_NAMES: dict[str, Text] = {
    ">=": gettext_lazy("at least"),
    "=": gettext_lazy("exactly"),
    "<=": gettext_lazy("at most"),
    ">": gettext_lazy("more than"),
    "<": gettext_lazy("less than"),
    "!=": gettext_lazy("any number but"),
}
WINDOWS: Options = (
    ("ever", gettext_lazy("ever")),
    ("days", gettext_lazy("in the last days")),
    ("dates", gettext_lazy("between two dates")),
)


@dataclass(frozen=True, slots=True)
class Choices:
    """What there is to choose from in one organisation; names to type are suggested, ids are chosen."""

    surveys: Options = ()
    touchpoints: Options = ()
    segments: Options = ()
    units: Options = ()
    events: Sequence[str] = ()
    attributes: Mapping[str, Sequence[str]] = field(default_factory=dict)
    account_attributes: Mapping[str, Sequence[str]] = field(default_factory=dict)
    properties: Mapping[str, Mapping[str, Sequence[str]]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Control:
    """One input of a row. `rebuilds`: other inputs of the row depend on it."""

    name: str
    label: Text
    widget: Literal["select", "text", "number", "date"]
    value: str = ""
    options: Options = ()
    suggestions: Sequence[str] = ()
    errors: Sequence[str] = ()
    rebuilds: bool = False
    is_wide: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """A condition on a property of an event, with the button that takes it away."""

    controls: list[Control]
    do: str


@dataclass(frozen=True, slots=True)
class Part:
    """What belongs together inside a condition; `do` is the button that adds a condition on a property."""

    controls: list[Control]
    lines: list[Line] = field(default_factory=list)
    do: str = ""
    legend: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """A group with its rows, or one condition. `number` counts conditions within their group, for screen readers."""

    path: str
    is_group: bool
    first: Control
    parts: list[Part] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    errors: Sequence[str] = ()
    number: int = 0
    may_nest: bool = False

    @property
    def is_root(self) -> bool:
        """Whether it is the whole rule."""
        return self.path == "r"


def rows_of(draft: Draft, choices: Choices) -> Row:
    """The form of a rule."""
    return _row(draft, "r", 0, choices)


def _row(node: Node, path: str, number: int, choices: Choices) -> Row:
    if node.is_group:
        return Row(
            path=path,
            is_group=True,
            first=Control(f"{path}.mode", _("Match"), "select", node.mode, list(MODE_LABELS.items())),
            rows=[_row(part, f"{path}-{index}", index + 1, choices) for index, part in enumerate(node.parts)],
            errors=node.errors.get("", ()),
            number=number,
            may_nest=path.count("-") < MAX_DEPTH - 1,
        )
    first = Control(f"{path}.kind", _("Condition"), "select", node.kind, list(KIND_LABELS.items()), rebuilds=True)
    made = _Maker(node, path, choices)
    parts = made.parts()
    known = {control.name for part in parts for control in _controls(part)}
    stray = [text for name, texts in node.errors.items() if f"{path}.{name}" not in known for text in texts]
    return Row(path=path, is_group=False, first=first, parts=parts, errors=stray, number=number)


def _controls(part: Part) -> list[Control]:
    return [*part.controls, *(control for line in part.lines for control in line.controls)]


@dataclass(slots=True)
class _Maker:
    """Makes the inputs of one condition."""

    node: Node
    path: str
    choices: Choices

    def parts(self) -> list[Part]:
        made: list[Part] = getattr(self, f"_{self.node.kind}")()
        return made

    def _control(self, name: str, label: Text, widget: Any = "text", default: str = "", **more: Any) -> Control:
        value = self.node.values.get(name, default)
        errors = self.node.errors.get(name, ())
        return Control(f"{self.path}.{name}", label, widget, value, errors=errors, **more)

    def _select(self, name: str, label: Text, options: Options, *, rebuilds: bool = False) -> Control:
        """A choice; what was chosen stays one, also when it is none of the usual."""
        known = {value for value, _label in options}
        value = self.node.values.get(name) or (options[0][0] if options else "")
        if value and value not in known:
            options = [*options, (value, value)]
        return self._control(name, label, "select", value, options=options, rebuilds=rebuilds)

    def _test(self, operators: Sequence[str], suggestions: Sequence[str] = (), options: Options = ()) -> list[Control]:
        """Operator and value; the value fits the operator."""
        allowed = [(op, OPERATOR_NAMES[op]) for op in operators]
        op = self._select("op", _("Comparison"), allowed, rebuilds=True)
        return [op, *_value(self._control, "value", op.value, suggestions, options)]

    def _attribute(self) -> list[Part]:
        return self._named(self.choices.attributes)

    def _account_attribute(self) -> list[Part]:
        return self._named(self.choices.account_attributes)

    def _named(self, known: Mapping[str, Sequence[str]]) -> list[Part]:
        name = self._control("name", _("Attribute"), suggestions=sorted(known))
        return [Part([name, *self._test(OPERATORS, known.get(name.value.strip(), ()))])]

    def _field(self) -> list[Part]:
        name = self._select("name", _("Field"), list(FIELD_NAMES.items()), rebuilds=True)
        operators = FIELD_OPERATORS.get(name.value, OPERATORS)
        options: Options = ()
        suggestions: Sequence[str] = ()
        if name.value == "stage":
            options, suggestions = Customer.Stage.choices, Customer.Stage.values
        elif name.value == "unit":
            options = self.choices.units
        return [Part([name, *self._test(operators, suggestions, options)])]

    def _event(self) -> list[Part]:
        times = [
            self._select("count_op", _("How often"), list(COUNT_NAMES.items())),
            self._control("count", _("Times"), "number", "1"),
        ]
        return [self._step("a", _("Event"), times), Part(self._window())]

    def _sequence(self) -> list[Part]:
        days = self._control("within_days", _("Within days"), "number", "60")
        return [
            self._step("a", _("First event"), legend=_("First")),
            self._step("b", _("Then event"), [days], legend=_("Then")),
            Part(self._window(), legend=_("When the first happened")),
        ]

    def _step(self, letter: str, label: str, more: Sequence[Control] = (), legend: str = "") -> Part:
        event = self._control(f"{letter}_event", label, suggestions=self.choices.events, is_wide=True)
        channel = self._select(f"{letter}_channel", _("Channel"), [("", _("any")), *Channel.choices])
        properties = self.choices.properties.get(event.value.strip(), {})
        lines = []
        for number, condition in enumerate(self.node.conditions[letter]):
            prefix = f"{letter}-{number}"
            lines.append(Line(self._condition(prefix, condition, properties), f"unwhere:{self.path}.{prefix}"))
        return Part([event, *more, channel], lines, f"where:{self.path}.{letter}", legend)

    def _condition(
        self, prefix: str, condition: Mapping[str, str], properties: Mapping[str, Sequence[str]]
    ) -> list[Control]:
        def control(name: str, label: Text, widget: Any = "text", **more: Any) -> Control:
            full = f"{prefix}.{name}"
            errors = self.node.errors.get(full, ())
            return Control(f"{self.path}.{full}", label, widget, condition.get(name, ""), errors=errors, **more)

        op = condition.get("op") or "="
        allowed = [(op, OPERATOR_NAMES[op]) for op in OPERATORS]
        return [
            control("property", _("Property"), suggestions=sorted(properties)),
            control("op", _("Comparison"), "select", options=allowed, rebuilds=True),
            *_value(control, "value", op, properties.get(condition.get("property", "").strip(), ())),
        ]

    def _answer(self) -> list[Part]:
        metric = self._select(
            "metric",
            _("Score"),
            [("nps", "NPS"), ("csat", "CSAT"), ("ces", "CES"), ("", _("any score"))],
        )
        if "metric" not in self.node.values and any(self.node.values.get(name) for name in ("survey", "question")):
            metric = self._control("metric", _("Score"), "select", "", options=metric.options)
        asked = [
            metric,
            self._select("touchpoint", _("Touchpoint"), [("", _("any")), *self.choices.touchpoints]),
            self._select("survey", _("Survey"), [("", _("any")), *self.choices.surveys]),
            self._control("question", _("Id of the question")),
        ]
        which = self._select("which", _("Which"), [("latest", _("the latest")), ("any", _("any of them"))])
        operators = OPERATORS if self.node.values.get("question") and not metric.value else SCORE_OPERATORS
        return [Part(asked), Part([which, *self._test(operators), *self._window()])]

    def _segment(self) -> list[Part]:
        options = self.choices.segments or [("", _("There is no other segment yet"))]
        return [Part([self._select("segment", _("Segment"), options)])]

    def _consent(self) -> list[Part]:
        states = [("given", _("given")), ("withdrawn", _("withdrawn")), ("unknown", _("not known"))]
        return [
            Part(
                [
                    self._select("purpose", _("Purpose"), ConsentRecord.Purpose.choices),
                    self._select("consent_channel", _("Channel"), ConsentRecord.Channel.choices[::-1]),
                    self._select("state", _("State"), states),
                ]
            )
        ]

    def _bucket(self) -> list[Part]:
        return [
            Part(
                [
                    self._control("share_from", _("From percent"), "text", "0"),
                    self._control("share_to", _("To percent"), "text", "10"),
                    self._control("salt", _("Name of the draw (optional)")),
                ]
            )
        ]

    def _window(self) -> list[Control]:
        window = self._select("window", _("When"), WINDOWS, rebuilds=True)
        if window.value == "days":
            return [window, self._control("days", _("Days"), "number", "90")]
        if window.value == "dates":
            ends = (("from", _("From")), ("to", _("To")))
            return [window, *(self._control(name, label, self._date(name)) for name, label in ends)]
        return [window]

    def _date(self, name: str) -> str:
        """A day, unless a time was stored: an input for days would lose it."""
        return "text" if len(self.node.values.get(name, "")) > 10 else "date"


def _value(control: Any, name: str, op: str, suggestions: Sequence[str] = (), options: Options = ()) -> list[Control]:
    """The input that fits an operator: none, a number of days, a choice, or a text."""
    if op in PRESENCE:
        return []
    if op in RELATIVE:
        return [control(name, _("Days"), "number")]
    if op in ("in", "not_in"):
        return [control(name, _("Values, with commas between"), suggestions=suggestions, is_wide=True)]
    if options:
        return [control(name, _("Value"), "select", options=options)]
    return [control(name, _("Value"), suggestions=suggestions)]
