"""Shared by the behaviours of streams: a plan that lasts, who serves which stream, and how one is opened again."""

from collections.abc import AsyncIterator, Sequence

import grpc
import grpc.aio
import pytest

from services.gateway.web import WatchOrder
from services.proto import order_pb2
from tests.harness.behaviour import Budgets, Ledgers, Promises, Stream, Streams, eventually

TICK = 0.1
"""Seconds between two messages of a stream that lasts."""

LASTING = f"OK:messages=6000:every={TICK * 1000:.0f}"
"""The plan of a stream that lasts longer than any behaviour."""


def replicas_of(ledgers: Ledgers, streams: Sequence[Stream]) -> dict[str, list[str]]:
    """Return the replicas that each of these streams reached, in the order of its attempts, by its id."""
    found: dict[str, list[str]] = {stream.id: [] for stream in streams}
    for attempt in sorted(ledgers.attempts(min(stream.opened for stream in streams)), key=lambda seen: seen.arrived):
        if attempt.id in found:
            found[attempt.id].append(attempt.replica)
    return found


def wait_until_all_stream(streams: Streams, ledgers: Ledgers, names: Sequence[str], budgets: Budgets) -> None:
    """
    Wait until each replica has served one of as many streams; a gateway may open them on a channel that is still cold.

    Raises AssertionError if that takes too long.
    """
    for look in eventually(within=budgets.reconnect, what="every replica serves streams"):
        with look:
            opened = streams.open(rounds_of(len(names), budgets.promises), plan=LASTING)
            reached = replicas_of(ledgers, streams.seen(opened))
            streams.hang_up(opened)
            assert {replica for trail in reached.values() for replica in trail} == set(names)


def rounds_of(count: int, promises: Promises) -> int:
    """Return how many streams reach so many replicas for sure: each channel of a pool has a rotation."""
    return count * promises.connections_per_replica


def skip_unless_open(count: int, promises: Promises, *, seconds: float = 0.0) -> None:
    """Skip a behaviour that needs so many streams open at the same time for so many seconds, if they cannot be."""
    if 0 < promises.streams.timeout <= seconds:
        pytest.skip(f"streams end after {promises.streams.timeout:g} s, and have to stay open for {seconds:.1f} s here")
    if 0 < promises.concurrent_calls < count:
        pytest.skip(
            f"no more than {promises.concurrent_calls} streams are open at the same time, and {count} have to be"
        )


def reopening(watch_order: WatchOrder) -> WatchOrder:
    """Return how a gateway opens a stream that opens another one where a replica breaks it off."""

    async def watch(order_id: str) -> AsyncIterator[order_pb2.GetOrderResponse]:
        begun = True
        while begun:
            begun = False
            try:
                async for update in watch_order(order_id):
                    begun = True
                    yield update
            except grpc.aio.AioRpcError as error:
                if not begun or error.code() is not grpc.StatusCode.UNAVAILABLE:
                    raise
            else:
                return

    return watch
