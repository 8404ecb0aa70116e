"""What came of a survey: every question with its numbers, over all versions, under the filters of scores.

`results_of_survey` is what the page, the API and the download read. It counts in the database (counting.py) and
measures here; of anonymous surveys it shows what holds enough people (statistics/privacy.py).
"""

from .reading import (
    MatrixRow,
    NumberResult,
    QuestionResult,
    Rank,
    Share,
    SurveyResults,
    TextAnswer,
    results_of_survey,
)

__all__ = [
    "MatrixRow",
    "NumberResult",
    "QuestionResult",
    "Rank",
    "Share",
    "SurveyResults",
    "TextAnswer",
    "results_of_survey",
]
