"""Channelz (gRFC A14): what the channel says of itself, for whoever asks over gRPC."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc.aio
from grpc_channelz.v1 import channelz


@asynccontextmanager
async def serving_channelz(address: str) -> AsyncIterator[None]:
    """Serve channelz of this process on `address`. Raises `OSError` if that cannot be listened on."""
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])  # a busy port is an error, not shared in silence
    channelz.add_channelz_servicer(server)
    try:
        server.add_insecure_port(address)
    except RuntimeError as error:  # what grpcio makes of it; its own text is in C-core's words
        raise OSError(f"CHANNELZ_ADDRESS {address} cannot be listened on") from error
    await server.start()
    try:
        yield
    finally:
        await server.stop(grace=None)
