"""The parts of the command that do not judge: how each is run, and how a mistake in its arguments is reported."""

import argparse
import importlib
import sys
from collections.abc import Sequence
from typing import NoReturn

from tests.harness.harmless import harmless

USAGE_ERROR = 4
"""pytest's exit status for it, which the command as a whole has."""


class CommandError(Exception):
    """The arguments are invalid; the message is one line."""


class Parser(argparse.ArgumentParser):
    """The parser of a part: its errors have an exit status that does not look like that of an interrupted run, 2."""

    def __init__(self, name: str, usage: str, description: str) -> None:
        """Take the name of the part, how it is used, and what it does."""
        program = f"grpc-lb-conformance {name}"
        super().__init__(
            prog=program,
            usage=f"{program} {usage}",
            description=description,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
            add_help=False,
        )
        self.add_argument("--help", "-h", action="help", help="print this help")

    def error(self, message: str) -> NoReturn:
        """Raise CommandError."""
        raise CommandError(message)


def run(part: str, arguments: Sequence[str]) -> int:
    """Run a part, the module of that name next to this file, and return its exit status."""
    try:
        return int(importlib.import_module(f"tests.harness.commands.{part}").main(arguments))
    except CommandError as error:
        sys.stderr.write(f"grpc-lb-conformance {part}: {harmless(str(error))} (see {part} --help)\n")
        return USAGE_ERROR
    except KeyboardInterrupt:
        sys.stderr.write("\ninterrupted\n")
        return 2
