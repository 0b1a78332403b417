"""Every stream ends: what arrives is counted as it comes, what its end tells is read, and no server holds a reader."""

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.harness.subject.call import Call
from tests.harness.subject.promises import Budgets, Promises
from tests.harness.subject.subject import Subject
from tests.harness.subject.variant import Variant
from tests.harness.world import streams as module
from tests.harness.world.eventually import reached
from tests.harness.world.placing import Page, Placed, Placing
from tests.harness.world.streams import OpenStreams, Stream, StreamedEnvironment
from tests.harness.world.timeline import Timeline
from tests.harness.world.verdict import SubjectWrongError
from tests.unit.helpers.hostile_server import DRIPS, FLOODS, HEAD, MALFORMED, HostileServer, Part, Script, once

CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
MESSAGE = b'{"id": "x", "served_by": "a"}\n'
END = b"0\r\n\r\n"
PROMISES = Promises(call_timeout=0.2, initial_backoff=0.01, max_backoff=0.02)
HOSTILE = {"drips": DRIPS, "floods": FLOODS, "malformed": MALFORMED}
BRIEF = 0.4
"""Seconds for a stream; on a busy machine the end of one is seen later."""


def chunk(text: bytes) -> bytes:
    """Return a chunk of a body."""
    return b"%x\r\n%s\r\n" % (len(text), text)


@contextlib.contextmanager
def opened(*parts: Part, placing: Placing | None = None) -> Iterator[tuple[OpenStreams, str]]:
    """Open one stream at a server that sends these parts."""
    with HostileServer(once(*parts)) as server, streams_at(server.url, placing) as streams:
        (stream_id,) = streams.open(1, plan="OK")
        yield streams, stream_id


@contextlib.contextmanager
def streams_at(url: str, placing: Placing | None = None) -> Iterator[OpenStreams]:
    """Return streams of a gateway there, which are hung up in the end."""
    taken = SimpleNamespace(url=url)
    environment = SimpleNamespace(
        seat=SimpleNamespace(taken=taken),
        budgets=Budgets(PROMISES, 0.1),
        timeline=Timeline(),
        check_gateway=lambda: None,
        variant=Variant(Subject("gateway", Path())),
        ledgers=SimpleNamespace(calls=lambda _: []),
    )
    streams = OpenStreams(cast("StreamedEnvironment", environment), lambda: placing or Page("streams"))
    yield streams
    streams.clean()


def ended(streams: OpenStreams, stream_id: str) -> Stream:
    """Return a stream once it has ended."""
    reached(lambda: streams.seen([stream_id])[0].ended is not None, within=5, what="it has ended")
    return streams.seen([stream_id])[0]


def test_messages_are_counted_as_they_arrive_and_the_end_tells_the_code() -> None:
    """A line may come in pieces, and a part may hold several."""
    parts = (
        CHUNKED + chunk(MESSAGE),
        chunk(MESSAGE[:9]),
        0.15,
        chunk(MESSAGE[9:] + MESSAGE),
        chunk(b'{"code": "OK"}\n') + END,
    )
    with opened(*parts) as (streams, stream_id):
        stream = ended(streams, stream_id)

    assert (stream.status, stream.messages, stream.code, stream.left) == (200, 3, "OK", False)
    assert stream.first is not None
    assert stream.last is not None
    assert stream.opened < stream.first < stream.last
    assert stream.gap >= 0.14


@pytest.mark.parametrize(
    ("parts", "code"),
    [
        ((CHUNKED, chunk(MESSAGE), chunk(b'{"code": "UNAVAILABLE"}\n'), END), "UNAVAILABLE"),
        ((CHUNKED, chunk(MESSAGE), chunk(b'{"code": 14}'), END), "UNAVAILABLE"),
        ((CHUNKED, chunk(MESSAGE), chunk(b"rpc error: code = Aborted"), END), "ABORTED"),
        ((CHUNKED, chunk(MESSAGE), END), ""),  # the contract wants a last line
        ((CHUNKED, chunk(MESSAGE)), None),  # it broke off, so that nothing could be told
        ((HEAD.replace(b"200 OK", b"503 Busy") + b"Content-Length: 0\r\n\r\n",), "UNAVAILABLE"),
    ],
)
def test_the_code_is_read_from_the_end(parts: tuple[Part, ...], code: str | None) -> None:
    """From the last line, or from the status of a stream that failed at once."""
    with opened(*parts) as (streams, stream_id):
        assert ended(streams, stream_id).code == code


def test_of_a_stream_of_its_own_the_parts_of_the_body_are_counted() -> None:
    """They may have any form, and the end need not tell a code."""
    own = Placed(Call(path="/watch/{id}"), lambda _: None, lambda _: None)
    with opened(CHUNKED + chunk(b"a"), 0.1, chunk(b"b"), END, placing=own) as (streams, stream_id):
        stream = ended(streams, stream_id)

    assert (stream.messages, stream.code) == (2, None)


def test_a_caller_hangs_up_at_once() -> None:
    """The server sees it, and the stream has not ended."""
    with opened(CHUNKED + chunk(MESSAGE), 60.0) as (streams, stream_id):
        began = time.monotonic()
        streams.hang_up([stream_id])
        streams.clean()
        assert time.monotonic() - began < 2

    with opened(CHUNKED + chunk(MESSAGE), 60.0) as (streams, stream_id):
        streams.hang_up([stream_id])
        (stream,) = streams.seen([stream_id])
        assert (stream.left, stream.ended) == (True, None)


def test_silence_counts_until_now() -> None:
    """A stream that stays open without a message has a gap that grows."""
    with opened(CHUNKED + chunk(MESSAGE), 60.0) as (streams, stream_id):
        reached(lambda: streams.seen([stream_id])[0].gap > 0.2, within=5, what="it was silent")
        assert streams.seen([stream_id])[0].ended is None


@pytest.mark.parametrize(
    "script",
    [pytest.param(script, id=f"{kind} {how}") for kind, every in HOSTILE.items() for how, script in every.items()],
)
def test_no_server_holds_a_stream(script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever it sends, its reader ends in time, with few bytes read."""
    monkeypatch.setattr(module, "LONGEST", BRIEF)
    with HostileServer(script) as server, streams_at(server.url) as streams:
        began = time.monotonic()
        with contextlib.suppress(SubjectWrongError):
            streams.open(1, plan="OK")
        readers: Any = streams._readers.values()
        for reader in readers:
            reader.join()
            assert not reader._thread.is_alive()
        assert time.monotonic() - began < BRIEF + 5


def test_a_stream_that_never_begins_is_the_gateways_fault() -> None:
    """Neither a message nor an end comes in time."""
    with (
        HostileServer(once(CHUNKED, 60.0)) as server,
        streams_at(server.url) as streams,
        pytest.raises(SubjectWrongError, match="neither a message nor an end"),
    ):
        streams.open(2, plan="OK", together=True)


def test_each_stream_is_in_the_timeline() -> None:
    """As it was seen by the end."""
    with opened(CHUNKED + chunk(MESSAGE), 60.0) as (streams, stream_id):
        streams.keep_evidence()
        environment: Any = streams._environment
        (line,) = environment.timeline.lines()

    assert (line["event"], line["id"], line["messages"], line["ended"]) == ("stream", stream_id, 1, None)
