"""What is there of a run, in every place where it puts something: what the suite's own tests look for after its end."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from tests.compose.docker import IMAGES, RUN_LABEL, command
from tests.harness.paths import ROOT
from tests.harness.world.runs import LABEL, RUNS, machine
from tests.kind.leftovers import NODE_LABEL, PREFIX
from tests.loopback import cgroup

if TYPE_CHECKING:
    import subprocess

Address = tuple[str, int]

STRANGERS = ["0000000000-4242-89abcdef", f"{machine()}-4242-89abcdef", "4242-1-4026531836", "x"]
"""Labels of another machine, of a clone of this one, of an older suite, and one that is not a label."""


@dataclass
class Traces:
    """
    What a run is known by: its label, "" if it has none yet, its processes, and where they were listening.

    The processes include descendants without its label; `temporary` is the folder for temporary files that it had.
    """

    label: str
    listeners: set[Address] = field(default_factory=set)
    known: set[psutil.Process] = field(default_factory=set)
    temporary: Path | None = None

    def left(self, *, engine: bool = False) -> dict[str, list[str]]:
        """Return what is there of it, by kind; kinds of which there is nothing are left out."""
        if not self.label:
            return {}
        ours = {*processes(self.label), *(process for process in self.known if runs(process))}
        found = {"processes": [str(process.pid) for process in ours]}
        found["listeners"] = [f"{ip}:{port}" for (ip, port), _ in listeners() if (ip, port) in self.listeners]
        folders = (RUNS, ROOT / ".pytest-kind", *([own] if (own := cgroup.own()) else []))
        found["folders"] = [str(path) for folder in folders for path in folder.glob(f"*{self.label}")]
        found["temporary files"] = [str(path) for path in self.temporary.iterdir()] if self.temporary else []
        if engine:
            found |= self._on_engine()
        return {what: things for what, things in found.items() if things}

    def _on_engine(self) -> dict[str, list[str]]:
        chosen = f"--filter=label={RUN_LABEL}={self.label}"
        nodes = f"--filter=label={NODE_LABEL}={PREFIX}{self.label}"
        images = [command("images", "--quiet", f"{name}:{self.label}") for name in IMAGES]
        return {
            "containers": command("ps", "--all", "--quiet", chosen).split(),
            "networks": command("network", "ls", "--quiet", chosen).split(),
            "images": [*"\n".join(images).split(), *command("images", "--quiet", chosen).split()],
            "nodes of kind": command("ps", "--all", "--quiet", nodes).split(),
        }


def traces_of(run: "subprocess.Popen[str]") -> Traces:
    """Return what a run is known by now."""
    label = next((path.name for path in RUNS.glob(f"*-{run.pid}-*")), "")
    known = set[psutil.Process]()
    if label:
        known = {
            descendant for process in (psutil.Process(run.pid), *processes(label)) for descendant in family(process)
        }
    pids = {process.pid for process in known}
    return Traces(label, {address for address, pid in listeners() if pid in pids}, known)


def runs(process: psutil.Process) -> bool:
    """Say whether a process has not ended; one that waits for init to read its exit status has."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def family(process: psutil.Process) -> Iterator[psutil.Process]:
    """Yield a process and all its descendants."""
    with contextlib.suppress(psutil.NoSuchProcess):
        yield from (process, *process.children(recursive=True))


def processes(label: str) -> Iterator[psutil.Process]:
    """Yield the processes that carry a label; the run's first process does not."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.environ().get(LABEL) == label:
                yield process


def listeners() -> Iterator[tuple[Address, int | None]]:
    """Yield where something listens within 127.0.0.0/8, and the id of its process."""
    for connection in psutil.net_connections("tcp"):
        if connection.status != psutil.CONN_LISTEN or not connection.laddr:
            continue
        if connection.laddr.ip.startswith("127."):
            yield (connection.laddr.ip, connection.laddr.port), connection.pid
