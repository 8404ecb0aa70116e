"""Posters: what is printed can be read and scanned, in every script we have letters for, and no text runs as code."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from apps.collectors.posters import SIZES, Poster, draw_poster, poster_of, qr_png, qr_svg
from cxm.errors import DomainError
from cxm.scope import tenant
from tests.factories import a_member, an_organization, signed_in
from tests.factories.collectors import a_collector
from tests.factories.surveys import a_survey

LINK = f"https://cxm.example.com/s/nordwind/visit/?c=qr&p={'A' * 66}"
POSTER = Poster(
    organization="Nordwind",
    headline="How was it?",
    text="Scan the code and tell us.",
    type="Or open",
    privacy="We see your answer, not who you are.",
    address="cxm.example.com/s/nordwind/visit/",
    link=LINK,
    language="en",
)


def picture(poster: Poster, size: str = "a5") -> Any:
    image = pytest.importorskip("PIL.Image")
    return image.open(BytesIO(draw_poster(poster, size=size, suffix="png"))).convert("L")


@pytest.mark.parametrize("size", sorted(SIZES))
def test_the_code_on_every_size_leads_to_the_place(size: str) -> None:
    zxing = pytest.importorskip("zxingcpp")
    drawn = picture(POSTER, size)
    (read,) = zxing.read_barcodes(drawn.resize((drawn.width * 2, drawn.height * 2)))
    assert read.text == LINK


@pytest.mark.parametrize(("size", "inches"), [("a4", (8.27, 11.69)), ("a5", (5.83, 8.27)), ("a6", (4.13, 5.83))])
def test_the_sizes_are_those_of_paper(size: str, inches: tuple[float, float]) -> None:
    assert picture(POSTER, size).size == pytest.approx([side * 72 for side in inches], abs=1.5)
    assert draw_poster(POSTER, size=size, suffix="pdf").startswith(b"%PDF-")


@pytest.mark.parametrize(
    "text",
    [
        '#panic("run")', "#read(\"/etc/passwd\")", "$ x $", "*bold* _x_ `raw`", "\\", "]", "#[", '"', "@ref <label>",
        "= Head", "//comment", "/* open", "<script>alert(1)</script>", "{{ answers.x }}", "\u202e backwards", "a\tb\nc",
    ],
)  # fmt: skip
def test_what_people_wrote_is_printed_and_never_run(text: str) -> None:
    """Drawn as text it leaves ink; run as code it would fail or leave none."""
    poster = replace(POSTER, headline=text, text=text, organization=text)
    assert draw_poster(poster, size="a6", suffix="pdf").startswith(b"%PDF-")
    blank = picture(replace(poster, headline=".", text=".", organization="."))
    dark = [sum(pixel < 128 for pixel in image.getdata()) for image in (picture(poster), blank)]
    assert dark[0] > dark[1]


def test_a_very_long_word_stays_on_the_page() -> None:
    drawn = picture(replace(POSTER, headline="Donaudampfschifffahrtsgesellschaftskapitänsmütze", text="x" * 300))
    edge = {drawn.getpixel((x, y)) for x in (0, drawn.width - 1) for y in range(drawn.height)}
    assert edge == {255}


def test_a_logo_stands_where_the_name_would() -> None:
    image = pytest.importorskip("PIL.Image")
    buffer = BytesIO()
    image.new("RGB", (320, 96), "#8A1253").save(buffer, "PNG")
    drawn = picture(replace(POSTER, logo=buffer.getvalue()))
    top = [drawn.getpixel((drawn.width // 2, y)) for y in range(drawn.height // 6)]
    assert sum(55 < grey < 67 for grey in top) > 10  # the logo's colour in grey


def test_arabic_is_set_from_the_right_with_letters_of_its_own() -> None:
    arabic = replace(POSTER, headline="كيف كانت تجربتك؟", text="امسح الرمز وأخبرنا.", language="ar")
    drawn = draw_poster(arabic, size="a4", suffix="pdf")
    assert b"NotoSansArabic" in drawn
    assert b"NotoSansArabic" not in draw_poster(POSTER, size="a4", suffix="pdf")


@pytest.mark.parametrize("letter", ["漢", "ひ", "한", "ไ", "א", "😀"])
def test_letters_that_we_do_not_have_are_named(letter: str) -> None:
    with pytest.raises(DomainError) as refused:
        draw_poster(replace(POSTER, headline=f"Hello {letter}"), size="a4", suffix="pdf")
    assert refused.value.errors[0]["field"] == "headline"
    assert letter in refused.value.message


@pytest.mark.parametrize("language", ["en", "de", "es", "fr", "ar"])
@pytest.mark.django_db
def test_our_words_are_in_the_language_of_the_poster(language: str) -> None:
    organization = an_organization("Nordwind")
    organization.accent = "#8A1253"
    with tenant(organization):
        collector = a_collector(a_survey(languages=["en", "de", "es", "fr", "ar"]), language=language)
        poster = poster_of(collector, collector.survey, organization)
        collector.settings["headline"] = "Tell us"
        own = poster_of(collector, collector.survey, organization)
    assert poster.language == language
    assert "{" not in poster.text
    assert own.headline == "Tell us"
    assert poster.accent == "#8A1253"
    assert poster.address.endswith(f"/s/{organization.slug}/{collector.survey.slug}/")
    assert draw_poster(poster, size="a6", suffix="pdf").startswith(b"%PDF-")


@pytest.mark.django_db
def test_the_page_gives_the_poster_to_print_and_to_look_at() -> None:
    organization = an_organization()
    with tenant(organization):
        collector, kiosk = a_collector(), a_collector(kind="kiosk")
        odd = a_collector(settings={"headline": "漢"})
    client = signed_in(a_member(organization))

    def get(place: Any, rest: str) -> Any:
        return client.get(f"/o/{organization.slug}/surveys/{place.survey_id}/share/{place.pk}/{rest}")

    pdf = get(collector, "poster-a4.pdf")
    assert (pdf.status_code, pdf["Content-Type"]) == (200, "application/pdf")
    assert "attachment" in pdf["Content-Disposition"]
    assert get(collector, "poster-a5.png")["Content-Type"] == "image/png"
    for rest in ("poster-a3.pdf", "poster-a4.exe", "qr.gif"):
        assert get(collector, rest).status_code == 404
    assert get(kiosk, "poster-a4.pdf").status_code == 404
    assert get(odd, "poster-a4.pdf").status_code == 302


def test_codes_are_pictures_of_their_own() -> None:
    zxing, image = pytest.importorskip("zxingcpp"), pytest.importorskip("PIL.Image")
    assert qr_svg(LINK).startswith(b"<svg")
    (read,) = zxing.read_barcodes(image.open(BytesIO(qr_png(LINK))))
    assert read.text == LINK


def test_the_template_reads_nothing_but_its_data() -> None:
    from apps.collectors.posters import TEMPLATE

    code = Path(TEMPLATE).read_text("utf-8")
    assert "eval(" not in code
    assert "read(" not in code
    assert "#import" not in code
