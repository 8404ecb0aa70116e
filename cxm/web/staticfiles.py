"""Static files with their hash in the name, so that browsers keep them for ever."""

from __future__ import annotations

from whitenoise.storage import CompressedManifestStaticFilesStorage


class HashedStaticFilesStorage(CompressedManifestStaticFilesStorage):
    """Hashed names, brotli and gzip beside each file; imports between our modules are rewritten to hashed names too.

    A missing file fails ``collectstatic``, not the page that names it.
    """

    support_js_module_import_aggregation = True
    manifest_strict = True
