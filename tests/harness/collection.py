"""
What is collected: each behaviour in each environment, and once more against each mutant it says it catches.

A behaviour that does not apply to the subject is not collected; the report says which and why. Marks:

    catches(*mutants)      the mutants that the behaviour must convict
    claims(*ids, source=)  its ids in the catalogue, and where the promise is written
    promised(*promises)    judged only if the subject promises "round_robin" or "retries"
    feature(name)          judged only if the subject does not call it unsupported
    gateway(**variables)   needs a tier 2 subject, started with these variables
"""

import difflib
import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.harness.environment import Variant
from tests.harness.mutants import Mutant
from tests.harness.subject import Subject, SubjectFileError

REFERENCE = Path(__file__).parents[2] / "services" / "gateway" / "subject.toml"

SUBJECT = pytest.StashKey[Subject]()
NOT_JUDGED = pytest.StashKey[dict[str, str]]()
FROM_OUTSIDE = pytest.StashKey[bool]()
_COLLECTED = pytest.StashKey[set[str]]()


@dataclass(frozen=True)
class Run:
    """One run of a behaviour: in which environment, against which mutant if any."""

    environment: str
    mutant: Mutant | None = None

    def variant(self, subject: Subject) -> Variant:
        """Return what has to run."""
        return self.mutant.variant(subject) if self.mutant else Variant(subject)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of the suite."""
    group = parser.getgroup("conformance", "what is judged")
    group.addoption("--subject", type=Path, metavar="FILE", help="judge the gateway that this file describes")
    group.addoption("--gateway-command", metavar="CMD", help="judge the gateway that this command starts")
    group.addoption("--replicas", type=int, default=3, metavar="N", help="order-service replicas (default 3)")
    group.addoption("--report", type=Path, metavar="DIR", help="where the report goes (default report/)")


def pytest_configure(config: pytest.Config) -> None:
    """Read the subject before anything is collected, so that a mistake in its file is one clear line."""
    file, command = config.getoption("--subject"), config.getoption("--gateway-command")
    if file and command:
        raise pytest.UsageError("--subject and --gateway-command exclude each other: the file has the command")
    if config.getoption("--replicas") < 2:
        raise pytest.UsageError("--replicas must be at least 2: there is nothing to balance over fewer")
    try:
        subject = Subject.from_command(command, Path.cwd()) if command else Subject.from_file(file or REFERENCE)
    except SubjectFileError as error:
        raise pytest.UsageError(str(error)) from None
    config.stash[SUBJECT] = subject
    config.stash[FROM_OUTSIDE] = bool(file or command)
    config.stash[NOT_JUDGED] = {}
    config.pluginmanager.register(_Collected(), "collected")
    if config.stash[FROM_OUTSIDE]:
        # the table says what there is to say; tracebacks through our code are in junit.xml
        config.option.tbstyle, config.option.reportchars = "no", "N"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each behaviour in every environment, and against each mutant it says it catches."""
    if "environment" not in metafunc.fixturenames:
        return
    subject = metafunc.config.stash[SUBJECT]
    runs = [pytest.param(Run("loopback"), id="loopback", marks=pytest.mark.loopback)]
    if not metafunc.config.stash[FROM_OUTSIDE]:
        runs += [_negative_control("loopback", mutant) for mutant in mutants_of(metafunc.definition)]
    metafunc.parametrize("environment", runs, indirect=True, scope="session")
    for name, codes in {
        "retryable_code": subject.promises.retryable_codes,
        "other_code": subject.promises.other_codes,
    }.items():
        if name in metafunc.fixturenames:
            metafunc.parametrize(name, codes)


def mutants_of(item: pytest.Item) -> list[Mutant]:
    """Return the mutants that a behaviour names, in the order named."""
    return [mutant for mark in item.iter_markers("catches") for mutant in mark.args]


def _negative_control(environment: str, mutant: Mutant) -> "pytest.ParameterSet":
    must_fail = pytest.mark.xfail(strict=True, raises=AssertionError, reason=f"the gateway: {mutant.wrong}")
    marks = [getattr(pytest.mark, environment), pytest.mark.negative_control, must_fail]
    return pytest.param(Run(environment, mutant), id=f"{environment}-{mutant.name}", marks=marks)


class _Collected:
    """Remembers what there was before anything was left out."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Keep the names of all behaviours."""
        config.stash[_COLLECTED] = {_keys(item)[0] for item in items if run_of(item)}


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what does not apply, and mark the failures that the subject's file calls known."""
    subject = config.stash[SUBJECT]
    items[:] = [item for item in items if _applies(item, config, subject)]
    _mark_known_failures(config, items)
    items.sort(key=lambda item: _mutant_name(item) or "")  # the subject first, then mutant after mutant


def run_of(item: pytest.Item) -> Run | None:
    """Return which run of a behaviour an item is, None for a test that is no behaviour."""
    callspec = getattr(item, "callspec", None)
    run = callspec.params.get("environment") if callspec else None
    return run if isinstance(run, Run) else None


def _mutant_name(item: pytest.Item) -> str | None:
    run = run_of(item)
    return run.mutant.name if run and run.mutant else None


def name_of(item: pytest.Item) -> str:
    """Return a behaviour's name without its environment and mutant, but with its own parameter: "test_x[ABORTED]"."""
    return _keys(item)[-1].partition("::")[2]


def claim_of(item: pytest.Item) -> str:
    """Return the sentence that is true when the behaviour holds: the first paragraph of its docstring."""
    return inspect.cleandoc(getattr(item, "obj", item).__doc__ or "").partition("\n\n")[0].replace("\n", " ")


def _applies(item: pytest.Item, config: pytest.Config, subject: Subject) -> bool:
    run = run_of(item)
    if run is None:
        return not config.stash[FROM_OUTSIDE]  # the suite's own tests say nothing about somebody's gateway
    if run.mutant:
        parameters = item.callspec.params  # type: ignore[attr-defined]  # a Run comes from a callspec
        code = parameters.get("other_code")
        return bool(run.mutant.shows_with.get("code", code) == code)
    for reason in _reasons_against(item, subject):
        config.stash[NOT_JUDGED][item.nodeid] = reason
        return False
    return True


def _reasons_against(item: pytest.Item, subject: Subject) -> Iterator[str]:
    if not subject.command or subject.target == "none":
        yield "the subject file has no [loopback] command" if not subject.command else 'its [loopback] target is "none"'
    for mark in item.iter_markers("promised"):
        yield from (f"{promise} is not promised" for promise in mark.args if not subject.promises.has(promise))
    for mark in item.iter_markers("feature"):
        yield from (f"{feature} is unsupported" for feature in mark.args if feature in subject.unsupported)
    if subject.tier == 1 and item.get_closest_marker("gateway"):
        yield "needs another configuration, and the subject is a black box (tier 1)"


def _mark_known_failures(config: pytest.Config, items: list[pytest.Item]) -> None:
    subject = config.stash[SUBJECT]
    known = config.stash[_COLLECTED] | _behaviours_of_the_suite()
    for key, reason in subject.known_failures.items():
        if key.partition("[")[0] not in known:
            near = difflib.get_close_matches(key, known, n=1, cutoff=0.0)[0]
            raise pytest.UsageError(f"[known_failures] {key!r} is no behaviour; the nearest one is {near!r}")
        for item in items:
            run = run_of(item)
            if run and not run.mutant and key in _keys(item):
                item.add_marker(pytest.mark.xfail(strict=True, raises=AssertionError, reason=reason))


def _behaviours_of_the_suite() -> set[str]:
    """Return every behaviour as "file.py::test_name", whether or not this run has selected it."""
    return {
        f"{file.name}::{name}"
        for file in Path(__file__).parents[1].glob("test_*.py")
        for name in re.findall(r"^def (test_\w+)\(", file.read_text(encoding="utf-8"), re.MULTILINE)
    }


def _keys(item: pytest.Item) -> list[str]:
    """Return the names under which [known_failures] may list a behaviour: all its parameters, or one."""
    run = run_of(item)
    name = f"{item.path.name}::{getattr(item, 'originalname', item.name)}"
    parameters = item.name.partition("[")[2].rstrip("]")
    prefix = f"{run.environment}-{run.mutant.name}" if run and run.mutant else run.environment if run else ""
    own = parameters.removeprefix(prefix).strip("-")
    return [name, f"{name}[{own}]"] if own else [name]
