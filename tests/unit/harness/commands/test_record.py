"""The recorder: a proxy between a client and a real server, and what it writes of the calls that it passed on."""

import os
import re
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Iterator
from concurrent import futures
from pathlib import Path
from typing import Any, cast

import grpc
import pytest

from services.order.faults import field_of
from tests.harness.commands.recording import LONGEST, MOST, Recording
from tests.harness.paths import ROOT
from tests.harness.subject.service import read_service


def recorded(*calls: tuple[str, bytes, bytes], order_id: str = "") -> Recording:
    """Return what is recorded of these calls: a path, a request and a reply."""
    recording = Recording("127.0.0.1:9000", order_id)
    for path, request, reply in calls:
        if method := recording.called(path):
            recording.ended(method, "OK", [request], [reply])
    return recording


CART = field_of(1, b"cart-17")


def test_the_first_method_is_the_service_and_others_are_stubs() -> None:
    """Each with its first reply; the file can be read as it is."""
    recording = recorded(("/a.B/C", CART, b"\x08\x01"), ("/a.B/D", b"", b""), ("/a.B/C", CART, b"\x08\x02"))
    tables = tomllib.loads(recording.text())

    assert tables == {
        "service": {"method": "a.B/C", "reply_hex": "0801"},
        "stub": [{"method": "a.B/D"}],
    }
    assert "from 127.0.0.1:9000" in recording.text()
    assert read_service(tables["service"], tables["stub"], Path(), {}).judged.method == "a.B/C"


def test_a_text_that_request_and_reply_have_is_the_id() -> None:
    """It would be the id of another call otherwise; what stands for it is in the file."""
    text = recorded(("/a.B/C", CART, field_of(2, b"cart-17"))).text()

    assert 'reply_hex = "12[{id}]"' in text
    assert '# {id} stands for "cart-17", which the request had, too' in text


def test_of_several_texts_none_is_guessed() -> None:
    """The tenant may be in both as well: --id decides."""
    request = CART + field_of(2, b"acme")
    reply = field_of(1, b"acme") + field_of(2, b"cart-17")
    text = recorded(("/a.B/C", request, reply)).text()

    assert f'reply_hex = "{reply.hex()}"' in text
    assert '# request and reply both have "acme", "cart-17": record again with --id=TEXT' in text
    assert (
        f'reply_hex = "{field_of(1, b"acme").hex()} 12[{{id}}]"'
        in recorded(("/a.B/C", request, reply), order_id="cart-17").text()
    )


def test_what_has_no_reply_is_named_with_the_reason() -> None:
    """A stream, a reply that is too long, failures, a call that has not ended, too many methods; health is left out."""
    recording = recorded(("/a.B/Long", b"", bytes(LONGEST + 1)), ("/grpc.health.v1.Health/Check", b"", b"\x08\x01"))
    for path, code, replies in (("/a.B/Stream", "OK", [b"", b""]), ("/a.B/Fails", "NOT_FOUND", [])):
        method = recording.called(path)
        assert method is not None
        recording.ended(method, code, [b""], replies)
    recording.called("/a.B/Waits")
    for number in range(MOST):
        recording.called(f"/a.C/M{number}")

    assert recording.kept == {}
    lines = list(recording.not_kept())
    assert lines[:4] == [
        f"a.B/Long has no reply here: a reply of {LONGEST + 1} bytes is too long",
        "a.B/Stream has no reply here: it streams",
        "a.B/Fails has no reply here: 1 NOT_FOUND",
        "a.B/Waits has no reply here: no call has ended",
    ]
    assert lines[-1] == f"4 calls of more than {MOST} methods are not recorded"


def test_a_hostile_name_stays_in_its_string() -> None:
    """Paths come from a client: TOML and terminal show them harmless."""
    text = recorded(('/a.B/"\n[x]\x1b', b"", b"")).text()

    assert "\x1b" not in text
    assert list(tomllib.loads(text)) == ["service"]


# The proxy itself


class Shop(grpc.GenericRpcHandler):
    """A real server: it echoes the cart, fails with details and trailers, or streams."""

    def service(self, details: grpc.HandlerCallDetails) -> "grpc.RpcMethodHandler[bytes, bytes] | None":
        """Answer a method."""
        return {
            "/shop.Stock/Reserve": grpc.unary_unary_rpc_method_handler(self.reserve),
            "/shop.Stock/Fail": grpc.unary_unary_rpc_method_handler(self.fail),
            "/shop.Stock/List": grpc.unary_stream_rpc_method_handler(self.stream),
        }.get(details.method)

    @staticmethod
    def reserve(request: bytes, context: grpc.ServicerContext) -> bytes:
        """Echo."""
        sent = dict(context.invocation_metadata())
        context.set_trailing_metadata((("seen", f"{sent['who']!s} {context.time_remaining() < 20}"),))
        context.send_initial_metadata((("early", "yes"),))
        return request

    @staticmethod
    def fail(_request: bytes, context: grpc.ServicerContext) -> bytes:
        """Fail."""
        context.set_trailing_metadata((("why", "sold out"),))
        context.abort(grpc.StatusCode.FAILED_PRECONDITION, "sold out")
        raise AssertionError

    @staticmethod
    def stream(_request: bytes, _context: grpc.ServicerContext) -> Iterator[bytes]:
        """Stream."""
        yield b"a"
        yield b"b"


@pytest.fixture
def shop() -> Iterator[str]:
    """Return the address of a running one."""
    server = grpc.server(futures.ThreadPoolExecutor(2))
    server.add_generic_rpc_handlers((Shop(),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"127.0.0.1:{port}"
    server.stop(None)


def record(folder: Path, to: str, use: Callable[[Any], None], *options: str) -> tuple[int, str]:
    """Run the recorder as a user does, use it over a channel, interrupt it; return its status and what it printed."""
    program = "import sys; from tests.harness.commands.command import main; sys.exit(main())"
    process = subprocess.Popen(  # noqa: S603, our own command
        [sys.executable, "-u", "-c", program, "record", f"--to={to}", "--listen=127.0.0.1:0", *options],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        first = process.stdout.readline()
        (address,) = re.findall(r"listening on (\S+),", first)
        with grpc.insecure_channel(address) as channel:
            use(channel)
        process.send_signal(signal.SIGINT)
        return process.wait(20), process.stdout.read()


def test_calls_pass_unchanged_and_one_reply_of_each_method_is_written(tmp_path: Path, shop: str) -> None:
    """Metadata and deadline there, headers, trailers, code and details back; streams pass, too."""

    def _use(channel: Any) -> None:  # noqa: ANN401, of bytes
        reply, call = channel.unary_unary("/shop.Stock/Reserve").with_call(CART, timeout=15, metadata=(("who", "me"),))
        assert reply == CART
        assert dict(call.initial_metadata())["early"] == "yes"
        assert dict(call.trailing_metadata())["seen"] == "me True"
        with pytest.raises(grpc.RpcError) as raised:
            channel.unary_unary("/shop.Stock/Fail")(b"")
        assert (raised.value.code(), raised.value.details()) == (grpc.StatusCode.FAILED_PRECONDITION, "sold out")
        assert dict(cast("Any", raised.value).trailing_metadata())["why"] == "sold out"
        assert list(channel.unary_stream("/shop.Stock/List")(b"")) == [b"a", b"b"]

    status, printed = record(tmp_path, shop, _use)

    assert status == 0
    assert "[service]  shop.Stock/Reserve, 1 call, its id 'cart-17' replaced" in printed
    assert "shop.Stock/Fail has no reply here: 1 FAILED_PRECONDITION" in printed
    assert tomllib.loads((tmp_path / "recorded.toml").read_text(encoding="utf-8")) == {
        "service": {"method": "shop.Stock/Reserve", "reply_hex": "0a[{id}]"}
    }


def test_without_a_reply_nothing_is_written(tmp_path: Path, shop: str) -> None:
    """A method that the server does not know fails as it would without the proxy."""

    def _use(channel: Any) -> None:  # noqa: ANN401, of bytes
        with pytest.raises(grpc.RpcError) as raised:
            channel.unary_unary("/shop.Stock/None")(b"", timeout=10)
        assert raised.value.code() is grpc.StatusCode.UNIMPLEMENTED

    status, printed = record(tmp_path, shop, _use, "--output=out.toml")

    assert (status, list(tmp_path.iterdir())) == (1, [])
    assert "nothing was recorded of 1 call, and nothing written: shop.Stock/None has no reply here" in printed


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], "the following arguments are required: --to"),
        (["--to=127.0.0.1:1", "--listen=nowhere"], "--listen=nowhere cannot be listened on"),
        (["--to=127.0.0.1:1", "--output=a/b"], "--output=a/b: there is no folder a"),
        (["--to=127.0.0.1:1", "--output=here"], "here exists: --output=FILE names another, --overwrite replaces it"),
    ],
)
def test_a_mistake_is_one_line(tmp_path: Path, options: list[str], words: str) -> None:
    """Exit status 4, as of the whole command."""
    (tmp_path / "here").touch()
    program = "import sys; from tests.harness.commands.command import main; sys.exit(main())"
    began = time.monotonic()
    done = subprocess.run(  # noqa: S603, our own command
        [sys.executable, "-c", program, "record", *options],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 4, time.monotonic() - began
    assert done.stderr.splitlines()[-1].startswith(f"grpc-lb-conformance record: {words}")
