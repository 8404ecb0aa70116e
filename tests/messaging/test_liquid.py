"""What organisations write in messages: a small language on plain values, within limits, that reaches nothing else."""

from __future__ import annotations

import pytest

from apps.messaging.liquid import LARGEST_OUTPUT, LONGEST_TEMPLATE, LONGEST_VALUE, check_template, render_template
from cxm.errors import DomainError

ALLOWED = ("customer.name", "customer.first_name", "organization", "touchpoint", "attributes.*")
VALUES = {
    "customer": {"name": "Lena Berg", "first_name": "Lena"},
    "organization": "Nordwind",
    "touchpoint": "",
    "attributes": {"order": "4711", "visited": "2026-03-04T10:00:00+01:00", "note": "", "order no": "7"},
}


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("No holes: { } % $", "No holes: { } % $"),
        ("Hello {{ customer.first_name }}", "Hello Lena"),
        ('Hello {{ touchpoint | default: "there" }}', "Hello there"),
        ("{{ organization | upcase }} {{ organization | downcase }}", "NORDWIND nordwind"),
        ("{{ attributes.visited | date: '%d.%m.%Y' }}", "04.03.2026"),
        ("{{ attributes.order | date }}", "4711"),
        ("{% if attributes.order %}order {{ attributes.order }}{% else %}you{% endif %}", "order 4711"),
        ("{% unless attributes.missing %}none{% endunless %}", "none"),
        ("{% case attributes.order %}{% when '4711' %}a{% else %}b{% endcase %}", "a"),
        ("{% assign who = customer.name | truncate: 6, '.' %}{{ who }}", "Lena ."),
        ("{% capture x %}{{ organization }}!{% endcapture %}{{ x | append: x }}", "Nordwind!Nordwind!"),
        ("{{ attributes.nothing }}|{{ attributes.note | default: 'x' }}", "|x"),
        ("{{ attributes['order no'] }}", "7"),
        ("{{ customer.name | truncatewords: 1 }}", "Lena…"),
        ("{{ customer.name | remove: 'Lena' | strip | capitalize | prepend: 'Ms ' }}", "Ms Berg"),
        ("{% raw %}{{ customer.name }}{% endraw %}", "{{ customer.name }}"),
    ],
)
def test_template_gives_text(template: str, text: str) -> None:
    check_template(template, ALLOWED)
    assert render_template(template, VALUES) == text


@pytest.mark.parametrize(
    "template",
    [
        "{{ customer", "{% if x %}", "{% endif %}", "{{ customer.name | nonsense }}", "{{ x | }}", "{{",
        "{% if touchpoint %}{{ customer.name | nonsense }}{% endif %}",
        "{% for i in (1..10) %}x{% endfor %}", "{% tablerow i in (1..10) %}x{% endtablerow %}",
        "{% include 'x' %}", "{% render 'x' %}", "{% liquid echo 'x' %}", "{% cycle 'a', 'b' %}",
        "{% increment x %}", "{{ (1..999999999) }}", "{% if (1..999999999999) contains 'x' %}a{% endif %}",
        "{{ customer }}", "{{ customer.email }}", "{{ answers.score }}", "{{ attributes }}", "{{ attributes.a.b }}",
        "{{ customer.__class__ }}", "{{ customer['__class__'].__mro__ }}", "{{ customer.name.__class__ }}",
        "{{ attributes[customer.name] }}", "{{ organization.__init__.__globals__ }}", "{{ self }}", "{{ settings }}",
        "{{ customer.name.size }}", "{{ organization[0] }}", "{% assign a = customer %}",
        "{{ customer.name | truncate: 'x' }}", "{{ customer.name | append }}",
        "{{ customer.name | truncate: 1, 2, 3 }}",
        "{% if a %}" * 40 + "{% endif %}" * 40, "{{ '" + "x" * LONGEST_TEMPLATE + "' }}",
    ],
)  # fmt: skip
def test_template_that_cannot_be_is_refused_in_words(template: str) -> None:
    with pytest.raises(DomainError) as refused:
        check_template(template, ALLOWED, field="texts.en.opening")
    (error,) = refused.value.errors
    assert error["field"] == "texts.en.opening"
    assert len(error["message"]) < 400
    assert "Traceback" not in error["message"]


def test_refusal_names_what_can_be_filled_in() -> None:
    with pytest.raises(DomainError, match=r"customer\.first_name"):
        check_template("{{ customer.surname }}", ALLOWED)
    with pytest.raises(DomainError, match="upcase"):
        check_template("{{ customer.name | shout }}", ALLOWED)


@pytest.mark.parametrize(
    "template",
    [
        # A text that doubles with every word.
        "{% assign a = 'xxxxxxxxxxxxxxxx' %}" + "{% assign a = a | append: a %}" * 100 + "{{ a }}" * 20,
        "{% capture a %}xxxxxxxxxxxxxxxx{% endcapture %}"
        + "{% capture a %}{{ a }}{{ a }}{% endcapture %}" * 60
        + "{{ a }}" * 60,
        "{{ 'x' " + "| append: customer.name " * 180 + "}}" + "{{ customer.name }}" * 40,
        "{{ customer.name | truncate: 99999999999999999999 }}",
        "{{ attributes.visited | date: '%9999999d %Y%Y%Y' }}",
        "{{ customer.name | remove: '' }}",
    ],
)
def test_bomb_stays_small(template: str) -> None:
    values = {**VALUES, "customer": {"name": "y" * 100_000, "first_name": ""}}
    try:
        text = render_template(template, values)
    except DomainError:
        return
    assert len(text.encode()) <= LARGEST_OUTPUT


def test_output_beyond_the_limit_is_refused() -> None:
    with pytest.raises(DomainError):
        render_template("{{ customer.name }}" * 60, {"customer": {"name": "y" * LONGEST_VALUE}})


def test_values_are_text_and_nothing_else() -> None:
    class Secret:
        password = "hunter2"

        def __str__(self) -> str:
            return "shown"

    values = {"customer": Secret(), "attributes": {"n": 5, "list": ["a", "b"]}}
    assert render_template("{{ customer.password }}|{{ customer }}", values) == "|shown"
    assert render_template("{{ attributes.n }}|{{ attributes.list.first }}", values) == "5|"


def test_what_a_value_holds_is_not_a_template() -> None:
    values = {"customer": {"name": "{{ organization }}{% if a %}"}, "organization": "Nordwind"}
    assert render_template("{{ customer.name }}", values) == "{{ organization }}{% if a %}"
