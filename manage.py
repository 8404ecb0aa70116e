#!/usr/bin/env python3
"""The command line. ``manage.py up`` starts everything; see docs/operating.md."""

import os
import sys

from cxm.embedded import EmbeddedError
from cxm.embedded.launch import services_for_command


def main() -> None:
    """Run a command, on the embedded services where the environment names no others."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cxm.settings")
    try:
        with services_for_command(sys.argv[1:], os.environ):
            from django.core.management import execute_from_command_line

            execute_from_command_line(sys.argv)
    except EmbeddedError as error:
        sys.exit(f"manage.py: {error}")


if __name__ == "__main__":
    main()
