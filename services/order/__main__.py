"""`python -m services.order`: exit status 0 after a drain, 1 if a port is taken, 2 for an invalid setting."""

import os
import sys

# Before gRPC is imported: C-core's log would bury the one line that names what is wrong.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")

import asyncio

from services.order.ledger import Ledger
from services.order.server import run
from services.order.settings import Settings
from services.variables import SettingsError


def main() -> int:
    """Run one replica and return its exit status."""
    try:
        settings = Settings.from_environment(os.environ)
        asyncio.run(run(settings, Ledger(settings.replica)))
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except OSError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
