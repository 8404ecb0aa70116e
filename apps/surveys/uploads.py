"""Files that respondents send: what they are, whatever they call themselves, and what is kept of them.

A picture is drawn anew, so that nothing but its pixels is kept: no place, no device, no script. A PDF is kept as it is
and only ever handed out as a download. Nothing else is taken. Nothing here writes to the database.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from io import BytesIO
from typing import BinaryIO, Final

from django.utils.translation import gettext as _
from PIL import Image, ImageOps, UnidentifiedImageError

from apps.surveys.answers import AnswerProblem
from apps.surveys.definition import Question

MEGABYTE: Final = 1024 * 1024
MOST_PIXELS: Final = 40_000_000
LONGEST_SIDE: Final = 2400
"""Pixels of the longer side of a kept picture: enough to read a receipt."""
MAX_NAME: Final = 120
IMAGE_FORMATS: Final = ("JPEG", "PNG", "WEBP", "GIF")
ACCEPTED: Final = {"image": "image/jpeg,image/png,image/webp,image/gif", "pdf": "application/pdf"}
"""What the browser's own dialogue offers, by kind of file. A telephone then hands over its pictures as JPEG."""

_PDF_END: Final = 2048
_UNSAFE = re.compile(r"[^\w.() -]+")


class UploadRefused(Exception):
    """A file that is not taken; ``problem`` says why."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.problem = AnswerProblem(code, message)


@dataclass(frozen=True, slots=True)
class Upload:
    """A file as it is kept."""

    name: str
    content_type: str
    suffix: str
    data: bytes


def read_upload(file: BinaryIO, name: str, question: Question) -> Upload:
    """The file that answers a question, as it is to be kept.

    What it is, its first bytes say; its name and the type it claims do not count. Raises UploadRefused with the code
    ``file_size`` (larger than the question takes), ``file_kind`` (a kind it does not take), ``file_pixels`` (a picture
    of more than 40 megapixels) or ``file_unreadable``.
    """
    raw = file.read(question.max_mb * MEGABYTE + 1)
    if len(raw) > question.max_mb * MEGABYTE:
        raise UploadRefused("file_size", _("This file is too large: %(n)d MB at most.") % {"n": question.max_mb})
    if not raw:
        raise UploadRefused("file_unreadable", _("This file is empty."))
    is_pdf = raw.startswith(b"%PDF-")
    if ("pdf" if is_pdf else "image") not in question.accept:
        raise UploadRefused("file_kind", _("Files of this kind are not taken here."))
    if is_pdf:
        if b"%%EOF" not in raw[-_PDF_END:]:
            raise UploadRefused("file_unreadable", _("This PDF is not complete."))
        return Upload(_tidy(name, ".pdf"), "application/pdf", ".pdf", raw)
    return Upload(_tidy(name, ".jpg"), "image/jpeg", ".jpg", _redrawn(raw))


def _redrawn(raw: bytes) -> bytes:
    """The picture's pixels as JPEG, upright, on white where it was transparent."""
    try:
        with Image.open(BytesIO(raw), formats=IMAGE_FORMATS) as opened:
            if opened.width * opened.height > MOST_PIXELS:
                raise UploadRefused("file_pixels", _("This picture has more than 40 megapixels."))
            opened.draft("RGB", (LONGEST_SIDE, LONGEST_SIDE))
            upright = ImageOps.exif_transpose(opened)
            upright.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
            if upright.has_transparency_data:
                layer = upright.convert("RGBA")
                picture = Image.new("RGB", layer.size, "white")
                picture.paste(layer, mask=layer.getchannel("A"))
            else:
                picture = upright.convert("RGB")
    except (
        UnidentifiedImageError,
        OSError,
        ValueError,
        SyntaxError,
        EOFError,
        MemoryError,
        Image.DecompressionBombError,
        Image.DecompressionBombWarning,
    ):
        message = _("This is no picture we can read. Use JPEG, PNG, WebP or GIF.")
        raise UploadRefused("file_unreadable", message) from None
    out = BytesIO()
    picture.save(out, "JPEG", quality=85, optimize=True)
    return out.getvalue()


def _tidy(name: str, suffix: str) -> str:
    """The respondent's name of the file, harmless in a header and on a disk, with the suffix that it deserves."""
    last = re.split(r"[\\/]", unicodedata.normalize("NFC", name.encode("utf-8", "ignore").decode()))[-1]
    stem = _UNSAFE.sub("_", last.rpartition(".")[0] or last).strip("._ ")[:MAX_NAME]
    return f"{stem or 'file'}{suffix}"
