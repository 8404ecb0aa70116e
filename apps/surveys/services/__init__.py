"""Every write of this app: surveys and their versions, answers, and the files that came with them."""

from apps.surveys.services.files import (
    keep_file,
    keep_files_of_form,
    remove_files_of,
    remove_loose_files,
)
from apps.surveys.services.limits import close_surveys_that_ended, is_full
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
    create_from_template,
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
    "close_surveys_that_ended",
    "create_from_template",
    "create_survey",
    "delete_response",
    "delete_responses",
    "delete_survey",
    "is_full",
    "keep_file",
    "keep_files_of_form",
    "publish_survey",
    "record_first_answer_of_link",
    "record_response",
    "record_responses",
    "remove_files_of",
    "remove_loose_files",
    "update_survey",
    "use_standard_wording",
]
