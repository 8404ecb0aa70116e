"""Static files with their hash in the name, so that browsers keep them for ever."""

from __future__ import annotations

from whitenoise.storage import CompressedManifestStaticFilesStorage


class HashedStaticFilesStorage(CompressedManifestStaticFilesStorage):
    """Hashed names, brotli and gzip beside each file; imports between our modules are rewritten to hashed names too.

    A file that pages name but nobody collected is an error at once, not a broken page. Before anything at all has
    been collected (tests, a shell) names stay as they are.
    """

    support_js_module_import_aggregation = True
    manifest_strict = True

    def stored_name(self, name: str) -> str:
        return super().stored_name(name) if self.hashed_files else name
