"""The command `wangge`. Each command imports what it needs when it runs, so that `--help` answers at once."""

import sys


def main() -> None:
    """Run the command line; expected trouble becomes one line on standard error and exit status 1."""
    from services.city.cli.commands import app
    from services.city.cli.trouble import one_line

    try:
        app(prog_name="wangge")
    except Exception as error:
        line = one_line(error)
        if line is None:
            raise
        print(f"wangge: {line}", file=sys.stderr)
        sys.exit(1)
