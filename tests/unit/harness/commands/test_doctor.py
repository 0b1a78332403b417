"""What a machine can host: a line for each part, and loopback alone decides the exit status."""

import errno
import resource
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.harness.commands import doctor
from tests.harness.commands.doctor import FAILED, MISSING, OK, Finding, findings_of_this_machine, main
from tests.harness.commands.parts import CommandError


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let commands whose name is given be missing, or end with these words and status 1; others answer "1.2"."""

    def _have(*missing: str, **failing: str) -> None:
        def _run(*command: str) -> "subprocess.CompletedProcess[str] | None":
            if command[0] in missing or " ".join(command[:2]) in missing:
                return None
            words = failing.get(command[0])
            return subprocess.CompletedProcess(command, int(words is not None), "1.2\n", words or "")

        monkeypatch.setattr(doctor, "_run", _run)

    return _have


def findings() -> dict[str, Finding]:
    """Return what is found, by its name."""
    return {finding.name: finding for finding in findings_of_this_machine()}


def test_this_machine_can_host_loopback(capsys: pytest.CaptureFixture[str]) -> None:
    """It runs these tests; names and states are aligned, and each finding is one line."""
    assert main([]) == 0
    *lines, empty, words = capsys.readouterr().out.splitlines()

    assert (empty, words) == ("", "subjects can be judged on loopback")
    assert {line[19:25].strip() for line in lines} <= {OK, MISSING}
    assert [line[:18].strip() for line in lines][:3] == ["Python", "loopback", "DNS faults"]


def test_without_addresses_nothing_can_be_judged(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As on macOS; what adds them is named."""

    def _refused(*_: object, **__: object) -> Any:  # noqa: ANN401, it returns nothing
        raise OSError(errno.EADDRNOTAVAIL, "Cannot assign requested address")

    monkeypatch.setattr(socket, "create_server", _refused)
    monkeypatch.setattr(doctor, "bind", _refused)

    assert main([]) == 1
    printed = capsys.readouterr().out
    assert "loopback           FAILED 127.253.254.1 cannot be listened on (Cannot assign requested address)" in printed
    assert "ifconfig lo0 alias" in printed
    assert printed.endswith("subjects cannot be judged on loopback: see FAILED\n")


def test_what_containers_need_is_missing_with_what_gets_it(without: Callable[..., None]) -> None:
    """None of it fails the whole: only loopback has to run."""
    without("docker", "kind", "kubectl")
    found = findings()

    assert {found[name].state for name in ("Docker", "Compose", "kind", "kubectl")} == {MISSING}
    assert found["Docker"].line == ("Docker             -      not installed; https://docs.docker.com/engine/install")
    assert FAILED not in {finding.state for finding in found.values()}


def test_an_engine_that_does_not_answer_is_not_called_missing(without: Callable[..., None]) -> None:
    """The client is there; the words are the engine's last line."""
    without(docker="x\nCannot connect to the Docker daemon\x1b", unshare="unshare: Operation not permitted")
    found = findings()

    assert "the engine does not answer (Cannot connect to the Docker daemon\\x1b)" in found["Docker"].line
    assert "not permitted (unshare: Operation not permitted); sudo sysctl kernel.apparmor" in found["namespaces"].line


def test_an_old_compose_is_not_enough(without: Callable[..., None]) -> None:
    """It is there, in a version that lacks what the suite uses."""
    without()

    assert findings()["Compose"].line == (
        "Compose            -      1.2; 2.20 or newer: https://docs.docker.com/compose/install"
    )


def test_limits_are_those_of_the_control_group(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A container has fewer cores, less memory and fewer processes than its machine."""
    for name, text in (("cpu.max", "150000 100000"), ("memory.max", str(512 << 20)), ("pids.max", "100")):
        (tmp_path / name).write_text(f"{text}\n", encoding="ascii")
    monkeypatch.setattr(doctor, "_own_group", lambda: tmp_path)
    monkeypatch.setattr(resource, "getrlimit", lambda _: (256, 1 << 20))
    found = findings()

    assert (found["cores"].state, found["cores"].words.partition(",")[0]) in [(MISSING, "1.5"), (MISSING, "1")]
    assert (found["memory"].state, found["memory"].words) == (MISSING, "512 MiB")
    assert (found["processes"].state, found["processes"].words) == (MISSING, "at most 100")
    assert found["open files"].line == "open files         -      256; ulimit -n 4096 raises it"


def test_it_takes_no_arguments() -> None:
    """One that is given is a mistake."""
    with pytest.raises(CommandError, match="unrecognized arguments: --fix"):
        main(["--fix"])
