import pytest

from apps.organizations import preferences
from cxm.errors import DomainError


def refusal(clean, value) -> tuple[str, str]:
    with pytest.raises(DomainError) as caught:
        clean(value)
    return caught.value.errors[0]["field"], caught.value.errors[0]["code"]


@pytest.mark.parametrize("value", ["Mars/Olympus", "", None, 7, "../etc/passwd", "localtime", "UTC\x00", "\ud800"])
def test_only_known_time_zones_are_taken(value):
    assert refusal(preferences.clean_timezone, value)[0] == "timezone"


def test_time_zone_is_kept_as_named():
    assert preferences.clean_timezone(" Europe/Berlin ") == "Europe/Berlin"


@pytest.mark.parametrize("value", ["Acme", "a", "-a", "a--b", "a_b", "api", "settings", "ä" * 3, "a" * 51, None, ["a"]])
def test_slug_must_be_plain_and_not_reserved(value):
    assert refusal(preferences.clean_slug, value)[0] == "slug"


def test_low_contrast_accent_is_refused_with_a_reason():
    assert refusal(preferences.clean_accent, "#FFD400") == ("accent", "low_contrast")
    assert preferences.clean_accent("#0f766e") == "#0F766E"
    assert preferences.clean_accent("") == ""


def test_business_hours_are_complete_and_ordered():
    clean = preferences.clean_business_hours({"mon": [["08:00", "12:00"], ["13:00", "24:00"]]})
    assert clean["mon"] == [["08:00", "12:00"], ["13:00", "24:00"]]
    assert clean["sun"] == []


@pytest.mark.parametrize(
    "value",
    [
        {"monday": []},
        {"mon": [["17:00", "09:00"]]},
        {"mon": [["09:00", "12:00"], ["11:00", "13:00"]]},
        {"mon": [["9", "12"]]},
        {"mon": "09:00-17:00"},
        {"mon": [["09:00"]]},
        {"mon": [[9, 17]]},
        [],
        None,
    ],
)
def test_impossible_business_hours_are_refused(value):
    assert refusal(preferences.clean_business_hours, value)[0].startswith("business_hours")


def test_fatigue_takes_defaults_for_what_is_not_given():
    assert preferences.clean_fatigue({"global_days": 0}) == {**preferences.DEFAULT_FATIGUE, "global_days": 0}


@pytest.mark.parametrize(
    "value",
    [{"global_days": -1}, {"global_days": 10**30}, {"global_days": True}, {"other": 1}, {"global_limit": 0}, []],
)
def test_impossible_contact_limits_are_refused(value):
    assert refusal(preferences.clean_fatigue, value)[0].startswith("fatigue")


def test_directions_are_at_most_three_with_a_metric_each():
    easier = {"name": "Easier", "metric": "ces"}
    assert preferences.clean_directions([easier]) == [easier]
    assert refusal(preferences.clean_directions, [easier] * 4) == ("experience_directions", "too_many")
    assert refusal(preferences.clean_directions, [easier, {"name": "EASIER", "metric": "nps"}])[0].endswith(".1.name")
    assert refusal(preferences.clean_directions, [{"name": "Nicer", "metric": "mood"}])[0].endswith(".0.metric")
    assert refusal(preferences.clean_directions, ["Easier"])[0].endswith(".0")


def test_languages_are_codes_without_repeats():
    assert preferences.clean_languages(["en", "pt-BR", "en"]) == ["en", "pt-BR"]
    assert refusal(preferences.clean_languages, ["English"])[0] == "languages"
    assert refusal(preferences.clean_languages, [])[0] == "languages"
    assert refusal(preferences.clean_languages, "en")[0] == "languages"
