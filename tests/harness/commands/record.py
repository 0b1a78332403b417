"""
`grpc-lb-conformance record`: stands between a client and a real server, and records a reply of each method.

It passes calls of any method on, streams included, as bytes: it needs no description of any message. What it writes are
[service] and [[stub]] tables of a subject file, with the method that was called first as the [service].
"""

import argparse
import asyncio
import contextlib
import signal
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeAlias, cast

import grpc
import grpc.aio

from tests.harness.commands.parts import CommandError, Parser
from tests.harness.commands.recording import Method, Recording
from tests.harness.harmless import harmless
from tests.harness.report.wording import many

LISTEN = "127.0.0.1:50051"

OUTPUT = "recorded.toml"

LONGEST_MESSAGE = 64 << 20
"""Bytes of a message that is passed on."""

GRACE = 1.0
"""Seconds that calls in flight have at the end."""

NOT_PASSED = {"user-agent", "te", "content-type", "grpc-timeout", "grpc-encoding", "grpc-accept-encoding"}
"""Metadata of a single connection: the next one has its own."""

OPTIONS = [
    ("grpc.max_receive_message_length", LONGEST_MESSAGE),
    ("grpc.max_send_message_length", LONGEST_MESSAGE),
    ("grpc.enable_retries", 0),  # it passes on what the client sends, and nothing else
]

Context: TypeAlias = "grpc.aio.ServicerContext[bytes, bytes]"

DESCRIPTION = """\
Stands between a client and a real server, and records one reply of each method that the client calls, for a subject
file. Point the client at --listen, use it as usual, and end with Ctrl-C.

  grpc-lb-conformance record --to=127.0.0.1:9000
  grpc-lb-conformance init --replies=recorded.toml …
"""


class Proxy(grpc.GenericRpcHandler):
    """Passes every call on to a server, and has its reply recorded."""

    def __init__(self, channel: grpc.aio.Channel, recording: Recording) -> None:
        self._channel, self._recording = channel, recording

    def service(self, details: grpc.HandlerCallDetails) -> "grpc.RpcMethodHandler[Any, Any]":
        """Return what answers a method: a stream of bytes, which a single message is, too."""
        method = details.method

        async def _passed(requests: AsyncIterator[bytes], context: Context) -> AsyncIterator[bytes]:
            known = self._recording.called(method)
            async for reply in self._pass_on(method, requests, context, known):
                yield reply

        return grpc.stream_stream_rpc_method_handler(_passed)

    async def _pass_on(
        self, path: str, requests: AsyncIterator[bytes], context: Context, known: Method | None
    ) -> AsyncIterator[bytes]:
        sent: list[bytes] = []
        received: list[bytes] = []

        async def _sending() -> AsyncIterator[bytes]:
            async for request in requests:
                sent[1:] = [request]  # the first, and one that shows that there were more
                yield request

        call: grpc.aio.StreamStreamCall[bytes, bytes] = self._channel.stream_stream(path)(
            cast("Any", _sending()),
            metadata=tuple(_passed_metadata(context.invocation_metadata() or ())),
            timeout=context.time_remaining(),
        )
        code = grpc.StatusCode.OK
        try:
            async for reply in call:
                if not received:
                    await context.send_initial_metadata(tuple(await call.initial_metadata()))
                received[1:] = [reply]
                yield reply
        except grpc.aio.AioRpcError as error:
            code = error.code()
        finally:
            if not call.done():  # the client is no longer there
                call.cancel()
        if known:
            self._recording.ended(known, code.name, sent, received)
        trailers = tuple(await call.trailing_metadata() or ())
        if code is not grpc.StatusCode.OK:
            await context.abort(code, await call.details() or "", trailers)
        context.set_trailing_metadata(trailers)


def _passed_metadata(metadata: Any) -> Iterator[tuple[str, Any]]:  # noqa: ANN401, of grpc
    for name, value in metadata:
        if name not in NOT_PASSED and not name.startswith(":"):
            yield name, value


async def serve(listen: str, to: str, recording: Recording) -> None:
    """Pass calls on until SIGINT or SIGTERM. Raises CommandError for an address that cannot be listened on."""
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(RuntimeError, ValueError):  # not in the main thread
            asyncio.get_running_loop().add_signal_handler(number, ended.set)
    async with grpc.aio.insecure_channel(to, options=OPTIONS) as channel:
        server = grpc.aio.server(options=[*OPTIONS, ("grpc.so_reuseport", 0)])
        server.add_generic_rpc_handlers((Proxy(channel, recording),))
        host = listen.rpartition(":")[0]
        try:
            port = server.add_insecure_port(listen)
        except RuntimeError:
            raise CommandError(f"--listen={listen} cannot be listened on: is it host:port, and free?") from None
        await server.start()
        sys.stdout.write(f"listening on {host}:{port}, passing calls on to {to}; Ctrl-C ends it\n")
        sys.stdout.flush()
        await ended.wait()
        await server.stop(GRACE)


def main(arguments: Sequence[str]) -> int:
    """Record; return 0 if there is a reply, 1 if there is none. Raises CommandError."""
    options = _parser().parse_args(arguments)
    output = Path(options.output)
    if output.exists() and not options.overwrite:
        raise CommandError(f"{output} exists: --output=FILE names another, --overwrite replaces it")
    if not output.parent.is_dir():
        raise CommandError(f"--output={output}: there is no folder {output.parent}")
    recording = Recording(options.to, options.id)
    asyncio.run(serve(options.listen, options.to, recording))
    if not recording.kept:
        calls = sum(method.calls for method in recording.methods.values())
        why = "; ".join(recording.not_kept()) or f"no call came: point the client at {options.listen}"
        sys.stdout.write(harmless(f"\nnothing was recorded of {many(calls, 'call')}, and nothing written: {why}\n"))
        return 1
    output.write_text(recording.text(), encoding="utf-8")
    sys.stdout.write(harmless("\n" + "\n".join(_summary(recording, output)) + "\n"))
    return 0


def _summary(recording: Recording, output: Path) -> Iterator[str]:
    yield f"written to {output}:"
    for number, (name, method) in enumerate(recording.kept.items()):
        what = "[service]" if number == 0 else "[[stub]] "
        yield f"  {what}  {name}, {many(method.calls, 'call')}{f', its id {method.id!r} replaced' if method.id else ''}"
    yield from (f"  {line}" for line in recording.not_kept())


def _parser() -> argparse.ArgumentParser:
    parser = Parser("record", "--to=TARGET [OPTIONS]", DESCRIPTION)
    parser.add_argument("--to", metavar="TARGET", required=True, help="the real server, as gRPC's resolvers take it")
    parser.add_argument("--listen", metavar="ADDRESS", default=LISTEN, help=f"host:port (default {LISTEN})")
    parser.add_argument("--output", metavar="FILE", default=OUTPUT, help=f"what is written (default {OUTPUT})")
    replaced = "a text in replies that stands for {id}, such as the order that you requested"
    parser.add_argument("--id", metavar="TEXT", default="", help=replaced)
    parser.add_argument("--overwrite", action="store_true", help="replace the file if it exists")
    return parser
