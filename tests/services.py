"""Loaded before Django's settings (``-p tests.services``): gives the suite a real PostgreSQL and Valkey.

Without ``DATABASE_URL`` the embedded services of ``manage.py up`` are started for the run, in a data directory of
their own; workers of pytest-xdist find them in the environment.
"""

from __future__ import annotations

import atexit
import contextlib
import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cxm.settings")
os.environ.setdefault("SECRET_KEY", "a-key-for-tests-only-0123456789abcdefghijklmnopqrstuvwxyz")

if not os.environ.get("DATABASE_URL"):
    os.environ.setdefault("CXM_DATA_DIR", str(ROOT / "var" / "test"))
    from cxm.embedded import ensure_services

    _running = contextlib.ExitStack()
    _services = _running.enter_context(ensure_services(Path(os.environ["CXM_DATA_DIR"])))
    os.environ.update(_services.as_environment())
    os.environ["DATABASE_BACKUP_URL"] = _services.database_backup_url  # for the test of a real backup and restore
    # A test's rows need not survive a power cut: not waiting for the disk halves the time of the suite.
    os.environ["DATABASE_URL"] += "&options=-c%20synchronous_commit%3Doff"
    atexit.register(_running.close)
