"""
`python -m tests.behaviours.unusual NAME`: gateways that are right in a way that configuration cannot produce.

They lie in the `controls*.py` of their themes: every public coroutine function there is such a gateway, by its name. It
returns the application that is served.
"""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Mapping
from functools import cache
from inspect import iscoroutinefunction

from services.gateway.settings import Settings
from services.gateway.web import Application, serve
from tests.harness.themes import modules, own_functions

Builder = Callable[[Settings], Awaitable[Application]]


@cache
def builders() -> Mapping[str, Builder]:
    """Return the function that builds each gateway, by the gateway's name."""
    functions = (found for module in modules("controls") for found in own_functions(module))
    return {name: function for name, function in functions if iscoroutinefunction(function)}


async def run(name: str, settings: Settings) -> None:
    """Serve orders as the gateway of that name does, until SIGTERM."""
    await serve(await builders()[name](settings), settings.http_address)


if __name__ == "__main__":
    asyncio.run(run(sys.argv[1], Settings.from_environment(os.environ)))
