"""
What a gateway's processes use, as the kernel counts it: descriptors, threads, memory, CPU, connections.

The subject does nothing for it: it is read from /proc (proc(5)) of its process and of everything that this one started,
where the kernel lets us. A command that starts the gateway by way of a shell or of npm is counted along with it.
"""

import contextlib
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

GRPC_PORT = 5000
"""The port of the order service, in every environment."""

_TICK = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_STATES = {"01": "established", "02": "dialling", "08": "closed by the replica"}


@dataclass(frozen=True)
class Resources:
    """
    What the processes of a gateway used at one moment.

    `descriptors` are its open ones, without the connections of its HTTP callers, which are `callers`; None where the
    kernel does not show them. `cpu` is the seconds of CPU since it started, `waiting` the seconds that its threads were
    ready to run and had none, `memory` the bytes that are resident. `connections` are those to port 5000 by remote
    address, `dialling` those that are not established yet.
    """

    descriptors: int | None
    callers: int
    threads: int
    cpu: float
    waiting: float
    memory: int
    processes: int = 1
    connections: Mapping[str, int] = field(default_factory=dict)
    dialling: Mapping[str, int] = field(default_factory=dict)


def resources(pid: int, root: Path = Path("/proc")) -> Resources | None:
    """Return what a process and its descendants use now, None if it has exited."""
    pids = [pid, *_descendants(pid, root)]
    used = [stat for each in pids if (stat := _stat(each, root))]
    if not used:
        return None
    sockets, descriptors = _descriptors(pids, root)
    callers, connections, dialling = _connections(pid, sockets, root)
    return Resources(
        descriptors=None if descriptors is None else descriptors - callers,
        callers=callers,
        threads=sum(stat[1] for stat in used),
        cpu=round(sum(stat[0] for stat in used), 3),
        waiting=round(sum(_waiting(each, root) for each in pids), 3),
        memory=sum(stat[2] for stat in used),
        processes=len(used),
        connections=connections,
        dialling=dialling,
    )


def machine(root: Path = Path("/proc")) -> float | None:
    """Return the seconds of CPU that were used since the machine started, by anyone; None where it is not shown."""
    try:
        fields = (root / "stat").read_text(encoding="ascii").split("\n", 1)[0].split()
        user, nice, system, _idle, _iowait, *others = map(int, fields[1:])
    except (OSError, ValueError):
        return None
    return round((user + nice + system + sum(others[:3])) / _TICK, 3)  # interrupts, and what a hypervisor stole


def _descendants(pid: int, root: Path) -> Iterator[int]:
    with contextlib.suppress(OSError):
        for task in (root / str(pid) / "task").iterdir():
            children = (task / "children").read_text(encoding="ascii").split()
            for child in map(int, children):
                yield child
                yield from _descendants(child, root)


def _stat(pid: int, root: Path) -> tuple[float, int, int] | None:
    """Return seconds of CPU, threads and bytes; None if it has exited."""
    try:
        fields = (root / str(pid) / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    return (int(fields[11]) + int(fields[12])) / _TICK, int(fields[17]), int(fields[21]) * _PAGE


def waits(pid: int, root: Path = Path("/proc")) -> dict[str, float]:
    """Return the seconds that each thread of a process and of its descendants waited for a CPU since it started."""
    return {task: seconds for each in [pid, *_descendants(pid, root)] for task, seconds in _waits(each, root).items()}


def _waiting(pid: int, root: Path) -> float:
    return sum(_waits(pid, root).values())


def _waits(pid: int, root: Path) -> dict[str, float]:
    """Return for how long each of its threads waited for a CPU: the second figure of its schedstat, nanoseconds."""
    found: dict[str, float] = {}
    with contextlib.suppress(OSError):
        for task in (root / str(pid) / "task").iterdir():
            with contextlib.suppress(OSError):  # the thread has exited since
                found[task.name] = int((task / "schedstat").read_text(encoding="ascii").split()[1]) / 1e9
    return found


def _descriptors(pids: list[int], root: Path) -> tuple[set[str], int | None]:
    """Return the inodes of its sockets and the number of its descriptors, None where they cannot be read."""
    sockets: set[str] = set()
    count: int | None = None
    for pid in pids:
        with contextlib.suppress(OSError):
            files = list((root / str(pid) / "fd").iterdir())
            count = (count or 0) + len(files)
            for file in files:
                with contextlib.suppress(OSError):  # closed since
                    link = str(file.readlink())
                    if link.startswith("socket:["):
                        sockets.add(link[8:-1])
    return sockets, count


def _connections(pid: int, sockets: set[str], root: Path) -> tuple[int, dict[str, int], dict[str, int]]:
    """Return how many connections it accepted, and those to the order service by address: established and not yet."""
    rows = [row for row in _rows(pid, root) if row[9] in sockets] if sockets else []
    listening = {row[1].rpartition(":")[2] for row in rows if row[3] == "0A"}
    accepted = sum(row[3] != "0A" and row[1].rpartition(":")[2] in listening for row in rows)
    found: dict[str, Counter[str]] = {"established": Counter(), "dialling": Counter()}
    for row in rows:
        host, _, port = row[2].rpartition(":")
        if int(port, 16) == GRPC_PORT and (state := _STATES.get(row[3])) in found:
            found[state][_address(host)] += 1
    return accepted, dict(found["established"]), dict(found["dialling"])


def _rows(pid: int, root: Path) -> Iterator[list[str]]:
    """Yield the rows of its network's tables of TCP sockets."""
    for table in ("tcp", "tcp6"):
        with contextlib.suppress(OSError):
            text = (root / str(pid) / "net" / table).read_text(encoding="ascii")
            yield from (line.split() for line in text.splitlines()[1:])


def _address(host: str) -> str:
    """Return an address as it is written, from the hexadecimal words of the table; IPv4 within IPv6 as IPv4."""
    raw = bytes.fromhex(host)
    last = raw[-4:][::-1]
    if len(raw) == 4 or raw[:12] == bytes.fromhex("0000000000000000FFFF0000"):
        return ".".join(map(str, last))
    words = b"".join(raw[start : start + 4][::-1] for start in range(0, 16, 4)).hex()
    return ":".join(words[start : start + 4] for start in range(0, 32, 4))
