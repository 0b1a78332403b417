"""
`grpc-lb-conformance doctor`: what this machine can host, and what gets what is missing.

A line each: what it is, whether it is there, and what to do if it is not. Only loopback has to run.
"""

import argparse
import importlib.util
import os
import platform
import re
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import grpc
import psutil

from tests.harness.commands.parts import Parser
from tests.harness.harmless import in_one_line
from tests.harness.paths import ROOT
from tests.harness.world import runs
from tests.loopback import cgroup
from tests.loopback.dns_sockets import bind
from tests.loopback.environment import NO_LOOPBACK

DESCRIPTION = """\
Prints what this machine can host, a line each, and the command that gets what is missing.

exit status: 0 if subjects can be judged on loopback, 1 if not
"""

PATIENCE = 10.0
"""Seconds that a command may take to tell its version."""

HOST = "127.253.254.1"
"""An address of 127.0.0.0/8 that no run claims: theirs are below 127.255, and end in small numbers."""

DNS_PORT = 53

FILES, PROCESSES, CORES, MEMORY = 1024, 512, 2, 2 << 30
"""Open files, processes, cores and bytes below which runs of several workers are tight (docs/lab/measurements.md)."""

OLDEST_COMPOSE = (2, 20)

OK, MISSING, FAILED = "ok", "-", "FAILED"

CGROUP = Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class Finding:
    """What was looked at, whether it is OK, MISSING or FAILED (without it nothing runs), and in words."""

    name: str
    state: str
    words: str
    remedy: str = ""

    @property
    def line(self) -> str:
        """It in one line."""
        then = f"; {self.remedy}" if self.remedy and self.state != OK else ""
        return f"{self.name:18} {self.state:6} {in_one_line(self.words + then)}"


def main(arguments: Sequence[str]) -> int:
    """Print every finding; return 0 if loopback can run."""
    _parser().parse_args(arguments)
    findings = list(findings_of_this_machine())
    for finding in findings:
        sys.stdout.write(f"{finding.line}\n")
    able = all(finding.state != FAILED for finding in findings)
    words = "subjects can be judged on loopback" if able else "subjects cannot be judged on loopback: see FAILED"
    sys.stdout.write(f"\n{words}\n")
    return 0 if able else 1


def findings_of_this_machine() -> Iterator[Finding]:
    """Yield what this machine has, what loopback requires first."""
    looks: tuple[Callable[[], Finding], ...] = (
        _python,
        _loopback,
        _dns,
        _folder,
        _here,
        _dns_port,
        _namespaces,
        _groups,
        _files,
        _processes,
        _cores,
        _memory,
        _protos,
        _docker,
        _compose,
        _kind,
        _kubectl,
        _pytest_kind,
    )
    for look in looks:
        yield look()


def _python() -> Finding:
    return Finding("Python", OK, f"{platform.python_version()}, grpcio {grpc.__version__}, {platform.system()}")


def _loopback() -> Finding:
    try:
        with socket.create_server((HOST, 0)):
            return Finding("loopback", OK, "addresses in 127.0.0.0/8 can be listened on")
    except OSError as error:
        return Finding("loopback", FAILED, f"{HOST} cannot be listened on ({error.strerror})", NO_LOOPBACK)


def _dns() -> Finding:
    """Look whether UDP and TCP get the same port of one of these addresses, as the name server needs."""
    try:
        servers = bind(HOST, 0)
    except OSError as error:
        return Finding("DNS faults", FAILED, f"no port for UDP and TCP at {HOST} ({error.strerror})", NO_LOOPBACK)
    for server in servers:
        server.server_close()
    return Finding("DNS faults", OK, "the suite's name server gets a port, UDP and TCP")


def _folder() -> Finding:
    folder = runs.RUNS if runs.RUNS.exists() else runs.RUNS.parent
    return _writable("runs' folder", folder, FAILED, f"let this user write to {folder}")


def _here() -> Finding:
    return _writable("report's folder", Path.cwd(), MISSING, "run from another folder, or with --report=DIR")


def _writable(name: str, folder: Path, otherwise: str, remedy: str) -> Finding:
    try:
        with tempfile.TemporaryFile(dir=folder):
            free = shutil.disk_usage(folder).free >> 20
            return Finding(name, OK, f"{folder}, {free} MiB free")
    except OSError as error:
        return Finding(name, otherwise, f"{folder} cannot be written ({error.strerror})", remedy)


def _dns_port() -> Finding:
    """Port 53 is for clients whose resolver knows no other; the suite's targets name a port."""
    name = f"port {DNS_PORT}"
    try:
        with socket.create_server((HOST, DNS_PORT)):
            return Finding(name, OK, "can be listened on")
    except OSError as error:
        remedy = "targets with a port do without; sudo sysctl net.ipv4.ip_unprivileged_port_start=53 permits it"
        return Finding(name, MISSING, f"cannot be listened on ({error.strerror})", remedy)


def _namespaces() -> Finding:
    remedy = "sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0 permits them on Ubuntu"
    if shutil.which("unshare") is None:
        return Finding("namespaces", MISSING, "unshare is not installed", "apt-get install util-linux has it")
    done = _run("unshare", "--user", "--map-root-user", "--net", "--mount", "true")
    if done is None or done.returncode:
        words = done.stderr.strip().splitlines()[-1] if done and done.stderr.strip() else "no answer"
        return Finding("namespaces", MISSING, f"network namespaces are not permitted ({words})", remedy)
    return Finding("namespaces", OK, "network namespaces are permitted")


def _groups() -> Finding:
    """Where a run can have a control group, what a subject leaves behind is found even if it hides."""
    own = cgroup.own()
    if own is not None and os.access(own, os.W_OK):
        return Finding("control groups", OK, f"{own}")
    why = "cgroup v2 has limits here, or is not mounted" if own is None else f"{own} is not this user's"
    remedy = "processes are then found by their label; systemd-run --user --scope --property=Delegate=yes gives one"
    return Finding("control groups", MISSING, why, remedy)


def _files() -> Finding:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = "unlimited" if soft == resource.RLIM_INFINITY else str(soft)
    enough = soft == resource.RLIM_INFINITY or soft >= FILES
    return Finding("open files", OK if enough else MISSING, most, f"ulimit -n {min(4096, hard)} raises it")


def _processes() -> Finding:
    limits = [limit for limit in (_number(_own_group() / "pids.max"), _soft(resource.RLIMIT_NPROC)) if limit]
    least = min(limits, default=0)
    words = f"at most {least}" if least else "unlimited"
    remedy = "ulimit -u, or docker run --pids-limit, raises it"
    return Finding("processes", MISSING if 0 < least < PROCESSES else OK, words, remedy)


def _cores() -> Finding:
    cores: float = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = _text(_own_group() / "cpu.max").split()
    if len(quota) == 2 and quota[0].isdigit() and int(quota[1]):
        cores = min(cores, int(quota[0]) / int(quota[1]))
    words = f"{cores:g}, load {os.getloadavg()[0]:.1f}"
    return Finding("cores", OK if cores >= CORES else MISSING, words, "-n 1 judges with one worker, which takes longer")


def _memory() -> Finding:
    free = psutil.virtual_memory().available
    limit = _number(_own_group() / "memory.max")
    free = min(free, limit) if limit else free
    return Finding("memory", OK if free >= MEMORY else MISSING, f"{free >> 20} MiB", "-n 1 needs the least")


def _protos() -> Finding:
    there = importlib.util.find_spec("grpc_tools") is not None
    remedy = "pip install 'grpc-lb-conformance[protos]', for replies described by .proto files"
    return Finding("protos", OK if there else MISSING, "grpcio-tools" if there else "not installed", remedy)


def _docker() -> Finding:
    done = _run("docker", "version", "--format={{.Server.Version}}")
    if done is None:
        return Finding("Docker", MISSING, "not installed", "https://docs.docker.com/engine/install")
    if done.returncode:
        return Finding("Docker", MISSING, f"the engine does not answer ({_last(done)})", "sudo systemctl start docker")
    return Finding("Docker", OK, done.stdout.strip())


def _compose() -> Finding:
    done = _run("docker", "compose", "version", "--short")
    if done is None or done.returncode:
        return Finding("Compose", MISSING, "not installed", "https://docs.docker.com/compose/install")
    version = done.stdout.strip()
    old = tuple(map(int, re.findall(r"[0-9]+", version)[:2])) < OLDEST_COMPOSE
    return Finding("Compose", MISSING if old else OK, version, "2.20 or newer: https://docs.docker.com/compose/install")


def _kind() -> Finding:
    done = _run("kind", "version")
    remedy = "go install sigs.k8s.io/kind@latest, or https://kind.sigs.k8s.io; --kube-namespaces needs none"
    return (
        Finding("kind", MISSING, "not installed", remedy) if done is None else Finding("kind", OK, done.stdout.strip())
    )


def _kubectl() -> Finding:
    done = _run("kubectl", "version", "--client")
    if done is None:
        return Finding("kubectl", MISSING, "not installed", "https://kubernetes.io/docs/tasks/tools")
    return Finding("kubectl", OK, done.stdout.strip().splitlines()[0] if done.stdout.strip() else _last(done))


def _pytest_kind() -> Finding:
    there = importlib.util.find_spec("pytest_kind") is not None
    words = "installed" if there else "not installed"
    return Finding("pytest-kind", OK if there else MISSING, words, "pip install 'grpc-lb-conformance[kind]', for kind")


def _run(*command: str) -> "subprocess.CompletedProcess[str] | None":
    """Run a command of this machine; None if it is not there or does not answer."""
    try:
        return subprocess.run(  # noqa: S603, our own commands
            command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE, check=False, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired):
        return None


def _last(done: "subprocess.CompletedProcess[str]") -> str:
    lines = (done.stderr or done.stdout).strip().splitlines()
    return lines[-1] if lines else f"exit status {done.returncode}"


def _own_group() -> Path:
    """Return the folder of this process's control group, v2, as far as it can be seen."""
    path = next((line[3:] for line in _text(Path("/proc/self/cgroup")).splitlines() if line.startswith("0::")), "/")
    return CGROUP / path.lstrip("/")


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except OSError:
        return ""


def _number(file: Path) -> int:
    """Return the number in a file, 0 without one: there is no limit."""
    text = _text(file).strip()
    return int(text) if text.isdigit() else 0


def _soft(limit: int) -> int:
    soft, _ = resource.getrlimit(limit)
    return 0 if soft == resource.RLIM_INFINITY else soft


def _parser() -> argparse.ArgumentParser:
    return Parser("doctor", "", DESCRIPTION)
