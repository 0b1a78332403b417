"""
`python -m tests.behaviours.gateways NAME`: gateways that are wrong in one way that configuration cannot produce.

Each replaces one function of the reference gateway, how it gets an order, and keeps the rest; those of the theme
streams replace how it opens a stream. They lie in the `gateways*.py` of their themes: every public coroutine function
there is such a gateway, by its name.
"""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Mapping
from functools import cache
from inspect import iscoroutinefunction

from services.gateway.settings import Settings
from services.gateway.web import Application, GetOrder, Receive, Scope, Send, application, serve
from tests.behaviours.gateway_parts import Calls, calling
from tests.harness.themes import modules, own_functions

Maker = Callable[[Settings], Awaitable[GetOrder | Calls]]


@cache
def makers() -> Mapping[str, Maker]:
    """Return the function that makes each gateway, by the gateway's name."""
    functions = (found for module in modules("gateways") for found in own_functions(module))
    return {name: function for name, function in functions if iscoroutinefunction(function)}


def _remembering_callers(app: Application) -> Application:
    async def _remember(scope: Scope, receive: Receive, send: Send) -> None:
        calling.set(str(scope["client"]))
        await app(scope, receive, send)

    return _remember


async def run(name: str, settings: Settings) -> None:
    """Serve orders as the gateway of that name does, until SIGTERM."""
    made = await makers()[name](settings)
    app = application(*made) if isinstance(made, Calls) else application(made)
    await serve(_remembering_callers(app), settings.http_address)


if __name__ == "__main__":
    asyncio.run(run(sys.argv[1], Settings.from_environment(os.environ)))
