"""Histories made by hand, in few words: what a timeline would hold."""

from typing import Any, Self

from tests.harness.causes.case import Case, Finding
from tests.harness.evidence.history import History
from tests.harness.subject.promises import Promises

NAMES = ("a", "b", "c")
ADDRESSES = ("127.0.0.2", "127.0.0.3", "127.0.0.4")

FAILS = ("a:UNAVAILABLE", "b:UNAVAILABLE", "c:UNAVAILABLE", "a:UNAVAILABLE", "b:UNAVAILABLE", "c:UNAVAILABLE")
"""Attempts that fail, at one replica after the other."""

PROMISES = Promises(call_timeout=1.5, min_resolution_interval=0.5, reconnects_within=0.5)


class Story:
    """
    A timeline of a gateway in front of replicas a, b and c.

    Without `names_ours` the name server is not ours. The gateway is asked for at 0.0, or without `fresh` was there
    before, and judged from 1.0 on. Every method takes the time first and returns the story.
    """

    def __init__(self, *, names_ours: bool = True, fresh: bool = True, **restored: object) -> None:
        self._lines: list[dict[str, Any]] = []
        self._number = 0
        if names_ours:
            self.event(-0.1, "published", addresses=list(ADDRESSES))
        self.verb(-0.1, "restore", "world", took=1.1, **restored)
        self.event(-0.05, "listed", replicas=list(NAMES))
        if fresh:
            self.verb(0.0, "fresh gateway", "gateway", took=0.3)

    def event(self, at: float, event: str, **members: object) -> Self:
        """Add any event."""
        self._lines.append({"at": at, "event": event, **members})
        return self

    def verb(self, at: float, verb: str, on: str, took: float | None = 0.01, **members: object) -> Self:
        """Ask something of the world that is seen to have taken hold after so many seconds, never with None."""
        self.event(at, "asked", verb=verb, on=on, **members)
        return self if took is None else self.event(at + took, "confirmed", verb=verb, on=on)

    def asked(self, at: float, *answer: str) -> Self:
        """Let the gateway ask the name server, which answers the addresses of all, or these."""
        given = list(answer or ADDRESSES)
        query = {"name": "order-service", "kind": "A", "protocol": "udp"}
        return self.event(at, "dns query", **query, answer=given, rcode="NOERROR")

    def connected(self, at: float, replica: str, peer: str, closed: float | None = None) -> Self:
        """Open a connection."""
        self.event(at, "replica connection_opened", replica=replica, peer=peer)
        return self if closed is None else self.event(closed, "replica connection_closed", replica=replica, peer=peer)

    def call(  # noqa: PLR0913, what a call may be
        self,
        at: float,
        *attempts: str,
        code: str | None = "OK",
        took: float = 0.005,
        plan: str = "",
        caller: int = 1,
        served_by: str | None = None,
        previous: bool = True,
        gaps: tuple[float, ...] = (),
        left: tuple[float | None, ...] = (),
        customer: str = "",
    ) -> Self:
        """
        Place an order.

        An attempt is "a" (answered OK over the one connection to a), "a:UNAVAILABLE", or "a:OK:p2" over another one.
        """
        self._number += 1
        order = (f"{customer}." if customer else "") + f"o1-{self._number}" + (f"~{plan}" if plan else "")
        arrived = at + 0.001
        for number, attempt in enumerate(attempts):
            arrived += gaps[number - 1] if number and gaps else 0.1 if number else 0
            numbered = number if number and previous else None
            self._attempt(arrived, order, attempt, numbered, left[number] if left else 1.5)
        server = served_by or (attempts[-1][0] if attempts and code == "OK" else None)
        status = None if code is None else 200 if code == "OK" else 503
        reply = {"status": status, "code": code, "served_by": server, "message": "", "caller": caller}
        return self.event(at, "order", id=order, sent=at, received=max(at + took, arrived + 0.001), **reply)

    def stream(  # noqa: PLR0913, what a stream may be
        self,
        at: float,
        *attempts: str,
        messages: int = 1,
        ended: float | None = None,
        code: str | None = None,
        left: bool = False,
        gaps: tuple[float, ...] = (),
        timeout: float | None = None,
    ) -> Self:
        """Open a stream that gets its first message 10 ms after its first attempt, and ends after so many seconds."""
        self._number += 1
        stream, arrived = f"o1-{self._number}", at + 0.001
        for number, attempt in enumerate(attempts):
            arrived += gaps[number - 1] if number and gaps else 0.1 if number else 0
            self._attempt(arrived, stream, attempt, number or None, timeout)
        first = at + 0.011 if messages else None
        times = {"opened": at, "first": first, "last": first, "ended": None if ended is None else at + ended}
        return self.event(at, "stream", id=stream, messages=messages, code=code, left=left, **times)

    def stream_ended(self, at: float, replica: str, how: str = "cancelled") -> Self:
        """Let a replica record how the last stream ended."""
        return self.event(at, "replica stream_ended", id=f"o1-{self._number}", replica=replica, how=how)

    def again(self, at: float, *attempts: str, code: str | None = "OK") -> Self:
        """Place the last order once more, under the same id."""
        self._number -= 1
        return self.call(at, *attempts, code=code, served_by="a")

    def _attempt(self, at: float, order: str, attempt: str, previous: int | None, left: float | None) -> None:
        replica, sent, peer = (*attempt.split(":"), "", "")[:3]
        code = None if sent == "HANG" else sent or "OK"
        call = {"id": order, "replica": replica, "peer": peer or f"p{replica}", "code": code}
        self.event(at, "replica attempt", **call, previous_attempts=previous, deadline_left=left)

    def calls(self, at: float, *trails: str, every: float = 0.01, caller: int = 1) -> Self:
        """Place orders of one caller, one after the other, each with one attempt."""
        for number, attempt in enumerate(trails):
            self.call(at + number * every, attempt, caller=caller)
        return self

    def case(self, promises: Promises = PROMISES) -> Case:
        """Return it as what rules look at."""
        return Case(History.of(self._lines), promises)


def in_turn(count: int) -> list[str]:
    """Return whom round_robin picks."""
    return [NAMES[number % 3] for number in range(count)]


def outage(code: str | None, took: float) -> Story:
    """Return three replicas that are killed, and calls that end like this."""
    story = Story().asked(0.4)
    for number, name in enumerate("abc"):
        story.verb(1.2 + number / 100, "kill", name)
    for number in range(5):
        story.call(1.4 + number / 100, code=code, took=took)
    return story


def suspects(finding: Finding | None) -> tuple[str, ...]:
    """Return the causes named, none if no rule fired."""
    return finding.suspects if finding else ()
