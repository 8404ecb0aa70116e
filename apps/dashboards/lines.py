"""Answers as lines of a list, made ready to print once: formatting fifty rows in a template outweighs their SQL."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.utils.safestring import SafeString
from django.utils.text import Truncator
from django.utils.translation import gettext

from apps.dashboards.flags import flag_words
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

    Of an anonymous survey the words stand alone: a score, a channel or a time beside them would single people out.
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
    marks: str


def lines(organization: Organization, responses: Iterable[Response], *, actor: Actor) -> list[Line]:
    """The lines of these answers, which carry their survey, touchpoint and customer, as this actor may read them."""
    channels = {value: str(label) for value, label in Channel.choices}
    open_answer = gettext("Open the answer %(score)s to %(name)s")
    found = []
    for response in responses:
        if response.survey.anonymous:
            found.append(_words_alone(response, actor))
            continue
        square = cx_score(response.score, response.metric, response.scale or 0)
        score = "–" if response.score is None else str(response.score)
        survey = response.survey
        circumstances = [channels.get(response.channel, response.channel), response.language]
        found.append(
            Line(
                score=score,
                tone=square["tone"],
                words=square["words"],
                comment=Truncator(readable_comment(response, actor)).chars(LONGEST_COMMENT),
                about=response.touchpoint.name if response.touchpoint else survey.name,
                circumstances=" · ".join(part for part in circumstances if part),
                when=cx_time(response.occurred_at),
                url=org_url(organization, "dashboards:answer", pk=response.pk),
                label=open_answer % {"score": score, "name": survey.name},
                marks=", ".join(flag_words(response.flags)),
            )
        )
    return found


def _words_alone(response: Response, actor: Actor) -> Line:
    comment = Truncator(readable_comment(response, actor)).chars(LONGEST_COMMENT)
    no_score = cx_score(None)
    return Line(
        "–", no_score["tone"], no_score["words"], comment, response.survey.name, "", SafeString(), "", "", marks=""
    )
