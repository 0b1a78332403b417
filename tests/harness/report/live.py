"""What a run shows while it lasts: a line for each behaviour that is over, and what is under way at the moment."""

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace

from rich.text import Text

from tests.harness.report.course import Course, about
from tests.harness.report.message import reason
from tests.harness.report.result import Result
from tests.harness.report.table import WIDEST
from tests.harness.report.wording import MARKS, case, cases, cut, family, words
from tests.harness.world.verdict import Verdict
from tests.harness.world.waits import Wait

WIDE = 140
"""Columns from which on a line also has what was measured, or why it does not hold."""

NAME, MARK = 62, 14
"""Columns of a name and of a verdict in such a line."""

MOST = 4
"""Processes whose present wait is shown; of more only their number is shown."""

_STYLES = {
    Verdict.CONFORMANT: "green",
    Verdict.CAUGHT: "green",
    Verdict.NOT_JUDGED: "dim",
    Verdict.KNOWN_FAILURE: "yellow",
    Verdict.LIBRARY_PROPERTY: "yellow",
    Verdict.FIXED_UPSTREAM: "green",
    Verdict.INCONCLUSIVE: "bold yellow",
}
_WRONG = "bold red"


@dataclass(frozen=True)
class Running:
    """A behaviour that a process runs at the moment, and what it waits for, if it does."""

    behaviour: str
    wait: Wait | None

    @property
    def to_watch(self) -> float:
        """Return the seconds that it will certainly take, as what it watches has to last; else 0."""
        wait = self.wait
        return max(0.0, wait.began + wait.within - time.monotonic()) if wait and wait.lasting else 0.0

    @property
    def waiting(self) -> str:
        """For how long it has waited, how long at most, and what for; what has to last is watched."""
        if not self.wait:
            return ""
        seconds = f"{time.monotonic() - self.wait.began:.1f} of {round(self.wait.within, 1):g} s"
        return (
            f"watching {seconds}: {self.wait.what}" if self.wait.lasting else f"waiting {seconds} for: {self.wait.what}"
        )


class Cases:
    """
    Gathers the cases of a behaviour, such as codes, so that those that hold have one line between them.

    `one_by_one` gives each a line. A case that does not hold never waits for the others.
    """

    def __init__(self, *, one_by_one: bool = False) -> None:
        self._one_by_one = one_by_one
        self._expected: Counter[str] = Counter()
        self._over: dict[str, list[Result]] = {}

    def expect(self, ids: Iterable[str]) -> None:
        """Take note of the ids of what is to run."""
        self._expected = Counter(map(_all_cases, ids))

    def take(self, result: Result) -> Iterator[Result]:
        """Yield what there is to print now that this one is over."""
        every = _all_cases(result.id)
        if self._one_by_one or self._expected[every] < 2:
            yield result
            return
        over = self._over.setdefault(every, [])
        over.append(result)
        if result.verdict is not Verdict.CONFORMANT:
            yield result
        if len(over) >= self._expected[every]:
            yield from _together(self._over.pop(every))

    def rest(self) -> Iterator[Result]:
        """Yield what has been gathered when a run ends before its time."""
        for over in self._over.values():
            yield from _together(over)
        self._over.clear()


def _all_cases(node_id: str) -> str:
    """Return what the ids of all cases of a behaviour in an environment have in common."""
    function, _, parameters = node_id.partition("[")
    return f"{function}[{parameters.partition(']')[0].partition('-')[0]}]"


def _together(results: Sequence[Result]) -> Iterator[Result]:
    held = [result for result in results if result.verdict is Verdict.CONFORMANT]
    if held:
        named = cases(len(held), [case(result.behaviour) for result in results])
        seconds = sum(result.seconds for result in held)
        yield replace(held[0], behaviour=f"{family(held[0].behaviour)}[{named}]", seconds=seconds)


def behaviour_line(result: Result, place: str, width: int, *, where: bool) -> Text:
    """Return the line of a behaviour that is over; `place` is "12/62", `where` whether to say its environment."""
    style = _STYLES.get(result.verdict, _WRONG)
    mark = MARKS.get(result.verdict, str(result.verdict)) + (f" on {result.environment}" if where else "")
    name = f"{result.mutant}: {words(result.behaviour)}" if result.mutant else words(result.behaviour)
    wide = width >= WIDE
    begin, end = f"{place}  ", f"{mark:<{MARK if wide else 0}} {result.seconds:5.1f} s"
    room = NAME if wide else min(width, WIDEST) - len(begin) - len(end) - 2
    line = Text.assemble((begin, "dim"), f"{cut(name, room):<{room}}", "  ", (end, style))
    if wide:
        said = result.measured if result.verdict is Verdict.CONFORMANT else reason(asdict(result)) or result.measured
        line.append("  " + " ".join(said.split()), "dim")
    line.truncate(width, overflow="ellipsis")
    line.rstrip()
    return line


def progress(course: Course, running: Sequence[Running], now: float) -> str:
    """
    Return how far a run is: "12 of 62 behaviours, 1 failed; 41 s, about 40 s to go".

    The rest takes no less than what is watched at the moment, which has to last.
    """
    left = course.left(now)
    if left is not None:
        left = max([left, *(process.to_watch for process in running)])
    time = f"{course.elapsed(now):.0f} s" + (f", {about(left)} to go" if left else "")
    return "; ".join([*course.counts(), time])


def under_way(course: Course, running: Sequence[Running], now: float, width: int) -> Iterator[Text]:
    """Yield the lines at the bottom of the terminal: how far the run is, then what each process does."""
    yield Text(progress(course, running, now), "bold")
    room = max(16, width // 3)
    for process in running[:MOST]:
        yield Text.assemble(f"  {cut(process.behaviour, room):<{room}}  ", (process.waiting, "dim"))
    if len(running) > MOST:
        yield Text(f"  and {len(running) - MOST} more", "dim")


def longest_wait(running: Sequence[Running]) -> str:
    """Return in one line what has been waited for longest, "" if nothing is."""
    waits = [(process.wait.began, process) for process in running if process.wait]
    first = min(waits, key=lambda pair: pair[0], default=None)
    return f"{first[1].behaviour}: {first[1].waiting}" if first else ""
