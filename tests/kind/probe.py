"""The suite's eyes inside the cluster: a pod with the order service's image, in which prober.py answers requests."""

import contextlib
import json
import queue
import subprocess
import threading
from pathlib import Path
from typing import IO, Any

from tests.harness.world.verdict import InconclusiveError
from tests.kind.namespace import Namespace
from tests.kind.pod import STARTED, Pod
from tests.kind.watch import Watch

NAME = "prober"
SOURCE = Path(__file__).with_name("prober.py").read_text(encoding="utf-8")

PATIENCE = 20.0
"""Seconds that a response may take; an order to a replica that does not answer takes five."""


class Probe:
    """A session with the prober, over one `kubectl exec`."""

    def __init__(self, namespace: Namespace, watch: Watch) -> None:
        """Start the pod without waiting for it."""
        namespace.create(_body(namespace.cluster.order_image))
        self._namespace = namespace
        self._pod = Pod(namespace, watch, NAME, NAME)
        self._lock = threading.Lock()
        self._answers: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def ip(self) -> str:
        """The source address of its connections."""
        return self._pod.ip

    def addresses(self, name: str) -> list[list[str]]:
        """Return the addresses for a name from the cluster's name server, in each of several answers."""
        return [list(answer) for answer in self._request("names", name)]

    def place(self, orders: dict[str, str]) -> None:
        """Place an order straight at each address, and return once all are answered."""
        self._request("fences", orders)

    def close(self) -> None:
        """End the session; the pod is removed with its namespace."""
        if self._process is not None:
            self._process.kill()
            with contextlib.suppress(BrokenPipeError), self._process:  # closes its pipes and waits for it
                pass

    def _request(self, request: str, argument: object) -> Any:  # noqa: ANN401, JSON
        with self._lock:
            if self._process is None:
                self._process = self._connect()
            if self._process.stdin is None:  # pragma: no cover  it is a pipe
                raise InconclusiveError("the prober has no standard input")
            with contextlib.suppress(BrokenPipeError):  # then no response arrives
                self._process.stdin.write(json.dumps({request: argument}).encode() + b"\n")
                self._process.stdin.flush()
            try:
                answer = self._answers.get(timeout=PATIENCE)
            except queue.Empty:
                raise InconclusiveError(f"the prober in the cluster did not respond within {PATIENCE:.0f} s") from None
        if not answer:
            raise InconclusiveError(f"the session with the prober in the cluster ended: {self._last_line()}")
        return json.loads(answer)["is"]

    def _last_line(self) -> str:
        log = self._namespace.folder / f"{NAME}-exec.log"
        return (log.read_text(encoding="utf-8", errors="replace").strip().splitlines() or ["no output"])[-1]

    def _connect(self) -> subprocess.Popen[bytes]:
        self._pod.wait_for("Ready", within=STARTED)
        with (self._namespace.folder / f"{NAME}-exec.log").open("ab") as log:
            process = subprocess.Popen(  # noqa: S603, our own command
                self._namespace.command("exec", "--stdin", NAME, "--", "python", "-u", "-c", SOURCE),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )
        threading.Thread(target=self._listen, args=(process.stdout,), name="probe", daemon=True).start()
        return process

    def _listen(self, lines: IO[bytes]) -> None:
        for line in lines:
            self._answers.put(line)
        self._answers.put(b"")


def _body(image: str) -> dict[str, Any]:
    container: dict[str, Any] = {
        "name": NAME,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["sleep", "infinity"],
    }
    container["resources"] = {"requests": {"cpu": "20m"}}
    spec = {
        "containers": [container],
        "terminationGracePeriodSeconds": 1,  # sleep as process 1 ignores SIGTERM
        "automountServiceAccountToken": False,
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": NAME}, "spec": spec}
