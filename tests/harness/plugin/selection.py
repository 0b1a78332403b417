"""
What is collected: each behaviour in each environment, against each mutant it must catch, and each control it acquits.

A behaviour that does not apply to the subject is not collected; the report lists which and why. The marks are described
in pyproject.toml (`pytest --markers`). An environment other than loopback takes part if `-m` names it, or if the given
paths are in its folder.
"""

import argparse
import inspect
import re
from collections.abc import Container
from pathlib import Path

import pytest
from _pytest.mark.expression import Expression

from tests.harness.evidence.renamed import present_id, present_key
from tests.harness.evidence.report_folder import SavedRun, SavedRunError
from tests.harness.paths import ROOT, TESTS
from tests.harness.plugin.applying import codes_for, not_hosted, reason_against, taken
from tests.harness.plugin.long_waits import longest_first
from tests.harness.plugin.runs import (
    Run,
    controls_of,
    mutants_of,
    negative_control,
    positive_control,
    stand_in_named,
)
from tests.harness.subject.control import Control
from tests.harness.subject.mutant import Mutant
from tests.harness.subject.not_judged import REMOVED
from tests.harness.subject.subject import Subject
from tests.harness.subject.tables import SubjectFileError
from tests.harness.themes import behaviour_files

REFERENCE = ROOT / "services" / "gateway" / "subject.toml"

ENVIRONMENTS = ("loopback", "compose", "kind")
"""Each has a marker, a folder with its driver, and a session fixture of that name."""

SUBJECT = pytest.StashKey[Subject]()
STAND_IN = pytest.StashKey[Mutant | Control | None]()
"""What is judged in place of the subject, and in every respect like one: in runs for the dictionary and of twins."""

SAVED = pytest.StashKey[SavedRun | None]()
"""The run that is replayed, if any: its behaviours are judged again, and no environment is started."""

NOT_JUDGED = pytest.StashKey[dict[str, str]]()
LEFT_OUT = pytest.StashKey[bool]()
"""Whether something was selected that does not apply to the subject."""

FROM_OUTSIDE = pytest.StashKey[bool]()
COLLECTED = pytest.StashKey[set[str]]()
"""The behaviours that were collected, "file.py::test_name" and each "[case]", before anything was skipped."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of the suite."""
    group = parser.getgroup("conformance", "what is judged")
    group.addoption("--subject", type=Path, metavar="FILE", help="judge the gateway that this file describes")
    group.addoption("--gateway-command", metavar="CMD", help="judge the gateway that this command starts")
    group.addoption("--gateway-image", metavar="NAME", help="judge the gateway in this container image")
    passed = "comma-separated: variables of this shell that the gateway gets although they look secret, or are a CI's"
    group.addoption("--pass-variables", metavar="NAMES", default="", help=passed)
    known = "known failures in addition to the subject file's: lines of TOML as in its [known_failures]"
    group.addoption("--known-failures", type=Path, metavar="FILE", help=known)
    group.addoption("--replicas", type=int, default=3, metavar="N", help="number of replicas (default 3)")
    seed = "another number has the faults hit other replicas (default 0)"
    group.addoption("--seed", type=int, default=0, metavar="N", help=seed)
    group.addoption("--replay", type=Path, metavar="DIR", help="judge again what this report recorded; starts nothing")
    group.addoption("--report", type=Path, metavar="DIR", help="where the report goes (default report/)")
    group.addoption(
        "--controls",
        choices=("marked", "all"),
        default="marked",
        help="against which right but unusual gateways a behaviour runs: those that it names (default), or all of them",
    )
    # for the fault dictionary and its twins: a mutant, or a right but unusual gateway, is judged as any subject is
    group.addoption("--stand-in", metavar="NAME", default="", help=argparse.SUPPRESS)
    keep = "keep containers, networks and namespaces at the end, and print the commands to inspect and remove them"
    group.addoption("--keep", action="store_true", help=keep)


def pytest_configure(config: pytest.Config) -> None:
    """Read the subject before anything is collected, so that a mistake in its file is reported in one clear line."""
    if config.getoption("--replicas") < 2:
        raise pytest.UsageError("--replicas must be at least 2: with fewer there is nothing to balance")
    _folder_as_mark(config)
    try:
        subject = subject_given(config)
        saved = SavedRun.at(config.getoption("--replay")) if config.getoption("--replay") else None
        recorded = saved.subject() if saved else None
        judged = (subject or recorded or Subject.from_file(REFERENCE)).given(config.getoption("--pass-variables"))
        if config.getoption("--known-failures"):
            judged = judged.with_known_failures(config.getoption("--known-failures"))
    except (SubjectFileError, SavedRunError) as error:
        raise pytest.UsageError(str(error)) from None
    config.stash[STAND_IN] = stand_in = stand_in_named(config.getoption("--stand-in"))
    config.stash[SAVED] = saved
    config.stash[SUBJECT] = stand_in.variant(judged).subject if stand_in else judged
    config.stash[FROM_OUTSIDE] = bool(stand_in or subject) or (saved is not None and saved.from_outside)
    config.stash[NOT_JUDGED] = dict(saved.not_judged) if saved else {}
    config.stash[LEFT_OUT] = False
    config.pluginmanager.register(_Collected(), "collected")
    if config.stash[FROM_OUTSIDE]:
        # the table has it all; tracebacks through our code are in junit.xml
        config.option.tbstyle, config.option.reportchars = "no", "N"


def subject_given(config: pytest.Config) -> Subject | None:
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


def takes_part(environment: str, config: pytest.Config) -> bool:
    """Say whether behaviours are judged in an environment, in a replay too."""
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
        if collection_path == TESTS / environment and not takes_part(environment, config):
            return True
    if collection_path == TESTS / "unit" and (config.stash[SAVED] or not selects_unmarked(config)):
        return True
    return None


def selects_unmarked(config: pytest.Config) -> bool:
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
    subject, takes = metafunc.config.stash[SUBJECT], taken(metafunc.definition)
    marks = {mark.name for mark in metafunc.definition.iter_markers()}
    runs = []
    for name in ENVIRONMENTS:
        if not takes_part(name, metafunc.config) or left_to_loopback(marks, name, metafunc.config):
            continue
        judged = Run(name, stand_in=metafunc.config.stash[STAND_IN])
        runs.append(pytest.param(judged, id=name, marks=getattr(pytest.mark, name)))
        hosted = not not_hosted(metafunc.definition.iter_markers(), takes, name)
        if hosted and not metafunc.config.stash[FROM_OUTSIDE]:
            possible = [mutant for mutant in mutants_of(metafunc.definition) if name in mutant.environments]
            runs += [negative_control(name, mutant) for mutant in possible]
            if name == "loopback":
                runs += [positive_control(control) for control in controls_of(metafunc.definition, metafunc.config)]
    metafunc.parametrize("environment", runs, indirect=True, scope="session")
    for name, codes in codes_for(takes, subject).items():
        metafunc.parametrize(name, codes)


def left_to_loopback(marks: Container[str], environment: str, config: pytest.Config) -> bool:
    """Say whether it is an extended behaviour in containers, which most users do not want to wait for."""
    if environment == "loopback" or config.stash[SAVED] or "extended" not in marks:
        return False
    return "extended" not in config.option.markexpr


def _a_case_left_to_loopback(item: pytest.Item, config: pytest.Config) -> bool:
    """Say whether it is an extended case, in containers, of a behaviour that is not."""
    run = run_of(item)
    return run is not None and left_to_loopback({mark.name for mark in item.iter_markers()}, run.environment, config)


class _Collected:
    """Remembers what was collected before anything was skipped."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Keep the names of all behaviours and of their cases."""
        config.stash[COLLECTED] = {key for item in items if run_of(item) for key in keys_of(item)}


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip what does not apply."""
    saved = config.stash[SAVED]
    taking_part = [item for item in items if not _a_case_left_to_loopback(item, config)]
    chosen = [(item, _applies(item, config)) for item in taking_part if not saved or recorded(item, saved)]
    items[:] = [item for item, applies in chosen if applies]
    config.stash[LEFT_OUT] = any(
        not applies and (run := run_of(item)) is not None and not run.instead for item, applies in chosen
    )
    if saved:
        _note_removed_behaviours(config, saved)
    items.sort(key=_instead_of_the_subject)  # which comes first, then one mutant or control after another
    items[:] = longest_first(items, config.stash[SUBJECT].promises)
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


def recorded(item: pytest.Item, saved: SavedRun) -> bool:
    """Say whether a saved run has evidence of a behaviour, even if it could not be judged."""
    name = present_id(item.nodeid)
    return name in saved.rows or (name in saved.not_judged and saved.timeline(name) != "")


def _note_removed_behaviours(config: pytest.Config, saved: SavedRun) -> None:
    known = config.stash[COLLECTED] | behaviours_of_the_suite()
    for name, row in saved.rows.items():
        if f"{row['file']}::{row['behaviour'].partition('[')[0]}" not in known:
            config.stash[NOT_JUDGED][name] = REMOVED


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
    return keys_of(item)[-1].partition("::")[2]


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
    reason = reason_against(item.iter_markers(), taken(item), run.environment, config.stash[SUBJECT])
    if reason:
        config.stash[NOT_JUDGED][item.nodeid] = reason
    return not reason


def _judges(item: pytest.Item, control: Control, config: pytest.Config) -> bool:
    """Say whether a behaviour applies to a positive control: what holds for one code holds for the others."""
    reference = config.stash[SUBJECT]
    codes = item.callspec.params  # type: ignore[attr-defined]  # a Run comes from a callspec
    if codes.get("other_code", reference.promises.other_codes[-1]) != reference.promises.other_codes[-1]:
        return False
    shared = [key for row in reference.library_properties for key in row.behaviours]
    if any(present_key(listed) in keys_of(item) for listed in (*reference.known_failures, *shared)):
        return False  # a defect of the library, which all of them share
    return not reason_against(item.iter_markers(), taken(item), "loopback", control.subject(reference))


def behaviours_of_the_suite() -> set[str]:
    """Return every behaviour as "file.py::test_name", whether or not this run selected it."""
    return {
        f"{file.name}::{name}"
        for file in behaviour_files()
        for name in re.findall(r"^def (test_\w+)\(", file.read_text(encoding="utf-8"), re.MULTILINE)
    }


def keys_of(item: pytest.Item) -> list[str]:
    """Return the names under which [known_failures] may list a behaviour: for all parameters, or for one."""
    run = run_of(item)
    name = f"{item.path.name}::{getattr(item, 'originalname', item.name)}"
    parameters = item.name.partition("[")[2].rstrip("]")
    prefix = f"{run.environment}-{run.instead}".removesuffix("-") if run else ""
    own = parameters.removeprefix(prefix).strip("-")
    return [name, f"{name}[{own}]"] if own else [name]
