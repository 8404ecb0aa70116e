"""A new map: from a template, a simple outline, blank, or from elsewhere."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import HttpResponse

from apps.journeys import services
from apps.journeys.forms import OUTLINE, NewJourneyForm
from apps.journeys.starting import map_template, map_templates, start_from_template
from cxm.web.forms import domain_errors_into
from cxm.web.http import MemberRequest
from cxm.web.urls import org_url
from cxm.web.views import permission_required, render_page, see_other


class TemplateJourneyForm(NewJourneyForm):
    """A map from a template: the stages come with it."""

    template = forms.CharField(widget=forms.HiddenInput, max_length=60)

    field_order = ("name", "persona", "metric", "template")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        del self.fields["stages"]


@permission_required("journeys.edit")
def journey_create(request: MemberRequest) -> HttpResponse:
    """A first map in under a minute: from a template, or a name and the stages as lines."""
    asked = request.POST.get("template") if request.method == "POST" else request.GET.get("template")
    template = map_template(asked) if asked else None
    start = request.GET.get("start", "")
    start = "template" if template else start if start in ("blank", "outline") else "choose"
    if request.method == "POST" and not template and start == "choose":
        start = "outline"
    context: dict[str, Any] = {"start": start, "template": template, "templates": list(map_templates().values())}
    if template:
        initial = {
            "name": template.name,
            "metric": template.document["metric"],
            "template": template.id,
            "persona": request.GET.get("persona"),
        }
        form: NewJourneyForm = TemplateJourneyForm(request.POST or None, initial=initial)
    else:
        outline = "" if start == "blank" else "\n".join(str(name) for name in OUTLINE)
        form = NewJourneyForm(request.POST or None, initial={"stages": outline, "persona": request.GET.get("persona")})
    if request.method == "POST" and form.is_valid():
        with domain_errors_into(form):
            values = {name: form.cleaned_data[name] for name in ("name", "persona", "metric")}
            if template:
                journey = start_from_template(actor=request.actor, template=template.id, **values).journey
            else:
                journey = services.create_journey(actor=request.actor, **values, stages=form.stage_list())
            return see_other(request, org_url(request.organization, "journeys:detail", pk=journey.pk))
    return render_page(request, "journeys/new.html", {**context, "form": form})
