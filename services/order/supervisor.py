"""
`python -m services.order.supervisor`: an order service that can be ended and started in a container that lives on.

So the replica's name and address stay, and its address refuses connections, as after the crash of a process on a host.

SIGUSR1 kills the service, SIGUSR2 has it drain and exit, and SIGHUP starts it again; the line `ended` in its ledger is
the last one of the process that was ended so. A service that ends in any other way ends this process too, with its
status, as does SIGTERM or SIGINT once the service has drained.
"""

import os
import signal
import sys

from services.order.ledger import Ledger

COMMAND = (sys.orig_argv[0], "-m", "services.order")
"""With the interpreter spelt as in the supervisor's own command, as processes are found by their command lines."""

KILL, STOP, START = signal.SIGUSR1, signal.SIGUSR2, signal.SIGHUP
PASSED_ON = (signal.SIGTERM, signal.SIGINT)
HEARD = {KILL, STOP, START, *PASSED_ON, signal.SIGCHLD}


class Supervisor:
    """Runs one process at a time; `status` is what to exit with, None while it is to live on."""

    def __init__(self, command: tuple[str, ...], ledger: Ledger) -> None:
        self.status: int | None = None
        self._command = command
        self._ledger = ledger
        self._service: int | None = None
        self._stays = False
        self.start()

    def start(self) -> None:
        """Start the service, unless it runs; it hears every signal."""
        if self._service is None:
            self._stays = False
            self._service = os.posix_spawnp(self._command[0], self._command, os.environ, setsigmask=())

    def hear(self, number: int) -> None:
        """Act on a signal."""
        if number == signal.SIGCHLD:
            self._collect()
        elif number == START:
            self.start()
        elif self._service is not None:
            self._stays = number in {KILL, STOP}
            os.kill(self._service, {KILL: signal.SIGKILL, STOP: signal.SIGTERM}.get(signal.Signals(number), number))
        elif number in PASSED_ON:
            self.status = 0

    def _collect(self) -> None:
        """Take note of the service's end, if it ended; as the first process of a container, of any other's too."""
        while ended := _ended():
            pid, status = ended
            if pid != self._service:
                continue
            self._service = None
            if self._stays:
                self._ledger.event("ended", status=str(status))
            else:
                self.status = 128 - status if status < 0 else status


def _ended() -> tuple[int, int] | None:
    """Return a child that has ended and its status, below 0 for a signal; None if there is none."""
    try:
        pid, status = os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        return None
    return (pid, os.waitstatus_to_exitcode(status)) if pid else None


def main() -> int:
    """Run the service until it ends by itself, and return its exit status."""
    signal.pthread_sigmask(signal.SIG_BLOCK, HEARD)
    supervisor = Supervisor(COMMAND, Ledger(os.environ.get("INSTANCE_ID", "")))
    while supervisor.status is None:
        supervisor.hear(signal.sigwait(HEARD))
    return supervisor.status


if __name__ == "__main__":
    sys.exit(main())
