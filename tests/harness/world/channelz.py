"""What a gateway reports about its channel to the order service over channelz (gRFC A14)."""

from collections.abc import Mapping
from dataclasses import dataclass

import grpc
from grpc_channelz.v1 import channelz_pb2, channelz_pb2_grpc

from tests.harness.world.verdict import SubjectWrongError

ANYWHERE = "0.0.0.0:0"
"""The address that a behaviour gives for channelz; the driver replaces it with a real one."""

PATIENCE = 5.0
"""*Patience.* Seconds to wait for each response."""

READY = "READY"


@dataclass(frozen=True)
class Subchannel:
    """
    The path to one address: the `replica` there, or the address itself if no replica is known.

    `state` is one of gRPC's connectivity states; calls are counted since it was created.
    """

    replica: str
    state: str
    started: int
    succeeded: int
    failed: int


def subchannels(address: str, name: str, replicas: Mapping[str, str]) -> list[Subchannel]:
    """
    Query the gateway at `address` for the subchannels of all channels whose target contains this name.

    `replicas` are names by `host:port`. Raises SubjectWrongError if it does not respond.
    """
    with grpc.insecure_channel(address) as channel:
        channelz = channelz_pb2_grpc.ChannelzStub(channel)
        try:
            tops = channelz.GetTopChannels(channelz_pb2.GetTopChannelsRequest(), timeout=PATIENCE).channel
            found = [
                channelz.GetSubchannel(
                    channelz_pb2.GetSubchannelRequest(subchannel_id=ref.subchannel_id), timeout=PATIENCE
                ).subchannel.data
                for top in tops
                if name in top.data.target
                for ref in top.subchannel_ref
            ]
        except grpc.RpcError as error:
            raise SubjectWrongError(f"channelz at {address} does not respond: {error}") from error
    return sorted((described(data, replicas) for data in found), key=lambda subchannel: subchannel.replica)


def described(data: channelz_pb2.ChannelData, replicas: Mapping[str, str]) -> Subchannel:
    """Return what channelz reports about a subchannel; each library formats addresses differently."""
    known = [name for address, name in replicas.items() if address in data.target]
    return Subchannel(
        replica=known[0] if known else data.target,
        state=channelz_pb2.ChannelConnectivityState.State.Name(data.state.state),
        started=data.calls_started,
        succeeded=data.calls_succeeded,
        failed=data.calls_failed,
    )
