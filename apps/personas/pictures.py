"""Portraits: drawn anew, so that nothing but pixels is kept, and stored under a random name."""

from __future__ import annotations

from io import BytesIO
from typing import BinaryIO
from uuid import uuid4

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.utils.translation import gettext as _
from PIL import Image, ImageOps, UnidentifiedImageError

from cxm.errors import DomainError
from cxm.scope import current_tenant_id

MOST_PORTRAIT_BYTES = 5 * 1024 * 1024
MOST_PORTRAIT_PIXELS = 40_000_000
PORTRAIT_SIDE = 512
PICTURE_FORMATS = ("JPEG", "PNG", "WEBP", "GIF")


def redrawn(file: BinaryIO) -> bytes:
    """The picture drawn anew as WebP: nothing of the uploaded bytes survives."""
    raw = file.read(MOST_PORTRAIT_BYTES + 1)
    if len(raw) > MOST_PORTRAIT_BYTES:
        raise DomainError(_("The picture may have at most 5 MB."), field="portrait", code="too_large")
    try:
        with Image.open(BytesIO(raw), formats=PICTURE_FORMATS) as picture:
            if picture.width * picture.height > MOST_PORTRAIT_PIXELS:
                raise DomainError(_("The picture has too many pixels."), field="portrait", code="too_large")
            upright = ImageOps.exif_transpose(picture).convert("RGB")
            upright.thumbnail((PORTRAIT_SIDE, PORTRAIT_SIDE))
            drawn = BytesIO()
            upright.save(drawn, "WEBP", quality=85)
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        message = _("This is no picture we can read. Use JPEG, PNG, GIF or WebP.")
        raise DomainError(message, field="portrait", code="not_a_picture") from error
    return drawn.getvalue()


def store_picture(picture: bytes) -> str:
    """Keep a picture under a random name among the organisation's own files; gives the name."""
    return default_storage.save(f"{current_tenant_id()}/personas/{uuid4().hex}.webp", ContentFile(picture))
