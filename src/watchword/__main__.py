"""The command line's door: ``watchword`` and ``python -m watchword``. Without its packages it says what to install."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line. Exit codes: 0 done, 1 refused or failed, 2 wrong usage."""
    try:
        import click  # noqa: F401 - only to see whether it is there
    except ModuleNotFoundError:
        sys.stderr.write("error: the command line is not installed; install it with: pip install 'watchword[cli]'\n")
        raise SystemExit(1) from None
    from .cli.main import watchword

    watchword.main(prog_name="watchword")


if __name__ == "__main__":
    main()
