"""`python -m benchmarks [name ...] [--size small|full]`: run all benchmarks, or those named."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

HERE = Path(__file__).parent
NOT_BENCHMARKS = {"__init__", "__main__", "null_sink", "dispatch_faults"}
COLUMNS = ("what", "limit", "ours", "ratio", "target", "")


@contextlib.contextmanager
def services() -> Iterator[None]:
    """The configured PostgreSQL and Valkey, or the embedded ones in a data directory of their own."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cxm.settings")
    os.environ.setdefault("SECRET_KEY", "a-key-for-benchmarks-only-0123456789abcdefghijklmnopqr")
    if os.environ.get("DATABASE_URL"):
        yield
        return
    data = Path(os.environ.setdefault("CXM_DATA_DIR", str(HERE.parent / "var" / "bench")))
    from cxm.embedded import ensure_services

    with ensure_services(data) as running:
        os.environ.update(running.as_environment())
        yield


@contextlib.contextmanager
def database() -> Iterator[None]:
    """A database made and migrated by the owner, then used as the web's role; gone at the end."""
    from django.conf import settings
    from django.db import connection
    from django.test.utils import setup_databases, setup_test_environment, teardown_databases

    setup_test_environment()
    owner, test = settings.DATABASES["owner"], connection.settings_dict["TEST"]
    app = {key: connection.settings_dict[key] for key in ("USER", "PASSWORD")}
    test.update(TEMPLATE="cxm_template", NAME=f"bench_{connection.settings_dict['NAME']}")
    connection.settings_dict.update(USER=owner["USER"], PASSWORD=owner["PASSWORD"])
    made = setup_databases(verbosity=0, interactive=False, serialized_aliases=[])
    connection.close()
    connection.settings_dict.update(app)
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict.update(USER=owner["USER"], PASSWORD=owner["PASSWORD"])
        teardown_databases(made, verbosity=0)


def main() -> int:
    names = sorted(path.stem for path in HERE.glob("*.py") if path.stem not in NOT_BENCHMARKS)
    parser = argparse.ArgumentParser(prog="benchmarks", description="Measures against limits of this machine.")
    parser.add_argument("names", nargs="*", metavar="name", help=f"of {', '.join(names)}; all without one")
    parser.add_argument("--size", choices=["small", "full"], default="full")
    arguments = parser.parse_args()
    unknown = set(arguments.names) - set(names)
    if unknown:
        parser.error(f"there is no benchmark {', '.join(sorted(unknown))}")
    missed = 0
    with services():
        import logging

        import django

        django.setup()
        logging.disable(logging.WARNING)
        with database():
            print("| what | limit | ours | ratio | target | |\n|---|---|---|---|---|---|", flush=True)
            for name in arguments.names or names:
                for row in import_module(f"benchmarks.{name}").measure(arguments.size):
                    sign = "≥" if row.better == "higher" else "≤"
                    missed += not row.met
                    verdict = "met" if row.met else "**missed**"
                    cells = (row.what, row.limit, row.ours, f"{row.ratio:.2f}", f"{sign} {row.target:g}", verdict)
                    print(f"| {' | '.join(cells)} |", flush=True)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
