"""Why streams are at the wrong replicas, end when they should not, or do not end."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.harness.causes.case import Case, Finding, certain, likely, many, tally
from tests.harness.evidence.history import SeenAttempt

PROMPT = 0.5
"""Seconds within which the end of a stream is known on the other side of the gateway."""


@dataclass(frozen=True)
class Seen:
    """A stream as its caller saw it, with its attempts; `ended` is None if it was not seen to end."""

    id: str
    opened: float
    first: float | None
    ended: float | None
    left: bool
    attempts: tuple[SeenAttempt, ...]

    @property
    def replica(self) -> str:
        """The replica that served it last, "" if it reached none."""
        return self.attempts[-1].replica if self.attempts else ""


def streams_of(case: Case) -> list[Seen]:
    """Return the streams of a case, as they were opened."""
    trails: dict[str, list[SeenAttempt]] = defaultdict(list)
    for attempt in case.history.attempts:
        trails[attempt.id].append(attempt)
    found = []
    for event in case.history.of_kind("stream"):
        offset, told = event.at - event.members["opened"], event.members
        first, ended = (None if told[name] is None else told[name] + offset for name in ("first", "ended"))
        found.append(Seen(told["id"], event.at, first, ended, told["left"], tuple(trails[told["id"]])))
    return found


def unbalanced(case: Case) -> Finding | None:
    """
    Every stream went to one replica, and orders did not.

    >>> spread = Story().calls(0.5, *in_turn(6))
    >>> for number in range(6): _ = spread.stream(1.1 + number / 10, "a")
    >>> unbalanced(spread.case()).suspects
    ('streams_unbalanced',)
    >>> alike = Story().calls(0.5, *"aaaaaa")
    >>> for number in range(6): _ = alike.stream(1.1 + number / 10, "a")
    >>> unbalanced(alike.case()) is None
    True
    """
    reached = [stream.replica for stream in streams_of(case) if stream.replica]
    ordered = {attempt.replica for call in case.all_calls for attempt in call.attempts}
    if len(reached) < 2 * len(case.replicas) or len(set(reached)) > 1 or len(ordered) <= 1:
        return None
    seen = f"{many(len(reached), 'stream')} spread {tally(reached)}, and orders went to {len(ordered)} replicas"
    return certain(
        "streams_unbalanced", seen, "streams and orders reach different replicas, so the addresses are known"
    )


def old_addresses(case: Case) -> Finding | None:
    """
    No stream reached an added replica.

    >>> scaled = Story().verb(1.2, "scale", "loopback")
    >>> for number in range(8): _ = scaled.stream(2.0 + number / 10, "abc"[number % 3])
    >>> old_addresses(scaled.case()).suspects
    ('streams_to_old_addresses',)
    >>> old_addresses(scaled.stream(3.0, "d").case()) is None
    True
    """
    added = [fault.confirmed for fault in case.faults_of("scale") if fault.confirmed is not None]
    new = [stream for stream in streams_of(case) if added and stream.opened > added[0] and stream.replica]
    if len(new) <= len(case.replicas) or any(stream.replica not in case.replicas for stream in new):
        return None
    seen = (
        f"of {many(len(new), 'stream')} that were opened up to {new[-1].opened - added[0]:.1f} s after a replica was "
        f"added, none reached it"
    )
    return likely("streams_to_old_addresses", seen, "a gateway that does not re-resolve at all would look the same")


def stays(case: Case) -> Finding | None:
    """
    Every stream that was opened again after its first message was at the replica that had it.

    >>> back = Story()
    >>> for number in range(6): _ = back.stream(1.1 + number / 10, *2 * ["abc"[number % 3]], gaps=(0.2,))
    >>> stays(back.case()).suspects
    ('streams_stay',)
    >>> stays(back.stream(2.0, "a", "b", gaps=(0.2,)).case()) is None
    True
    """
    again = [
        stream
        for stream in streams_of(case)
        if stream.first is not None and any(attempt.at > stream.first for attempt in stream.attempts[1:])
    ]
    returned = [stream for stream in again if len({attempt.replica for attempt in stream.attempts}) == 1]
    if len(case.replicas) < 2 or len(again) < 2 * len(case.replicas) or len(returned) < len(again):
        return None
    seen = f"{many(len(again), 'stream')} had another attempt after the first message, each at the replica that had it"
    return certain("streams_stay", seen, f"by chance that happens with {len(case.replicas) ** -len(again):.1g}")


def shared_fate(case: Case) -> Finding | None:
    """
    Streams ended with one of another replica.

    >>> struck = Story().stream(1.1, "a", ended=0.42).stream(1.1, "b", ended=0.43).verb(1.5, "kill", "a")
    >>> shared_fate(struck.case()).suspects
    ('streams_share_fate',)
    >>> alone = Story().stream(1.1, "a", ended=0.42).stream(1.1, "b").verb(1.5, "kill", "a")
    >>> shared_fate(alone.case()) is None
    True
    """
    for kill in case.faults_of("kill"):
        others = [
            stream
            for stream in streams_of(case)
            if stream.replica not in ("", kill.on)
            and stream.ended is not None
            and kill.asked <= stream.ended <= (kill.confirmed or kill.asked) + 2 * PROMPT
        ]
        if others:
            seen = f"{many(len(others), 'stream')} of other replicas ended as {kill.on} was killed"
            return certain("streams_share_fate", seen, "nothing was done to their replicas")
    return None


def swallowed(case: Case) -> Finding | None:
    """
    A stream was over at its replica, and its caller still waits.

    >>> silent = Story().stream(1.1, "a").verb(1.5, "kill", "a").call(3.0, "b")
    >>> swallowed(silent.case()).suspects
    ('stream_end_swallowed',)
    >>> aged = Story().stream(1.1, "a").stream_ended(1.6, "a").call(3.0, "b")
    >>> swallowed(aged.case()).suspects
    ('stream_end_swallowed',)
    >>> passed_on = Story().stream(1.1, "a", ended=0.41).verb(1.5, "kill", "a").call(3.0, "b")
    >>> swallowed(passed_on.case()) is None
    True
    """
    over = [(stream, end) for stream in streams_of(case) for end in _ends_at_replica(case, stream)]
    silent = [(stream, end) for stream, end in over if not stream.left and stream.ended is None]
    if not silent:
        return None
    stream, end = silent[0]
    last = case.history.events[-1].at
    if last < end + PROMPT:
        return None
    seen = f"{many(len(silent), 'stream')} stayed open for the caller {last - end:.1f} s after the end at the replica"
    return certain("stream_end_swallowed", seen, f"{stream.replica} could send nothing any more")


def _ends_at_replica(case: Case, stream: Seen) -> Iterator[float]:
    """Yield when the last attempt of a stream was over at its replica, if it was."""
    began = stream.attempts[-1].at if stream.attempts else stream.opened
    recorded = [
        event.at
        for event in case.history.of_kind("replica stream_ended")
        if event.members["id"] == stream.id and event.members["replica"] == stream.replica
    ]
    killed = [
        kill.confirmed
        for kill in case.faults_of("kill")
        if kill.on == stream.replica and kill.confirmed is not None and kill.confirmed > began
    ]
    yield from sorted([*recorded, *killed])[:1]


def unretried(case: Case) -> Finding | None:
    """
    Streams that failed UNAVAILABLE before their first message had one attempt.

    >>> once = Story().stream(1.1, "a:UNAVAILABLE", messages=0, ended=0.01, code="UNAVAILABLE")
    >>> unretried(once.case()).suspects
    ('streams_unretried',)
    >>> unretried(Story().stream(1.1, "a:UNAVAILABLE", "b").case()) is None
    True
    """
    once = [
        stream
        for stream in streams_of(case)
        if stream.first is None and [attempt.code for attempt in stream.attempts] == ["UNAVAILABLE"]
    ]
    if not once:
        return None
    seen = f"{many(len(once), 'stream')} failed UNAVAILABLE before the first message, after 1 attempt each"
    return certain("streams_unretried", seen, "gRPC retries such a stream as it does any call")


def restarted(case: Case) -> Finding | None:
    """
    Streams had another attempt after their first message.

    >>> twice = Story().stream(1.1, "a:UNAVAILABLE", "b", messages=2, gaps=(0.2,))
    >>> restarted(twice.case()).suspects
    ('stream_restarted',)
    >>> restarted(Story().stream(1.1, "a").case()) is None
    True
    """
    late = [
        stream
        for stream in streams_of(case)
        if stream.first is not None and any(attempt.at > stream.first for attempt in stream.attempts[1:])
    ]
    if not late:
        return None
    seen = f"{many(len(late), 'stream')} had another attempt after the first message"
    return certain("stream_restarted", seen, "gRPC commits a stream with its first message, so the gateway did it")


def not_cancelled(case: Case) -> Finding | None:
    """
    Streams whose callers left continued at their replicas.

    >>> left = Story().stream(1.1, "a", left=True)
    >>> not_cancelled(left.case()).suspects
    ('stream_not_cancelled',)
    >>> not_cancelled(left.stream_ended(1.5, "a").case()) is None
    True
    """
    left = [stream for stream in streams_of(case) if stream.left and stream.replica]
    going_on = [stream for stream in left if not any(_ends_at_replica(case, stream))]
    if not going_on:
        return None
    seen = f"{len(going_on)} of {many(len(left), 'stream')} continued at their replicas after the callers had left"
    return certain("stream_not_cancelled", seen, "no replica recorded that they were cancelled")


def no_deadline(case: Case) -> Finding | None:
    """
    Streams reached their replicas without a deadline.

    >>> no_deadline(Story().stream(1.1, "a").case()).suspects
    ('no_stream_deadline',)
    >>> no_deadline(Story().stream(1.1, "a", timeout=1.0).case()) is None
    True
    """
    attempts: Sequence[SeenAttempt] = [attempt for stream in streams_of(case) for attempt in stream.attempts]
    if not attempts or any(attempt.deadline_left is not None for attempt in attempts):
        return None
    seen = f"{many(len(attempts), 'attempt')} of streams carried no grpc-timeout"
    return certain("no_stream_deadline", seen, "a deadline is sent with the call that has one")
