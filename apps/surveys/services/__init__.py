"""Every write of this app: surveys and their versions, and answers."""

from apps.surveys.services.responses import (
    MOST_AT_ONCE,
    Recorded,
    RecordedList,
    delete_response,
    delete_responses,
    record_first_answer_of_link,
    record_response,
    record_responses,
)
from apps.surveys.services.surveys import (
    close_survey,
    create_survey,
    delete_survey,
    publish_survey,
    update_survey,
    use_standard_wording,
)

__all__ = [
    "MOST_AT_ONCE",
    "Recorded",
    "RecordedList",
    "close_survey",
    "create_survey",
    "delete_response",
    "delete_responses",
    "delete_survey",
    "publish_survey",
    "record_first_answer_of_link",
    "record_response",
    "record_responses",
    "update_survey",
    "use_standard_wording",
]
