"""The run among those on this machine: its label, its folder, and how it ends when it is interrupted."""

import contextlib
import os
import signal
from types import FrameType

import pytest

from tests.harness.plugin.selection import selects_unmarked
from tests.harness.world import runs
from tests.harness.world.runs import Run

RUN = pytest.StashKey[Run]()
"""This run, in its first process; not in a replay, which starts nothing."""

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""What ends a run before its end: Ctrl-C, a supervisor or a CI system, a terminal that was closed."""

_PATIENCE = b"\nstill removing what this run started; a third signal leaves that to the next run\n"


class Interrupts:
    """
    The signals that this process gets: the first one ends the run, and the next one does not break the cleaning up.

    `ending`: the run is ending, for any reason. `ended_it`: a signal was the reason.
    """

    def __init__(self, *, worker: bool) -> None:
        """Handle them from now on; a worker, which gets those of a terminal too, is left to its controller."""
        self.ending = self.ended_it = False
        self._worker, self._ignored = worker, 0
        self._before = {}
        for number in SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:  # as nohup has it
                self._before[number] = signal.signal(number, self._handle)

    def _handle(self, _number: int, _frame: FrameType | None) -> None:
        if not self.ending:
            self.ending = self.ended_it = True
            raise KeyboardInterrupt
        if self._worker:
            return
        self._ignored += 1
        if self._ignored > 1:
            raise KeyboardInterrupt
        with contextlib.suppress(OSError):  # a terminal that was closed
            os.write(2, _PATIENCE)

    def restore(self) -> None:
        """Handle them as before."""
        for number, handler in self._before.items():
            signal.signal(number, handler)


INTERRUPTS = pytest.StashKey[Interrupts]()


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Give this run its label and folder, and have signals take down what it starts. Raises UsageError."""
    worker = hasattr(config, "workerinput")
    config.stash[INTERRUPTS] = Interrupts(worker=worker)
    config.add_cleanup(config.stash[INTERRUPTS].restore)
    if worker or config.getoption("--replay"):
        return
    try:
        config.stash[RUN] = runs.begin()
    except runs.RunsError as error:
        raise pytest.UsageError(str(error)) from None
    config.add_cleanup(config.stash[RUN].close)
    if not selects_unmarked(config) and not config.option.basetemp:
        # pytest keeps its temporary folders, and those of killed runs for days: no behaviour has any use for them
        config.option.basetemp = str(config.stash[RUN].folder / "temporary")


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """From here on everything is taken down anyway."""
    session.config.stash[INTERRUPTS].ending = True


def interrupted(config: pytest.Config) -> bool:
    """Say whether a signal ended this run: its workers may have been killed while they started something."""
    return config.stash[INTERRUPTS].ended_it
