"""The gateway on loopback: which of its processes is the one that serves."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from socket import create_server

import psutil
import pytest

from tests.harness.world.eventually import reached
from tests.loopback.exits import Exit
from tests.loopback.gateway import listener_of

LISTENS = (
    "import signal, socket, sys; s = socket.create_server(('127.0.0.1', 0)); print(s.getsockname()[1], flush=True)"
)


@pytest.fixture
def wrapped() -> Iterator[tuple[int, int]]:
    """Start a shell that waits for a server; return the shell's process id, and the server's port."""
    command = ["sh", "-c", f'"{sys.executable}" -c "{LISTENS}; signal.pause()"; exit $?']
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as shell:  # noqa: S603, our own command
        assert shell.stdout
        port = int(shell.stdout.readline())
        try:
            yield shell.pid, port
        finally:
            for process in psutil.Process(shell.pid).children(recursive=True):
                process.kill()


def test_the_process_that_listens_is_found_behind_a_wrapper(wrapped: tuple[int, int]) -> None:
    """The wrapper itself waits for nothing, so that nobody could see it starve."""
    shell, port = wrapped
    reached(lambda: psutil.Process(shell).children(), within=10, what="the shell has started its child")
    found = listener_of(shell, ("127.0.0.1", port))

    assert found != shell
    assert found in {process.pid for process in psutil.Process(shell).children(recursive=True)}


def test_a_process_that_listens_itself_is_found() -> None:
    """Most gateways have no wrapper."""
    with closing(create_server(("127.0.0.1", 0))) as server:
        assert listener_of(os.getpid(), server.getsockname()) == os.getpid()


def test_without_a_listener_it_is_the_process_itself() -> None:
    """So it is for a process that has ended since."""
    assert listener_of(os.getpid(), ("127.0.0.1", 1)) == os.getpid()
    assert listener_of(2**22 + 1, ("127.0.0.1", 1)) == 2**22 + 1


def test_an_exit_is_seen_also_if_nobody_reaps_it() -> None:
    """What listens may be the child of a program of the subject's that does not wait for it."""
    with subprocess.Popen(["sleep", "60"]) as child:  # noqa: S607, the system's
        exit_of_it = Exit(child.pid)

        assert not exit_of_it.within(0)
        child.kill()
        assert exit_of_it.within(5)
        assert exit_of_it.within(0)
    assert Exit(child.pid).within(0)
