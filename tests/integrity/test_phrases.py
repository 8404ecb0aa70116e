"""Which comments tell of having been asked for a score."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from apps.integrity.phrases import is_coached

TELECOM = Path(__file__).parents[3] / "shared" / "data" / "telecom_nps_verbatims.csv"

COACHED = [
    "She asked me to give a 10, so I did.",
    "The technician told us to leave five stars",
    "He said I should give 10 because anything less counts as a zero",
    "They asked for a good rating before I left",
    "The agent said that if I don't score ten he gets in trouble",
    "I get a voucher: when I gave 5 stars they promised a free month",
    "Der Techniker hat mich gebeten, eine 10 zu geben",
    "Man bat uns um die beste Bewertung",
    "Ich wurde gebeten die höchste Bewertung zu geben, die Verkäuferin hat mich um eine 10 gebeten",
    "Ihm zufolge soll ich eine 10 geben",
    "La chica me pidió que pusiera un 10",
    "Dame un 10, me dijo",
    "Me han dicho que ponga la máxima puntuación",
    "Le conseiller m'a demandé de mettre un 10",
    "On m’a dit de donner la meilleure note",
    "طلب مني الموظف أن أعطيه 10",
    "قالت لي الموظفة أعطنا أعلى تقييم",
    "L'operatore mi ha chiesto di mettere 10",
    "O atendente me pediu para dar nota máxima",
    "Pediram para eu dar dez",
    "De monteur vroeg mij om een 10 te geven",
    "Ze hebben ons gevraagd het hoogste cijfer te geven",
]
HONEST = [
    "10",
    "You asked me to score it",
    "I cannot give a 10 as the line was late",
    "They asked me to rate them from 0 to 10 and this is my answer",
    "Asked me to give a score out of 10",
    "It would have been 10 if the time from order to connection had been faster",
    "I gave that score because the agent I spoke to provided me with a 10 out of 10 service.",
    "They told me to wait 10 minutes and I waited ten days",
    "She asked me for 10 pounds",
    "They told me the router would come on the 10th, then on the 9",
    "He told me the price was 10",
    "Me dijeron que llegaría el 10",
    "Er sagte mir, dass es am 10 kommt",
    "Never score 10",
    "You're lucky to get the 2 score!!",
    "Sie haben mich gefragt, ob ich 10 Minuten warten kann",
    "Der Service war eine glatte 10",
    "Me dijeron que tardaría 10 días",
    "Es un servicio de 10",
    "Ils m'ont dit d'attendre 10 jours",
    "Service parfait, je mets 10",
    "قال لي انتظر 10 دقائق",
    "خدمة ممتازة 10",
    "Mi hanno detto di aspettare 10 giorni",
    "Me disseram para esperar 10 dias",
    "Ze zeiden mij 10 dagen te wachten",
    "",
    "\u0000 \ud800 asked me",
    "asked me " * 2_000,
]


@pytest.mark.parametrize("text", COACHED)
def test_a_comment_about_being_asked_for_a_score_is_found(text: str) -> None:
    assert is_coached(text)


@pytest.mark.parametrize("text", HONEST)
def test_an_honest_comment_is_left_alone(text: str) -> None:
    assert not is_coached(text)


@pytest.mark.skipif(not TELECOM.exists(), reason="the shared data set is not here")
def test_real_comments_about_scores_are_left_alone() -> None:
    with TELECOM.open(encoding="utf-8", errors="replace", newline="") as file:
        texts = [row["text"] or "" for row in csv.DictReader(file)]
    assert len(texts) > 2_000
    assert [text for text in texts if is_coached(text)] == []
