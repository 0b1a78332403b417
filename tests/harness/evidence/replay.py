"""
Replay: the same behaviours on the evidence of a saved run, instead of a live environment.

`Replayed` takes the place of recording.py's `Recorded`, and answers from the tape. Anyone can check a disputed verdict
again, and a changed judge or bound can be tried on old runs.
"""

from collections.abc import Callable, Mapping
from dataclasses import make_dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn, Self

import pytest

from tests.harness.evidence.history import Event, History
from tests.harness.evidence.playback import CHANGED, TOLERANCE, Tape, described
from tests.harness.evidence.recording import CHECK_END, COMPLETE, encoded
from tests.harness.evidence.report_folder import SavedRun
from tests.harness.evidence.saved_files import UNREADABLE
from tests.harness.subject.promises import Budgets, Promises
from tests.harness.world.eventually import late_by
from tests.harness.world.load import Load
from tests.harness.world.orders import Orders
from tests.harness.world.overtime import Overtime
from tests.harness.world.reply import Block, Reply
from tests.harness.world.verdict import InconclusiveError
from tests.harness.world.waits import Looks, Wait, play_with


class Replayed:
    """Stands in for the part of the world that is called `on` in the record."""

    def __init__(self, tape: Tape, on: str) -> None:
        self._tape = tape
        self._on = on

    def __repr__(self) -> str:
        """Show which part it is."""
        return f"<{self._on}>"

    def __eq__(self, other: object) -> bool:
        """Two that stand in for the same part are equal."""
        return isinstance(other, Replayed) and other._on == self._on

    def __hash__(self) -> int:
        """Consistent with equality."""
        return hash(self._on)

    @property
    def name(self) -> str:
        """Its name in the record."""
        return self._on

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401, any value of the part
        """Return the recorded value, or a function that returns the recorded result."""
        if name.startswith("_"):
            raise AttributeError(name)
        if self._tape.is_read(self._on, name):
            return decoded(self._tape, self._tape.read(self._on, name))
        return _Operation(self._tape, self._on, name)


class _Operation:
    """A method of a part of the world; it has no value, as the record never read it as one."""

    def __init__(self, tape: Tape, on: str, name: str) -> None:
        self._tape = tape
        self._on = on
        self._name = name

    def __call__(self, *given: object, **named: object) -> Any:  # noqa: ANN401, any result
        arguments = {key: _written(value) for key, value in named.items()}
        result = self._tape.play(self._on, self._name, [_written(value) for value in given], arguments)
        return decoded(self._tape, result)

    def _not_read(self, *_: object) -> NoReturn:
        raise InconclusiveError(f"{CHANGED}: it now reads {self._name} of {self._on}")

    __getitem__ = __iter__ = __len__ = __contains__ = __bool__ = _not_read


class ReplayedEnvironment(Replayed):
    """Stands in for the environment of one behaviour after another; `promises` are those to judge by."""

    def __init__(self, saved: SavedRun, environment: str, promises: Promises) -> None:
        self._saved = saved
        self._environment = environment
        self._promises = promises

    def capability(self, name: str) -> Replayed:
        """Return what stands in for a capability of the environment."""
        return Replayed(self._tape, name)

    def begin(self, item: pytest.Item) -> None:
        """Take the record of a behaviour. Raises InconclusiveError, with the message of then, if there is none."""
        vars(self).pop("_tape", None)
        path = self._saved.timeline(item.nodeid)
        if not path:
            raise InconclusiveError(self._saved.message(item.nodeid) or "the recording has no timeline for it")
        try:
            self._text = self._saved.read(path)
            self._history = History.in_text(self._text)
            tape = Tape(self._history)
        except UNREADABLE as error:
            what = f"{self._saved.folder / path}: {type(error).__name__}: {error}"
            raise InconclusiveError(f"its recording cannot be read: {what}") from None
        super().__init__(tape, "environment")
        play_with(lambda wait: replayed_looks(self._tape, wait))

    def complete(self) -> History:
        """Return the record of the behaviour. Raises what completing it raised then."""
        self._tape.check(COMPLETE)
        return self._history

    def note(self, event: str, **members: object) -> None:
        """Nothing to do: the evidence is copied as it was."""

    def check_end(self) -> None:
        """Raise SubjectDiedError if the gateway had exited by itself, by the end or later."""
        self._tape.check(CHECK_END)

    def keep(self, file: Path) -> None:
        """Copy the evidence into this run's report. Raises what completing it raised then."""
        play_with(None)
        if "_tape" not in vars(self):
            return
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(self._text, encoding="utf-8")
        self._tape.check(COMPLETE)

    @property
    def name(self) -> str:
        """The environment's."""
        return self._environment

    @property
    def budgets(self) -> Budgets:
        """How long things may take: today's promises, and the slack of the recorded run."""
        return Budgets(self._promises, self._tape.about["slack"])


class ReplayedLoad(Load):
    """A load that sends nothing: it shows the replies that had been seen by the tape's time."""

    def __init__(self, tape: Tape, started: float, rate: float) -> None:
        super().__init__(_NO_ORDERS, rate, "", 0)
        self.started = started
        self._tape = tape
        self._over = False

    def __enter__(self) -> Self:
        """Start showing replies."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Move to its end, when everything is answered."""
        if error is None:
            self._tape.play("load", "end", (), {"load": self.started})
        self._tape.end_of(self.started)
        self._over = True

    def look(self) -> tuple[list[Reply], list[float]]:
        """Return the replies that had been seen, and when the others were sent. Raises what placing one raised."""
        replies = self._tape.replies(self.started, ended=self._over)
        return replies, [] if self._over else self._tape.unanswered(self.started, replies)

    def block(self) -> Block:
        """Return the whole load with its attempts."""
        block: Block = decoded(self._tape, self._tape.play("load", "block", (), {"load": self.started}))
        return block


_NO_ORDERS = Orders(lambda: "", lambda _: [], patience=0.0)


def decoded(tape: Tape, value: Any) -> Any:  # noqa: ANN401, JSON of every kind
    """Return what recording.py encoded. Raises InconclusiveError for what could not be written."""
    if isinstance(value, list):
        return [decoded(tape, item) for item in value]
    if not isinstance(value, dict):
        return value
    tag, content = next(iter(value.items()), ("", None))
    return _TAGS[tag](tape, content) if tag in _TAGS else {key: decoded(tape, item) for key, item in value.items()}


def _object(tape: Tape, content: Mapping[str, Any]) -> object:
    """Return an object that prints as the recorded one did."""
    members = decoded(tape, content["members"])
    return make_dataclass(content["kind"], members, frozen=True)(**members)


def _unknown(_tape: Tape, content: str) -> NoReturn:
    raise InconclusiveError(f"the recording cannot restore this value: {content}")


_TAGS: Mapping[str, Callable[[Tape, Any], Any]] = {
    "$tuple": lambda tape, content: tuple(decoded(tape, content)),
    "$set": lambda tape, content: set(decoded(tape, content)),
    "$block": lambda tape, content: tape.block(content),
    "$load": lambda tape, content: ReplayedLoad(tape, content["started"], content["rate"]),
    "$orders": Replayed,
    "$replica": Replayed,
    "$object": _object,
    "$unknown": _unknown,
}


def _written(value: object) -> Any:  # noqa: ANN401, JSON of every kind
    return {"$replica": value.name} if isinstance(value, Replayed) else encoded(value)


def replayed_looks(tape: Tape, wait: Wait) -> Looks:
    """
    Yield the look that decided a recorded wait, or the last one within today's bound.

    If the judge now rejects what it accepted then, or may now wait longer, it looks once more, at everything that was
    recorded before the next operation. If that does not extend to today's bound, a rejection is inconclusive.
    """
    step = tape.step
    if step is None or step.event != "waited" or step.members["lasting"] is not wait.lasting:
        raise InconclusiveError(f"{CHANGED}: it now waits until {wait.what}, {described(step)}")
    began, ended, looks = tape.when(step), step.members["ended"], step.members["looks"]
    bound = began + wait.within
    index = _look_within(step, wait)
    last = index == len(looks) - 1
    look = _Look(lasting=wait.lasting)
    tape.go_to(began + looks[index])
    tape.show(_decided(step) if last else began + looks[index + 1])
    yield look
    if look.error and last and (step.members["so"] or wait.within > step.members["within"] + TOLERANCE):
        reaches = tape.changed_after(ended)
        tape.go_to(began + looks[index])
        tape.show(min(bound, reaches), all_answered=True)
        look = _Look(lasting=False)
        yield look
        if look.error and reaches < bound - TOLERANCE:
            raise InconclusiveError(f"{look.error}. {_short_of(wait, reaches - began)}") from look.error
    tape.show(None)
    if look.error:
        wait.looks = looks[: index + 1]
        wait.seconds = step.members["seconds"] if last and step.members["seconds"] else wait.within
        _note(look.error, tape, wait, step)
        raise look.error
    tape.go_to(ended)
    if wait.lasting and (not step.members["so"] or wait.within > step.members["within"] + TOLERANCE):
        raise InconclusiveError(_short_of(wait, ended - began))


def _decided(step: Event) -> float:
    """Return when the last look ended that counts: what followed its bound does not."""
    overtime = step.members.get("overtime")
    return float(overtime["decided"] if overtime else step.members["ended"])


def _note(error: AssertionError, tape: Tape, wait: Wait, step: Event) -> None:
    """Add to an error how long it was waited for, and by how much the bound was missed, as far as that is recorded."""
    error.add_note(wait.note)
    overtime, shorter = step.members.get("overtime"), step.members["within"] - wait.within
    if overtime and shorter >= -TOLERANCE:
        late = Overtime(**overtime)
        wait.began, wait.overtime = tape.when(step), replace(late, seconds=late.seconds + max(0.0, shorter))
        late_by(error, wait)
        tape.go_to(step.members["ended"])


def _look_within(step: Event, wait: Wait) -> int:
    """Return the number of the last look within today's bound, at least that of the first."""
    looks: list[float] = step.members["looks"]
    if wait.within >= step.members["within"] - TOLERANCE:
        return len(looks) - 1
    return max(sum(look <= wait.within for look in looks) - 1, 0)


def _short_of(wait: Wait, seconds: float) -> str:
    return f"The recording covers {seconds:.1f} s of a wait of {wait.within:.1f} s: {wait.what}"


class _Look:
    """One look of a replayed wait: it keeps the complaint, which another look may resolve."""

    def __init__(self, *, lasting: bool) -> None:
        self._lasting = lasting
        self.error: AssertionError | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if self._lasting or not isinstance(error, AssertionError):
            return False
        self.error = error
        return True
