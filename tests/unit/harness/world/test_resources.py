"""What a gateway uses, read from the kernel's files: real processes of this machine, and tables made by hand."""

import os
import socket
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.harness.evidence import sampler as sampler_module
from tests.harness.evidence.sampler import Sampler
from tests.harness.world.eventually import reached
from tests.harness.world.gateway import Seat
from tests.harness.world.gateway_process import GatewayProcess
from tests.harness.world.resources import GRPC_PORT, Resources, machine, resources
from tests.harness.world.timeline import Timeline
from tests.harness.world.verdict import InconclusiveError, SubjectDiedError

ROW = "   0: {local} {remote} {state} 00000000:00000000 00:00000000 00000000  0  0 {inode} 1 0 100 0 0 10 0\n"
"""A row of /proc/net/tcp, as far as it is read."""


def used(pid: int | None = None) -> Resources:
    """Return what a process of this machine uses, this one by default."""
    found = resources(pid or os.getpid())
    assert found is not None
    return found


def test_descriptors_and_connections_are_counted_by_address() -> None:
    """A connection that was accepted is a caller's; one to the order service's port counts at its address."""
    with socket.create_server(("127.0.0.77", GRPC_PORT)) as server, socket.create_connection(("127.0.0.77", GRPC_PORT)):
        before = used()
        accepted, _ = server.accept()
        with accepted:
            after = used()

    assert before.connections["127.0.0.77"] == after.connections["127.0.0.77"] == 1
    assert after.callers - before.callers == 1  # others of this process may be open
    assert before.descriptors == after.descriptors


def test_cpu_and_threads_are_those_of_a_process_and_its_children() -> None:
    """A shell that starts the gateway, as npm does, is counted along with it."""
    spins = "import time\nwhile time.process_time() < 0.3: pass\nprint(1, flush=True); time.sleep(60)"
    command = ["sh", "-c", '"$0" -c "$1"; true', sys.executable, spins]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as shell:  # noqa: S603, our own
        assert shell.stdout is not None
        shell.stdout.readline()
        found = used(shell.pid)
        (child,) = Path(f"/proc/{shell.pid}/task/{shell.pid}/children").read_text(encoding="ascii").split()
        os.kill(int(child), 9)

    assert found.processes == found.threads == 2
    assert found.cpu >= 0.25
    assert found.memory > 2**20


def test_a_process_that_has_exited_uses_nothing() -> None:
    """There is nothing to count."""
    with subprocess.Popen([sys.executable, "-c", ""]) as done:
        pass

    assert resources(done.pid) is None


def made_up(root: Path, *rows: str, table: str = "tcp") -> Resources | None:
    """Return what a process made by hand uses: one thread, two sockets, and these rows of its network's table."""
    own = root / "7"
    for folder in ("task/7", "fd", "net"):
        (own / folder).mkdir(parents=True)
    (own / "stat").write_text(f"7 (a) b) S {' '.join('0' * 10)} 150 50 0 0 20 0 1 0 0 0 3 0\n", encoding="ascii")
    (own / "task" / "7" / "schedstat").write_text("1 2500000000 3\n", encoding="ascii")
    (own / "net" / table).write_text("header\n" + "".join(rows), encoding="ascii")
    for number in (11, 12):
        (own / "fd" / str(number)).symlink_to(f"socket:[{number}]")
    (own / "fd" / "13").symlink_to("/dev/null")
    return resources(7, root)


def test_the_kernels_files_are_read_field_by_field(tmp_path: Path) -> None:
    """Even where the name of the program holds a parenthesis; connections of others are not counted."""
    mine = ROW.format(local="0100007F:9C40", remote="0201007F:1388", state="01", inode=11)
    dials = ROW.format(local="0100007F:9C41", remote="0301007F:1388", state="02", inode=12)
    others = ROW.format(local="0100007F:9C42", remote="0201007F:1388", state="01", inode=99)
    found = made_up(tmp_path, mine, dials, others)

    assert found is not None
    assert (found.cpu, found.threads, found.waiting, found.descriptors) == (2.0, 1, 2.5, 3)
    assert (found.connections, found.dialling) == ({"127.0.1.2": 1}, {"127.0.1.3": 1})


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("0000000000000000FFFF00000201007F", "127.0.1.2"),
        ("00000000000000000000000001000000", "0000:0000:0000:0000:0000:0000:0000:0001"),
    ],
)
def test_ipv4_within_ipv6_is_ipv4(host: str, address: str, tmp_path: Path) -> None:
    """As a dual-stack socket of a JVM or of C-core has it."""
    row = ROW.format(local=f"{host}:9C40", remote=f"{host}:1388", state="01", inode=11)
    found = made_up(tmp_path, row, table="tcp6")

    assert found is not None
    assert found.connections == {address: 1}


def test_a_kernel_that_hides_descriptors_leaves_the_rest(tmp_path: Path) -> None:
    """As with a container of another user."""
    own = tmp_path / "7"
    (own / "task" / "7").mkdir(parents=True)
    (own / "stat").write_text(f"7 (a) S {' '.join('0' * 10)} 150 50 0 0 20 0 1 0 0 0 3 0\n", encoding="ascii")
    found = resources(7, tmp_path)

    assert found is not None
    assert (found.descriptors, found.threads, found.connections) == (None, 1, {})


def test_samples_are_told_until_the_end_with_a_last_one() -> None:
    """Of the process that is the gateway's at that moment; none where there is none."""
    told: list[dict[str, Any]] = []
    pids: list[int | None] = [None]
    sampler = Sampler(told.append, lambda: pids[0], read=lambda pid: Resources(1, 0, 1, float(pid), 0.0, 1), every=0.01)
    pids[0] = 5
    reached(lambda: told, within=10.0, what="a sample was taken")
    pids[0] = 6
    sampler.stop()
    count = len(told)

    assert (told[0]["pid"], told[-1]["pid"]) == (5, 6)
    assert told[-1]["cpu"] == 6.0
    assert len(told) == count


class FakeGateway:
    """A process that exits, or does not."""

    def __init__(self, pid: int | None, *, ends: bool = True) -> None:
        self.pid, self.ends, self.asked = pid, ends, False

    def ask_to_stop(self) -> None:
        """Take note."""
        self.asked = True

    def ends_within(self, _seconds: float) -> bool:
        """Say whether it does."""
        return self.ends

    def check(self) -> None:
        """Raise, as a gateway does that has exited."""
        raise SubjectDiedError("it exited")


def process(gateway: object) -> tuple[GatewayProcess, SimpleNamespace]:
    """Return the process of an environment with this gateway, and the environment."""
    timeline = Timeline()
    seat = Seat(lambda: timeline)
    seat.gateway = cast("Any", gateway)
    environment = SimpleNamespace(seat=seat, timeline=timeline, disturb=timeline.verb)
    return GatewayProcess(cast("Any", environment)), environment


@pytest.mark.parametrize("ends", [True, False])
def test_a_gateway_that_is_stopped_may_exit(*, ends: bool) -> None:
    """The verb is confirmed when it has exited; that it does counts against it no longer."""
    gateway = FakeGateway(1, ends=ends)
    part, environment = process(gateway)
    with pytest.raises(SubjectDiedError):
        environment.seat.check()
    ended = part.stop(within=0.1)
    environment.seat.check()

    assert gateway.asked
    assert (ended is not None) is ends
    assert ("confirmed" in [line["event"] for line in environment.timeline.lines()]) is ends


@pytest.mark.parametrize("gateway", [None, FakeGateway(None)])
def test_where_no_process_is_known_nothing_is_read(gateway: object) -> None:
    """That is inconclusive, not zero."""
    with pytest.raises(InconclusiveError):
        process(gateway)[0].resources()


def test_a_sample_tells_what_each_thread_waited_for_since_the_one_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """All that a new process waited for, as it started since; of one that was there before nothing is known."""
    waited = iter([{"7": 5.0}, {"7": 5.25, "9": 0.0004}, {"8": 0.5}])
    monkeypatch.setattr(sampler_module, "waits", lambda _: next(waited))
    told: list[dict[str, Any]] = []
    pids = iter([7, 7, 8])
    sampler = Sampler(told.append, lambda: next(pids, None), read=lambda _: Resources(1, 0, 1, 0.0, 0.0, 1), every=60.0)
    for _ in range(3):
        sampler.look()
    sampler.stop()

    assert [sample["waits"] for sample in told] == [{}, {"7": 0.25}, {"8": 0.5}]


def test_the_use_of_the_machine_includes_what_was_stolen_from_it(tmp_path: Path) -> None:
    """Neither idle time nor waiting for a disk; None where the kernel does not show it."""
    assert machine(tmp_path) is None
    (tmp_path / "stat").write_text("cpu  100 200 300 9000 9000 10 20 30 40 50\ncpu0 1 2\n", encoding="ascii")

    assert machine(tmp_path) == 6.6
