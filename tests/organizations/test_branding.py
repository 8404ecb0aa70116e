import pytest

from apps.organizations import branding


def test_contrast_is_the_ratio_of_wcag():
    assert branding.contrast("#000000", "#FFFFFF") == pytest.approx(21.0)
    assert branding.contrast("#FFFFFF", "#FFFFFF") == pytest.approx(1.0)
    assert branding.contrast("#767676", "#FFFFFF") == pytest.approx(4.54, abs=0.01)
    assert branding.contrast("#777777", "#FFFFFF") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize(("colour", "readable"), [("#767676", True), ("#777777", False), ("#FFD400", False)])
def test_accent_needs_a_contrast_of_4_5_to_1(colour, readable):
    assert branding.is_readable_accent(colour) is readable


@pytest.mark.parametrize("text", ["#12345", "123456", "#12345G", "#123456;}", "#123456\n", "red", "", "＃123456"])
def test_only_six_hexadecimal_digits_are_a_colour(text):
    assert not branding.is_colour(text)


@pytest.mark.parametrize("colour", ["#000000", "#0F766E", "#767676", "#B42318", "#0000FF", "#5B21B6", "#006400"])
def test_every_accepted_accent_can_be_read_in_both_themes(colour):
    light, dark = branding.light_accent(colour), branding.dark_accent(colour)
    for words, surface in [
        (light.fill, branding.LIGHT_SURFACE),
        (light.fill, branding.LIGHT_DEEPEST),
        (light.on, light.fill),
        (light.on, light.strong),
        (light.strong, light.tint),
        (dark.fill, branding.DARK_SURFACE),
        (dark.fill, branding.DARK_DEEPEST),
        (dark.on, dark.fill),
        (dark.on, dark.strong),
        (dark.strong, dark.tint),
    ]:
        assert branding.contrast(words, surface) >= 4.5


def test_stylesheet_holds_nothing_a_person_typed_but_a_colour():
    sheet = branding.stylesheet("#0F766E")
    assert "--cx-accent:#0F766E" in sheet
    with pytest.raises(ValueError):
        branding.stylesheet("red}body{display:none")
