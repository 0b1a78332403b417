"""
A run as its terminal shows it: a line for each behaviour that is over, how far the run is, and what is waited for.

Behaviours have a line each, with all their cases; negative controls that were caught and the suite's own tests are
counted, and named when they fail (`-v` names all).
"""

import json
import os
import time
from collections.abc import Generator, Iterable, Sequence
from pathlib import Path
from typing import Any, TextIO

import pytest
from rich.text import Text

from tests.harness.plugin.kinds import kind_of, parameters
from tests.harness.report.course import Course, Kind
from tests.harness.report.live import Cases, Running, behaviour_line, longest_wait, progress, under_way
from tests.harness.report.outlet import Outlet
from tests.harness.report.result import Result
from tests.harness.report.screen import Lines, Terminal
from tests.harness.world.verdict import Verdict
from tests.harness.world.waits import Wait


def running(folder: Path) -> list[Running]:
    """Return what each process runs at the moment, by the name of the process."""
    found = []
    for file in sorted(folder.glob("*.json")):
        try:
            about = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError):  # removed since it was listed
            continue
        if about:
            found.append(Running(about["behaviour"], Wait(**about["wait"]) if about["wait"] else None))
    return found


class Showing:
    """Shows on this process's terminal how the run proceeds, from its first test to its last."""

    def __init__(self, folder: Path, out: TextIO, outlet: Outlet, config: pytest.Config) -> None:
        self._folder = folder
        self._all = config.option.verbose > 0
        self._several = False
        self._course = Course()
        self._cases = Cases(one_by_one=self._all)
        self._seconds: dict[str, float] = {}
        self._outcome: dict[str, str] = {}
        self._showing = False
        colour = config.get_terminal_writer().hasmarkup
        redrawn = out.isatty() and os.environ.get("TERM", "dumb") not in {"dumb", "unknown"}
        # no one redraws a terminal on which tests and debuggers write too
        if redrawn and config.getoption("capture") in {"fd", "sys"} and not config.getoption("usepdb"):
            self._screen: Terminal | Lines = Terminal(out, outlet, colour=colour, bottom=self._bottom)
        else:
            self._screen = Lines(out, quiet=self._quiet)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Take note of what is to run here."""
        self._expect([item.nodeid for item in session.items])

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: Sequence[str]) -> None:
        """Take note of what is to run in the workers, each of which has collected everything."""
        self._expect(ids)

    def _expect(self, ids: Iterable[str]) -> None:
        kinds = {node_id: kind_of(node_id) for node_id in ids}
        self._course.expect(kinds.values())
        behaviours = [node_id.partition("@")[0] for node_id, kind in kinds.items() if kind is Kind.BEHAVIOUR]
        self._several = len({parameters(node_id)[0] for node_id, kind in kinds.items() if kind is not Kind.OTHER}) > 1
        self._cases.expect(behaviours)

    def pytest_runtest_logstart(self) -> None:
        """Begin with the first test."""
        self._course.begin(time.monotonic())
        self._screen.start()
        self._showing = True

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_report_teststatus(self) -> Generator[None, tuple[str, str, Any], tuple[str, str, Any]]:
        """Have pytest count a test and print neither letter nor word while the run is shown here."""
        category, letter, word = yield
        return (category, "", "") if self._showing else (category, letter, word)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Print the line of a test that is over."""
        node_id = report.nodeid.partition("@")[0]  # xdist adds @group
        self._seconds[node_id] = self._seconds.get(node_id, 0.0) + report.duration
        if not report.passed and self._outcome.get(node_id) != "failed":
            self._outcome[node_id] = report.outcome
        if report.when not in {"setup", "call"}:  # the last phase, or the report of a worker that crashed
            self._finish(node_id, getattr(report, "conformance", None))

    def _finish(self, node_id: str, given: dict[str, Any] | None) -> None:
        kind, seconds, outcome = kind_of(node_id), self._seconds.pop(node_id), self._outcome.pop(node_id, "passed")
        if given is None:
            self._course.finish(kind, seconds, failed=outcome == "failed")
            if outcome == "failed":
                self._screen.print(Text(f"FAILED {node_id}", "bold red"))
            elif self._all:
                self._screen.print(Text(f"{outcome} {node_id}", "dim"))
            return
        result = Result(**{**given, "verdict": Verdict(given["verdict"])})
        self._course.finish(kind, result.seconds, failed=result.verdict.fails_the_run)
        if kind is Kind.BEHAVIOUR:
            self._show(self._cases.take(result), kind)
        elif self._all or result.verdict is not Verdict.CAUGHT:
            self._show([result], kind)

    def _show(self, results: Iterable[Result], kind: Kind) -> None:
        total = self._course.expected[kind]
        place = f"{self._course.done[kind]:>{len(str(total))}}/{total}"
        for result in results:
            self._screen.print(behaviour_line(result, place, self._screen.width, where=self._several))

    def pytest_enter_pdb(self) -> None:
        """Leave the terminal to a debugger."""
        self._screen.stop()

    def pytest_leave_pdb(self) -> None:
        """Take it back."""
        self._screen.start()

    def stop(self) -> None:
        """Show no more but what was held back."""
        self._screen.stop()
        self._show(self._cases.rest(), Kind.BEHAVIOUR)
        self._showing = False

    def _bottom(self, width: int) -> list[Text]:
        return list(under_way(self._course, running(self._folder), time.monotonic(), width))

    def _quiet(self) -> str:
        present = running(self._folder)
        wait = longest_wait(present)
        return progress(self._course, present, time.monotonic()) + (f"; {wait}" if wait else "")
