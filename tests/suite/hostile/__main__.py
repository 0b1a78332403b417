"""`python -m tests.suite.hostile NAME`: be the hostile subject of that name."""

import asyncio
import os
import sys

from services.gateway.settings import Settings
from tests.suite.hostile.answers import ANSWERS, Server
from tests.suite.hostile.processes import GATEWAYS, HABITS, STARTS, serve_then


def main(name: str) -> None:
    """Run the program until it is ended, or ends by itself. Raises KeyError for a name that no program has."""
    if name in STARTS:
        STARTS[name]()
    elif name in HABITS:
        asyncio.run(serve_then(HABITS[name], Settings.from_environment(os.environ)))
    elif name in GATEWAYS:
        asyncio.run(GATEWAYS[name](Settings.from_environment(os.environ)))
    else:
        host, _, port = os.environ["HTTP_ADDRESS"].partition(":")
        Server((host, int(port)), ANSWERS[name]).serve_forever()


if __name__ == "__main__":
    main(sys.argv[1])
