"""
The cluster's API, without a process for each request: one `kubectl proxy`, queried over HTTP.

Anyone who may use kubectl may use this, however the cluster authenticates users. The proxy listens on a socket in the
run's folder, which only this user can enter and which does not outlive the run. Docker's client has the adapter that
speaks HTTP over such a socket.
"""

import contextlib
import subprocess
import tempfile
import threading
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import requests
from docker.transport import UnixHTTPAdapter

from tests.harness.world.runs import folder_of_this_run
from tests.harness.world.verdict import InconclusiveError
from tests.kind.kubectl import COMMAND_PATIENCE, Cluster, KubernetesError, UnansweredError

_BASE = "http+docker://localhost"  # the prefix of the adapter; no host is looked up

_CONNECTING = 5.0
"""Seconds to connect to a process on this machine."""

LONGEST_LINE = 4 << 20
"""Bytes of a line that are kept: objects of the API are smaller, and lines of a log should be."""

_MERGE = {"Content-Type": "application/strategic-merge-patch+json"}


class Api:
    """The API server of a cluster, behind a proxy of this process."""

    def __init__(self, cluster: Cluster) -> None:
        """Start the proxy and wait until it listens. Raises KubernetesError."""
        self._folder = tempfile.TemporaryDirectory(prefix="api-", dir=folder_of_this_run())
        socket = Path(self._folder.name, "api")
        self._socket = f"http+unix://{socket}"
        self._cluster = cluster
        self._local = threading.local()
        self._sessions: list[requests.Session] = []
        self.closed = False
        self._process = subprocess.Popen(  # noqa: S603, our own command
            cluster.command("proxy", f"--unix-socket={socket}"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        line = self._process.stdout.readline().decode(errors="replace").strip() if self._process.stdout else ""
        if not line.startswith("Starting to serve"):
            self.close()
            raise KubernetesError(f"`kubectl proxy` does not serve: {line or 'it exited without output'}")

    def close(self) -> None:
        """Stop the proxy, and with it everything that is being followed; a second call does nothing."""
        self.closed = True
        for session in self._sessions:
            session.close()
        self._process.kill()
        with self._process:  # closes its pipe and waits for it
            pass
        self._folder.cleanup()

    def get(self, path: str) -> dict[str, Any]:
        """Return an object or a list. Raises KubernetesError."""
        return self._request("GET", path)

    def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Create an object and return it. Raises KubernetesError."""
        return self._request("POST", path, json=body)

    def patch(self, path: str, body: Mapping[str, Any]) -> None:
        """Change an object; lists are merged by their keys. Raises KubernetesError."""
        self._request("PATCH", path, json=body, headers=_MERGE)

    def delete(self, path: str, **options: object) -> None:
        """Delete an object, if it exists, with `DeleteOptions`. Raises KubernetesError."""
        self._request("DELETE", path, json=options, missing=True)

    def follow(self, path: str) -> Iterator[bytes]:
        """Yield complete lines as they arrive, until the response or the proxy ends. Raises KubernetesError."""
        with (
            self._opened() as session,  # a separate one: it ends with what is followed
            _send(session, "GET", path, timeout=(_CONNECTING, None), stream=True) as answer,
        ):
            _check(answer)
            with contextlib.suppress(requests.RequestException):  # the proxy has exited
                yield from complete_lines(answer.iter_content(None))

    def _request(self, method: str, path: str, *, missing: bool = False, **what: Any) -> dict[str, Any]:  # noqa: ANN401, of requests
        if not hasattr(self._local, "session"):  # one for each thread: sessions are not made to be shared
            self._local.session = self._opened()
            self._sessions.append(self._local.session)
        session = self._local.session
        timeout = (_CONNECTING, COMMAND_PATIENCE)
        with self._cluster.requested(), _send(session, method, path, timeout=timeout, **what) as answer:
            if not (missing and answer.status_code == requests.codes["not_found"]):
                _check(answer)
            found: dict[str, Any] = answer.json()
            return found

    def _opened(self) -> requests.Session:
        if self.closed:  # Docker's adapter would leave open a socket that does not connect
            raise KubernetesError("the connection to the cluster's API is closed")
        session = requests.Session()
        session.mount("http+docker://", UnixHTTPAdapter(self._socket))
        return session


def _send(session: requests.Session, method: str, path: str, **what: Any) -> requests.Response:  # noqa: ANN401, of requests
    try:
        return session.request(method, _BASE + path, **what)
    except requests.Timeout as error:
        raise UnansweredError(f"the cluster's API cannot be reached: {error}") from None
    except requests.RequestException as error:
        raise KubernetesError(f"the cluster's API cannot be reached: {error}") from None


def _check(answer: requests.Response) -> None:
    """Raise KubernetesError, with the cluster's message, unless the request succeeded."""
    if answer.ok:
        return
    try:
        words = str(answer.json()["message"])
    except (ValueError, KeyError):
        words = answer.text.strip() or answer.reason
    raise KubernetesError(words)


def complete_lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the lines of a stream as soon as each is complete; of a very long one the beginning."""
    line = bytearray()
    for piece in pieces:
        first, *others = piece.split(b"\n")
        line += first[: LONGEST_LINE - len(line)]
        for other in others:
            yield bytes(line)
            line[:] = other[:LONGEST_LINE]


def path_of(kind: str, namespace: str, name: str = "", also: str = "") -> str:
    """Return the path of objects of a kind in a namespace, of one of them, or of one of its subresources."""
    groups = {"Pod": "/api/v1", "Service": "/api/v1", "Deployment": "/apis/apps/v1"}
    if kind not in groups:
        raise InconclusiveError(f"no API path is known for objects of kind {kind}")
    return "/".join(filter(None, (groups[kind], "namespaces", namespace, f"{kind.lower()}s", name, also)))
