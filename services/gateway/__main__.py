"""`python -m services.gateway`: status 0 after SIGTERM, 1 if a port is taken, 2 for an invalid setting."""

import os
import sys

# Before gRPC is imported: C-core's log would bury the one line that names what is wrong.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")

import asyncio
from contextlib import AsyncExitStack

from services.gateway.channel import ServiceConfigError, caller, check_service_config, open_channel, watcher
from services.gateway.settings import Settings
from services.gateway.web import application, serve
from services.variables import SettingsError


async def run(settings: Settings) -> None:
    """Serve orders until SIGTERM or SIGINT. Raises `ServiceConfigError`, and `OSError` if a port is taken."""
    if settings.grpc_service_config is not None:
        await check_service_config(settings.grpc_service_config)
    async with AsyncExitStack() as stack:
        channel = await stack.enter_async_context(open_channel(settings))
        if settings.channelz_address is not None:
            from services.gateway.channelz import serving_channelz  # noqa: PLC0415, most do without: faster start

            await stack.enter_async_context(serving_channelz(settings.channelz_address))
        ending = asyncio.Event()
        app = application(caller(channel, settings), watcher(channel, settings), ending)
        await serve(app, settings.http_address, ending)


def main() -> int:
    """Run the gateway and return its exit status."""
    try:
        asyncio.run(run(Settings.from_environment(os.environ)))
    except ServiceConfigError as error:
        return _complain(f"GRPC_SERVICE_CONFIG is invalid: {error}", 2)
    except SettingsError as error:
        return _complain(str(error), 2)
    except OSError as error:
        return _complain(str(error), 1)
    return 0


def _complain(line: str, status: int) -> int:
    sys.stderr.write(f"{line}\n")
    return status


if __name__ == "__main__":
    sys.exit(main())
