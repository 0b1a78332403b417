"""Streams in a subject file: who has them, how they are opened, and what is promised of them."""

from pathlib import Path

import pytest

from tests.harness.subject.features import OPTIONAL
from tests.harness.subject.promises import Promises
from tests.harness.subject.streams import StreamPromises
from tests.harness.subject.subject import Subject
from tests.harness.subject.tables import SubjectFileError


def subject(tmp_path: Path, text: str) -> Subject:
    """Return the subject of a file with this text."""
    file = tmp_path / "subject.toml"
    file.write_text(text, encoding="utf-8")
    return Subject.from_file(file)


def test_streams_are_supported_only_where_the_file_says_so(tmp_path: Path) -> None:
    """A subject of before need not have any."""
    assert subject(tmp_path, "").unsupported == OPTIONAL
    assert subject(tmp_path, "[features]\nunsupported = ['channelz']").unsupported == {*OPTIONAL, "channelz"}
    assert subject(tmp_path, "[features]\nsupported = ['streams']").unsupported == OPTIONAL - {"streams"}
    assert subject(tmp_path, "[stream]\nhttp = 'GET /watch/{id}'").unsupported == OPTIONAL - {"streams"}
    assert Subject.from_command("./gateway", tmp_path).unsupported == OPTIONAL


def test_a_stream_of_its_own_is_described_as_a_call_is(tmp_path: Path) -> None:
    """Its method may be another than the one that is judged."""
    own = subject(
        tmp_path,
        """
        [stream]
        http = "GET /watch/{id}"
        headers = { Accept = "text/event-stream" }
        method = "feed.v1.Feed/Watch"
        reply_hex = "0801"

        [service]
        method = "feed.v1.Feed/Get"
        """,
    )

    assert own.stream is not None
    assert (own.stream.method, own.stream.path) == ("GET", "/watch/{id}")
    assert own.service is not None
    assert own.service.variables["ANSWERS"] == (
        '{"judged": "/feed.v1.Feed/Get", "streamed": "/feed.v1.Feed/Watch", '
        '"replies": {"/feed.v1.Feed/Watch": ["0801"]}, "stubs": []}'
    )


def test_a_method_of_the_stream_alone_needs_no_service(tmp_path: Path) -> None:
    """The replicas answer any method then."""
    own = subject(tmp_path, "[stream]\nmethod = 'feed.v1.Feed/Watch'")

    assert own.stream is not None
    assert own.stream.path == "/streams/{id}"
    assert own.service is not None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("stream = 1", "stream must be a section: [stream]"),
        ("[stream]\nhtpp = ''", "unknown key in [stream]: 'htpp'; did you mean 'http'?"),
        ("[stream]\nhttp = 'watch'", "[stream] http is 'watch': must be a method and a path"),
        ("[stream]\nhttp = 'GET /watch'", "[stream] has none of {id}, {number}, {uuid} and {traceparent} in it"),
        ("[stream]\nhttp = 'GET /{oid}'", "[stream] http has an unknown placeholder {oid}"),
        ("[stream]\nmethod = 'Watch'", "[stream] method is 'Watch': must be as in"),
        ("[features]\nsupported = ['stream']", "unknown feature in [features] supported: 'stream'; did you mean"),
        ("[features]\nsupported = ['channelz']", "unknown feature in [features] supported: 'channelz'"),
        ("[promises]\nstreams = 1", "[promises] streams is 1: must be a table"),
        ("[promises]\nstreams = { timout = 1 }", "unknown key in [promises] streams: 'timout'; did you mean"),
        ("[promises]\nstreams = { delay = -1 }", "[promises] streams delay is -1: must be a number, 0 or greater"),
        ("[promises]\nstreams = { reopens = 1 }", "[promises] streams reopens is 1: must be true or false"),
    ],
)
def test_a_mistake_is_named(tmp_path: Path, text: str, words: str) -> None:
    """With the section, the key and the value."""
    with pytest.raises(SubjectFileError) as refused:
        subject(tmp_path, text)

    assert words in str(refused.value)


def test_who_opens_streams_again_promises_no_end() -> None:
    """All others do."""
    assert Promises().has("streams end")
    assert not Promises(streams=StreamPromises(reopens=True)).has("streams end")
