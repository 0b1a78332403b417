"""Calls that stay open: where they are opened, what ends them, and what does not."""

from collections import Counter

import pytest

from tests.behaviours.streams import causes
from tests.behaviours.streams.controls import ANOTHER_FEED, HOLDS_BACK, REOPENS
from tests.behaviours.streams.mutants import (
    KEEPS_LEFT_STREAMS,
    RESTARTS_STREAMS,
    STREAMS_AT_ONE,
    STREAMS_SHARE_FATE,
    STREAMS_UNRETRIED,
    SWALLOWS_THE_END,
)
from tests.behaviours.streams.shared import LASTING, TICK, replicas_of, skip_unless_open, wait_until_all_stream
from tests.harness.behaviour import (
    Budgets,
    Ledgers,
    Measured,
    Promises,
    Replica,
    Streams,
    consistently,
    eventually,
    explained_by,
    records_stay,
)

pytestmark = [pytest.mark.extended, pytest.mark.feature("streams"), pytest.mark.promised("no hedging")]

ROUNDS = 10

WATCHED = 1.0
"""Seconds for which streams are watched that nothing happened to."""


def _silence(budgets: Budgets) -> float:
    """Return the longest time without a message, in seconds, of a stream that nothing happened to."""
    return TICK + budgets.promises.streams.delay + budgets.slack


@pytest.mark.claims("ST-01", source="grpc/grpc doc/load-balancing.md, Per-Call Load Balancing")
@pytest.mark.catches(STREAMS_AT_ONE)
@pytest.mark.acquits(ANOTHER_FEED)
@explained_by(causes.unbalanced)
@pytest.mark.promised("round_robin")
@pytest.mark.given_spread_calls
def test_open_streams_are_spread_evenly(
    streams: Streams, ledgers: Ledgers, names: list[str], budgets: Budgets, measured: Measured
) -> None:
    """Streams that are opened one after the other, and all stay open, are shared evenly by the replicas."""
    count, promises = ROUNDS * len(names), budgets.promises
    skip_unless_open(count, promises)
    wait_until_all_stream(streams, ledgers, names, budgets)
    opened = streams.seen(streams.open(count, plan=LASTING))
    seconds = opened[-1].opened - opened[0].opened
    shares = Counter(replica for reached in replicas_of(ledgers, opened).values() for replica in reached)
    counts = [shares[name] for name in names]
    bound = promises.uneven(seconds)
    measured(f"{count} open streams {'/'.join(map(str, counts))}", bound=f"counts differ by {bound} at most")

    assert [stream for stream in opened if stream.ended is not None] == []
    assert sum(counts) == count
    assert max(counts) - min(counts) <= bound


@pytest.mark.claims("ST-02", source="grpc/grpc doc/statuscodes.md, UNAVAILABLE; gRFC A6, When Retries are Valid")
@pytest.mark.catches(SWALLOWS_THE_END, STREAMS_SHARE_FATE)
@pytest.mark.acquits(ANOTHER_FEED, HOLDS_BACK)
@explained_by(causes.shared_fate, causes.swallowed)
@pytest.mark.promised("streams end")
@records_stay
def test_a_killed_replica_ends_its_streams_and_no_others(
    streams: Streams,
    ledgers: Ledgers,
    replicas: list[Replica],
    budgets: Budgets,
    measured: Measured,
) -> None:
    """The streams of a killed replica end UNAVAILABLE promptly; those of the others continue without a gap."""
    within = budgets.slack + budgets.promises.streams.delay
    skip_unless_open(4 * len(replicas), budgets.promises, seconds=2 * within + WATCHED)
    opened = streams.seen(streams.open(4 * len(replicas), plan=LASTING))
    served = {stream_id: reached[-1] for stream_id, reached in replicas_of(ledgers, opened).items()}
    struck = next(replica for replica in replicas if replica.name == served[opened[0].id])
    lost = [stream_id for stream_id, name in served.items() if name == struck.name]
    kept = [stream_id for stream_id, name in served.items() if name != struck.name]
    killed = struck.kill()
    for look in eventually(within=within, what=f"every stream of {struck.name} has ended"):
        with look:
            assert [stream for stream in streams.seen(lost) if stream.ended is None] == []
    for look in consistently(during=WATCHED, what="the streams of the other replicas continue"):
        with look:
            assert [stream for stream in streams.seen(kept) if stream.ended is not None] == []
    ended, others = streams.seen(lost), streams.seen(kept)
    latest = max(max(0.0, (stream.ended or killed) - killed) for stream in ended)
    gap = max((stream.gap for stream in others), default=0.0)
    measured(
        f"{len(lost)} streams ended within {latest:.2f} s, {len(kept)} others were silent for {gap:.2f} s at most",
        bound=f"within {within:.2f} s; silent for {_silence(budgets):.2f} s at most",
    )

    assert {stream.code for stream in ended} <= {"UNAVAILABLE", None}
    assert gap <= _silence(budgets)


@pytest.mark.claims("ST-03", "F46", source="gRFC A6, When Retries are Valid")
@pytest.mark.catches(STREAMS_UNRETRIED)
@pytest.mark.acquits(ANOTHER_FEED)
@explained_by(causes.unretried)
@pytest.mark.promised("retries", "no application retries")
@pytest.mark.feature("previous-attempts")
def test_a_stream_that_fails_before_its_first_message_is_retried(
    streams: Streams, ledgers: Ledgers, promises: Promises, measured: Measured
) -> None:
    """A stream that fails UNAVAILABLE before its first message is opened again, and its caller sees no failure."""
    opened = streams.seen(streams.open(promises.sparing(3), plan="UNAVAILABLE,OK:messages=3"))
    attempts = [len(reached) for reached in replicas_of(ledgers, opened).values()]
    messages = [stream.messages for stream in opened]
    measured(f"attempts {attempts}, messages so far {messages}", bound="2 attempts each, and messages")

    assert attempts == [2] * len(opened)
    assert min(messages) >= 1


@pytest.mark.claims("ST-04", "F53", source="gRFC A6, When Retries are Valid: committed once headers were received")
@pytest.mark.catches(RESTARTS_STREAMS)
@pytest.mark.acquits(ANOTHER_FEED)
@explained_by(causes.restarted)
@pytest.mark.promised("streams end")
@pytest.mark.vacuous_without("retries")
def test_a_stream_is_not_retried_after_its_first_message(
    streams: Streams, ledgers: Ledgers, budgets: Budgets, measured: Measured
) -> None:
    """A stream that fails UNAVAILABLE after its first message ends so, and no message of it arrives twice."""
    ids = streams.open(budgets.promises.sparing(3), plan="UNAVAILABLE:messages=2,OK:messages=2")
    within = 2 * TICK + budgets.slack + budgets.promises.streams.delay
    for look in eventually(within=within, what="the streams have ended"):
        with look:
            assert [stream for stream in streams.seen(ids) if stream.ended is None] == []
    ended = streams.seen(ids)
    attempts = [len(reached) for reached in replicas_of(ledgers, ended).values()]
    measured(f"attempts {attempts}, codes {[stream.code for stream in ended]}", bound="1 each, UNAVAILABLE")

    assert attempts == [1] * len(ended)
    assert {stream.code for stream in ended} <= {"UNAVAILABLE", None}


@pytest.mark.claims("ST-05", source="grpc/grpc doc/PROTOCOL-HTTP2.md, Errors: CANCEL")
@pytest.mark.catches(KEEPS_LEFT_STREAMS)
@pytest.mark.acquits(HOLDS_BACK, REOPENS)
@explained_by(causes.not_cancelled)
def test_a_caller_that_hangs_up_cancels_its_stream(
    streams: Streams, ledgers: Ledgers, budgets: Budgets, measured: Measured
) -> None:
    """A stream whose caller hangs up is cancelled at its replica promptly, and other streams continue."""
    # a server that notices only when it writes does so with its second message
    within = 3 * TICK + budgets.slack + budgets.promises.streams.delay
    skip_unless_open(4, budgets.promises, seconds=within + WATCHED)
    ids = streams.open(4, plan=LASTING)
    leaving, staying = ids[:2], ids[2:]
    left = streams.hang_up(leaving)
    for look in eventually(within=within, what="the streams of the callers who left are cancelled"):
        with look:
            ledgers.attempts(left)  # reads the ledgers up to now
            ends = [event for event in ledgers.events("stream_ended", left) if event["id"] in leaving]
            measured(f"{len(ends)} of {len(leaving)} streams cancelled", bound=f"all within {within:.2f} s")
            assert {event["id"] for event in ends} == set(leaving)
    for look in consistently(during=WATCHED, what="the other streams continue"):
        with look:
            assert [stream for stream in streams.seen(staying) if stream.ended is not None] == []

    assert {event["how"] for event in ends} == {"cancelled"}
    assert max(stream.gap for stream in streams.seen(staying)) <= _silence(budgets)
