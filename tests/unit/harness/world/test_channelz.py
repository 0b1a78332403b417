"""Channelz, as the gateway serves it and as the suite reads it."""

import asyncio
import threading
from collections.abc import Iterator

import grpc
import grpc.aio
import pytest
from grpc_channelz.v1 import channelz_pb2, channelz_pb2_grpc

from services.gateway.channelz import serving_channelz
from tests.harness.world.channelz import described, subchannels
from tests.harness.world.verdict import SubjectWrongError

ADDRESS = "127.91.9.3:5105"
NOBODY = "127.91.9.4:5000"


@pytest.fixture
def served() -> Iterator[None]:
    """Serve channelz of this process, in a thread of its own."""
    ready, done = threading.Event(), threading.Event()

    async def _serve() -> None:
        async with serving_channelz(ADDRESS):
            ready.set()
            await asyncio.to_thread(done.wait)

    thread = threading.Thread(target=asyncio.run, args=(_serve(),))
    thread.start()
    try:
        assert ready.wait(10.0)
        yield
    finally:
        done.set()
        thread.join()


@pytest.mark.usefixtures("served")
def test_the_gateway_tells_of_the_subchannels_of_a_name() -> None:
    """One that leads nowhere, whose call failed before it got there; other targets are left out."""
    with grpc.insecure_channel(f"ipv4:{NOBODY}", [("grpc.use_local_subchannel_pool", 1)]) as channel:
        call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary("/a/b")
        with pytest.raises(grpc.RpcError):
            call(b"", timeout=5.0)
        (seen,) = subchannels(ADDRESS, NOBODY, {NOBODY: "a"})

        assert (seen.replica, seen.started) == ("a", 0)
        assert seen.state != "READY"
        assert subchannels(ADDRESS, "another-name", {}) == []


@pytest.mark.usefixtures("served")
def test_a_channel_is_told_of_by_its_number() -> None:
    """The same as in the list of all."""
    with grpc.insecure_channel("ipv4:127.91.9.5:5000"), grpc.insecure_channel(ADDRESS) as channel:
        stub = channelz_pb2_grpc.ChannelzStub(channel)
        tops = stub.GetTopChannels(channelz_pb2.GetTopChannelsRequest(), timeout=5.0).channel
        (listed,) = [top for top in tops if "127.91.9.5" in top.data.target]
        asked = channelz_pb2.GetChannelRequest(channel_id=listed.ref.channel_id)
        assert stub.GetChannel(asked, timeout=5.0).channel.data.target == listed.data.target
        with pytest.raises(grpc.RpcError) as failed:
            stub.GetChannel(channelz_pb2.GetChannelRequest(channel_id=2**40), timeout=5.0)

    assert failed.value.code() is grpc.StatusCode.NOT_FOUND


@pytest.mark.usefixtures("served")
def test_a_subchannel_that_is_not_there_is_not_found() -> None:
    """As gRFC A14 has it."""
    with grpc.insecure_channel(ADDRESS) as channel:
        stub = channelz_pb2_grpc.ChannelzStub(channel)
        with pytest.raises(grpc.RpcError) as failed:
            stub.GetSubchannel(channelz_pb2.GetSubchannelRequest(subchannel_id=2**40), timeout=5.0)

    assert failed.value.code() is grpc.StatusCode.NOT_FOUND


def test_a_gateway_that_serves_no_channelz_is_wrong() -> None:
    """It was asked to."""
    with pytest.raises(SubjectWrongError, match=f"channelz at {NOBODY} does not respond"):
        subchannels(NOBODY, "order-service", {})


@pytest.mark.parametrize("target", ["ipv4:127.0.0.3:5000", "127.0.0.3:5000", "[[[/127.0.0.3:5000]/{}]]"])
def test_an_address_is_known_however_a_library_writes_it(target: str) -> None:
    """C-core, Go and Java write it differently."""
    data = channelz_pb2.ChannelData(target=target, calls_started=3, calls_succeeded=2, calls_failed=1)
    data.state.state = channelz_pb2.ChannelConnectivityState.READY
    seen = described(data, {"127.0.0.3:5000": "a"})

    assert (seen.replica, seen.state, seen.started, seen.succeeded, seen.failed) == ("a", "READY", 3, 2, 1)
    assert described(data, {}).replica == target


@pytest.mark.usefixtures("served")
def test_what_is_not_of_channels_is_answered_as_ever() -> None:
    """Servers: here the one that answers."""
    with grpc.insecure_channel(ADDRESS) as channel:
        stub = channelz_pb2_grpc.ChannelzStub(channel)
        assert stub.GetServers(channelz_pb2.GetServersRequest(), timeout=5.0).server
