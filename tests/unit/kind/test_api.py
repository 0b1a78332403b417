"""The way to a cluster's API: what it opens it closes, as whatever is left open fails a run that judged well."""

import sys
import threading
from pathlib import Path

import pytest

from tests.kind.api import LONGEST_LINE, Api, complete_lines
from tests.kind.kubectl import Cluster, KubernetesError

PROXY = """\
#!{python}
import http.server, json, socketserver, sys

class Answer(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = json.dumps({{"path": self.path}}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def address_string(self):
        return "socket"

path = sys.argv[-1].partition("=")[2]
with socketserver.ThreadingUnixStreamServer(path, Answer) as server:
    print("Starting to serve on", path, flush=True)
    server.serve_forever()
"""


@pytest.fixture
def cluster(tmp_path: Path) -> Cluster:
    """Return a cluster whose `kubectl proxy` answers every question with its path and keeps connections open."""
    program = tmp_path / "kubectl"
    program.write_text(PROXY.format(python=sys.executable), encoding="utf-8")
    program.chmod(0o700)
    return Cluster("shared", program=str(program))


def _sockets() -> set[str]:
    found = set()
    for number in Path("/proc/self/fd").iterdir():
        try:
            target = str(number.readlink())
        except FileNotFoundError:  # the listing's own
            continue
        found |= {target} if target.startswith("socket:") else set()
    return found


def test_no_connection_is_left_open_whatever_thread_asked(cluster: Cluster) -> None:
    """Each thread has a session of its own, and each path a connection; closing the way closes them all."""
    before = _sockets()
    api = Api(cluster)
    thread = threading.Thread(target=lambda: [api.get("/c"), api.get("/d")])
    try:
        assert [api.get(path)["path"] for path in ("/a", "/b")] == ["/a", "/b"]
        thread.start()
        thread.join()
        assert len(_sockets() - before) == 4
    finally:
        api.close()

    with pytest.raises(KubernetesError, match="closed"):
        next(api.follow("/e"))
    assert _sockets() - before == set()


def test_lines_are_passed_on_once_they_are_complete() -> None:
    """Whatever the pieces in which they arrive; what has no newline yet is not a line."""
    assert list(complete_lines([b"a", b"b\n\nc", b"\nd\n", b"e"])) == [b"ab", b"", b"c", b"d"]


def test_of_a_line_without_end_the_beginning_is_kept() -> None:
    """It costs no more memory than that, and the next line is whole again."""
    flood = (b"x" * 65536 for _ in range(4096))
    lines = complete_lines(piece for pieces in (flood, [b"\nnext\n"]) for piece in pieces)

    assert [len(line) for line in lines] == [LONGEST_LINE, 4]
