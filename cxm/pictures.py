"""Uploaded pictures: drawn anew, so that nothing but pixels is kept, and stored under a random name."""

from __future__ import annotations

from io import BytesIO
from typing import BinaryIO, Final
from uuid import uuid4

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.utils.translation import gettext as _
from PIL import Image, ImageOps, UnidentifiedImageError

from cxm.errors import DomainError
from cxm.scope import current_tenant_id

MOST_MEGABYTES: Final = 8
MOST_PIXELS: Final = 40_000_000
FORMATS: Final = ("JPEG", "PNG", "WEBP", "GIF")
CONTENT_TYPE: Final = "image/webp"


def store_picture(
    file: BinaryIO, *, folder: str, longest_side: int, field: str = "picture", megabytes: int = MOST_MEGABYTES
) -> str:
    """Store an uploaded picture as WebP without its metadata, at most `longest_side` pixels on its longer side.

    Gives its name, `<organisation>/<folder>/<random>.webp`. Raises `DomainError` naming `field` for a file over so many
    megabytes, over 40 megapixels, or that is no picture.
    """
    drawn = _redrawn(file, longest_side, field, megabytes)
    return default_storage.save(f"{current_tenant_id()}/{folder}/{uuid4().hex}.webp", ContentFile(drawn))


def _redrawn(file: BinaryIO, longest_side: int, field: str, megabytes: int) -> bytes:
    most = megabytes * 1024 * 1024
    raw = file.read(most + 1)
    if len(raw) > most:
        message = _("Choose a picture of at most %(megabytes)d MB.") % {"megabytes": megabytes}
        raise DomainError(message, field=field, code="too_large")
    try:
        with Image.open(BytesIO(raw), formats=FORMATS) as opened:
            if opened.width * opened.height > MOST_PIXELS:
                raise DomainError(_("This picture has more than 40 megapixels."), field=field, code="too_large")
            picture = ImageOps.exif_transpose(opened).convert("RGB")
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        raise DomainError(
            _("This is no picture we can read. Use JPEG, PNG, WebP or GIF."), field=field, code="unreadable"
        ) from None
    picture.thumbnail((longest_side, longest_side))
    out = BytesIO()
    picture.save(out, "WEBP", quality=82)
    return out.getvalue()
