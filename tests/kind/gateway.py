"""The subject on Kubernetes: one pod, reached at its node's port or through a port forward by the API server."""

import contextlib
import re
import socket
import subprocess
import threading
from typing import IO, Any
from urllib.parse import urlsplit

from tests.harness.world.eventually import reached
from tests.harness.world.verdict import InconclusiveError, SubjectDiedError, SubjectUnusableError
from tests.kind.api import path_of
from tests.kind.namespace import Namespace
from tests.kind.pod import Pod
from tests.kind.watch import Watch

HTTP_PORT = 4000

START = 60.0
"""*Patience.* Seconds that a gateway may take to listen; a cold JVM on a busy node needs many."""

DYING = 3.0
"""Seconds between a container closing its sockets and its termination being reported."""


class KindGateway:
    """A running gateway; the constructor returns once it listens."""

    def __init__(self, namespace: Namespace, watch: Watch, body: dict[str, Any]) -> None:
        """Start the subject. Raises SubjectUnusableError if it exits or never listens."""
        name = str(body["metadata"]["name"])
        body["metadata"]["labels"]["gateway"] = name
        self._namespace, self._watch = namespace, watch
        self._forward: _Forward | None = None
        self._service, _ = namespace.create(_service(name, forwarded=namespace.cluster.forwarded), body)
        self._pod = Pod(namespace, watch, name, "gateway")
        what = f"the gateway listens on port {HTTP_PORT} of its pod"
        try:
            self.url = self._way_in()
            self.listened = reached(self._listens, within=START, what=what, error=SubjectUnusableError)
        except BaseException:
            self.end()
            raise

    @property
    def running(self) -> bool:
        """Whether its container is running and reachable."""
        return self._pod.running and (self._forward is None or self._forward.up)

    @property
    def pid(self) -> None:
        """Unknown: only its node knows it."""

    def check(self) -> None:
        """
        Raise SubjectDiedError, with the end of its log, if it has exited by itself.

        Raises InconclusiveError if only the port forward has.
        """
        with contextlib.suppress(InconclusiveError):
            self._watch.wait(lambda: self._pod.ended, within=DYING, what="the gateway has exited")
        if self._pod.ended:
            self._pod.wait_until_read()
            raise SubjectDiedError(self._pod.last_words())
        if self._forward is not None and not self._forward.up:
            raise InconclusiveError(f"the port forward to the gateway exited: {self._forward.last_line}")

    def let_go(self) -> None:
        """Leave it running, and close the connection to it."""
        if self._forward is not None:
            self._forward.end()

    def end(self) -> None:
        """Remove it, with everything it held: the next behaviour starts from scratch."""
        self.let_go()
        self._namespace.api.delete(path_of("Service", self._namespace.name, self._pod.name))
        self._pod.remove()

    def _way_in(self) -> str:
        self._watch.wait(self._has_an_address, within=START, what="the gateway's pod has an address")
        if self._namespace.cluster.forwarded:
            self._watch.wait(self._has_started, within=START, what="the gateway's container is running")
            self._forward = _Forward(self._namespace, self._pod.name)
            return f"http://127.0.0.1:{self._forward.port}"
        port = self._service["spec"]["ports"][0]["nodePort"]
        return f"http://{self._pod.seen['status']['hostIP']}:{port}"

    def _has_an_address(self) -> bool:
        self._check_starting()
        return bool(self._pod.ip)

    def _has_started(self) -> bool:
        self._check_starting()
        return "running" in self._pod.state

    def _check_starting(self) -> None:
        try:
            self._pod.check_startable()
        except InconclusiveError as error:
            raise SubjectUnusableError(f"the gateway does not start: {error}") from None
        if self._pod.ended:
            self._pod.wait_until_read()
            raise SubjectUnusableError(f"the gateway does not start: {self._pod.last_words()}")

    def _listens(self) -> bool:
        self._check_starting()
        if self._forward is not None:  # which accepts before anything listens behind it: query Kubernetes
            return self._pod.is_so("Ready")
        address = urlsplit(self.url)
        with (
            contextlib.suppress(OSError),
            socket.create_connection((address.hostname or "", address.port or 0), timeout=1.0),
        ):
            return True
        return False


class _Forward:
    """A `kubectl port-forward` to the gateway, at a port that the kernel chooses."""

    def __init__(self, namespace: Namespace, pod: str) -> None:
        self.last_line = "no output"
        self._process = subprocess.Popen(  # noqa: S603, our own command
            namespace.command("port-forward", "--address=127.0.0.1", f"pod/{pod}", f":{HTTP_PORT}"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._known = threading.Event()
        self.port = 0
        self._listener = threading.Thread(
            target=self._listen, args=(self._process.stdout,), name="forward", daemon=True
        )
        self._listener.start()
        self._known.wait(START)
        if not self.port:
            self.end()
            raise InconclusiveError(f"the gateway's port cannot be forwarded: {self.last_line}")

    @property
    def up(self) -> bool:
        """Whether it is still running."""
        return self._process.poll() is None

    def end(self) -> None:
        """Stop it."""
        self._process.kill()
        with self._process:  # closes its pipe and waits for it
            self._listener.join()

    def _listen(self, lines: IO[bytes]) -> None:
        for line in lines:
            text = line.decode(errors="replace").strip()
            if match := re.match(r"Forwarding from 127\.0\.0\.1:(\d+)", text):
                self.port = int(match[1])
                self._known.set()
            elif not text.startswith("Handling connection"):
                self.last_line = text
        self._known.set()


def _service(name: str, *, forwarded: bool) -> dict[str, Any]:
    """Return the Service of one gateway, so that each has an address that no earlier one had."""
    spec = {
        "type": "ClusterIP" if forwarded else "NodePort",
        "selector": {"gateway": name},
        "publishNotReadyAddresses": True,  # whether it listens is tested, not queried
        "ports": [{"port": HTTP_PORT, "targetPort": HTTP_PORT}],
    }
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec}
