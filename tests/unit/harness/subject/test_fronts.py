"""[call] with another front than HTTP: what it describes, and what a mistake in it is told."""

from pathlib import Path

import pytest

from tests.harness.subject.fronts import EXAMPLE_VALUES, ByItself, Lines, Rpc
from tests.harness.subject.subject import Subject
from tests.harness.subject.tables import SubjectFileError

PROTO = """
syntax = "proto3";
package shop.v1;
message Cart { string id = 1; int32 number = 2; }
message Empty {}
service Frontend {
  rpc Checkout(Cart) returns (Empty);
  rpc Upload(stream Cart) returns (Empty);
}
"""


def read(folder: Path, text: str) -> Subject:
    """Read a subject file with this text, next to a proto."""
    (folder / "shop.proto").write_text(PROTO, encoding="utf-8")
    (folder / "subject.toml").write_text(text, encoding="utf-8")
    return Subject.from_file(folder / "subject.toml")


def test_a_message_is_filled_for_each_call(tmp_path: Path) -> None:
    """In protobuf's JSON; metadata is in lower case."""
    pytest.importorskip("grpc_tools")
    call = read(
        tmp_path,
        """
        [call]
        grpc = "shop.v1.Frontend/Checkout"
        protos = ["shop.proto"]
        headers = { X-Trace = "{traceparent}" }
        body = '{"id": "{id}", "number": {number}}'
        """,
    ).call
    assert isinstance(call, Rpc)

    path, metadata, message = call.request({**EXAMPLE_VALUES, "id": "o1-1", "number": "300"})

    assert (path, message) == ("/shop.v1.Frontend/Checkout", b"\x0a\x04o1-1\x10\xac\x02")
    assert metadata == {"x-trace": EXAMPLE_VALUES["traceparent"]}
    assert call.carries == {"id", "number", "traceparent"}


def test_without_a_body_the_message_is_empty(tmp_path: Path) -> None:
    """It needs no description then, and its health is what it may be ready by."""
    subject = read(tmp_path, '[subject]\nready = "grpc.health"\n[call]\ngrpc = "a.B/C"\n')

    assert isinstance(subject.call, Rpc)
    assert subject.call.request(EXAMPLE_VALUES) == ("/a.B/C", {}, b"")
    assert (subject.front, subject.ready, subject.has("a server")) == ("grpc", "grpc.health", True)


@pytest.mark.parametrize(("front", "kind"), [("stdio", Lines), ("self", ByItself)])
def test_what_has_no_address_is_judged_on_loopback_only(tmp_path: Path, front: str, kind: type) -> None:
    """A driver, and a program that calls by itself."""
    subject = read(tmp_path, f'[call]\n{front} = true\n[loopback]\ncommand = ["x"]\n[compose]\nimage = "y"\n')

    assert isinstance(subject.call, kind)
    assert not subject.reason_against("loopback")
    assert subject.reason_against("compose") == f"only on loopback: [call] {front} has no address in a container"
    assert not subject.has("a server")


@pytest.mark.parametrize(
    ("call", "told"),
    [
        ('http = "GET /"\ngrpc = "a.B/C"', "[call] has http and grpc: a subject is called in one way"),
        ("stdio = true\nself = true", "[call] has stdio and self: a subject is called in one way"),
        ("stdio = false", "[call] stdio is false: must be true, or left out"),
        ('stdio = "yes"', "[call] stdio is 'yes': must be true or false"),
        ('stdio = true\nbody = "x"', "[call] body has no meaning with stdio"),
        ('grpc = "a.B/C"\nsuccess = "2xx"', "[call] success has no meaning with grpc"),
        ('protos = ["shop.proto"]', "[call] protos has no meaning with http"),
        ('grpc = "/a.B/C"', "[call] grpc is '/a.B/C': must be as in \"inventory.v2.Inventory/Reserve\""),
        ('grpc = "a.B/C"\nbody = "{}"', "[call] body needs descriptors or protos, which describe its message"),
        ('grpc = "a.B/C"\nheaders = { x = "{uid}" }', "[call] headers x has an unknown placeholder {uid}"),
        ('gprc = "a.B/C"', "unknown key in [call]: 'gprc'"),
    ],
)
def test_a_mistake_is_one_line(tmp_path: Path, call: str, told: str) -> None:
    """It names the key, and what is expected."""
    with pytest.raises(SubjectFileError) as raised:
        read(tmp_path, f"[call]\n{call}\n")

    assert told in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("method", "body", "told"),
    [
        ("Checkout", '{"idd": "{id}"}', '[call] body is not a shop.v1.Cart: Message type "shop.v1.Cart" has no field'),
        ("Checkout", '{"id": ', "[call] body is not a shop.v1.Cart: Failed to load JSON"),
        ("Chekout", "{}", "shop.v1.Frontend has no such method; did you mean 'Checkout'?"),
        ("Upload", "{}", "its client streams, and the suite sends one message"),
    ],
)
def test_a_body_that_is_not_the_message_is_one_line(tmp_path: Path, method: str, body: str, told: str) -> None:
    """Before anything starts."""
    pytest.importorskip("grpc_tools")
    with pytest.raises(SubjectFileError) as raised:
        read(tmp_path, f"[call]\ngrpc = 'shop.v1.Frontend/{method}'\nprotos = ['shop.proto']\nbody = '{body}'\n")

    assert told in str(raised.value)


@pytest.mark.parametrize(
    ("front", "told"),
    [
        ('grpc = "a.B/C"', "[subject] ready is 'GET /': with grpc it must be \"grpc.health\""),
        ("stdio = true", "[subject] ready has no meaning with stdio"),
        ("self = true", "[subject] ready has no meaning with self"),
    ],
)
def test_only_http_is_ready_by_a_path(tmp_path: Path, front: str, told: str) -> None:
    """A driver reports by itself when it is."""
    with pytest.raises(SubjectFileError) as raised:
        read(tmp_path, f'[subject]\nready = "GET /"\n[call]\n{front}\n')

    assert told in str(raised.value)
