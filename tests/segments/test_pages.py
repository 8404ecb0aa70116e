"""The pages of segments: the form without scripts, the live count, lists, who may see what."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from apps.customers.models import Customer
from apps.interactions.models import Interaction
from apps.personas.services import create_persona
from apps.segments.models import Segment, SegmentMember
from apps.segments.services import create_segment
from apps.segments.suggestions import choices_for
from cxm.actor import Actor
from cxm.ids import timed_uuid7
from cxm.scope import tenant
from tests.factories import a_member, an_organization, signed_in
from tests.factories.customers import a_customer
from tests.factories.maps import a_touchpoint
from tests.factories.metrics import fold_pending
from tests.factories.surveys import a_survey, an_answer

pytestmark = pytest.mark.django_db
SYSTEM = Actor.system("test")
GOLD = {"all": [{"attribute": "plan", "op": "=", "value": "gold"}]}


@pytest.fixture
def acme() -> Any:
    return an_organization("Acme")


@pytest.fixture
def client(acme: Any) -> Any:
    return signed_in(a_member(acme, "manager"))


def url(organization: Any, path: str = "") -> str:
    return f"/o/{organization.slug}/segments/{path}"


def a_segment(name: str = "Gold", rule: Any = None) -> Segment:
    return create_segment(actor=SYSTEM, name=name, rule=rule or GOLD)


def gold(**values: Any) -> dict[str, str]:
    """What a browser sends of the form with one condition."""
    return {
        "name": "Gold customers",
        "r.mode": "all",
        "r-0.kind": "attribute",
        "r-0.name": "plan",
        "r-0.op": "=",
        "r-0.value": "gold",
        "do": "save",
        **values,
    }


def it_happened(customer: Customer, event: str, **properties: Any) -> Interaction:
    at = now().replace(microsecond=0)
    return Interaction.objects.create(
        id=timed_uuid7(at, 1), customer=customer, identity_id=customer.pk, event=event, occurred_at=at,
        properties=properties,
    )  # fmt: skip


def test_form_without_scripts_makes_the_segment(acme: Any, client: Any) -> None:
    with tenant(acme):
        a_customer(name="Ann", attributes={"plan": "gold"})
        a_customer(name="Ben", attributes={"plan": "silver"})
    made = client.post(url(acme, "new/"), gold())
    assert made.status_code == 302
    with tenant(acme):
        segment = Segment.objects.get()
        assert (segment.name, segment.rule, segment.size) == ("Gold customers", GOLD, 1)
    page = client.get(made["Location"]).content.decode()
    assert "Ann" in page and "Ben" not in page
    assert "50 % of all" in page
    assert "plan is" in page


def test_buttons_change_rows_and_keep_what_was_typed(acme: Any, client: Any) -> None:
    path = url(acme, "new/")
    added = client.post(path, gold(do="add:r"))
    assert added.status_code == 200
    page = added.content.decode()
    assert 'name="r-1.kind"' in page and 'value="gold"' in page and 'value="Gold customers"' in page
    both = gold(do="remove:r-0", **{"r-1.kind": "event", "r-1.a_event": "Purchase"})
    page = client.post(path, both).content.decode()
    assert 'name="r-0.a_event"' in page and "r-1" not in page and "Purchase" in page
    nested = client.post(path, gold(do="group:r")).content.decode()
    assert 'name="r-1.mode"' in nested and 'name="r-1-0.kind"' in nested
    where = client.post(path, {"r.mode": "all", "r-0.kind": "event", "do": "where:r-0.a"}).content.decode()
    assert 'name="r-0.a-0.property"' in where
    with tenant(acme):
        assert not Segment.objects.exists()


def test_script_gets_only_the_rows(acme: Any, client: Any) -> None:
    answer = client.post(url(acme, "new/"), gold(do="add:r"), headers={"HX-Request-Type": "partial"})
    page = answer.content.decode()
    assert page.lstrip().startswith("<div") and 'id="builder"' in page and "<html" not in page
    assert 'data-focus="r-1"' in page


def test_what_is_wrong_stands_at_its_condition(acme: Any, client: Any) -> None:
    wish = gold(
        **{"r-0.value": "", "r-1.kind": "event", "r-1.a_event": "Purchase", "r-1.count": "many", "name": " "},
    )
    refused = client.post(url(acme, "new/"), wish)
    assert refused.status_code == 422
    page = refused.content.decode()
    for place in ("r-0.value", "r-1.count", "id_name"):
        (tag,) = re.findall(rf'<[^>]* id="{re.escape(place)}"[^>]*>', page)
        assert 'aria-invalid="true"' in tag, place
    assert "Give a value" in page
    with tenant(acme):
        assert not Segment.objects.exists()


def test_name_that_is_taken_is_said_at_the_name(acme: Any, client: Any) -> None:
    with tenant(acme):
        a_segment("Gold customers")
    refused = client.post(url(acme, "new/"), gold())
    assert refused.status_code == 422
    assert "Another segment has this name" in refused.content.decode()


def test_count_follows_what_is_typed_with_sentence_and_examples(acme: Any, client: Any) -> None:
    with tenant(acme):
        a_customer(name="Ann", attributes={"plan": "gold"})
        a_customer(name="Ben")
    page = client.post(url(acme, "count/"), gold()).content.decode()
    assert 'data-count="1"' in page and "50 % of all" in page and "Ann" in page and "Ben" not in page
    assert "Customers where plan is" in page
    empty = client.post(url(acme, "count/"), gold(**{"r-0.value": ""})).content.decode()
    assert "Fill in the empty fields" in empty and "data-count" not in empty
    wrong = client.post(url(acme, "count/"), gold(**{"r-0.op": ">"})).content.decode()
    assert "Compare with a number" in wrong
    assert client.get(url(acme, "count/")).status_code == 405


def test_count_shows_names_only_of_the_own_organisation(acme: Any, client: Any) -> None:
    with tenant(an_organization("Other")):
        a_customer(name="Secret", attributes={"plan": "gold"})
    page = client.post(url(acme, "count/"), gold()).content.decode()
    assert 'data-count="0"' in page and "Secret" not in page


def test_json_and_form_are_two_views_of_one_rule(acme: Any, client: Any) -> None:
    path = url(acme, "new/")
    shown = client.post(path, gold(do="json")).content.decode()
    assert "&quot;attribute&quot;: &quot;plan&quot;" in shown
    wish = {"name": "By hand", "json": json.dumps({"any": [*GOLD["all"], {"event": "Purchase"}]})}
    back = client.post(path, {**wish, "do": "form"}).content.decode()
    assert 'name="r-1.a_event"' in back and 'value="Purchase"' in back
    assert client.post(path, {**wish, "do": "save"}).status_code == 302
    with tenant(acme):
        assert list(Segment.objects.get(name="By hand").rule) == ["any"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "no JSON: look at line 1"),
        ("[" * 5_000, "nested too deep"),
        ('"' + "x" * 200_001, "too long"),
        ('{"all": [{"attribute": "plan", "op": "near"}]}', "all.0.op: Must be one of"),
        ("", "no JSON"),
        ("null", "Send a group"),
        ('{"all": [{"attribute": "\\ud800", "op": "exists"}]}', "cannot be stored"),
        ('{"all": [{"event": "x", "count": {"value": 1e400}}]}', "whole number"),
    ],
)
def test_wrong_json_is_said(acme: Any, client: Any, text: str, said: str) -> None:
    refused = client.post(url(acme, "new/"), {"name": "By hand", "json": text, "do": "save"})
    assert refused.status_code == 422
    assert said in refused.content.decode().replace("&quot;", '"')


@pytest.mark.parametrize(
    "data",
    [
        {"r-0.kind": "event", "r-0.a_event": "\x00", "name": "\x00"},
        {"r-0.kind": "bucket", "r-0.share_from": "9" * 400},
        {"r-0.kind": "sequence", "r-0.within_days": "9" * 12},
        {"r-0.kind": "segment", "r-0.segment": "x"},
        {"r-0.kind": "field", "r-0.name": "shoe"},
        {"r-0.kind": "consent", "r-0.purpose": "love"},
        {"r-0.kind": "event", "r-0.window": "dates", "r-0.from": "soon"},
        {"name": "x" * 5_000},
        {f"r-{number}.kind": "attribute" for number in range(150)},
    ],
)
@pytest.mark.parametrize("do", ["save", "preview", "json", "add:r", "nonsense"])
def test_hostile_forms_are_no_failure(acme: Any, client: Any, data: dict[str, str], do: str) -> None:
    wish = {"name": "x", "r.mode": "all", **data, "do": do}
    assert client.post(url(acme, "new/"), wish).status_code in (200, 422)
    assert client.post(url(acme, "count/"), wish).status_code == 200


def test_large_rule_is_edited_as_json_and_not_lost(acme: Any, client: Any) -> None:
    with tenant(acme):
        rule = {"any": [{"attribute": "plan", "op": "=", "value": f"p{number}"} for number in range(60)]}
        segment = a_segment("Many", rule)
    page = client.get(url(acme, f"{segment.pk}/edit/")).content.decode()
    assert 'name="json"' in page and "p59" in page and "Show as a form" not in page


def test_edited_rule_takes_effect(acme: Any, client: Any) -> None:
    with tenant(acme):
        a_customer(attributes={"plan": "silver"})
        segment = a_segment()
        assert segment.size == 0
    path = url(acme, f"{segment.pk}/edit/")
    assert 'value="gold"' in client.get(path).content.decode()
    assert client.post(path, gold(**{"r-0.value": "silver"})).status_code == 302
    with tenant(acme):
        assert Segment.objects.get().size == 1


def test_names_and_values_are_suggested_from_the_data_of_the_organisation(acme: Any) -> None:
    with tenant(an_organization("Other")):
        it_happened(a_customer(attributes={"their_attribute": 1}), "Their event")
    with tenant(acme):
        for _number in range(2):
            customer = a_customer(attributes={"plan": "gold", "secret": f"of {_number}"})
            it_happened(customer, "Purchase", category="books")
            it_happened(customer, "Refund")
        found = choices_for()
        assert list(found.events) == ["Purchase", "Refund"]
        assert found.attributes == {"plan": ["gold"], "secret": []}
        assert found.properties["Purchase"] == {"category": ["books"]}


def test_list_is_filled_by_pasting_and_emptied_again(acme: Any, client: Any) -> None:
    made = client.post(url(acme, "new/?kind=static"), {"name": "By hand", "do": "save"})
    assert made.status_code == 302
    with tenant(acme):
        ann, ben = a_customer(name="Ann", email="ann@x.example"), a_customer(name="Ben")
        segment = Segment.objects.get()
        assert (segment.kind, segment.size) == ("static", 0)
    path = url(acme, f"{segment.pk}/members/")
    added = client.post(path, {"ids": f"ANN@x.example; {ben.external_id}\n", "do": "add"})
    assert added.status_code == 302
    page = client.get(made["Location"]).content.decode()
    assert "Ann" in page and "Ben" in page
    assert f"imports/new/?kind=segment_members&amp;segment={segment.pk}" in page
    refused = client.post(path, {"ids": "nobody-1\nnobody-2", "do": "add"})
    assert refused.status_code == 422
    assert "2 are unknown: nobody-1, nobody-2" in refused.content.decode()
    assert client.post(path, {"ids": "", "do": "add"}).status_code == 422
    client.post(path, {"ids": str(ann.external_id), "do": "remove"})
    with tenant(acme):
        assert list(SegmentMember.objects.values_list("customer", flat=True)) == [ben.pk]


def test_segment_in_use_is_not_deleted_and_says_by_whom(acme: Any, client: Any) -> None:
    with tenant(acme):
        segment = a_segment()
        a_segment("Inner", {"all": [{"segment": str(segment.pk)}]})
        persona = create_persona(actor=SYSTEM, name="Lena", segment=segment)
    path = url(acme, f"{segment.pk}/delete/")
    asked = client.get(path).content.decode()
    assert "Segment “Inner”" in asked and "Persona “Lena”" in asked and "Delete the segment" not in asked
    assert client.post(path).status_code == 409
    listed = client.get(url(acme)).content.decode()
    assert "Segment “Inner”" in listed and "Persona “Lena”" in listed
    with tenant(acme):
        inner = Segment.objects.get(name="Inner")
    assert client.post(url(acme, f"{inner.pk}/delete/")).status_code == 302
    assert client.post(f"/o/{acme.slug}/personas/{persona.pk}/segment/", {"segment": ""}).status_code == 302
    assert client.post(path).status_code == 302
    with tenant(acme):
        assert not Segment.objects.exists()


def test_page_shows_the_scores_of_the_members_and_leads_to_their_answers(acme: Any, client: Any) -> None:
    with tenant(acme):
        customer, other = a_customer(attributes={"plan": "gold"}), a_customer()
        survey = a_survey("csat", touchpoint=a_touchpoint("Invoice"))
        an_answer(survey, 5, customer_id=customer.pk)
        an_answer(survey, 1, customer_id=other.pk)
        fold_pending()
        segment = a_segment()
    page = client.get(url(acme, f"{segment.pk}/")).content.decode()
    assert re.search(r"100\s?%", page) and "n 1" in page and "touchpoint surveys" in page
    query = f"segment={segment.pk}&amp;metric=csat&amp;kind=touchpoint"
    assert query in page
    answers = client.get(f"/o/{acme.slug}/feedback/?{query.replace('&amp;', '&')}").content.decode()
    assert "1 answer<" in answers


def test_members_are_searched_and_paged(acme: Any, client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apps.segments.views.PAGE_SIZE", 2)
    with tenant(acme):
        for name in ("Ann", "Ben", "Cleo"):
            a_customer(name=f"{name} Wonder", attributes={"plan": "gold"})
        segment = a_segment()
    first = client.get(url(acme, f"{segment.pk}/")).content.decode()
    assert "Ann" in first and "Ben" in first and "Cleo" not in first
    following = re.search(r'href="(\?after=[^"]+)"', first)
    assert following
    assert "Cleo" in client.get(url(acme, f"{segment.pk}/{following[1]}")).content.decode()
    found = client.get(url(acme, f"{segment.pk}/?q=cleo")).content.decode()
    assert "Cleo" in found and "Ann" not in found
    assert "No member matches" in client.get(url(acme, f"{segment.pk}/?q=nobody")).content.decode()
    assert client.get(url(acme, f"{segment.pk}/?after=x&q=%00")).status_code == 200


def test_profile_says_which_segments_a_customer_is_in(acme: Any, client: Any) -> None:
    with tenant(acme):
        customer = a_customer(attributes={"plan": "gold"})
        a_segment("Gold members")
        a_segment("Silver members", {"all": [{"attribute": "plan", "op": "=", "value": "silver"}]})
    page = client.get(f"/o/{acme.slug}/customers/{customer.pk}/").content.decode()
    assert "Gold members" in page and "Silver members" not in page


def test_segments_of_another_organisation_do_not_exist(acme: Any, client: Any) -> None:
    with tenant(an_organization("Other")):
        a_customer(name="Secret person", attributes={"plan": "gold"})
        theirs = a_segment("Secret segment")
    for path in ("", "edit/", "delete/"):
        assert client.get(url(acme, f"{theirs.pk}/{path}")).status_code == 404
    for path in ("edit/", "delete/", "refresh/", "members/"):
        assert client.post(url(acme, f"{theirs.pk}/{path}"), gold()).status_code == 404
    assert "Secret" not in client.get(url(acme)).content.decode()
    assert "Secret" not in client.get(url(acme, "new/")).content.decode()
    refused = client.post(url(acme, "new/"), {**gold(), "r-0.kind": "segment", "r-0.segment": str(theirs.pk)})
    assert refused.status_code == 422 and "There is no segment with this id" in refused.content.decode()


@pytest.mark.parametrize(
    ("role", "sees", "edits"), [("analyst", 200, 403), ("employee", 403, 403), ("agent", 403, 403)]
)
def test_roles_see_and_edit_what_they_may(acme: Any, role: str, sees: int, edits: int) -> None:
    with tenant(acme):
        segment = a_segment()
    client = signed_in(a_member(acme, role))
    assert client.get(url(acme)).status_code == client.get(url(acme, f"{segment.pk}/")).status_code == sees
    for path in ("new/", f"{segment.pk}/edit/", f"{segment.pk}/delete/"):
        assert client.get(url(acme, path)).status_code == edits
    for path in ("new/", "count/", f"{segment.pk}/edit/", f"{segment.pk}/delete/", f"{segment.pk}/members/"):
        assert client.post(url(acme, path), gold()).status_code == edits


def test_list_costs_the_same_for_one_and_for_three(acme: Any, client: Any) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as caught:
            assert client.get(url(acme)).status_code == 200
        return len(caught)

    def another(number: int) -> None:
        with tenant(acme):
            segment = a_segment(f"Segment {number}")
            create_persona(actor=SYSTEM, name=f"Persona {number}", segment=segment)

    another(1)
    queries()
    one = queries()
    another(2)
    another(3)
    assert queries() == one
