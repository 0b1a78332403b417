"""
What is collected: each behaviour in each environment, against each mutant it must catch, and each control it acquits.

A behaviour that does not apply to the subject is not collected; the report lists which and why. The marks are described
in pyproject.toml (`pytest --markers`). An environment other than loopback takes part if `-m` names it, or if the given
paths are in its folder.
"""

import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from _pytest.mark.expression import Expression

from tests.harness.evidence.renamed import present_id, present_key
from tests.harness.evidence.report_folder import SavedRun, SavedRunError
from tests.harness.paths import ROOT, TESTS
from tests.harness.plugin.runs import Run, controls_of, mutants_of, negative_control, positive_control
from tests.harness.subject import not_judged
from tests.harness.subject.control import Control
from tests.harness.subject.subject import Subject, SubjectFileError
from tests.harness.suggestion import did_you_mean
from tests.harness.themes import behaviour_files
from tests.harness.world.capabilities import CAPABILITIES

REFERENCE = ROOT / "services" / "gateway" / "subject.toml"

ENVIRONMENTS = ("loopback", "compose", "kind")
"""Each has a marker, a folder with its driver, and a session fixture of that name."""

SUBJECT = pytest.StashKey[Subject]()
SAVED = pytest.StashKey[SavedRun | None]()
"""The run that is replayed, if any: its behaviours are judged again, and no environment is started."""

NOT_JUDGED = pytest.StashKey[dict[str, str]]()
FROM_OUTSIDE = pytest.StashKey[bool]()
_COLLECTED = pytest.StashKey[set[str]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of the suite."""
    group = parser.getgroup("conformance", "what is judged")
    group.addoption("--subject", type=Path, metavar="FILE", help="judge the gateway that this file describes")
    group.addoption("--gateway-command", metavar="CMD", help="judge the gateway that this command starts")
    group.addoption("--gateway-image", metavar="NAME", help="judge the gateway in this container image")
    known = "known failures in addition to the subject file's: lines of TOML as in its [known_failures]"
    group.addoption("--known-failures", type=Path, metavar="FILE", help=known)
    group.addoption("--replicas", type=int, default=3, metavar="N", help="number of replicas (default 3)")
    group.addoption("--replay", type=Path, metavar="DIR", help="judge again what this report recorded; starts nothing")
    group.addoption("--report", type=Path, metavar="DIR", help="where the report goes (default report/)")
    group.addoption(
        "--controls",
        choices=("marked", "all"),
        default="marked",
        help="against which right but unusual gateways a behaviour runs: those that it names (default), or all of them",
    )
    keep = "keep containers, networks and namespaces at the end, and print the commands to inspect and remove them"
    group.addoption("--keep", action="store_true", help=keep)


def pytest_configure(config: pytest.Config) -> None:
    """Read the subject before anything is collected, so that a mistake in its file is reported in one clear line."""
    if config.getoption("--replicas") < 2:
        raise pytest.UsageError("--replicas must be at least 2: with fewer there is nothing to balance")
    _folder_as_mark(config)
    try:
        subject = _subject(config)
        saved = SavedRun.at(config.getoption("--replay")) if config.getoption("--replay") else None
        recorded = saved.subject() if saved else None
        judged = subject or recorded or Subject.from_file(REFERENCE)
        if config.getoption("--known-failures"):
            judged = judged.with_known_failures(config.getoption("--known-failures"))
    except (SubjectFileError, SavedRunError) as error:
        raise pytest.UsageError(str(error)) from None
    config.stash[SAVED] = saved
    config.stash[SUBJECT] = judged
    config.stash[FROM_OUTSIDE] = subject is not None or (saved is not None and saved.from_outside)
    config.stash[NOT_JUDGED] = dict(saved.not_judged) if saved else {}
    config.pluginmanager.register(_Collected(), "collected")
    if config.stash[FROM_OUTSIDE]:
        # the table has it all; tracebacks through our code are in junit.xml
        config.option.tbstyle, config.option.reportchars = "no", "N"


def _subject(config: pytest.Config) -> Subject | None:
    """Return the user's subject that the options name, None if they name none. Raises SubjectFileError."""
    given = {name: config.getoption(name) for name in ("--subject", "--gateway-command", "--gateway-image")}
    named = [name for name, value in given.items() if value]
    if len(named) > 1:
        raise pytest.UsageError(f"{' and '.join(named)} are mutually exclusive: a file names the command and the image")
    if given["--subject"]:
        return Subject.from_file(given["--subject"])
    if given["--gateway-command"]:
        return Subject.from_command(given["--gateway-command"], Path.cwd())
    image = given["--gateway-image"]
    return Subject(name=image, folder=Path.cwd(), image=image) if image else None


def asked_for(environment: str, config: pytest.Config) -> bool:
    """Say whether an environment is to be started: one that was not requested is not mentioned either."""
    if config.getoption("--replay"):
        return False
    return environment == "loopback" or re.search(rf"\b{environment}\b", config.option.markexpr) is not None


def _takes_part(environment: str, config: pytest.Config) -> bool:
    saved = config.stash[SAVED]
    return environment in saved.environments if saved else asked_for(environment, config)


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """Replay in one process: it waits for nothing, and workers would take longer to start than the replay."""
    if config.getoption("--replay"):
        config.option.numprocesses, config.option.dist = 0, "no"


def _folder_as_mark(config: pytest.Config) -> None:
    """Let `pytest tests/compose` do the same as `pytest -m compose`: all behaviours, in that environment."""
    for environment in ENVIRONMENTS[1:]:
        folder = TESTS / environment
        paths = [Path(arg.partition("::")[0]).resolve() for arg in config.args]
        if asked_for(environment, config) or not all(path == folder or folder in path.parents for path in paths):
            continue
        chosen = config.option.markexpr if config.option.markexpr != _default_mark(config) else ""
        config.option.markexpr = f"{environment} and ({chosen})" if chosen else environment
        config.args[:] = [str(TESTS) if path == folder else arg for path, arg in zip(paths, config.args, strict=True)]


def _default_mark(config: pytest.Config) -> str:
    addopts = list(config.getini("addopts"))
    return str(addopts[addopts.index("-m") + 1]) if "-m" in addopts else ""


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Skip the behaviours of an environment that does not take part, and in a replay the suite's own tests."""
    for environment in ENVIRONMENTS:
        if collection_path == TESTS / environment and not _takes_part(environment, config):
            return True
    if collection_path == TESTS / "unit" and (config.stash[SAVED] or not _selects_unmarked(config)):
        return True
    return None


def _selects_unmarked(config: pytest.Config) -> bool:
    """Say whether `-m` selects tests without marks, such as the thousands of unit tests."""
    try:
        return not config.option.markexpr or Expression.compile(config.option.markexpr).evaluate(_no_mark)
    except SyntaxError:
        return True  # pytest reports it, with the position


def _no_mark(_name: str, /, **_kwargs: object) -> bool:
    return False


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each behaviour in every environment, and against each mutant it must catch."""
    if "environment" not in metafunc.fixturenames:
        return
    subject = metafunc.config.stash[SUBJECT]
    runs = []
    for name in ENVIRONMENTS:
        if not _takes_part(name, metafunc.config) or _left_to_loopback(metafunc.definition, name, metafunc.config):
            continue
        runs.append(pytest.param(Run(name), id=name, marks=getattr(pytest.mark, name)))
        if not metafunc.config.stash[FROM_OUTSIDE] and not _not_hosted(metafunc.definition, name):
            possible = [mutant for mutant in mutants_of(metafunc.definition) if name in mutant.environments]
            runs += [negative_control(name, mutant) for mutant in possible]
            if name == "loopback":
                runs += [positive_control(control) for control in controls_of(metafunc.definition, metafunc.config)]
    metafunc.parametrize("environment", runs, indirect=True, scope="session")
    for name, codes in {
        "retryable_code": subject.promises.retryable_codes,
        "other_code": subject.promises.other_codes,
    }.items():
        if name in metafunc.fixturenames:
            metafunc.parametrize(name, codes)


def _left_to_loopback(item: pytest.Item, environment: str, config: pytest.Config) -> bool:
    """Say whether it is an extended behaviour in containers, which most users do not want to wait for."""
    if environment == "loopback" or config.stash[SAVED] or item.get_closest_marker("extended") is None:
        return False
    return "extended" not in config.option.markexpr


def _not_hosted(item: pytest.Item, environment: str) -> str:
    """Return why a behaviour cannot be judged in an environment, "" if it can."""
    limits = [(mark.args, mark.kwargs["reason"]) for mark in item.iter_markers("only_in")]
    limits += [
        (hosted.environments, hosted.reason)
        for name, hosted in CAPABILITIES.items()
        if name in getattr(item, "fixturenames", ())
    ]
    return next((not_judged.not_hosted(hosts, why) for hosts, why in limits if environment not in hosts), "")


class _Collected:
    """Remembers what was collected before anything was skipped."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Keep the names of all behaviours."""
        config.stash[_COLLECTED] = {_keys(item)[0] for item in items if run_of(item)}


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip what does not apply, and mark the failures that the subject's file calls known."""
    saved = config.stash[SAVED]
    items[:] = [item for item in items if (not saved or _recorded(item, saved)) and _applies(item, config)]
    if saved:
        _note_removed_behaviours(config, saved)
    _mark_known_failures(config, items)
    items.sort(key=_instead_of_the_subject)  # which comes first, then one mutant or control after another
    if hasattr(config, "workerinput"):
        items[:] = _mixed(items)


def _mixed(items: list[pytest.Item]) -> list[pytest.Item]:
    """
    Spread the suite's own tests among the behaviours: those compute while these wait.

    They finish before the behaviours do, as whole files are handed out, and a long one at the end would be waited for.
    """
    behaviours, own = [[item for item in items if bool(run_of(item)) is which] for which in (True, False)]
    placed = [(number / len(behaviours), item) for number, item in enumerate(behaviours)]
    placed += [(0.7 * number / len(own), item) for number, item in enumerate(own)]
    return [item for _, item in sorted(placed, key=lambda pair: pair[0])]


def _recorded(item: pytest.Item, saved: SavedRun) -> bool:
    """Say whether a saved run has evidence of a behaviour, even if it could not be judged."""
    name = present_id(item.nodeid)
    return name in saved.rows or (name in saved.not_judged and saved.timeline(name) is not None)


def _note_removed_behaviours(config: pytest.Config, saved: SavedRun) -> None:
    known = config.stash[_COLLECTED] | _behaviours_of_the_suite()
    for name, row in saved.rows.items():
        if f"{row['file']}::{row['behaviour'].partition('[')[0]}" not in known:
            config.stash[NOT_JUDGED][name] = "the suite no longer has this behaviour"


def run_of(item: pytest.Item) -> Run | None:
    """Return which run of a behaviour an item is, None for a test that is not a behaviour."""
    callspec = getattr(item, "callspec", None)
    run = callspec.params.get("environment") if callspec else None
    return run if isinstance(run, Run) else None


def _instead_of_the_subject(item: pytest.Item) -> str:
    run = run_of(item)
    return run.instead if run else ""


def name_of(item: pytest.Item) -> str:
    """Return a behaviour's name without environment and mutant, but with its own parameter: "test_x[ABORTED]"."""
    return _keys(item)[-1].partition("::")[2]


def claim_of(item: pytest.Item) -> str:
    """Return the sentence that is true if the behaviour holds: the first paragraph of its docstring."""
    return inspect.cleandoc(getattr(item, "obj", item).__doc__ or "").partition("\n\n")[0].replace("\n", " ")


def _applies(item: pytest.Item, config: pytest.Config) -> bool:
    run = run_of(item)
    if run is None:
        return not config.stash[FROM_OUTSIDE]  # the suite's own tests say nothing about a user's gateway
    if run.mutant:
        parameters = item.callspec.params  # type: ignore[attr-defined]  # a Run comes from a callspec
        code = parameters.get("other_code")
        return bool(run.mutant.shows_with.get("code", code) == code)
    if run.control:
        return _judges(item, run.control, config)
    for reason in _reasons_against(item, run.environment, config.stash[SUBJECT]):
        config.stash[NOT_JUDGED][item.nodeid] = reason
        return False
    return True


def _judges(item: pytest.Item, control: Control, config: pytest.Config) -> bool:
    """Say whether a behaviour applies to a positive control: what holds for one code holds for the others."""
    reference = config.stash[SUBJECT]
    codes = item.callspec.params  # type: ignore[attr-defined]  # a Run comes from a callspec
    if codes.get("other_code", reference.promises.other_codes[-1]) != reference.promises.other_codes[-1]:
        return False
    if any(present_key(listed) in _keys(item) for listed in reference.known_failures):
        return False  # a defect of the library, which all of them share
    return not any(_reasons_against(item, "loopback", control.subject(reference)))


def _reasons_against(item: pytest.Item, environment: str, subject: Subject) -> Iterator[str]:
    yield from (reason for reason in (_not_hosted(item, environment), subject.reason_against(environment)) if reason)
    for mark in item.iter_markers("promised"):
        yield from (not_judged.not_promised(promise) for promise in mark.args if not subject.has(promise))
    for mark in item.iter_markers("feature"):
        yield from (not_judged.unsupported(feature) for feature in mark.args if feature in subject.unsupported)
    promised = {promise for mark in item.iter_markers("or_promised") for promise in mark.args}
    if subject.tier == 1 and item.get_closest_marker("gateway") and not any(map(subject.has, promised)):
        yield not_judged.BLACK_BOX


def _mark_known_failures(config: pytest.Config, items: list[pytest.Item]) -> None:
    subject = config.stash[SUBJECT]
    known = config.stash[_COLLECTED] | _behaviours_of_the_suite()
    for listed, reason in subject.known_failures.items():
        key = present_key(listed)
        if key.partition("[")[0] not in known:
            raise pytest.UsageError(f"[known_failures] {key!r} is not a behaviour{did_you_mean(key, known)}")
        for item in items:
            run = run_of(item)
            if run and not run.instead and key in _keys(item):
                item.add_marker(pytest.mark.xfail(strict=True, raises=AssertionError, reason=reason))


def _behaviours_of_the_suite() -> set[str]:
    """Return every behaviour as "file.py::test_name", whether or not this run selected it."""
    return {
        f"{file.name}::{name}"
        for file in behaviour_files()
        for name in re.findall(r"^def (test_\w+)\(", file.read_text(encoding="utf-8"), re.MULTILINE)
    }


def _keys(item: pytest.Item) -> list[str]:
    """Return the names under which [known_failures] may list a behaviour: for all parameters, or for one."""
    run = run_of(item)
    name = f"{item.path.name}::{getattr(item, 'originalname', item.name)}"
    parameters = item.name.partition("[")[2].rstrip("]")
    prefix = f"{run.environment}-{run.instead}".removesuffix("-") if run else ""
    own = parameters.removeprefix(prefix).strip("-")
    return [name, f"{name}[{own}]"] if own else [name]
