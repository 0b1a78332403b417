"""What a run came to, gathered in the process that owns it: results, what was left out, and how it ended."""

from collections.abc import Generator, Sequence
from dataclasses import asdict, replace
from typing import Any

import pytest

from tests.harness.plugin.kinds import kind_of, result_for
from tests.harness.plugin.outcome import explained_later
from tests.harness.plugin.selected import APPLICABLE, hear, selection, told
from tests.harness.plugin.selection import LEFT_OUT, NOT_JUDGED, SAVED, SUBJECT
from tests.harness.report.by_its_calls import by_its_calls
from tests.harness.report.course import Kind
from tests.harness.report.ending import INTERNAL_ERROR, INTERRUPTED, NONCONFORMANT, USAGE_ERROR
from tests.harness.report.extent import Extent, missing
from tests.harness.report.result import Result
from tests.harness.report.untested import with_untested
from tests.harness.world.verdict import Verdict

KEPT = pytest.StashKey[list[str]]()
"""What to type to look around in what `--keep` left, and to remove it; an environment's driver adds to it."""

LATE = pytest.StashKey[list[tuple[str, str]]]()
"""Behaviours after which the gateway was found to have exited, too late for their own report; and how it exited."""

GATHERED = pytest.StashKey["Gathered"]()


def pytest_configure(config: pytest.Config) -> None:
    """Have nothing yet."""
    config.stash[KEPT], config.stash[LATE] = [], []
    config.stash[GATHERED] = Gathered(config)


def pytest_sessionstart(session: pytest.Session) -> None:
    """Gather from now on."""
    session.config.pluginmanager.register(session.config.stash[GATHERED], "results")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Send the controller what only a worker knows."""
    config = session.config
    if hasattr(config, "workeroutput"):
        config.workeroutput |= {"extent": told(config), "kept": config.stash[KEPT], "late": config.stash[LATE]}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, Any]:
    """Send what came too late for its own report with the next one, as a killed worker sends nothing."""
    report = yield
    late = item.config.stash[LATE]
    if late and hasattr(item.config, "workerinput"):
        report.late, item.config.stash[LATE] = late, []
    return report


def _worker_of(report: pytest.TestReport) -> str:
    return str(report.node.gateway.id)  # set by xdist


class Gathered:
    """Gathers the results, from this process or from the workers."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self.results: list[Result] = []
        self._selected: set[str] = set()
        self._skipped: set[str] = set()
        self._failed: set[str] = set()
        self._internal = False

    @property
    def judged(self) -> list[Result]:
        """The results about the subject."""
        return [result for result in self.results if not result.mutant]

    @property
    def controls(self) -> list[Result]:
        """The results about mutants."""
        return [result for result in self.results if result.mutant]

    @property
    def about_the_subject(self) -> bool:
        """Whether a behaviour was selected, even if it does not apply: the run then has a verdict on the subject."""
        return bool(self._selected or self._config.stash[LEFT_OUT])

    @property
    def own_failed(self) -> bool:
        """Whether anything failed that is not a behaviour."""
        return bool(self._failed - {result.id for result in self.results} - self._skipped)

    # What is to run

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Take note of what is to run here."""
        self._expect([item.nodeid for item in session.items])

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: Sequence[str]) -> None:
        """Take note of what is to run in the workers, each of which has collected everything."""
        self._expect(ids)

    def _expect(self, ids: Sequence[str]) -> None:
        self._selected |= {node_id.partition("@")[0] for node_id in ids if kind_of(node_id) is Kind.BEHAVIOUR}

    # What comes of it

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep the result that a report carries, and what it has from its worker."""
        if hasattr(report, "extent"):
            hear(self._config, report.extent)
        self._config.stash[LATE] += getattr(report, "late", [])
        node_id = report.nodeid.partition("@")[0]  # xdist adds @group
        if report.failed:
            self._failed.add(node_id)
        given: dict[str, Any] | None = getattr(report, "conformance", None)
        if given is None:
            return
        result = Result(**{**given, "verdict": Verdict(given["verdict"])})
        if result.verdict is Verdict.NOT_JUDGED:
            self._config.stash[NOT_JUDGED][result.id] = result.message
            self._skipped.add(result.id)
        else:
            self._config.stash[NOT_JUDGED].pop(result.id, None)  # a saved run had skipped it
            self.results.append(result)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Take note of a file that cannot be collected."""
        if report.failed:
            self._failed.add(report.nodeid)

    @pytest.hookimpl(optionalhook=True)
    def pytest_handlecrashitem(self, crashitem: str, report: pytest.TestReport) -> None:
        """Have a result for what a worker ran when it was killed: it could not be judged."""
        kind = kind_of(crashitem)
        if kind is not Kind.OTHER:
            verdict = Verdict.CRASHED if kind is Kind.CONTROL else Verdict.INCONCLUSIVE
            result = result_for(crashitem, verdict, f"the process that judged it was lost: worker {_worker_of(report)}")
            report.conformance = {**asdict(result), "verdict": str(verdict)}  # type: ignore[attr-defined]

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:  # noqa: ANN401, xdist's own, not public
        """Take over what a worker did not collect, and what it kept."""
        output = getattr(node, "workeroutput", {})
        if "extent" in output:
            hear(self._config, output["extent"])
        self._config.stash[KEPT] += output.get("kept", [])
        self._config.stash[LATE] += output.get("late", [])

    def pytest_internalerror(self) -> None:
        """Take note of it: one in a worker does not end the run."""
        self._internal = True

    # What it comes to

    def close(self) -> None:
        """Complete the results: what it did after its last behaviour, what its library explains, what shows nothing."""
        for name, message in self._config.stash[LATE]:
            self._accuse(name, message)
        subject = self._config.stash[SUBJECT]
        again = by_its_calls(self.results, subject)
        again = [
            explained_later(self._config, new) if new.verdict is not old.verdict else new
            for old, new in zip(self.results, again, strict=True)
        ]
        self.results = with_untested(again, subject.promises)
        self.results.sort(key=lambda result: (result.environment, result.file))

    def _accuse(self, name: str, message: str) -> None:
        before = next((result for result in self.results if result.id == name), None)
        verdict = Verdict.CRASHED if kind_of(name) is Kind.CONTROL else Verdict.NONCONFORMANT
        if before is None:
            self.results.append(result_for(name, verdict, message))
            self._config.stash[NOT_JUDGED].pop(name, None)
            self._skipped.discard(name)
            return
        said = before.message if message in before.message else f"{message}\n{before.message}".strip()
        accused = replace(before, verdict=verdict, message=said, expected="")
        self.results[self.results.index(before)] = explained_later(self._config, accused)

    def ended_as(self, session: pytest.Session, status: int) -> tuple[int, str]:
        """Return pytest's exit status, and why the run ended early, "" if it ended by itself."""
        saved = self._config.stash[SAVED]
        earlier = saved.document.get("broken_off") if saved else ""
        if self._internal or status == INTERNAL_ERROR:
            return INTERNAL_ERROR, "internal error of the suite"
        if session.shouldfail:  # with workers, pytest calls this an interruption
            most = session.config.option.maxfail
            stopped = "stopped by -x" if most == 1 else f"stopped by --maxfail={most}"
            return NONCONFORMANT, stopped if self._ended < len(self._selected) else ""
        if status == INTERRUPTED:
            said = session.shouldstop if isinstance(session.shouldstop, str) else ""
            return status, f"interrupted: {said}" if said else "interrupted"
        if status >= USAGE_ERROR and self._selected:
            return status, f"exit status {status} of pytest"
        return status, f"the saved run was: {earlier}" if earlier else ""

    @property
    def _ended(self) -> int:
        return len(self._selected & ({result.id for result in self.judged} | self._skipped))

    def extent(self, stopped: str) -> Extent:
        """Return how much of what applies was judged, in a replay also what the saved run lacks."""
        config = self._config
        saved = config.stash[SAVED]
        unseen, unended = missing(saved.document) if saved else (0, 0)
        applicable = max(config.stash[APPLICABLE] + unseen, len(self._selected))
        chosen = selection(config)
        if applicable > len(self._selected) + unended and not chosen:
            chosen = ("a plugin",)
        return Extent(applicable, len(self._selected) + unended, self._ended, chosen, stopped, frozenset(self._skipped))
