"""Channelz (gRFC A14): what the channel reports about itself over gRPC."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypeVar

import grpc.aio
from google.protobuf import json_format
from google.protobuf.message import Message
from grpc._cython import cygrpc  # type: ignore[attr-defined]  # what grpcio-channelz itself uses
from grpc_channelz.v1 import channelz, channelz_pb2, channelz_pb2_grpc

M = TypeVar("M", bound=Message)


class Channelz(channelz.aio.ChannelzServicer):
    """
    The servicer of grpcio-channelz, which skips fields of channels and subchannels that it does not know.

    The original fails if the library reports more than it knows: 1.81.1 fails INTERNAL because of
    `maxConnectionsPerSubchannel` in grpcio 1.85.
    """

    @staticmethod
    async def GetTopChannels(  # noqa: N802, the name in channelz.proto
        request: channelz_pb2.GetTopChannelsRequest,
        context: object,  # noqa: ARG004, gRPC's own
    ) -> channelz_pb2.GetTopChannelsResponse:
        """Return the channels of this process."""
        return _known(cygrpc.channelz_get_top_channels(request.start_channel_id), channelz_pb2.GetTopChannelsResponse())

    @staticmethod
    async def GetChannel(  # noqa: N802, likewise
        request: channelz_pb2.GetChannelRequest,
        context: "grpc.aio.ServicerContext[channelz_pb2.GetChannelRequest, channelz_pb2.GetChannelResponse]",
    ) -> channelz_pb2.GetChannelResponse:
        """Return one channel."""
        try:
            channel = cygrpc.channelz_get_channel(request.channel_id)
        except ValueError as error:  # it existed when it was listed
            await context.abort(grpc.StatusCode.NOT_FOUND, str(error))
        return _known(channel, channelz_pb2.GetChannelResponse())

    @staticmethod
    async def GetSubchannel(  # noqa: N802, likewise
        request: channelz_pb2.GetSubchannelRequest,
        context: "grpc.aio.ServicerContext[channelz_pb2.GetSubchannelRequest, channelz_pb2.GetSubchannelResponse]",
    ) -> channelz_pb2.GetSubchannelResponse:
        """Return one subchannel: the path to one address."""
        try:
            subchannel = cygrpc.channelz_get_subchannel(request.subchannel_id)
        except ValueError as error:
            await context.abort(grpc.StatusCode.NOT_FOUND, str(error))
        return _known(subchannel, channelz_pb2.GetSubchannelResponse())


def _known(json: bytes, message: M) -> M:
    return json_format.Parse(json, message, ignore_unknown_fields=True)


@asynccontextmanager
async def serving_channelz(address: str) -> AsyncIterator[None]:
    """Serve channelz of this process on `address`. Raises `OSError` if it cannot listen there."""
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])  # a port in use is an error, not silently shared
    channelz_pb2_grpc.add_ChannelzServicer_to_server(Channelz(), server)
    try:
        server.add_insecure_port(address)
    except RuntimeError as error:  # what grpcio raises; its text is C-core's
        raise OSError(f"cannot listen on CHANNELZ_ADDRESS {address}") from error
    await server.start()
    try:
        yield
    finally:
        await server.stop(grace=None)
