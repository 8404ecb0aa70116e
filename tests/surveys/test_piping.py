"""Hidden fields, sentences that repeat what was said, and the link of thanks: as written, and as shown."""

from __future__ import annotations

import copy
import json
from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client

from apps.organizations.models import Organization
from apps.surveys import services
from apps.surveys.definition import parse_definition, problems_before_publication
from apps.surveys.entries import NewResponse
from apps.surveys.links import respondent_token
from apps.surveys.models import Response
from apps.surveys.piping import PipedValues, PipingError, first_name, pieces, pipe
from cxm.actor import Actor
from cxm.errors import DomainErrors
from cxm.scope import tenant
from tests.factories import an_organization
from tests.factories.dispatch import a_customer_to_ask, an_invitation
from tests.factories.surveys import a_survey

SYSTEM = Actor.system("test")
TALK: dict[str, Any] = {
    "languages": ["en", "de"],
    "hidden": [{"id": "order", "label": "Order number"}, {"id": "tier"}],
    "pages": [
        {
            "id": "p1",
            "questions": [
                {
                    "id": "score",
                    "type": "nps",
                    "required": True,
                    "title": {
                        "en": 'Hello {{ customer.first_name | default: "there" }}, would you recommend '
                        "{{ organization }}?",
                        "de": "Würden Sie {{organization}} empfehlen?",
                    },
                },
                {
                    "id": "food",
                    "type": "multi_choice",
                    "title": {"en": "What did you eat?", "de": "Was aßen Sie?"},
                    "choices": [
                        {"id": "s", "label": {"en": "Soup", "de": "Suppe"}},
                        {"id": "b", "label": {"en": "Bread", "de": "Brot"}},
                    ],
                },
                {
                    "id": "why",
                    "type": "text",
                    "title": {
                        "en": "Why {{ answers.score }} for {{ answers.food }} of order {{ hidden.order }}?",
                        "de": "Warum {{ answers.score }} für {{ answers.food }}?",
                    },
                },
                {
                    "id": "gold",
                    "type": "text",
                    "title": {"en": "What should gold bring?", "de": "Was soll Gold bringen?"},
                    "show_if": {"all": [{"question": "tier", "op": "in", "value": ["gold", "platinum"]}]},
                },
            ],
        }
    ],
    "thank_you": {
        "title": {"en": "Thanks for the {{ answers.score }}!", "de": "Danke für die {{ answers.score }}!"},
        "link": {"url": "https://example.com/reviews?x=1", "label": {"en": "Tell others", "de": "Weitersagen"}},
    },
}


def problems(raw: dict[str, Any]) -> list[tuple[str, str]]:
    with pytest.raises(DomainErrors) as refused:
        parse_definition(raw)
    return [(error["field"], error["code"]) for error in refused.value.errors]


def changed(path: str, value: Any) -> dict[str, Any]:
    """The definition with one place changed."""
    raw = copy.deepcopy(TALK)
    *way, last = path.split(".")
    place: Any = raw
    for step in way:
        place = place[int(step)] if isinstance(place, list) else place[step]
    place[int(last) if isinstance(place, list) else last] = value
    return raw


def test_a_definition_with_all_of_it_comes_back_the_same() -> None:
    definition = parse_definition(TALK)
    assert [hidden.id for hidden in definition.hidden] == ["order", "tier"]
    assert parse_definition(json.loads(json.dumps(definition.to_json()))) == definition
    assert definition.to_json()["hidden"] == [{"id": "order", "label": "Order number"}, {"id": "tier"}]
    assert definition.to_json()["thank_you"]["link"] == TALK["thank_you"]["link"]


def test_what_is_repeated_is_asked_on_an_earlier_screen() -> None:
    screens = [[question.id for question in screen] for screen in parse_definition(TALK).screens]
    assert screens == [["score", "food"], ["why", "gold"]]


@pytest.mark.parametrize(
    ("path", "value", "field", "code"),
    [
        ("pages.0.questions.0.title.en", "{{ answers.why }}", "pages.0.questions.0.title.en", "piping"),
        ("pages.0.questions.0.title.en", "{{ answers.score }}", "pages.0.questions.0.title.en", "piping"),
        ("pages.0.questions.2.title.en", "{{ hidden.nothing }}", "pages.0.questions.2.title.en", "piping"),
        ("pages.0.questions.2.title.en", "{{ customer.email }}", "pages.0.questions.2.title.en", "piping"),
        ("pages.0.questions.2.title.en", "{{ 7 * 7 }}", "pages.0.questions.2.title.en", "piping"),
        ("pages.0.questions.2.title.en", "{{ answers.score | upper }}", "pages.0.questions.2.title.en", "piping"),
        ("pages.0.questions.2.title.en", "{{ settings.SECRET_KEY", "pages.0.questions.2.title.en", "piping"),
        ("pages.0.questions.1.choices.0.label.en", "{{ answers.score }}", None, "piping"),
        ("thank_you.title.en", "{{ answers.nobody }}", "thank_you.title.en", "piping"),
        ("thank_you.link.url", "javascript:alert(1)", "thank_you.link.url", "url"),
        ("thank_you.link.url", "http://example.com", "thank_you.link.url", "url"),
        ("thank_you.link.url", "https://", "thank_you.link.url", "url"),
        ("thank_you.link.url", "https://a@b.example", "thank_you.link.url", "url"),
        ("thank_you.link.url", "https://a.example/\nx", "thank_you.link.url", "url"),
        ("thank_you.link.url", "https://[", "thank_you.link.url", "url"),
        ("thank_you.link.url", 7, "thank_you.link.url", "url"),
        ("thank_you.link", {"url": "https://a.example"}, "thank_you.link.label", "required"),
        ("thank_you.link", "https://a.example", "thank_you.link", "type"),
        ("hidden.1.id", "order", "hidden.1.id", "duplicate"),
        ("hidden.1.id", "score", "pages.0.questions.0.id", "duplicate"),
        ("hidden.1.id", "a b", "hidden.1.id", "id"),
        ("hidden.1.id", "lang", "hidden.1.id", "reserved"),
        ("hidden.0.label", 7, "hidden.0.label", "label"),
        ("hidden", {"id": "x"}, "hidden", "type"),
        ("pages.0.questions.3.show_if.all.0.op", "<", "pages.0.questions.3.show_if.all.0.op", "op"),
        ("pages.0.questions.3.show_if.all.0.value", [7], "pages.0.questions.3.show_if.all.0.value", "value"),
        ("pages.0.questions.3.show_if.all.0.value", "gold", "pages.0.questions.3.show_if.all.0.value", "type"),
    ],
)
def test_mistakes_are_named_where_they_stand(path: str, value: Any, field: str | None, code: str) -> None:
    assert (field or path, code) in problems(changed(path, value))


@pytest.mark.parametrize(
    "file",
    [{"accept": []}, {"accept": ["exe"]}, {"accept": "pdf"}, {"max_mb": 0}, {"max_mb": 11}, {"max_mb": True}],
)
def test_limits_of_a_file_question_are_checked(file: dict[str, Any]) -> None:
    question = {"id": "f", "type": "file", "title": {"en": "File"}, **file}
    [(field, _code)] = problems({"pages": [{"questions": [question]}]})
    assert field.startswith("pages.0.questions.0.")


def test_a_file_question_may_be_published_and_comes_back_the_same() -> None:
    raw = {"pages": [{"questions": [{"id": "f", "type": "file", "title": {"en": "File"}, "accept": ["pdf"]}]}]}
    definition = parse_definition(raw)
    assert (definition.questions["f"].accept, definition.questions["f"].max_mb) == (("pdf",), 5)
    assert problems_before_publication(definition) == []
    assert parse_definition(definition.to_json()) == definition


@pytest.mark.django_db
def test_an_anonymous_survey_calls_nobody_by_name() -> None:
    with tenant(an_organization("Acme")):
        survey = services.create_survey(actor=SYSTEM, name="Team", kind="custom", anonymous=True, definition=TALK)
        with pytest.raises(DomainErrors) as refused:
            services.publish_survey(actor=SYSTEM, survey=survey)
    [error] = refused.value.errors
    assert (error["field"], error["code"]) == ("pages.0.questions.0.title.en", "piping")


def test_a_place_takes_its_value_or_its_default_and_nothing_else() -> None:
    values = PipedValues({"q": "<b>  nine\n"}, {"order": "{{ answers.q }}"}, "Berg, Lena", "Acme")
    assert pipe("{{answers.q}} · {{ hidden.order }} · {{ customer.first_name }}", values) == (
        "<b> nine · {{ answers.q }} · Lena"
    )
    assert pipe('{{ touchpoint | default: "us" }}/{{ touchpoint }}/{{ nonsense }}', values) == "us//{{ nonsense }}"
    assert first_name("Lena Berg") == "Lena"
    assert first_name("") == first_name(" , ") == ""
    assert len(pipe("{{ answers.q }}", PipedValues({"q": "x" * 5_000}))) == 200


@pytest.mark.parametrize(
    "text", ["{{" * 1_000, "{{ answers." + "x" * 100 + " }}", '{{ touchpoint | default: "a }}', "{{}}"]
)
def test_odd_braces_are_refused_quickly(text: str) -> None:
    with pytest.raises(PipingError):
        pieces(text)


@pytest.fixture
def acme() -> Organization:
    return an_organization("Acme & Sons")


@pytest.mark.django_db
def test_an_open_link_brings_hidden_fields_and_repeats_what_was_said(client: Client, acme: Organization) -> None:
    with tenant(acme):
        survey = a_survey("custom", definition=TALK)
    address = f"/s/{acme.slug}/{survey.slug}/"
    first = client.get(f"{address}?order=%3Cb%3E77&tier=gold&other=x").content.decode()
    assert "Hello there, would you recommend Acme &amp; Sons?" in first
    assert 'name="h-order" value="&lt;b&gt;77"' in first
    assert '<a href="?lang=de&amp;order=%3Cb%3E77&amp;tier=gold" lang="de"' in first
    token = first.split('name="t" value="')[1].split('"')[0]
    form = {"q-score": "9", "q-food": ["s", "b"], "h-order": "<b>77", "h-tier": "gold", "t": token, "page": "1"}
    onward = client.post(address, form)["Location"]
    second = client.get(onward).content.decode()
    assert "Why 9 for Soup, Bread of order &lt;b&gt;77?" in second
    assert "What should gold bring?" in second
    resumed = client.get(f"{address}?t={token}&lang=de").content.decode()  # another device: only the token
    assert "Warum 9 für Suppe, Brot?" in resumed
    assert "Was soll Gold bringen?" in resumed
    rest = {"q-why": "Good", "q-gold": "More", "h-order": "<b>77", "h-tier": "gold", "t": token, "page": "2"}
    done = client.post(address, rest)["Location"]
    thanks = client.get(done).content.decode()
    assert "Thanks for the 9!" in thanks
    assert '<a href="https://example.com/reviews?x=1" rel="noopener noreferrer">Tell others</a>' in thanks
    with tenant(acme):
        answer = Response.objects.get()
    assert answer.attributes == {"order": "<b>77", "tier": "gold"}
    assert answer.answers["gold"] == "More"


@pytest.mark.django_db
def test_the_link_of_thanks_is_shown_to_everybody(client: Client, acme: Organization) -> None:
    with tenant(acme):
        survey = a_survey("custom", definition=TALK, relationship=True)
        for score in ("0", "10"):
            path = f"/r/{respondent_token(acme.pk, an_invitation(survey).pk)}/"
            client.post(path, {"q-score": score, "page": "1"})
            done = client.post(path, {"q-why": "", "page": "2"})["Location"]
            assert "https://example.com/reviews" in client.get(done).content.decode()


@pytest.mark.django_db
def test_an_invitation_calls_by_name_and_its_attributes_cannot_be_altered(client: Client, acme: Organization) -> None:
    with tenant(acme):
        survey = a_survey("custom", definition=TALK, relationship=True)
        invitation = an_invitation(survey, a_customer_to_ask(name="Lena <i>Berg"))
        invitation.attributes = {"order": "77", "agent": "Kim"}
        invitation.save()
    path = f"/r/{respondent_token(acme.pk, invitation.pk)}/"
    html = client.get(f"{path}?order=1&tier=gold").content.decode()
    assert "Hello Lena, would" in html
    client.post(path, {"q-score": "2", "h-order": "1", "h-tier": "gold", "page": "1"})
    assert "of order 77?" in client.get(path).content.decode()
    with tenant(acme):
        assert Response.objects.get().attributes == {"order": "77", "agent": "Kim", "tier": "gold"}


@pytest.mark.django_db
@pytest.mark.parametrize("odd", ["x" * 5_000, "\x00", "a\x00b", "\ud800", "   "])
def test_odd_hidden_fields_do_no_harm(client: Client, acme: Organization, odd: str) -> None:
    with tenant(acme):
        survey = a_survey("custom", definition=TALK)
    address = f"/s/{acme.slug}/{survey.slug}/"
    html = client.get(address, {"order": odd.encode("utf-8", "surrogatepass")}).content.decode()
    token = html.split('name="t" value="')[1].split('"')[0]
    form = {"q-score": "9", "h-order": odd.encode("utf-8", "surrogatepass"), "t": token, "page": "1"}
    sent = client.post(address, urlencode(form), content_type="application/x-www-form-urlencoded")
    assert sent.status_code == 303
    with tenant(acme):
        assert len(Response.objects.get().attributes.get("order", "")) <= 200


@pytest.mark.django_db
def test_the_api_takes_hidden_fields_among_the_answers(acme: Organization) -> None:
    with tenant(acme):
        survey = a_survey("custom", definition=TALK)
        entry = NewResponse({"score": 9, "order": 77, "tier": "gold", "gold": "More"}, source_id="1")
        services.record_response(actor=SYSTEM, survey_id=survey.pk, entry=entry)
        answer = Response.objects.get()
        assert (answer.attributes, answer.answers) == ({"order": "77", "tier": "gold"}, {"score": 9, "gold": "More"})
        for odd in ({"order": True}, {"order": "x" * 201}, {"order": []}, {"order": ["x"]}, {"order": "\x00"}):
            with pytest.raises(DomainErrors) as refused:
                entry = NewResponse({"score": 9, "order": odd["order"] or ["x"]})
                services.record_response(actor=SYSTEM, survey_id=survey.pk, entry=entry)
            assert refused.value.errors[0]["field"] == "answers.order"


@pytest.mark.django_db
def test_an_anonymous_answer_keeps_no_hidden_field_but_conditions_read_it(client: Client, acme: Organization) -> None:
    raw = changed("pages.0.questions.0.title.en", "Would you recommend {{ organization }}?")
    with tenant(acme):
        survey = a_survey("custom", anonymous=True, definition=raw)
    address = f"/s/{acme.slug}/{survey.slug}/"
    token = client.get(f"{address}?tier=gold").content.decode().split('name="t" value="')[1].split('"')[0]
    form = {"q-score": "9", "h-tier": "gold", "t": token, "page": "1"}
    second = client.get(client.post(address, form)["Location"]).content.decode()
    assert "What should gold bring?" in second
    client.post(address, {"q-gold": "More", "h-tier": "gold", "t": token, "page": "2"})
    with tenant(acme):
        answer = Response.objects.get()
    assert (answer.attributes, answer.answers["gold"], answer.state) == ({}, "More", "submitted")
