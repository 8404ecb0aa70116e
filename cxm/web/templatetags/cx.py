"""The component tags of every page: ``{% load cx %}``. The gallery at /ui/ shows each of them.

Markup stands in templates/components/. What people wrote is escaped by the templates; scores are printed by
``cxm.charts.figures`` and nowhere rounded here.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from django import forms, template
from django.core.paginator import Page
from django.db.models import Model
from django.forms.boundfield import BoundField
from django.forms.forms import BaseForm
from django.template.loader import render_to_string
from django.templatetags.static import static
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format, localize
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext

from cxm.charts import Unit, figure, heat_class, signed_change
from cxm.charts.figures import interval

register = template.Library()

SPRITE = "vendor/tabler-icons/sprite.svg"
FEW_ANSWERS = 30
MANY_CHOICES = 8

#: Rules under which a lower score is the better one (CES 1.0: effort, not ease).
LOWER_IS_BETTER = frozenset({"ces1.mean.v1"})

#: Satisfied (or at ease) from this score on, by metric and number of points of the scale; NPS has its own words.
TOP_BOX = {
    "csat": {3: 3, 4: 3, 5: 4, 6: 5, 7: 6, 10: 8},
    "ces": {7: 5},
}


def _of(thing: Any, name: str, default: Any = None) -> Any:
    """A field of a metric or of any other value, be it an object or a dict."""
    if isinstance(thing, dict):
        return thing.get(name, default)
    return getattr(thing, name, default)


# -- icons, pictures, words -------------------------------------------------------------------------------------------


@register.simple_tag
def cx_icon(name: str, size: str = "", label: str = "", css: str = "") -> SafeString:
    """An icon of the sprite. ``size`` is "" (18 px), "s" (14 px) or "l" (40 px).

    It is decoration beside words; where it stands alone, ``label`` says what it means.
    """
    classes = " ".join(part for part in ("cx-i", f"cx-i-{size}" if size else "", css) if part)
    href = f"{static(SPRITE)}#{name}"
    if label:
        return format_html('<svg class="{}" role="img" aria-label="{}"><use href="{}"/></svg>', classes, label, href)
    return format_html('<svg class="{}" aria-hidden="true"><use href="{}"/></svg>', classes, href)


@register.simple_tag
def cx_module(path: str) -> SafeString:
    """A script tag for one of our ES modules, for the block ``modules``."""
    return format_html('<script type="module" src="{}"></script>', static(path))


@register.inclusion_tag("components/crumb.html")
def cx_crumb(text: str, url: str = "") -> dict[str, Any]:
    """One step of the breadcrumb before the heading."""
    return {"text": text, "url": url}


@register.simple_tag
def cx_badge(text: str, kind: str = "", icon: str = "") -> SafeString:
    """A state in a word. ``kind``: "ok" green, "w" amber, "i" teal, "d" red, "" grey; never a colour alone."""
    classes = f"cx-badge cx-badge-{kind}" if kind else "cx-badge"
    return format_html('<span class="{}">{}{}</span>', classes, cx_icon(icon, "s") if icon else "", text)


@register.simple_tag
def cx_avatar(name: str, size: str = "") -> SafeString:
    """A circle with a person's initials; ``size`` "l" for a profile. Decoration: the name stands beside it."""
    letters = "".join(word[0] for word in str(name).replace("@", " ").split()[:2]).upper() or "?"
    return format_html('<span class="cx-av{}" aria-hidden="true">{}</span>', " cx-av-l" if size == "l" else "", letters)


@register.simple_tag
def cx_logo() -> SafeString:
    """The product's own mark."""
    return format_html(
        '<svg class="cx-logo" viewBox="0 0 28 28" aria-hidden="true">'
        '<rect class="cx-logo-bg" width="28" height="28" rx="7"/>'
        '<path class="cx-logo-fg" d="M7 18c3.5 0 3.5-8 7-8s3.5 8 7 8"/></svg>{}',
        "",
    )


@register.filter
def cx_count(value: Any) -> str:
    """A whole number with narrow spaces between thousands: 1 284."""
    try:
        return f"{int(value):,}".replace(",", "\u202f")
    except (TypeError, ValueError):
        return ""


@register.simple_tag
def cx_time(value: datetime | date | None, form: str = "relative") -> SafeString:
    """A moment: "5 min ago", "yesterday", "12 Oct"; exact and with its zone in the title.

    ``form="exact"`` prints date and time. A plain date is printed as such. Nothing for None.
    """
    if value is None:
        return SafeString("")
    if not isinstance(value, datetime):
        return format_html('<time datetime="{}">{}</time>', value.isoformat(), _day(value, timezone.localdate()))
    local = timezone.localtime(value)
    exact = f"{date_format(local, 'j M Y, H:i')} {local.tzname() or ''}".strip()
    words = exact if form == "exact" else _relative(local, timezone.localtime())
    return format_html('<time datetime="{}" title="{}">{}</time>', local.isoformat(timespec="seconds"), exact, words)


def _relative(moment: datetime, now: datetime) -> str:
    seconds = (now - moment).total_seconds()
    if -60 < seconds < 60:
        return gettext("just now")
    if seconds < 0:
        return _future(moment, now)
    if seconds < 3600:
        return gettext("%(n)d min ago") % {"n": seconds // 60}
    if (seconds < 86400 and moment.date() == now.date()) or seconds < 6 * 3600:
        return gettext("%(n)d h ago") % {"n": seconds // 3600}
    return _day(moment.date(), now.date())


def _future(moment: datetime, now: datetime) -> str:
    seconds = (moment - now).total_seconds()
    if seconds < 3600:
        return gettext("in %(n)d min") % {"n": max(1, seconds // 60)}
    if seconds < 86400:
        return gettext("in %(n)d h") % {"n": seconds // 3600}
    return _day(moment.date(), now.date())


def _day(day: date, today: date) -> str:
    away = (today - day).days
    if away == 0:
        return gettext("today")
    if away == 1:
        return gettext("yesterday")
    if 1 < away < 7:
        return ngettext("%(n)d day ago", "%(n)d days ago", away) % {"n": away}
    return date_format(day, "j M" if day.year == today.year else "j M Y")


# -- permissions and addresses ----------------------------------------------------------------------------------------


@register.simple_tag(takes_context=True)
def can(context: template.Context, permission: str, unit: Any = None) -> bool:
    """Whether the reader's role includes a permission: ``{% can "surveys.edit" as may_edit %}``.

    With a unit (or its id): on that unit's things.
    """
    actor = getattr(context.get("request"), "actor", None)
    return bool(actor and actor.can(permission, getattr(unit, "pk", unit)))


@register.simple_tag(takes_context=True)
def cx_query(context: template.Context, **changes: Any) -> str:
    """The query string of this page with some keys changed, from ``?``; None removes a key.

    A change of anything but the page starts at the first page again.
    """
    request = context.get("request")
    query = request.GET.copy() if request else None
    if query is None:
        return ""
    if set(changes) - {"page", "cursor"}:
        query.pop("page", None)
        query.pop("cursor", None)
    for name, value in changes.items():
        name = name.rstrip("_")  # from_ and to_, because from is a word of the language
        if value is None or value == "":
            query.pop(name, None)
        else:
            query[name] = str(value)
    return f"?{query.urlencode()}" if query else "?"


# -- forms ------------------------------------------------------------------------------------------------------------


@register.inclusion_tag("components/form.html")
def cx_form(form: BaseForm) -> dict[str, Any]:
    """Error summary, hidden and visible fields of a form (not the form tag, not its buttons)."""
    return {"form": form}


@register.inclusion_tag("components/errors.html")
def cx_errors(form: BaseForm) -> dict[str, Any]:
    """What is wrong with a form that was sent, with a link to each field. Nothing when nothing is."""
    if not form.is_bound or not form.errors:
        return {"errors": []}
    errors = [{"id": "", "label": "", "message": message} for message in form.non_field_errors()]
    for bound in form:
        errors += [{"id": _target(bound), "label": bound.label, "message": message} for message in bound.errors]
    return {"errors": errors}


def _target(bound: BoundField) -> str:
    """The id of the element that takes the focus: the first choice of a group."""
    first_choice = isinstance(bound.field.widget, forms.RadioSelect | forms.CheckboxSelectMultiple)
    return f"{bound.auto_id}_0" if first_choice else bound.id_for_label or bound.auto_id


@register.inclusion_tag("components/field.html")
def cx_field(bound: BoundField, switch: bool = False, label: str = "", hint: str = "") -> dict[str, Any]:
    """A field with label, hint and error. ``switch`` draws a check box as a switch; ``label`` and ``hint`` replace."""
    widget = bound.field.widget
    hint = hint or str(bound.help_text or "")
    ids = [f"{bound.auto_id}_hint"] * bool(hint) + [f"{bound.auto_id}_error"] * bool(bound.errors)
    attrs: dict[str, Any] = {"aria-describedby": " ".join(ids)} if ids else {}
    if bound.errors:
        attrs["aria-invalid"] = "true"
    if isinstance(widget, forms.CheckboxInput):
        kind = "switch" if switch else "check"
        attrs |= {"class": "cx-switch", "role": "switch"} if switch else {}
    elif isinstance(widget, forms.RadioSelect | forms.CheckboxSelectMultiple):
        kind = "choices"
    elif bound.is_hidden:
        kind = "hidden"
    else:
        kind = "input"
        if str(widget.attrs.get("placeholder", "")).startswith(str(bound.label)):
            attrs["placeholder"] = False  # it would only say the label again
        attrs["class"] = f"cx-input {widget.attrs.get('class', '')}".strip()
    return {
        "bound": bound,
        "kind": kind,
        "widget": bound.as_widget(attrs=attrs) if kind not in {"choices", "hidden"} else "",
        "label": label or bound.label,
        "hint": hint,
        "hint_id": f"{bound.auto_id}_hint",
        "error_id": f"{bound.auto_id}_error",
        "many": kind == "choices" and len(bound) > MANY_CHOICES,
        "described_by": attrs.get("aria-describedby", ""),
        "optional": not bound.field.required and kind == "input" and not bound.field.disabled,
    }


@register.inclusion_tag("components/confirm_typing.html")
def cx_confirm_typing(phrase: str, name: str = "confirm", error: str = "") -> dict[str, Any]:
    """A field that wants ``phrase`` typed before something that cannot be undone.

    The server checks with ``cxm.web.forms.typed_confirmation``; scripts only keep the button closed until it fits.
    """
    return {"phrase": phrase, "name": name, "error": error}


# -- lists ------------------------------------------------------------------------------------------------------------


@register.inclusion_tag("components/pager.html", takes_context=True)
def cx_pager(context: template.Context, page: Any) -> dict[str, Any]:
    """Previous and next under a list; keeps the query string. Takes Django's ``Page``, or a cursor page.

    A cursor page has ``next_url`` and ``previous_url`` (or None). Nothing when there is a single page of few rows.
    """
    if isinstance(page, Page):
        total = page.paginator.count
        return {
            "first": page.start_index() if total else 0,
            "last": page.end_index(),
            "total": total,
            "previous_url": cx_query(context, page=page.previous_page_number()) if page.has_previous() else "",
            "next_url": cx_query(context, page=page.next_page_number()) if page.has_next() else "",
            "shown": True,
        }
    previous_url, next_url = _of(page, "previous_url") or "", _of(page, "next_url") or ""
    return {"previous_url": previous_url, "next_url": next_url, "shown": bool(previous_url or next_url)}


@register.inclusion_tag("components/th_sort.html", takes_context=True)
def cx_th_sort(context: template.Context, name: str, label: str, css: str = "", default: str = "") -> dict[str, Any]:
    """A column head that sorts by ``?sort=name``, and by ``-name`` when clicked again.

    ``default`` is the order the list has without a ``sort`` in the address.
    """
    request = context.get("request")
    current = (request.GET.get("sort") if request else None) or default
    ascending, descending = current == name, current == f"-{name}"
    return {
        "label": label,
        "css": css,
        "aria": "ascending" if ascending else "descending" if descending else "",
        "icon": "chevron-up" if ascending else "chevron-down" if descending else "",
        "url": cx_query(context, sort=f"-{name}" if ascending else name),
    }


@register.inclusion_tag("components/filter_bar.html", takes_context=True)
def cx_filter_bar(context: template.Context, filterset: Any, note: str = "") -> dict[str, Any]:
    """Search field, period, chips of the filters in force, and the panel with all of them.

    Takes a django-filter FilterSet or a GET form. A field ``q`` becomes the search field; fields ``from`` and ``to``
    the period menu. A form may name as ``defaults`` the fields its page fills in itself, and as ``all_time`` the
    parameters that say "no period" there. ``note`` stands at the end ("1 284 answers · Europe/Berlin").
    """
    form: BaseForm = getattr(filterset, "form", filterset)
    form.is_valid()
    dates = {"from", "to"} <= set(form.fields)
    own = getattr(form, "defaults", ())
    hidden = {"q"} | ({"from", "to"} if dates else set())
    request = context.get("request")
    kept = [
        (name, value)
        for name, values in (request.GET.lists() if request else [])
        for value in values
        if name not in form.fields and name not in {"page", "cursor"}
    ]
    return {
        "request": request,
        "form": form,
        "search": form["q"] if "q" in form.fields else None,
        "period": _period(context, form) if dates else None,
        "chips": [chip for bound in form if bound.name not in hidden and (chip := _filter_chip(context, bound))],
        "fields": [bound for bound in form if bound.name not in hidden],
        "kept": kept,
        "filled": [(name, value) for name in form.fields if name not in hidden for value in _values(form, name)],
        "note": note,
        "any": form.is_bound and any(form.data.get(name) for name in form.fields if name not in own),
        "clear_url": cx_query(context, **dict.fromkeys(form.fields)),
    }


def _values(form: BaseForm, name: str) -> list[str]:
    """What a field of a GET form was given, blanks left out."""
    given = form.data.getlist(name) if hasattr(form.data, "getlist") else [form.data.get(name)]
    return [str(value) for value in given if value not in (None, "")]


def _filter_chip(context: template.Context, bound: BoundField) -> dict[str, str] | None:
    """A filter in force in words, with the address without it; None when the field is empty."""
    value = getattr(bound.form, "cleaned_data", {}).get(bound.name)
    if value in (None, "", [], ()) or (hasattr(value, "exists") and not value):
        return None
    return {
        "label": str(bound.label),
        "value": _in_words(bound, value),
        "url": cx_query(context, **{bound.name: None}),
    }


def _in_words(bound: BoundField, value: Any) -> str:
    if isinstance(value, bool):
        return gettext("yes") if value else gettext("no")
    if isinstance(value, slice):
        return f"{localize(value.start or '')} – {localize(value.stop or '')}"
    if isinstance(value, Model):
        return str(value)
    labels = {str(key): str(label) for key, label in _flat(getattr(bound.field, "choices", ()))}
    values = value if isinstance(value, list | tuple) or hasattr(value, "all") else [value]
    return ", ".join(labels.get(str(getattr(one, "pk", one)), str(localize(one))) for one in values)


def _flat(choices: Any) -> list[tuple[Any, Any]]:
    """Choices without their groups."""
    pairs: list[tuple[Any, Any]] = []
    for key, label in choices:
        pairs += label if isinstance(label, list | tuple) else [(key, label)]
    return pairs


def _period(context: template.Context, form: BaseForm) -> dict[str, Any]:
    """The period in words, and the usual ones as links. Whole days in the zone in force, both ends inclusive."""
    today = timezone.localdate()
    cleaned = getattr(form, "cleaned_data", {})
    start, end = (_as_date(cleaned.get(name)) for name in ("from", "to"))
    usual: list[dict[str, Any]] = [
        {
            "label": ngettext("Last %(n)d day", "Last %(n)d days", days) % {"n": days},
            "from": today - timedelta(days=days - 1),
            "to": today,
        }
        for days in (7, 30, 90, 365)
    ]
    for choice in usual:
        choice["current"] = (start, end) == (choice["from"], choice["to"])
        choice["url"] = cx_query(context, from_=choice["from"].isoformat(), to_=choice["to"].isoformat())
    label = next((choice["label"] for choice in usual if choice["current"]), "")
    if not label and (start or end):
        label = " – ".join(date_format(day, "j M Y") if day else "…" for day in (start, end))
    return {
        "label": label or gettext("All time"),
        "usual": usual,
        "all_url": cx_query(context, **{"from": None, "to": None} | getattr(form, "all_time", {})),
        "all": not (start or end),
        "from": form["from"],
        "to": form["to"],
    }


def _as_date(value: Any) -> date | None:
    if isinstance(value, datetime):
        return timezone.localdate(value) if timezone.is_aware(value) else value.date()
    return value if isinstance(value, date) else None


@register.simple_block_tag(takes_context=True)
def cx_empty(context: template.Context, content: str, title: str, text: str = "", icon: str = "inbox") -> SafeString:
    """What stands where nothing is yet: one sentence of value and, between the tags, the actions."""
    return render_to_string(
        "components/empty.html", {"title": title, "text": text, "icon": icon, "actions": SafeString(content.strip())}
    )


@register.inclusion_tag("components/empty.html", takes_context=True)
def cx_empty_filtered(context: template.Context, text: str = "") -> dict[str, Any]:
    """What stands where the filters leave nothing, with the way out of them."""
    request = context.get("request")
    return {
        "title": text or gettext("Nothing matches these filters"),
        "icon": "filter-off",
        "clear_url": request.path if request else "?",
    }


@register.simple_block_tag
def cx_bulk_bar(content: str) -> SafeString:
    """The bar of bulk actions of a ``<form data-cx-bulk>``; its buttons stand between the tags."""
    return render_to_string("components/bulk_bar.html", {"actions": content})


@register.inclusion_tag("components/check_all.html")
def cx_check_all() -> dict[str, Any]:
    """The header cell whose box selects all rows of the page."""
    return {}


@register.inclusion_tag("components/check_row.html")
def cx_check_row(value: Any, label: str) -> dict[str, Any]:
    """The first cell of a row that can be selected; ``label`` is what a screen reader calls the row."""
    return {"value": value, "label": label}


@register.simple_block_tag
def cx_alert(content: str, kind: str = "") -> SafeString:
    """A box with something to know: ``kind`` "w" warning, "d" failure, "ok" success, "" neutral."""
    icons = {"w": "alert-triangle", "d": "alert-circle", "ok": "circle-check"}
    return render_to_string(
        "components/alert.html", {"content": content, "kind": kind, "icon": icons.get(kind, "info-circle")}
    )


@register.inclusion_tag("components/progress.html")
def cx_progress(value: float, maximum: float, label: str) -> dict[str, Any]:
    """A progress bar with its words above."""
    return {"value": value, "maximum": maximum, "label": label}


@register.inclusion_tag("components/help.html", takes_context=True)
def cx_help(context: template.Context, term: str) -> dict[str, Any]:
    """A ``?`` beside a term: its definition, and the way to the help page about scores."""
    number = int(context.render_context.get("cx_help") or 0) + 1
    context.render_context["cx_help"] = number
    organization = getattr(context.get("request"), "organization", None)
    url = (
        reverse("console:help", args=[organization.slug, "scores"])
        if organization
        else reverse("help", args=["scores"])
    )
    return {"id": f"help-{term}-{number}", "name": HELP_NAMES[term](), "text": HELP_TEXTS[term](), "url": url}


HELP_NAMES = {
    "nps": lambda: gettext("Net Promoter Score"),
    "csat": lambda: gettext("Customer satisfaction (CSAT)"),
    "ces": lambda: gettext("Customer effort score (CES)"),
    "interval": lambda: gettext("Interval"),
    "response-rate": lambda: gettext("Response rate"),
    "evidence": lambda: gettext("Evidence"),
}
HELP_TEXTS = {
    "nps": lambda: gettext(
        "Share of promoters (9 and 10) minus share of detractors (0 to 6), from −100 to +100. It is not a percentage."
    ),
    "csat": lambda: gettext("Share of answers in the satisfied box: 4 and 5 of five points, 6 and 7 of seven."),
    "ces": lambda: gettext("Share of people who agree that it was easy: 5, 6 or 7 of seven points."),
    "interval": lambda: gettext(
        "If you asked all customers, the score would lie between these two numbers with 95 % confidence. "
        "Fewer answers, wider interval."
    ),
    "response-rate": lambda: gettext("Completed answers divided by delivered invitations."),
    "evidence": lambda: gettext("What a card rests on: an assumption, some data, or a measurement."),
}


# -- scores -----------------------------------------------------------------------------------------------------------


def _limits(metric: Any) -> tuple[float, float]:
    """Lowest and highest score of the metric's rule."""
    unit = _of(metric, "unit")
    if unit == "points":
        return -100.0, 100.0
    if unit == "percent":
        return 0.0, 100.0
    scores = [int(score) for score in (_of(metric, "distribution") or {})]
    return (float(min(scores)), float(max(scores))) if scores else (1.0, 7.0)


def _heat(metric: Any, target: float | None) -> str:
    """The heat class of a score; hatched when it rests on fewer than 30 answers."""
    if _of(metric, "n", 0) < FEW_ANSWERS:
        return "cx-hx"
    better = _of(metric, "rule") not in LOWER_IS_BETTER
    return heat_class(_of(metric, "value"), target, _limits(metric), higher_is_better=better)


def _printed(metric: Any) -> dict[str, Any]:
    """A metric in print: figure, interval, and words for what it cannot say."""
    if metric is None:
        return {"value": None, "why": gettext("not measured"), "n": 0}
    n, unit = _of(metric, "n", 0), _of(metric, "unit", "points")
    value = _of(metric, "value")
    printed = {"value": None, "why": "", "n": n, "unit": unit, "weak": ""}
    if _of(metric, "suppressed"):
        return printed | {"why": gettext("hidden: too few answers"), "n": None, "hidden": True}
    if value is None:
        return printed | {"why": gettext("no answers")}
    reliability = str(_of(metric, "reliability") or "")
    words = {"anecdote": gettext("anecdote"), "weak": gettext("weak")}
    return printed | {
        "value": figure(value, unit),
        "interval": interval(_of(metric, "low"), _of(metric, "high"), unit),
        "weak": words.get(reliability, ""),
        "imported": _of(metric, "imported", 0),
    }


def _target_words(metric: Any, target: float | None, heat: str) -> str:
    """The target in the cell where orange says "below target" (colour alone would not say which)."""
    if target is None or heat not in {"cx-hm1", "cx-hm2", "cx-hm3"}:
        return ""
    return gettext("target %(value)s") % {"value": figure(float(target), _of(metric, "unit", "points"))}


@register.inclusion_tag("components/metric.html")
def cx_metric(metric: Any) -> dict[str, Any]:
    """A score in a line of text: "+38 (34 to 43)", or why there is none."""
    return _printed(metric)


@register.inclusion_tag("components/tile.html", takes_context=True)
def cx_tile(
    context: template.Context,
    title: str,
    metric: Any = None,
    url: str = "",
    hint: str = "",
    spark: str = "",
    change: Any = None,
    note: str = "",
    help: str = "",
    css: str = "cx-s3",
) -> dict[str, Any]:
    """A dashboard tile: name, scale hint, value with interval, sparkline, change and n.

    ``spark`` is the drawing of ``cxm.charts.sparkline``; ``note`` replaces the words after the change; ``help`` is a
    term of ``cx_help``.
    """
    printed = _printed(metric)
    return printed | {
        "request": context.get("request"),
        "title": title,
        "url": url,
        "hint": hint,
        "spark": spark,
        "change": change,
        "significant": bool(_of(change, "significant")),
        "note": note,
        "help": help,
        "css": css,
    }


@register.inclusion_tag("components/pill.html")
def cx_pill(change: Any, unit: Unit = "points", lower_is_better: bool = False) -> dict[str, Any]:
    """A change: blue for better, orange for worse, but only when it is significant; otherwise grey.

    ``change`` has ``plain`` (or ``difference``, ``value``) and ``significant``. Nothing for None.
    """
    if change is None:
        return {}
    value = next((v for name in ("plain", "difference", "value") if (v := _of(change, name)) is not None), None)
    if value is None:
        return {}
    significant = bool(_of(change, "significant"))
    rises = value > 0
    tone = "cx-flat" if not significant else "cx-up" if rises != lower_is_better else "cx-down"
    icon = "minus" if not significant else "trending-up" if rises else "trending-down"
    return {"text": signed_change(value, unit), "tone": tone, "icon": icon, "significant": significant}


@register.simple_tag
def cx_chip(metric: Any, target: float | None = None, url: str = "", label: str = "") -> SafeString:
    """A live score on a map: heat colour by distance from the target, hatched under 30 answers.

    ``label`` stands before the figure ("NPS"). Without a metric: "not measured"; with a ``url`` that is a link too.
    Written here, not in a template: a large map has hundreds.
    """
    chip = chip_words(metric, target, url, label)
    if chip["value"]:
        name = f"{label} " if label else ""
        weak = f" {chip['weak']}" if chip["weak"] else ""
        inside = format_html("{}{} <small>({}){}</small>", name, chip["value"], chip["interval"], weak)
    else:
        inside = format_html("{}", chip["why"])
    under = format_html('<span class="cx-under">{}</span>', chip["target"]) if chip["value"] and chip["target"] else ""
    if url:
        return format_html('<a class="cx-pill {}" href="{}">{}</a>{}', chip["heat"], url, inside, under)
    return format_html('<span class="cx-pill {}">{}</span>{}', chip["heat"], inside, under)


def chip_words(metric: Any, target: float | None = None, url: str = "", label: str = "") -> dict[str, Any]:
    """What a chip says and how it looks: `value`, `interval` and `weak`, or `why` there is none; `heat`, `target`."""
    printed = _printed(metric)
    heat = _heat(metric, target) if printed["value"] else "cx-none"
    return printed | {"heat": heat, "url": url, "label": label, "target": _target_words(metric, target, heat)}


@register.inclusion_tag("components/heat_cell.html")
def cx_heat_cell(metric: Any, target: float | None = None, url: str = "") -> dict[str, Any]:
    """A cell of a heat table; see :func:`cx_chip`."""
    printed = _printed(metric)
    heat = _heat(metric, target) if printed["value"] else "n"
    return printed | {"heat": heat, "url": url, "target": _target_words(metric, target, heat)}


@register.inclusion_tag("components/heat_legend.html")
def cx_heat_legend(target: bool = True) -> dict[str, Any]:
    """What the colours of a heat table mean, in words. Without targets only the hatching is explained."""
    return {"target": target}


@register.inclusion_tag("components/score.html")
def cx_score(score: int | None, metric: str = "nps", scale: int = 11) -> dict[str, Any]:
    """One answer's score in a square, blue, grey or orange, with the word for it for readers.

    NPS: promoter 9-10, passive 7-8, detractor 0-6. CSAT and CES: the top box, the equally large lowest box, between.
    """
    if score is None:
        return {"score": None, "tone": "cx-flat", "words": gettext("No score")}
    if metric == "nps":
        tone = "cx-up" if score >= 9 else "cx-flat" if score >= 7 else "cx-down"
        words = {"cx-up": gettext("Promoter"), "cx-flat": gettext("Passive"), "cx-down": gettext("Detractor")}[tone]
        return {"score": score, "tone": tone, "words": words}
    top = TOP_BOX.get(metric, {}).get(scale)
    if top is None:
        return {"score": score, "tone": "cx-flat", "words": gettext("Score")}
    tone = "cx-up" if score >= top else "cx-down" if score <= scale + 1 - top else "cx-flat"
    names = {
        "csat": {"cx-up": gettext("Satisfied"), "cx-flat": gettext("Neutral"), "cx-down": gettext("Dissatisfied")},
        "ces": {"cx-up": gettext("Easy"), "cx-flat": gettext("Neutral"), "cx-down": gettext("Difficult")},
    }
    return {"score": score, "tone": tone, "words": names[metric][tone]}


@register.inclusion_tag("components/chart.html")
def cx_chart(drawing: Any, table: Any = None, legend: Any = None, caption: str = "") -> dict[str, Any]:
    """A chart with its legend and "Show as table".

    ``drawing`` is what a function of ``cxm.charts`` gave (or an object with ``drawing``, ``table`` and ``legend``).
    ``table`` has ``columns`` (a list of words) and ``rows`` (lists of cells, the first a row head); ``legend`` is a
    list of (key class, words), the class being one of cx-kpro, cx-kpas, cx-kdet, cx-kacc, cx-kband, cx-kline,
    cx-kline2, cx-khollow.
    """
    if not isinstance(drawing, str):
        table = table or _of(drawing, "table")
        legend = legend or _of(drawing, "legend")
        drawing = _of(drawing, "drawing", "")
    return {"drawing": drawing, "table": table, "legend": legend, "caption": caption}
