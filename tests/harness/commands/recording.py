"""What `grpc-lb-conformance record` keeps of the calls that it passes on: a reply of each method."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from services.order.any_service import STANDARD
from tests.harness.commands.toml_text import quoted
from tests.harness.harmless import in_one_line
from tests.harness.subject.hex_reply import texts, written

MOST = 100
"""Methods that are recorded."""

LONGEST, LONGEST_ALL = 16 << 10, 48 << 10
"""Bytes of a reply that is recorded, and of all of them: replicas get them in a variable, which may have 128 KiB."""

SHORTEST = 2
"""Characters of a text that is treated as an id if request and reply have it."""

HEAD = """\
# One reply of each method that was called, recorded by `grpc-lb-conformance record` from {source}.
# They are as the server sent them: look through them before you share this file.
"""


@dataclass
class Method:
    """
    What is known of one method: how many calls it had, how they ended, and the first reply, None until there is one.

    `why` is why a reply was not kept; `shared` are the texts that request and reply have, `id` the one of them that was
    replaced.
    """

    calls: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    reply: str | None = None
    why: str = ""
    shared: Sequence[str] = ()
    id: str = ""


class Recording:
    """The methods that were called, in the order of their first calls; `order_id` is a text to replace with {id}."""

    def __init__(self, source: str, order_id: str = "") -> None:
        self.methods: dict[str, Method] = {}
        self.left_out = 0  # calls of methods that were too many
        self._source, self._id = source, order_id
        self._bytes = 0

    def called(self, path: str) -> Method | None:
        """Return what is known of a method, which is called once more; None if it is not recorded."""
        name = path.lstrip("/")
        if path.startswith(STANDARD):
            return None
        if name not in self.methods and len(self.methods) == MOST:
            self.left_out += 1
            return None
        method = self.methods.setdefault(name, Method())
        method.calls += 1
        return method

    def ended(self, method: Method, code: str, requests: Sequence[bytes], replies: Sequence[bytes]) -> None:
        """Keep the reply of a call if it is its method's first; of a stream none."""
        if code != "OK":
            method.failures[code] += 1
        elif len(requests) != 1 or len(replies) != 1:
            method.why = method.why or "it streams"
        elif method.reply is None:
            self._keep(method, requests[0], replies[0])

    def _keep(self, method: Method, request: bytes, reply: bytes) -> None:
        if len(reply) > LONGEST or self._bytes + len(reply) > LONGEST_ALL:
            method.why = f"a reply of {len(reply)} bytes is too long"
            return
        self._bytes += len(reply)
        method.shared = [self._id] if self._id else _shared(request, reply)
        method.id = method.shared[0] if len(method.shared) == 1 and method.shared[0].encode() in reply else ""
        method.reply = written(reply, method.id.encode())

    @property
    def kept(self) -> dict[str, Method]:
        """The methods with a reply."""
        return {name: method for name, method in self.methods.items() if method.reply is not None}

    def text(self) -> str:
        """Return it as tables of a subject file: the method that was called first is the [service]."""
        tables = [
            "\n".join(["[service]" if number == 0 else "[[stub]]", *_table(name, method)])
            for number, (name, method) in enumerate(self.kept.items())
        ]
        others = [f"# {line}" for line in self.not_kept()]
        return "\n\n".join([HEAD.format(source=in_one_line(self._source)).rstrip(), *tables, *others]) + "\n"

    def not_kept(self) -> Iterator[str]:
        """Yield which methods have no reply, and why."""
        for name, method in self.methods.items():
            if method.reply is None:
                codes = ", ".join(f"{count} {code}" for code, count in sorted(method.failures.items()))
                yield f"{name} has no reply here: {method.why or codes or 'no call has ended'}"
        if self.left_out:
            yield f"{self.left_out} calls of more than {MOST} methods are not recorded"


def _shared(request: bytes, reply: bytes) -> list[str]:
    """Return the texts of a request that occur in its reply as a whole: one of them may be the id of the call."""
    found = set(texts(reply))
    return sorted({text for text in texts(request) if len(text) >= SHORTEST and text in found})


def _table(name: str, method: Method) -> Iterator[str]:
    yield f"method = {quoted(in_one_line(name))}"
    if method.id:
        yield f"# {{id}} stands for {quoted(in_one_line(method.id))}, which the request had, too"
    elif len(method.shared) > 1:
        every = ", ".join(quoted(in_one_line(text)) for text in method.shared)
        yield f"# request and reply both have {every}: record again with --id=TEXT if one of them is the id of the call"
    if method.reply:
        yield f"reply_hex = {quoted(method.reply)}"
