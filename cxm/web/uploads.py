"""How much may be uploaded at once, decided before a byte of it is read."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.core.files.uploadhandler import FileUploadHandler

MAX_BYTES = 520 * 1024 * 1024
"""The largest file that imports take (512 MB), and the form around it."""


class RefuseGiants(FileUploadHandler):
    """The first of the upload handlers: without it, anybody could fill the disk for temporary files."""

    def handle_raw_input(self, input_data: Any, META: Any, content_length: int, *rest: Any, **more: Any) -> None:
        """Raise RequestDataTooBig when the form is larger than any file that we take."""
        if content_length > MAX_BYTES:
            raise RequestDataTooBig(f"An upload may have at most {MAX_BYTES} bytes.")

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes:
        """Pass everything on to the handlers that keep it."""
        return raw_data

    def file_complete(self, file_size: int) -> None:
        """The handlers that keep it say what was uploaded."""
