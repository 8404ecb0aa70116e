"""What the policy forbids must not be in a template, and every sentence must be translatable."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = sorted(path for path in (ROOT / "templates").rglob("*.html") if "mail" not in path.parts)

HX = re.compile(r"<[a-z][^<>]*?\shx-(?!nonce|headers|preserve|ignore)[a-z:0-9-]+=[^<>]*", re.DOTALL)
ALLOWED_HX = {
    "hx-get",
    "hx-post",
    "hx-patch",
    "hx-delete",
    "hx-target",
    "hx-swap",
    "hx-trigger",
    "hx-include",
    "hx-confirm",
    "hx-indicator",
    "hx-push-url",
    "hx-status:422",
    "hx-sync",
    "hx-nonce",
    "hx-headers:inherited",
}
MARKUP = re.compile(r"\{%.*?%\}|\{\{.*?\}\}|\{#.*?#\}", re.DOTALL)
COMMENT = re.compile(r"\{%\s*comment\b.*?\{%\s*endcomment\s*%\}", re.DOTALL)
TRANSLATED = re.compile(r"\{%\s*blocktrans(?:late)?\b.*?\{%\s*endblocktrans(?:late)?\s*%\}", re.DOTALL)
NOT_TEXT = re.compile(r"<(script|style|code|pre|kbd)\b.*?</\1>", re.DOTALL)

#: Names and notations that read the same in every language, and sample texts of the gallery.
SAME_EVERYWHERE = {
    "CXM",
    "YAML",
    "HTML",
    "HTTP",
    "NPS",
    "CSAT",
    "CES",
    "CSV",
    "Excel",
    "xlsx",
    "XLSX",
    "JSON",
    "ID",
    "API",
    "URL",
    "PDF",
    "PNG",
}


def problems(name: str, text: str) -> list[str]:
    """What is wrong with a template, as sentences."""
    found = []
    text = COMMENT.sub("", text)
    bare = MARKUP.sub("", text)
    if re.search(r"<[^<>]*\sstyle\s*=", bare):
        found.append("has a style attribute")
    if re.search(r"<style\b", bare):
        found.append("has a <style> element")
    if re.search(r"<[a-z][^<>]*\son[a-z]+\s*=", bare, re.IGNORECASE):
        found.append("has an on… attribute")
    for tag in re.findall(r"<script\b[^>]*>", text):
        if "src=" not in tag and 'type="application/json"' not in tag:
            found.append(f"has an inline script: {tag}")
    if re.search(r"(src|href)=\"data:", bare):
        found.append("has a data: address")
    if re.search(r"\|\s*safe\b|\{%\s*autoescape\s+off", text):
        found.append("switches escaping off")
    if re.search(r"javascript:", text):
        found.append("has a javascript: address")
    for element in HX.findall(text):
        if "hx-nonce=" not in element:
            found.append(f"has an htmx element without a nonce: {element[:60]}")
        unknown = set(re.findall(r"\s(hx-[a-z:0-9-]+)", element)) - ALLOWED_HX
        if unknown:
            found.append(f"uses {', '.join(sorted(unknown))}")
    return found


def names_of_the_crumbs(text: str) -> list[str]:
    """Addresses named in the crumbs and used in another block: a name ends with its block, the link would be empty."""
    blocks: dict[str, str] = {}
    open_blocks: list[tuple[str, int]] = []
    for tag in re.finditer(r"{% (block|endblock)\b ?(\w*)[^%]*%}", text):
        if tag[1] == "block":
            open_blocks.append((tag[2], tag.end()))
        elif open_blocks:
            name, start = open_blocks.pop()
            if not open_blocks:
                blocks[name] = text[start : tag.start()]
    made = re.findall(r"{% org_url [^%]* as (\w+) %}", blocks.pop("crumbs", ""))
    return sorted(
        name
        for name in made
        for body in blocks.values()
        if re.search(rf"\b{name}\b", body) and f" as {name} %}}" not in body
    )


def untranslated(text: str) -> list[str]:
    """Words between tags that no translation tag holds. A template without any tag is a list of attributes."""
    text = COMMENT.sub("", text)
    if "<" not in MARKUP.sub("", text):
        return []
    text = NOT_TEXT.sub("", TRANSLATED.sub("", text))
    text = re.sub(r"<!--.*?-->|<!doctype[^>]*>", "", text, flags=re.DOTALL | re.IGNORECASE)
    # Template tags may stand inside HTML tags: take the markup out first, then the tags around the text.
    text = re.sub(r"<[^<>]*>|\bcx-[\w-]+", "\n", MARKUP.sub("", text))
    words = (re.findall(r"[^\W\d_]{3,}", line) for line in text.splitlines())
    return [" ".join(line) for line in words if line and not set(line) <= SAME_EVERYWHERE]


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT / "templates")))
def test_template_keeps_the_policy(path: Path) -> None:
    assert problems(path.name, path.read_text("utf-8")) == []


@pytest.mark.parametrize(
    "path",
    [path for path in TEMPLATES if path.name not in {"gallery.html"}],
    ids=lambda path: str(path.relative_to(ROOT / "templates")),
)
def test_every_sentence_is_translatable(path: Path) -> None:
    assert untranslated(path.read_text("utf-8")) == []


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT / "templates")))
def test_no_link_is_empty_because_its_name_ended_with_the_crumbs(path: Path) -> None:
    assert names_of_the_crumbs(path.read_text("utf-8")) == []


def test_lint_finds_names_that_ended() -> None:
    crumbs = '{% block crumbs %}{% org_url "a:list" as list_url %}{% endblock %}'
    used = '<a href="{{ list_url }}">x</a>'
    assert names_of_the_crumbs(f"{crumbs}{{% block content %}}{used}{{% endblock %}}") == ["list_url"]
    again = '{% org_url "a:list" as list_url %}'
    assert names_of_the_crumbs(f"{crumbs}{{% block content %}}{again}{used}{{% endblock %}}") == []


def test_every_template_compiles() -> None:
    from django.template.loader import get_template

    for path in TEMPLATES:
        get_template(str(path.relative_to(ROOT / "templates")))


@pytest.mark.parametrize(
    ("template", "problem"),
    [
        ('<p style="color:red">', "style attribute"),
        ('<p {% if x %}style="a"{% endif %}>', "style attribute"),
        ("<style>p{}</style>", "<style>"),
        ('<a onclick="x()">', "on…"),
        ("<script>alert(1)</script>", "inline script"),
        ('<img src="data:image/png;base64,AA">', "data:"),
        ("{{ comment|safe }}", "escaping"),
        ('<a href="javascript:x">', "javascript:"),
        ('<div hx-get="/x/">', "without a nonce"),
        ('<div hx-get="/x/" hx-on:click="y" hx-nonce="n">', "hx-on:click"),
    ],
)
def test_lint_finds_what_it_looks_for(template: str, problem: str) -> None:
    assert any(problem in found for found in problems("x", template))


def test_lint_finds_bare_sentences() -> None:
    assert untranslated("<p>Save changes</p>") == ["Save changes"]
    assert untranslated('<p>{% translate "Save" %} {{ name }}</p>') == []
