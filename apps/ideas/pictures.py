"""Pictures of ideas: drawn anew, so that nothing but pixels is kept, and stored under a random name."""

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

MOST_BYTES: Final = 8 * 1024 * 1024
MOST_PIXELS: Final = 40_000_000
LONGEST_SIDE: Final = 1600
FORMATS: Final = ("JPEG", "PNG", "WEBP", "GIF")
CONTENT_TYPE: Final = "image/webp"


def store_picture(file: BinaryIO) -> str:
    """Store an uploaded picture, at most 1600 pixels on its longer side and without its metadata; its new name.

    Raises `DomainError` naming `picture` for a file over 8 MB, over 40 megapixels, or that is no picture.
    """
    return default_storage.save(f"{current_tenant_id()}/ideas/{uuid4().hex}.webp", ContentFile(_redrawn(file)))


def _redrawn(file: BinaryIO) -> bytes:
    raw = file.read(MOST_BYTES + 1)
    if len(raw) > MOST_BYTES:
        raise DomainError(_("Choose a picture of at most 8 MB."), field="picture", code="too_large")
    try:
        with Image.open(BytesIO(raw), formats=FORMATS) as opened:
            if opened.width * opened.height > MOST_PIXELS:
                raise DomainError(_("This picture has more than 40 megapixels."), field="picture", code="too_large")
            picture = ImageOps.exif_transpose(opened).convert("RGB")
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        raise DomainError(
            _("This is no picture we can read. Use JPEG, PNG, WebP or GIF."), field="picture", code="unreadable"
        ) from None
    picture.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    out = BytesIO()
    picture.save(out, "WEBP", quality=82)
    return out.getvalue()
