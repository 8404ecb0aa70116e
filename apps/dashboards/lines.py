"""Answers as lines of a list, made ready to print once: formatting fifty rows in a template outweighs their SQL."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.utils.safestring import SafeString
from django.utils.text import Truncator
from django.utils.translation import gettext

from apps.organizations.models import Organization
from apps.surveys.holding import readable_comment
from apps.surveys.models import Response
from apps.touchpoints.models import Channel
from cxm.actor import Actor
from cxm.web.templatetags.cx import cx_score, cx_time
from cxm.web.urls import org_url

LONGEST_COMMENT = 600


@dataclass(frozen=True, slots=True)
class Line:
    """One answer: its score in colour and words, what was said, where, and the way to the whole of it.

    `url` is empty for answers of anonymous surveys, which have no page.
    """

    score: str
    tone: str
    words: str
    comment: str
    about: str
    circumstances: str
    when: SafeString
    url: str
    label: str


def lines(organization: Organization, responses: Iterable[Response], *, actor: Actor) -> list[Line]:
    """The lines of these answers, which carry their survey, touchpoint and customer, as this actor may read them."""
    channels = {value: str(label) for value, label in Channel.choices}
    open_answer = gettext("Open the answer %(score)s to %(name)s")
    found = []
    for response in responses:
        square = cx_score(response.score, response.metric, response.scale or 0)
        score = "–" if response.score is None else str(response.score)
        survey, anonymous = response.survey, response.survey.anonymous
        circumstances = [channels.get(response.channel, response.channel), response.language]
        found.append(
            Line(
                score=score,
                tone=square["tone"],
                words=square["words"],
                comment=Truncator(readable_comment(response, actor)).chars(LONGEST_COMMENT),
                about=response.touchpoint.name if response.touchpoint else survey.name,
                circumstances=" · ".join(part for part in circumstances if part),
                when=SafeString() if anonymous else cx_time(response.occurred_at),
                url="" if anonymous else org_url(organization, "dashboards:answer", pk=response.pk),
                label=open_answer % {"score": score, "name": survey.name},
            )
        )
    return found
