"""
Streams: requests that stay open, and what arrives of them while they do.

Each is read by a separate thread until it ends, its caller hangs up, or LONGEST has passed. Who serves one is in the
ledgers, as for any attempt.
"""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from typing import Protocol

from tests.harness.harmless import in_one_line
from tests.harness.subject.promises import Budgets
from tests.harness.subject.variant import Variant
from tests.harness.world.allowance import may_take
from tests.harness.world.exchange import LONGEST_REPLY, Answer, BrokenOffError, Incoming
from tests.harness.world.gateway import Seat
from tests.harness.world.ledgers import Ledgers
from tests.harness.world.no_call import check_streams
from tests.harness.world.order_ids import IDS
from tests.harness.world.placing import Page, Placing, member
from tests.harness.world.timeline import Timeline
from tests.harness.world.verdict import SubjectWrongError

LONGEST = 600.0
"""*Patience.* Seconds after which a stream is given up, no matter what it sends: no behaviour takes so long."""

JOINED = 5.0
"""*Patience.* Seconds within which a reader whose connection was closed has ended."""

UNREADABLE = 500
"""A status that tells no code, so that what the end of a stream tells is read from its last line alone."""


@dataclass(frozen=True)
class Stream:
    """
    A stream as its caller has seen it so far; times are monotonic, in seconds.

    `status` is None before the reply began. `messages` counts the lines that name who served them, or of a subject's
    own stream the parts in which its body arrived; `first` and `last` are when the first and the latest came, None
    without any; `gap` is the longest time without one since the first: until it ended, or until now. `ended` is when it
    ended, None while it is open or after its caller has `left`. `code` is the one that its end names, "" if it names
    none and has to, None if it need not. `message` is what went wrong.
    """

    id: str
    opened: float
    status: int | None = None
    messages: int = 0
    first: float | None = None
    last: float | None = None
    gap: float = 0.0
    ended: float | None = None
    left: bool = False
    code: str | None = None
    message: str = ""

    def __repr__(self) -> str:
        """Show what the reader of an assertion wants to know."""
        end = "open" if self.ended is None else f"ended {self.code or 'without a code'}"
        return in_one_line(
            f"<stream {self.id}: {self.messages} messages, longest gap {self.gap:.2f} s, {end} {self.message}>"
        )


class StreamedEnvironment(Protocol):
    """What streams need from their environment: a gateway."""

    @property
    def seat(self) -> Seat:
        """The place of the running subject."""

    @property
    def variant(self) -> Variant:
        """What runs."""

    @property
    def budgets(self) -> Budgets:
        """How long things may take."""

    @property
    def ledgers(self) -> Ledgers:
        """What reached the replicas."""

    @property
    def timeline(self) -> Timeline:
        """The record of the present behaviour."""

    def check_gateway(self) -> None:
        """Raise SubjectDiedError if the gateway has exited by itself."""


class OpenStreams:
    """The streams of one behaviour (see `tests.harness.world.capabilities.Streams`)."""

    def __init__(self, environment: StreamedEnvironment, placing: Callable[[], Placing]) -> None:
        """Take where streams are opened, and how."""
        self._environment, self._placing = environment, placing
        self._readers: dict[str, _Reader] = {}
        self._checked: Variant | None = None

    def open(self, count: int, *, plan: str, together: bool = False) -> list[str]:
        """
        Open so many streams, one after the other or all at the same time; return their ids.

        Each has got its first message then, or has ended. Raises SubjectWrongError for one that does neither in time,
        and SubjectUnusableError if they call something else than what is judged.
        """
        began, readers = time.monotonic(), [self._reader(plan) for _ in range(count)]
        patience = self._environment.budgets.reply + self._environment.budgets.promises.streams.delay
        with may_take(count * patience), ThreadPoolExecutor(count if together else 1) as pool:
            list(pool.map(lambda reader: reader.begin(patience), readers))
        if any(reader.seen().status is None for reader in readers):
            self._environment.check_gateway()
        ids = [reader.stream.id for reader in readers]
        self._check_calls(ids, began)
        return ids

    def _check_calls(self, ids: Sequence[str], since: float) -> None:
        """Check once that what the streams of a subject call is judged. Raises SubjectUnusableError."""
        variant = self._environment.variant
        if variant == self._checked:
            return
        if calls := self._environment.ledgers.calls(since):
            check_streams(variant.subject, ids, calls)
            self._checked = variant

    def seen(self, ids: Sequence[str]) -> list[Stream]:
        """Return what was seen of these streams so far."""
        return [self._readers[stream_id].seen() for stream_id in ids]

    def hang_up(self, ids: Sequence[str]) -> float:
        """Close the connections of these streams, as callers do who leave; return when the first was closed."""
        began = time.monotonic()
        for stream_id in ids:
            self._readers[stream_id].leave()
        return began

    def _reader(self, plan: str) -> "_Reader":
        reader = _Reader(
            IDS.make(plan),
            self._placing(),
            self._environment.seat.taken.url,
            codes_told=self._environment.budgets.promises.codes == "told",
        )
        self._readers[reader.stream.id] = reader
        return reader

    def clean(self) -> None:
        """Hang up every stream."""
        self.hang_up(list(self._readers))
        for reader in self._readers.values():
            reader.join()
        self._readers.clear()

    def keep_evidence(self) -> None:
        """Add every stream to the timeline, as it was seen by now."""
        for reader in list(self._readers.values()):
            stream = reader.seen()
            self._environment.timeline.record("stream", stream.opened, **asdict(stream))


class _Reader:
    """Reads one stream in a thread; `stream` is what was seen of it."""

    def __init__(self, stream_id: str, placing: Placing, gateway: str, *, codes_told: bool) -> None:
        self.stream = Stream(stream_id, time.monotonic())
        self._placing, self._gateway, self._codes_told = placing, gateway, codes_told
        self._lines = _Lines(counts_lines=isinstance(placing, Page))
        self._lock = threading.Lock()
        self._begun = threading.Event()
        self._incoming: Incoming | None = None
        self._thread = threading.Thread(target=self._read, name=f"stream {stream_id}", daemon=True)

    def begin(self, patience: float) -> None:
        """Send the request, and wait for the first message or the end. Raises SubjectWrongError if neither comes."""
        request = self._placing.request(self._gateway, self.stream.id)
        self._incoming = Incoming(request, LONGEST)
        self._see(opened=time.monotonic())
        self._thread.start()
        if not self._begun.wait(patience):
            raise SubjectWrongError(f"stream {self.stream.id}: neither a message nor an end within {patience:.1f} s")

    def seen(self) -> Stream:
        """Return what was seen so far."""
        with self._lock:
            stream = self.stream
            if stream.last is None or stream.left:
                return stream
            silent = (time.monotonic() if stream.ended is None else stream.ended) - stream.last
            return replace(stream, gap=max(stream.gap, silent))

    def leave(self) -> None:
        """Hang up, unless it has ended."""
        if self._incoming is None or self.stream.ended is not None or self.stream.left:
            return
        self._see(left=True)
        self._incoming.hang_up()

    def join(self) -> None:
        """Wait until nothing reads it any more."""
        if self._thread.ident is not None:
            self._thread.join(JOINED)

    def _read(self) -> None:
        incoming, answer = self._incoming, Answer(UNREADABLE, b"")
        assert incoming is not None
        try:
            answer = incoming.answer()
            self._see(status=answer.status)
            for part in incoming.parts():
                self._take(part, answer)
        except TimeoutError:
            self._see(message=f"it was given up after {LONGEST:.0f} s")
        except BrokenOffError as error:
            self._end(answer, f"the gateway broke it off: {error}"[:300], whole=False)
        else:
            self._end(answer, "", whole=True)
        finally:
            incoming.close()
            self._begun.set()

    def _take(self, part: bytes, answer: Answer) -> None:
        count = self._lines.take(part)
        if not count or answer.status >= 400:
            return
        now, stream = time.monotonic(), self.stream
        gap = max(stream.gap, now - (stream.last or now))
        self._see(first=stream.first or now, last=now, messages=stream.messages + count, gap=gap)
        self._begun.set()

    def _end(self, answer: Answer, message: str, *, whole: bool) -> None:
        if self.stream.left:
            return
        now = time.monotonic()
        code = self._code(answer, now) if self._codes_told else None
        self._see(ended=now, code=code if code or not whole else self._lines.untold, message=message)

    def _code(self, answer: Answer, now: float) -> str | None:
        """Return the code that the end of the stream tells: the status of a failed request, or the last line."""
        last = self._lines.last
        if member(last, ["code"]) in ("OK", 0):
            return "OK"
        status = max(answer.status, UNREADABLE) if answer.status < 400 else answer.status
        told = Answer(status, last, answer.headers)
        return self._placing.reply(self.stream.id, self.stream.opened, now, told).code

    def _see(self, **members: object) -> None:
        with self._lock:
            self.stream = replace(self.stream, **members)  # type: ignore[arg-type]  # its own members


class _Lines:
    """The lines of a body, as they arrive: how many messages are in each part, and the last line."""

    def __init__(self, *, counts_lines: bool) -> None:
        self.last = b""
        self._counts_lines = counts_lines
        self._unfinished = b""

    @property
    def untold(self) -> str | None:
        """What stands for the code of a stream whose end tells none: the contract wants one."""
        return "" if self._counts_lines else None

    def take(self, part: bytes) -> int:
        """Take a part of the body; return how many messages it completes."""
        *whole, self._unfinished = (self._unfinished + part)[-LONGEST_REPLY:].split(b"\n")
        lines = [line for line in whole if line.strip()]
        self.last = self._unfinished if self._unfinished.strip() else lines[-1] if lines else self.last
        if not self._counts_lines:
            return 1
        return sum(isinstance(member(line, ["served_by"]), str) for line in lines)
