"""Docker as a world that fails: an engine that stops in the middle of a run, a command that starts a container."""

import contextlib
import dataclasses
import json
import os
import shutil
import socket
import tempfile
import threading
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from services.gateway.settings import Settings
from tests.compose.docker import command
from tests.harness.paths import ROOT
from tests.harness.world.eventually import reached
from tests.suite.hostile.judging import finish
from tests.suite.killed_runs import NEXT
from tests.suite.nested import finished, started
from tests.suite.traces import traces_of

pytestmark = pytest.mark.engine

SOME = "compose and not negative_control and not positive_control"

WITHIN = 300.0
"""*Patience.* Seconds that a run may take once its engine has stopped: a few requests wait a minute each."""

LEADS_TO = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock").removeprefix("unix://")
"""Where the engine is; a way to it can only be made for one on this machine."""


class Way:
    """A socket that leads to the engine, until the engine has `stopped`, or is `stuck`: it accepts, and no more."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen(64)
        self._open: list[socket.socket] = []
        self._stuck = False
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # it has stopped
            while True:
                caller, _ = self._listener.accept()
                self._open.append(caller)
                if self._stuck:
                    continue
                engine = socket.socket(socket.AF_UNIX)
                engine.connect(LEADS_TO)
                self._open.append(engine)
                for read, write in ((caller, engine), (engine, caller)):
                    threading.Thread(target=self._forward, args=(read, write), daemon=True).start()

    def _forward(self, read: socket.socket, write: socket.socket) -> None:
        with contextlib.suppress(OSError):  # either side has closed it
            while (data := read.recv(65536)) and not self._stuck:
                write.sendall(data)
            if not self._stuck:
                write.shutdown(socket.SHUT_WR)

    def stick(self) -> None:
        """Forward nothing any more, in connections that exist and in new ones."""
        self._stuck = True

    def stop(self) -> None:
        """Close everything, and refuse connections."""
        self._stuck = True
        for end in (self._listener, *self._open):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
        self._path.unlink()


@pytest.fixture
def socket_file() -> Iterator[Path]:
    """Return a path that is short enough for a socket."""
    folder = tempfile.mkdtemp(prefix="engine-")
    yield Path(folder) / "s"
    shutil.rmtree(folder)


@pytest.mark.parametrize("end", [Way.stop, Way.stick], ids=["stopped", "stuck"])
def test_a_run_whose_engine_stops_is_inconclusive(
    end: Callable[[Way], None], socket_file: Path, tmp_path: Path
) -> None:
    """It reports so in one line; the next run, with the engine back, removes what it had to leave."""
    way, said = Way(socket_file), tmp_path / "said"
    elsewhere = {"DOCKER_HOST": f"unix://{socket_file}"}
    with said.open("wb") as output:
        run = started(
            "-m",
            SOME,
            "-n0",
            f"--report={tmp_path / 'stopped'}",
            output=output.fileno(),
            variables=elsewhere,
        )
        with run:
            reached(lambda: b"hold" in said.read_bytes(), within=WITHIN, what="a behaviour holds")
            traces = traces_of(run)
            end(way)
            outcome = finish(run, said, WITHIN)
    if end is not Way.stop:
        way.stop()

    assert outcome.status == 6, outcome.output
    assert "the Docker daemon does not respond" in outcome.words
    assert "Traceback" not in outcome.output
    assert "nonconformant" not in outcome.words

    Way(socket_file)  # runs note which engine they left something on by where it is
    assert finished(*NEXT["compose"], f"--report={tmp_path / 'next'}", variables=elsewhere).returncode == 0
    assert traces.left(engine=True) == {}


@pytest.fixture
def image() -> Iterator[str]:
    """Return an image with the reference gateway."""
    name = f"grpc-lb-suite-{os.getpid()}"
    command("build", f"--file={ROOT / 'services' / 'Dockerfile'}", f"--tag={name}", "--", str(ROOT), patience=600)
    yield name
    command("image", "rm", name)


def test_a_command_that_starts_a_container_leaves_none(image: str, tmp_path: Path) -> None:
    """`docker run` as the command: the container is not its child, and ends with each gateway all the same."""
    mine = f"--label=of-test={os.getpid()}"
    passed = [f"--env={field.name.upper()}" for field in dataclasses.fields(Settings)]
    words = ["docker", "run", "--rm", "--network=host", mine, *passed, "--env=GRPC_DNS_RESOLVER", image]
    reference = tomllib.loads((ROOT / "services" / "gateway" / "subject.toml").read_text(encoding="utf-8"))
    variables = "".join(f"{name} = {json.dumps(value)}\n" for name, value in reference["environment"].items())
    subject = tmp_path / "subject.toml"
    subject.write_text(
        f'[subject]\nname = "a container"\n[loopback]\ncommand = {json.dumps(words)}\n[environment]\n{variables}'
        "[promises]\ncall_timeout = 1.5\nmin_resolution_interval = 0.5\nreconnects_within = 0.5\n",
        encoding="utf-8",
    )
    chosen = (
        "-m",
        "loopback and not negative_control and not positive_control",
        "-k",
        "serial_calls or concurrent_calls_are",
    )

    done = finished(*chosen, "-n2", f"--subject={subject}", f"--report={tmp_path / 'report'}")

    assert done.returncode == 0, done.stdout
    assert command("ps", "--all", "--quiet", f"--filter={mine.removeprefix('--')}") == ""


@pytest.mark.parametrize(("example", "status"), [("grpc", 0), ("grpc-no-balancing", 1)])
def test_a_grpc_front_is_judged_in_containers(example: str, status: int, tmp_path: Path) -> None:
    """Built as its file tells, once it reports SERVING, and called with gRPC."""
    subject = ROOT / "docs" / "examples" / "fronts" / f"{example}.toml"
    chosen = ("-m", SOME, "-k", "serial_calls_rotate or each_replica_has_exactly_one", "-n0")
    done = finished(*chosen, f"--subject={subject}", f"--report={tmp_path / 'report'}")

    assert done.returncode == status, done.stdout
    assert "correlation: request bytes" in done.stdout
    assert ("round_robin is not in effect" in " ".join(done.stdout.split())) == bool(status)
