"""The forms of the steps by which a sending is planned. Shape only: what may be planned is decided by `plans`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.customers.models import Customer
from apps.dispatch.audience_files import LARGEST_FILE
from apps.dispatch.channels import PERSONAL_CHANNELS, TEXT_CHANNELS
from apps.dispatch.models import SendPlan
from apps.dispatch.plan_fields import MOST_REMINDERS
from apps.interactions.event_match import EVENT_LENGTH, where_from_lines, where_to_lines
from apps.interactions.event_queries import event_names
from apps.messaging.transports import text_provider
from apps.organizations.queries import unit_tree
from apps.segments.models import Segment
from apps.surveys.models import Survey
from apps.touchpoints.models import Channel, Touchpoint
from cxm.actor import Actor
from cxm.errors import DomainError

SEGMENT, EVERYONE, STAGE, LIST, EVENT, MEMBERS = "segment", "everyone", "stage", "list", "event", "members"
NOW, LATER = "now", "later"

FIELD_OF: Final[Mapping[str, str]] = {
    "segment_id": "segment",
    "trigger": "event",
    "trigger.event": "event",
    "trigger.where": "where",
    "delay_minutes": "delay_hours",
    "reminder_days": "remind_first",
    "reminder_days.0": "remind_first",
    "reminder_days.1": "remind_second",
}
"""A field of a plan -> the field of these forms that it is typed into, where they differ."""

_MOMENT_FORMATS = ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M"]


def for_form(error: DomainError) -> DomainError:
    """The same refusal, naming the fields of these forms."""
    for item in error.errors:
        field = item["field"]
        if field.startswith("trigger.where"):
            field = "trigger.where"
        if field.startswith("texts."):
            _texts, language, name = [*field.split(".", 2), "", ""][:3]
            field = text_field(language, name) if name else "texts"
        item["field"] = FIELD_OF.get(field, field)
    return error


def text_field(language: str, name: str) -> str:
    """The form's field for one text in one language."""
    return f"{name}_{language}"


class WhomForm(forms.Form):
    """Step 1: the people."""

    who = forms.ChoiceField(label=gettext_lazy("Who is asked"), widget=forms.RadioSelect)
    segment = forms.ChoiceField(
        label=gettext_lazy("Segment"), error_messages={"required": gettext_lazy("Choose the segment.")}
    )
    stage = forms.ChoiceField(label=gettext_lazy("Stage"), choices=Customer.Stage.choices, required=False)
    ids = forms.CharField(
        label=gettext_lazy("External ids, e-mail addresses or phone numbers"),
        required=False,
        max_length=8_000_000,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text=gettext_lazy("One a line. They become a list that you find among the segments."),
    )
    file = forms.FileField(
        label=gettext_lazy("Or a file"),
        required=False,
        allow_empty_file=True,
        help_text=gettext_lazy("CSV or plain text with one customer a line, up to 32 MB."),
    )
    event = forms.CharField(
        label=gettext_lazy("Event"),
        error_messages={"required": gettext_lazy("Name the event.")},
        max_length=EVENT_LENGTH,
        help_text=gettext_lazy("Everybody who lives through it from the start of the plan on is asked about it."),
    )
    where = forms.CharField(
        label=gettext_lazy("Only where"),
        required=False,
        max_length=5000,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=gettext_lazy("One condition a line, such as status: delivered."),
    )
    delay_hours = forms.DecimalField(
        label=gettext_lazy("Asked so many hours later"), required=False, min_value=0, max_value=2160, initial=0
    )
    unit = forms.ChoiceField(label=gettext_lazy("Unit"), required=False)

    def __init__(
        self,
        data: Any = None,
        files: Any = None,
        *,
        actor: Actor,
        survey: Survey,
        plan: SendPlan | None,
        initial: Mapping[str, Any],
    ) -> None:
        super().__init__(data, files, initial={**_whom(plan), **initial})
        self.events: list[str] = []
        self._offer_units(actor, survey)
        if survey.audience == Survey.Audience.EMPLOYEES:
            for name in ("segment", "stage", "ids", "file", "event", "where", "delay_hours"):
                del self.fields[name]
            _choices(self, "who", [(MEMBERS, _("Members of your organisation"))])
            self.initial["who"] = MEMBERS
            return
        segments = Segment.objects.order_by("name").values_list("pk", "name", "size")
        offered = [(str(pk), f"{name} ({size:,})" if size is not None else name) for pk, name, size in segments]
        whom = [(EVERYONE, _("Everyone")), (STAGE, _("One stage")), (LIST, _("Chosen customers, or a file"))]
        whom += [(EVENT, _("Whoever lives through an event"))]
        if offered:
            whom.insert(0, (SEGMENT, _("The people of a segment")))
            _choices(self, "segment", offered)
        else:
            del self.fields["segment"]
        _choices(self, "who", whom)
        chosen = self.data.get("who") if self.is_bound else None
        for name, needed_by in (("segment", SEGMENT), ("event", EVENT)):
            if name in self.fields:
                self.fields[name].required = chosen in (None, needed_by)
        self.initial.setdefault("who", whom[0][0])
        names = {one.event for one in event_names(actor, most=100)} if actor.can("interactions.view") else set()
        names |= {
            match["event"]
            for match in Touchpoint.objects.filter(archived_at=None, event_match__isnull=False).values_list(
                "event_match", flat=True
            )
            if match and match.get("event")
        }
        self.events = sorted(names)
        if self.events:
            self.fields["event"].widget.attrs["list"] = "events"

    def _offer_units(self, actor: Actor, survey: Survey) -> None:
        """Units that the actor may send to; one is needed where the actor has a part of the organisation only."""
        allowed = actor.visible_units("surveys.send")
        rows = sorted(unit_tree().units.values(), key=lambda unit: unit.name.casefold())
        units = [(str(unit.id), unit.name) for unit in rows if allowed is None or unit.id in allowed]
        if allowed is None and not units:
            del self.fields["unit"]
            return
        field = self.fields["unit"]
        field.required = allowed is not None
        whole = [] if allowed is not None else [("", _("The whole organisation"))]
        _choices(self, "unit", [*whole, *units])
        if survey.audience == Survey.Audience.EMPLOYEES:
            field.label, field.help_text = _("Team"), _("With the teams below it.")
        else:
            field.help_text = _("Only its customers, with those of the units below it.")

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        who = data.get("who")
        if who == LIST and not data.get("ids", "").strip() and not data.get("file") and not self.errors:
            self.add_error("ids", _("Paste the customers, or choose a file."))
        if data.get("file") and data["file"].size > LARGEST_FILE:
            self.add_error("file", _("The file is larger than 32 MB. Cut it in parts."))
        if who == EVENT:
            try:
                data["trigger"] = {"event": data.get("event"), "where": where_from_lines(data.get("where") or "")}
            except ValueError as error:
                self.add_error("where", str(error))
        return data

    def fields_of_plan(self, segment_id: UUID | None) -> dict[str, Any]:
        """Columns of a plan; `segment_id` is of the list, the stage or everyone, where one of these was chosen."""
        data = self.cleaned_data
        values: dict[str, Any] = {"segment_id": None, "trigger": None, "delay_minutes": 0}
        values["unit"] = data.get("unit") or None
        if data["who"] == SEGMENT:
            values["segment_id"] = data["segment"]
        elif data["who"] == EVENT:
            hours = data.get("delay_hours")
            values |= {"trigger": data["trigger"], "delay_minutes": round(float(hours) * 60) if hours else 0}
        elif data["who"] != MEMBERS:
            values["segment_id"] = segment_id
        return values


class HowForm(forms.Form):
    """Step 2: the channel, and the words of the mail by language."""

    name = forms.CharField(
        label=gettext_lazy("Name of this sending"), max_length=120, help_text=gettext_lazy("For your colleagues.")
    )
    channel = forms.ChoiceField(label=gettext_lazy("Channel"), widget=forms.RadioSelect)
    reply_to = forms.EmailField(
        label=gettext_lazy("Replies go to"), required=False, help_text=gettext_lazy("An address that somebody reads.")
    )

    def __init__(self, data: Any = None, *, plan: SendPlan) -> None:
        survey = plan.survey
        initial: dict[str, Any] = {"name": plan.name, "channel": plan.channel, "reply_to": plan.reply_to}
        self.languages = survey.languages or ["en"]
        for language in self.languages:
            for name in TEXT_FIELDS:
                initial[text_field(language, name)] = (plan.texts.get(language) or {}).get(name, "")
        super().__init__(data, initial=initial)
        _choices(self, "channel", channels_for(survey))
        if text_provider() is None and survey.audience == Survey.Audience.CUSTOMERS:
            self.fields["channel"].help_text = _(
                "Text messages need a provider: an owner or admin adds one in the settings."
            )
        for language in self.languages:
            for name, (label, rows, most, hint) in TEXT_FIELDS.items():
                self.fields[text_field(language, name)] = forms.CharField(
                    label=label,
                    required=False,
                    max_length=most,
                    widget=forms.Textarea(attrs={"rows": rows, "lang": language})
                    if rows
                    else forms.TextInput(attrs={"lang": language}),
                    help_text=hint,
                )

    def texts(self) -> dict[str, dict[str, str]]:
        """The organisation's own words by language, without the empty ones."""
        found: dict[str, dict[str, str]] = {}
        for language in self.languages:
            own = {name: self.cleaned_data.get(text_field(language, name), "") for name in TEXT_FIELDS}
            if any(own.values()):
                found[language] = {name: text for name, text in own.items() if text}
        return found

    def by_language(self) -> list[tuple[str, list[Any]]]:
        """The bound fields of each language, for the template."""
        return [(language, [self[text_field(language, name)] for name in TEXT_FIELDS]) for language in self.languages]

    def fields_of_plan(self) -> dict[str, Any]:
        """Columns of a plan."""
        data = self.cleaned_data
        return {
            "name": data["name"],
            "channel": data["channel"],
            "reply_to": data["reply_to"],
            "texts": self.texts(),
        }


TEXT_FIELDS: Final[Mapping[str, tuple[Any, int, int, Any]]] = {
    "subject": (gettext_lazy("Subject"), 0, 200, gettext_lazy("Left empty: “One question about …”.")),
    "opening": (
        gettext_lazy("First sentence"),
        2,
        2000,
        gettext_lazy("After the greeting. Left empty: “One question, about one minute.”"),
    ),
    "reminder_subject": (gettext_lazy("Subject of the reminder"), 0, 200, gettext_lazy("Left empty: as above.")),
    "reminder_opening": (
        gettext_lazy("First sentence of the reminder"),
        2,
        2000,
        gettext_lazy("Left empty: as above."),
    ),
}
"""Text -> label, rows (0: one line), most characters, hint."""


def channels_for(survey: Survey) -> list[tuple[str, str]]:
    """The channels by which this survey can be sent now, with their names."""
    if survey.audience == Survey.Audience.EMPLOYEES:
        return [(Channel.EMAIL.value, str(Channel.EMAIL.label))]
    usable = PERSONAL_CHANNELS if text_provider() is not None else PERSONAL_CHANNELS - TEXT_CHANNELS
    return [(value, str(label)) for value, label in Channel.choices if value in usable]


class WhenForm(forms.Form):
    """Step 3: from when on, until when, and how many a day."""

    when = forms.ChoiceField(
        label=gettext_lazy("Begins"),
        choices=[(NOW, gettext_lazy("At once")), (LATER, gettext_lazy("Later"))],
        widget=forms.RadioSelect,
    )
    starts_at = forms.DateTimeField(
        label=gettext_lazy("Day and time"),
        required=False,
        input_formats=_MOMENT_FORMATS,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )
    ends_at = forms.DateTimeField(
        label=gettext_lazy("Until"),
        required=False,
        input_formats=_MOMENT_FORMATS,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        help_text=gettext_lazy("Left empty: until everybody was considered; for an event until you stop it."),
    )
    per_day = forms.IntegerField(
        label=gettext_lazy("At most so many a day"),
        required=False,
        min_value=1,
        help_text=gettext_lazy("Left empty: all at once. With 20 a day they are drawn at random, day by day."),
    )
    repeat_days = forms.IntegerField(
        label=gettext_lazy("Consider people again after so many days"),
        required=False,
        min_value=1,
        help_text=gettext_lazy("Left empty: everybody once. 90: a quarterly survey of whoever belongs then."),
    )

    def __init__(self, data: Any = None, *, plan: SendPlan, zone: ZoneInfo, hours_kept: bool, at: datetime) -> None:
        later = plan.starts_at > at
        initial = {
            "when": LATER if later else NOW,
            "starts_at": plan.starts_at.astimezone(zone).replace(tzinfo=None) if later else None,
            "ends_at": plan.ends_at.astimezone(zone).replace(tzinfo=None) if plan.ends_at else None,
            "per_day": plan.per_day,
            "repeat_days": plan.repeat_days,
        }
        super().__init__(data, initial=initial)
        self.zone = zone
        if plan.trigger is not None:
            del self.fields["repeat_days"]
        clock = _("In the time of your organisation (%(zone)s).") % {"zone": zone.key}
        hours = _("Nothing is sent outside your business hours, in the time of each recipient.") if hours_kept else ""
        self.fields["starts_at"].help_text = f"{clock} {hours}".strip()

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        if data.get("when") == LATER and not data.get("starts_at") and "starts_at" not in self.errors:
            self.add_error("starts_at", _("Choose the day and time."))
        return data

    def fields_of_plan(self) -> dict[str, Any]:
        """Columns of a plan. The fields hold times of the organisation's clock."""
        data = self.cleaned_data
        starts = data["starts_at"] if data["when"] == LATER else None
        return {
            "starts_at": starts.replace(tzinfo=self.zone) if starts else None,
            "ends_at": data["ends_at"].replace(tzinfo=self.zone) if data.get("ends_at") else None,
            "per_day": data.get("per_day"),
            "repeat_days": data.get("repeat_days"),
        }


class LimitsForm(forms.Form):
    """Step 4: reminders, how many answers are wanted, and what stops it."""

    remind_first = forms.IntegerField(
        label=gettext_lazy("First reminder after so many days"), required=False, min_value=1, max_value=60
    )
    remind_second = forms.IntegerField(
        label=gettext_lazy("Second reminder after so many days"),
        required=False,
        min_value=1,
        max_value=60,
        help_text=gettext_lazy("Counted from the invitation. Only who has not answered is reminded."),
    )
    quota = forms.IntegerField(
        label=gettext_lazy("Answers wanted"),
        required=False,
        min_value=1,
        help_text=gettext_lazy("No more people are asked than that takes. Left empty: no limit."),
    )
    quota_period = forms.ChoiceField(
        label=gettext_lazy("In which time"),
        choices=[
            (SendPlan.Period.TOTAL, gettext_lazy("In all")),
            (SendPlan.Period.WEEK, gettext_lazy("A week")),
            (SendPlan.Period.MONTH, gettext_lazy("A month")),
        ],
    )
    sample_percent = forms.FloatField(
        label=gettext_lazy("Share of the people who are considered, in percent"),
        min_value=0.1,
        max_value=100,
        help_text=gettext_lazy("Drawn at random. 100: everybody."),
    )
    stop_bounce_percent = forms.FloatField(
        label=gettext_lazy("Stop when so many percent bounce"), min_value=0.1, max_value=100
    )
    stop_complaint_percent = forms.FloatField(
        label=gettext_lazy("Stop when so many percent complain"),
        min_value=0.05,
        max_value=100,
        help_text=gettext_lazy("Both are judged from 50 sent on."),
    )
    ignore_new_customer_wait = forms.BooleanField(
        label=gettext_lazy("Ask new customers without waiting"),
        required=False,
        help_text=gettext_lazy("Otherwise the first survey waits as many days as the contact rules say."),
    )

    def __init__(self, data: Any = None, *, plan: SendPlan) -> None:
        initial = {name: getattr(plan, name) for name in self.base_fields if hasattr(plan, name)}
        days = [*plan.reminder_days, None, None][:MOST_REMINDERS]
        initial |= {"remind_first": days[0], "remind_second": days[1]}
        super().__init__(data, initial=initial)

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        first, second = data.get("remind_first"), data.get("remind_second")
        if second and not first:
            self.add_error("remind_first", _("Say when the first reminder goes, or leave out the second."))
        elif first and second and second <= first:
            self.add_error("remind_second", _("The second reminder goes after the first."))
        return data

    def fields_of_plan(self) -> dict[str, Any]:
        """Columns of a plan."""
        data = dict(self.cleaned_data)
        days = [data.pop("remind_first"), data.pop("remind_second")]
        return {**data, "reminder_days": [day for day in days if day]}


def _whom(plan: SendPlan | None) -> dict[str, Any]:
    """What the first step shows of a draft."""
    if plan is None:
        return {}
    shown: dict[str, Any] = {"unit": str(plan.unit_id or "")}
    if plan.trigger is not None:
        where = where_to_lines(plan.trigger.get("where") or {})
        shown |= {"who": EVENT, "event": plan.trigger.get("event"), "where": where}
        shown["delay_hours"] = f"{plan.delay_minutes / 60:g}"
    elif plan.segment_id is not None:
        shown |= {"who": SEGMENT, "segment": str(plan.segment_id)}
    return shown


def _choices(form: forms.Form, name: str, choices: list[tuple[str, str]]) -> None:
    form.fields[name].choices = choices  # type: ignore[attr-defined]
