"""
The fault plan that travels in an order id, because every gateway passes the id on unchanged.

    id      = [customer "."] nonce ["~" plan]
    plan    = step *("," step)                   one per attempt of the call, the last one repeating
    step    = outcome *(":" option) ["@" replica *("!" replica)]
    outcome = a gRPC code in upper case, OK included | "HANG" | "CLOSE"
    option  = "delay=" milliseconds | "headers" | "pushback=" milliseconds, which may be negative
            | "health=" status                  the health that the replica reports from then on; WATCHES_END: none,
                                                and every open Watch fails
            | "ready=" ("true" | "false")       whether the replica's readiness probe succeeds from then on
            | "bytes=" number                   how many bytes an answer has in addition to its own
            | "messages=" number                how many messages a stream sends before its outcome; by default one
                                                with OK, and none with any other
            | "every=" milliseconds             how long it waits after each of them; by default 50

`customer`, `nonce` and `replica` consist of letters, digits, ".", "_" and "-"; a customer has no ".". None of this
needs escaping in a path segment of a URL (RFC 3986, 3.3); ";" and "+" are avoided as some servers interpret them.

    7f3a~UNAVAILABLE,OK                          the first attempt fails, the next succeeds
    7f3a~UNAVAILABLE:pushback=500@order-1        fails on order-1 only, with a pushback of 500 ms
    7f3a~HANG:messages=10:every=100              a stream of ten messages in a second, that stays open after them
"""

import re
from dataclasses import dataclass, field

import grpc

HIGHEST_DELAY_MS = 86_400_000  # a day, longer than any deadline that is judged: more is a typo
HIGHEST_BYTES = 1 << 20  # well below the 4 MiB that gRPC clients accept by default
HIGHEST_MESSAGES = 100_000
_HIGHEST = {
    "delay": (HIGHEST_DELAY_MS, "ms"),
    "every": (HIGHEST_DELAY_MS, "ms"),
    "bytes": (HIGHEST_BYTES, "bytes"),
    "messages": (HIGHEST_MESSAGES, "messages"),
}
EVERY = 0.05
"""Seconds between the messages of a stream, and between the last one and what follows it, by default."""

_NAME = re.compile(r"[A-Za-z0-9._-]+")
_OUTCOME = re.compile(r"[A-Z_]+")
WATCHES_END = "WATCHES_END"
"""In place of a status of grpc.health.v1: every Watch that is open fails, as when a proxy or a restart ends it."""

_STATUSES = f"SERVING|NOT_SERVING|UNKNOWN|SERVICE_UNKNOWN|{WATCHES_END}"
_OPTION = re.compile(
    rf"headers|(?:delay=|pushback=-?|bytes=|messages=|every=)[0-9]{{1,9}}|health=(?:{_STATUSES})|ready=(?:true|false)"
)

_STEP = rf"[A-Z_]+(?::(?:{_OPTION.pattern}))*(?:@{_NAME.pattern}(?:!{_NAME.pattern})*)?"
IN_BYTES = rf"{_STEP}(?:,{_STEP})*".encode()
"""A plan, as a regular expression that ends where the grammar ends: it finds one among other bytes."""


class PlanError(ValueError):
    """An order id that does not match the grammar: what was expected, and at which index of the id."""

    def __init__(self, position: int, expected: str) -> None:
        super().__init__(f"the order id does not parse at position {position}: expected {expected}")
        self.position = position
        self.expected = expected


@dataclass(frozen=True, slots=True)
class Step:
    """What happens to one attempt. Without arguments: it succeeds."""

    code: grpc.StatusCode | None = grpc.StatusCode.OK  # None: no code is sent, as it hangs or closes the connection
    hang: bool = False
    close: bool = False
    delay: float = 0.0  # seconds before anything else happens
    headers: bool = False  # send initial metadata first, which commits the call: it is not retried (gRFC A6)
    pushback_ms: int | None = None  # `grpc-retry-pushback-ms` in the trailers (gRFC A6)
    health: str = ""  # a status that the replica reports from this attempt on; "": no change
    ready: bool | None = None  # whether /readyz answers 200 from this attempt on, or 503; None: no change
    bytes: int = 0  # of an unknown field in the answer, which clients ignore
    messages: int | None = None  # that a stream sends before its outcome; None: one with OK, none with any other
    every: float = EVERY  # seconds after each message
    only_on: frozenset[str] = field(default_factory=frozenset)  # empty: on every replica

    @property
    def sent(self) -> int:
        """How many messages a stream sends before its outcome."""
        return int(self.code is grpc.StatusCode.OK) if self.messages is None else self.messages

    def __str__(self) -> str:
        """Return the step as it is written in an order id."""
        outcome = self.code.name if self.code else "HANG" if self.hang else "CLOSE"
        delay = f":delay={round(self.delay * 1000)}" if self.delay else ""
        headers = ":headers" if self.headers else ""
        pushback = "" if self.pushback_ms is None else f":pushback={self.pushback_ms}"
        health = f":health={self.health}" if self.health else ""
        ready = "" if self.ready is None else f":ready={str(self.ready).lower()}"
        size = f":bytes={self.bytes}" if self.bytes else ""
        stream = "" if self.messages is None else f":messages={self.messages}"
        every = "" if self.every == EVERY else f":every={round(self.every * 1000)}"
        replicas = "@" + "!".join(sorted(self.only_on)) if self.only_on else ""
        return outcome + delay + headers + pushback + health + ready + size + stream + every + replicas


@dataclass(frozen=True, slots=True)
class Plan:
    """What happens to each attempt of one call, the last step repeating. Without arguments: all succeed."""

    steps: tuple[Step, ...] = (Step(),)

    def step_for(self, previous_attempts: int, replica: str) -> Step:
        """Return what happens on `replica` to the attempt that comes after `previous_attempts` others."""
        step = self.steps[min(previous_attempts, len(self.steps) - 1)]
        return step if not step.only_on or replica in step.only_on else Step()

    def __str__(self) -> str:
        """Return the plan as it is written in an order id after the "~", in its shortest form."""
        return ",".join(map(str, self.steps))


def parse_order_id(order_id: str) -> Plan:
    """Return the plan in `order_id`, or raise `PlanError`."""
    text = _Scanner(order_id)
    text.take(_NAME, "a nonce of letters, digits, '.', '_' or '-'")
    if not text.skip("~"):
        text.end("'~' and a fault plan, or the end")
        return Plan()
    steps = [_step(text)]
    while text.skip(","):
        steps.append(_step(text))
    text.end("':', '@', '!' or ',' where allowed, or the end")
    return Plan(tuple(steps))


class _Scanner:
    """A text that is read from left to right."""

    def __init__(self, text: str) -> None:
        self._text = text
        self.position = 0

    def take(self, pattern: re.Pattern[str], expected: str) -> re.Match[str]:
        match = pattern.match(self._text, self.position)
        if match is None:
            raise PlanError(self.position, expected)
        self.position = match.end()
        return match

    def skip(self, character: str) -> bool:
        found = self._text.startswith(character, self.position)
        self.position += found
        return found

    def end(self, expected: str) -> None:
        if self.position != len(self._text):
            raise PlanError(self.position, expected)


def _step(text: _Scanner) -> Step:
    code, hang, close = _outcome(text)
    options: dict[str, str] = {}
    while text.skip(":"):
        _add_option(options, text, may_push_back=code not in (None, grpc.StatusCode.OK))
    return Step(
        code=code,
        hang=hang,
        close=close,
        delay=int(options.get("delay", 0)) / 1000,
        headers="headers" in options,
        pushback_ms=int(options["pushback"]) if "pushback" in options else None,
        health=options.get("health", ""),
        ready=options["ready"] == "true" if "ready" in options else None,
        bytes=int(options.get("bytes", 0)),
        messages=int(options["messages"]) if "messages" in options else None,
        every=int(options["every"]) / 1000 if "every" in options else EVERY,
        only_on=_replicas(text),
    )


def _outcome(text: _Scanner) -> tuple[grpc.StatusCode | None, bool, bool]:
    start = text.position
    expected = "a gRPC code in upper case, HANG or CLOSE"
    name = text.take(_OUTCOME, expected)[0]
    if name in ("HANG", "CLOSE"):
        return None, name == "HANG", name == "CLOSE"
    if name not in grpc.StatusCode.__members__:
        raise PlanError(start, expected)
    return grpc.StatusCode[name], False, False


def _add_option(options: dict[str, str], text: _Scanner, *, may_push_back: bool) -> None:
    start = text.position
    expected = (
        "delay=<ms>, headers, pushback=<ms>, health=<status>, ready=<true|false>, bytes=<number>, messages=<number> "
        "or every=<ms>"
    )
    name, _, value = text.take(_OPTION, expected)[0].partition("=")
    if name in options:
        raise PlanError(start, f"{name} only once")
    if name == "pushback" and not may_push_back:
        raise PlanError(start, "pushback only with a code other than OK, as only failures have it in their trailers")
    highest, unit = _HIGHEST.get(name, (0, ""))
    if unit and int(value) > highest:
        raise PlanError(start, f"at most {highest} {unit}")
    options[name] = value


def _replicas(text: _Scanner) -> frozenset[str]:
    names = set()
    separator = "@"
    while text.skip(separator):
        names.add(text.take(_NAME, "the name of a replica")[0])
        separator = "!"
    return frozenset(names)


def unknown_field(number: int, size: int) -> bytes:
    """Return so many bytes as a field that a message does not have; a client keeps or drops it, and ignores it."""
    return field_of(number, bytes(size))


def field_of(number: int, content: bytes) -> bytes:
    """Return a length-delimited field of a message, with this content."""
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _varint(number: int) -> bytes:
    """Return a number as protocol buffers write it: seven bits a byte, the lowest first."""
    groups = [number >> shift & 0x7F for shift in range(0, max(number.bit_length(), 1), 7)]
    return bytes([*(group | 0x80 for group in groups[:-1]), groups[-1]])
