"""A small gateway without an order service behind it, and runs of a small suite without a gateway."""

import ast
import json
import os
import subprocess
import sys
import threading
import time
import tomllib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests.harness.paths import ROOT
from tests.harness.world.orders import Orders

# how long an example takes says how busy the machine is, and nothing of the property
settings.register_profile("suite", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("suite")

SUITE = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["pytest"]

SETTINGS = f"""
[pytest]
addopts = --import-mode=importlib --tb=short -p no:cacheprovider -p no:hypothesispytest
strict = true
markers =
    {"    ".join(f"{mark.partition(':')[0]}: as in the suite{chr(10)}" for mark in SUITE["markers"])}
"""
"""Of a run of a small suite: the marks are the suite's own."""

DRIVERS = ("tests.loopback.", "tests.compose.", "tests.kind.")


def plugins() -> list[str]:
    """Return the suite's own plugins without the drivers, and what stands in their place."""
    (listed,) = (
        node.value
        for node in ast.parse((ROOT / "conftest.py").read_text(encoding="utf-8")).body
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "pytest_plugins"
    )
    return [name for name in ast.literal_eval(listed) if not name.startswith(DRIVERS)] + ["tests.unit.helpers.world"]


class _Handler(BaseHTTPRequestHandler):
    """Answers as the plan of the order says."""

    protocol_version = "HTTP/1.1"
    server: "Gateway"

    def do_GET(self) -> None:
        """Note the order and do what its plan says."""
        self.server.came.append((time.monotonic(), self.path, self.client_address[1]))
        order_id = self.path.removeprefix("/orders/")
        plan = order_id.partition("~")[2]
        if plan == "BREAK":
            self.close_connection = True
            return
        if plan in {"HANG", "SLOW"}:
            self.server.ended.wait(1.0 if plan == "SLOW" else None)
        if plan == "MEET":
            self.server.four.wait(10)
        body = json.dumps({"id": order_id, "served_by": "a"}).encode()
        with suppress(OSError):  # who waited has hung up
            self.send_response(302 if plan == "MOVED" else 503 if plan == "FAIL" else 200)
            self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Be quiet."""


class Gateway(ThreadingHTTPServer):
    """A server that keeps when which order came over which connection."""

    daemon_threads = True
    pid = None  # not a process that anybody could starve
    request_queue_size = 128  # of connections that come at once none is refused

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.came: list[tuple[float, str, int]] = []
        self.ended = threading.Event()
        self.four = threading.Barrier(4)

    @property
    def url(self) -> str:
        """Where orders are placed."""
        return f"http://127.0.0.1:{self.server_port}"

    def caller(self, patience: float = 10.0) -> Orders:
        """Return a caller of this gateway."""
        return Orders(lambda: self.url, lambda _: [], patience)


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    """Return a running gateway."""
    with Gateway() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.ended.set()
        server.shutdown()
        thread.join()


@dataclass(frozen=True)
class Outcome:
    """What a run of the inner suite left."""

    status: int
    output: str
    folder: Path

    @property
    def report(self) -> dict[str, Any]:
        """What stands in report.json."""
        document: dict[str, Any] = json.loads((self.folder / "report.json").read_text(encoding="utf-8"))
        return document

    @property
    def verdicts(self) -> dict[str, str]:
        """The verdict on each behaviour."""
        return {one["behaviour"]: one["verdict"] for one in self.report["behaviours"]}

    @property
    def controls(self) -> dict[tuple[str, str], str]:
        """The verdict on each negative control, by behaviour and mutant."""
        return {(one["behaviour"], one["mutant"]): one["verdict"] for one in self.report["negative_controls"]}


def run(folder: Path, behaviours: str, *options: str, subject: str = "") -> Outcome:
    """Run a suite of these behaviours in a project of its own, on the fake world."""
    (folder / "pytest.ini").write_text(SETTINGS, encoding="utf-8")
    (folder / "conftest.py").write_text(f"pytest_plugins = {plugins()}\n", encoding="utf-8")
    (folder / "test_inner.py").write_text(behaviours, encoding="utf-8")
    if subject:
        (folder / "subject.toml").write_text(subject, encoding="utf-8")
        options = (*options, "--subject=subject.toml")
    # the variables of an outer worker would make the inner run think that it is one
    environ = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST_")}
    done = subprocess.run(  # noqa: S603, our own pytest
        [sys.executable, "-m", "pytest", *(() if "-n2" in options else ("-n0",)), *options],
        cwd=folder,
        env={**environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return Outcome(done.returncode, done.stdout + done.stderr, folder / "report")
