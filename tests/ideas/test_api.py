"""`ideas/` from outside."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.ideas.models import Idea
from apps.organizations.models import Organization
from apps.personas.models import Persona
from apps.touchpoints.models import Touchpoint
from cxm.scope import tenant
from tests.factories import an_api_client, an_organization
from tests.factories.ideas import a_comment, a_vote, an_idea

PATH = "/api/v1/ideas/"


@pytest.fixture
def client(organization: Organization) -> Any:
    return an_api_client(organization)


def test_title_alone_makes_an_idea(client: Any) -> None:
    answer = client.post(PATH, {"title": "Call back", "unknown": 1}, format="json")
    assert answer.status_code == 201
    body = answer.json()
    assert body | {"title": "Call back", "status": "new", "votes": 0, "comments": 0, "author": None} == body
    assert client.get(answer["Location"]).json() == body


def test_everything_can_be_given_changed_and_removed(client: Any) -> None:
    Touchpoint.objects.create(key="visit", name="Visit")
    persona = Persona.objects.create(name="Lena")
    body = {
        "title": "A",
        "body": "B",
        "touchpoint": "visit",
        "persona": str(persona.pk),
        "challenge": None,
        "anonymous": True,
    }
    made = client.post(PATH, body, format="json").json()
    assert {key: made[key] for key in body} == body
    path = f"{PATH}{made['id']}/"
    changed = client.patch(path, {"title": "C", "touchpoint": None}, format="json").json()
    assert (changed["title"], changed["body"], changed["touchpoint"]) == ("C", "B", None)
    replaced = client.put(path, {"title": "D"}, format="json").json()
    assert (replaced["title"], replaced["body"], replaced["persona"]) == ("D", "", None)
    stale = client.patch(path, {"title": "E"}, format="json", HTTP_IF_MATCH='"old"')
    assert stale.status_code == 412
    assert client.delete(path).status_code == 204
    assert client.get(path).status_code == 404


def test_vote_comment_status_and_merge(client: Any) -> None:
    one, two = (client.post(PATH, {"title": title}, format="json").json()["id"] for title in ("One", "Two"))
    assert client.post(f"{PATH}{one}/vote/").json() == {"votes": 1, "voted": True}
    assert client.post(f"{PATH}{one}/vote/", {}, format="json").json() == {"votes": 1, "voted": True}
    assert client.post(f"{PATH}{two}/vote/", {"vote": False}, format="json").json() == {"votes": 0, "voted": False}
    comment = client.post(f"{PATH}{one}/comments/", {"body": "Yes"}, format="json")
    assert comment.status_code == 201
    assert client.get(f"{PATH}{one}/comments/").json()["results"] == [comment.json()]
    answered = client.post(f"{PATH}{one}/status/", {"status": "planned", "official_answer": "In spring"}, format="json")
    assert (answered.json()["status"], answered.json()["official_answer"]) == ("planned", "In spring")
    merged = client.post(f"{PATH}{one}/merge/", {"into": two}, format="json").json()
    assert (merged["id"], merged["votes"]) == (two, 1)
    assert client.get(f"{PATH}{one}/").json()["merged_into"] == two
    assert client.post(f"{PATH}{one}/vote/").status_code == 409


@pytest.mark.parametrize(
    ("tail", "body", "field"),
    [
        ("", {}, "title"),
        ("", {"title": ""}, "title"),
        ("", {"title": "x" * 161}, "title"),
        ("", {"title": ["a"]}, "title"),
        ("", {"title": "a", "touchpoint": "nowhere"}, "touchpoint"),
        ("", {"title": "a", "persona": "nobody"}, "persona"),
        ("", {"title": "a", "persona": str(uuid4())}, "persona"),
        ("", {"title": "a", "challenge": str(uuid4())}, "challenge"),
        ("", {"title": "a", "anonymous": "perhaps"}, "anonymous"),
        ("{id}/comments/", {}, "body"),
        ("{id}/comments/", {"body": " "}, "body"),
        ("{id}/status/", {"status": "finished"}, "status"),
        ("{id}/status/", {"status": "merged"}, "status"),
        ("{id}/merge/", {}, "into"),
        ("{id}/merge/", {"into": "x"}, "into"),
        ("{id}/merge/", {"into": str(uuid4())}, "into"),
        ("{id}/vote/", {"vote": "perhaps"}, "vote"),
    ],
)
def test_wrong_body_is_a_problem_that_names_the_field(client: Any, tail: str, body: dict[str, Any], field: str) -> None:
    answer = client.post(PATH + tail.format(id=an_idea().pk), body, format="json")
    assert answer.status_code == 400
    assert field in [error["field"] for error in answer.json()["errors"]]


def test_list_is_filtered_and_ordered(client: Any) -> None:
    visit = Touchpoint.objects.create(key="visit", name="Visit")
    loved, tied = an_idea("Loved idea"), an_idea("Tied idea", touchpoint=visit)
    a_vote(loved), a_vote(loved), a_vote(tied)

    def ids(**query: str) -> list[str]:
        return [row["id"] for row in client.get(PATH, query).json()["results"]]

    assert ids(ordering="-votes") == [str(loved.pk), str(tied.pk)]
    assert ids(ordering="votes") == [str(tied.pk), str(loved.pk)]
    assert ids(touchpoint="visit") == [str(tied.pk)]
    assert ids(q="LOVED") == [str(loved.pk)]
    assert ids(status="done") == []
    pages = client.get(PATH, {"ordering": "-votes", "limit": 1}).json()
    assert [row["id"] for row in client.get(pages["next"]).json()["results"]] == [str(tied.pk)]


def test_list_costs_the_same_for_one_and_for_three(client: Any) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert client.get(PATH).status_code == 200
        return len(captured)

    a_comment(a_vote(an_idea()).idea)
    client.get(PATH)
    one = queries()
    a_comment(a_vote(an_idea()).idea), an_idea()
    assert queries() == one


def test_other_organisations_ideas_do_not_exist(client: Any) -> None:
    mine = an_idea()
    with tenant(an_organization("Other")):
        theirs = an_idea("Secret")
    assert [row["id"] for row in client.get(PATH).json()["results"]] == [str(mine.pk)]
    for method, tail in (("get", ""), ("patch", ""), ("delete", ""), ("post", "vote/"), ("get", "comments/")):
        answer = getattr(client, method)(f"{PATH}{theirs.pk}/{tail}", {"title": "x"}, format="json")
        assert answer.status_code == 404
    assert client.post(f"{PATH}{mine.pk}/merge/", {"into": str(theirs.pk)}, format="json").status_code == 400
    with tenant(theirs.tenant_id):
        assert Idea.objects.get().status == "new"


def test_scopes_are_obeyed(organization: Organization) -> None:
    reader = an_api_client(organization, ["ideas.view"])
    idea = an_idea()
    assert reader.get(PATH).status_code == 200
    for tail in ("", f"{idea.pk}/vote/", f"{idea.pk}/comments/", f"{idea.pk}/status/", f"{idea.pk}/merge/"):
        assert reader.post(PATH + tail, {"title": "x"}, format="json").status_code == 403
