"""
What a run is about: how many behaviours apply to the subject, and which options chose among them.

Our own marks in `-m` say what kind of run it is, such as the core on loopback; anything else that chooses, `-k`, paths,
other marks, makes it a part of one, and its report names that.
"""

import re
import shlex
from collections.abc import Callable, Container, Generator, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from _pytest.mark.expression import Expression

from tests.harness.paths import TESTS
from tests.harness.plugin.applying import functions, reason_against, taken
from tests.harness.plugin.selection import (
    ENVIRONMENTS,
    LEFT_OUT,
    NOT_JUDGED,
    SAVED,
    SUBJECT,
    left_to_loopback,
    name_of,
    recorded,
    run_of,
    takes_part,
)
from tests.harness.subject.subject import Subject

APPLICABLE = pytest.StashKey[int]()
"""How many behaviours apply to the subject in the environments of this run, whether or not they are selected."""

CORRELATION = pytest.StashKey[str]()
"""How the attempts of a call are known, for a subject with its own request or service; "" until it is known."""

OURS = frozenset(
    {
        *ENVIRONMENTS,
        "extended",
        "negative_control",
        "positive_control",
        "article",
        "browser",
        "engine",
        "hostile",
        "wheel",
    }
)
"""The marks that say what kind of run it is."""

_OPERATORS = frozenset({"and", "or", "not", "True", "False", "None"})

_Key = tuple[str, str, str]
"""Of one run of a behaviour: file, name with its parameter, environment."""


def pytest_configure(config: pytest.Config) -> None:
    """Begin with nothing: in a run with workers it is they who know."""
    config.stash[APPLICABLE], config.stash[CORRELATION] = 0, ""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Count what applies before anything is deselected."""
    found = set(_collected(config, items))
    if found and _paths(config) and not config.stash[SAVED]:
        found.update(_everything(config))
    config.stash[APPLICABLE] = len(found)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, Any]:
    """Send the counts to the controller with the first report: a worker that is killed sends nothing at its end."""
    report = yield
    if hasattr(item.config, "workerinput") and _TOLD not in item.config.stash:
        item.config.stash[_TOLD] = True
        report.extent = told(item.config)
    return report


_TOLD = pytest.StashKey[bool]()


def told(config: pytest.Config) -> dict[str, Any]:
    """Return what a worker knows and its controller does not."""
    return {name: config.stash[key] for name, key in _SENT.items()}


def hear(config: pytest.Config, sent: dict[str, Any]) -> None:
    """Take over what a worker sent; all of them collect the same."""
    config.stash[APPLICABLE], config.stash[LEFT_OUT] = sent["applicable"], sent["left_out"]
    config.stash[CORRELATION] = config.stash[CORRELATION] or sent["correlation"]
    for name, reason in sent["not_judged"].items():
        config.stash[NOT_JUDGED].setdefault(name, reason)


_SENT: dict[str, pytest.StashKey[Any]] = {
    "applicable": APPLICABLE,
    "left_out": LEFT_OUT,
    "not_judged": NOT_JUDGED,
    "correlation": CORRELATION,
}


def selection(config: pytest.Config) -> tuple[str, ...]:
    """Return the options that chose among the behaviours that apply."""
    option, saved = config.option, config.stash[SAVED]
    marks = option.markexpr if _marks(option.markexpr) - OURS else ""
    given = [f"{name} {shlex.quote(text)}" for name, text in (("-k", option.keyword), ("-m", marks)) if text]
    for name in ("deselect", "ignore", "ignore_glob"):
        given += [f"--{name.replace('_', '-')}={text}" for text in getattr(option, name, None) or ()]
    given += [words for name, words in _FLAGS.items() if getattr(option, name, False)]
    earlier = saved.document.get("selection", ()) if saved else ()
    return tuple(dict.fromkeys([*map(str, earlier), *given, *_paths(config)]))


_FLAGS = {"lf": "--last-failed", "stepwise": "--stepwise"}


def _marks(expression: str) -> set[str]:
    """Return the names in an expression for `-m`."""
    return set(re.findall(r"[A-Za-z_]\w*", expression)) - _OPERATORS


def _paths(config: pytest.Config) -> list[str]:
    """Return the paths that were given, none if one of them holds all tests."""
    paths = [Path(arg.partition("::")[0]).resolve() for arg in config.args]
    return [] if {TESTS, config.rootpath} & set(paths) else list(config.args)


def _belongs(config: pytest.Config, names: Container[str]) -> bool:
    """Say whether what has these marks belongs to this kind of run."""
    expression = config.option.markexpr
    if not expression or _marks(expression) - OURS:
        return True

    def _has(name: str, /, **_kwargs: object) -> bool:
        return name in names

    return Expression.compile(expression).evaluate(_has)


def _collected(config: pytest.Config, items: Sequence[pytest.Item]) -> Iterator[_Key]:
    """Yield the behaviours that were collected, apply to the subject and belong to this kind of run."""
    saved, subject = config.stash[SAVED], config.stash[SUBJECT]
    for item in items:
        run = run_of(item)
        if run is None or run.instead or (saved and not recorded(item, saved)):
            continue
        applies = not reason_against(item.iter_markers(), taken(item), run.environment, subject)
        if applies and _belongs(config, {mark.name for mark in item.iter_markers()}):
            yield item.path.name, name_of(item), run.environment


def _everything(config: pytest.Config) -> Iterator[_Key]:
    """Yield the same of the whole suite, of which the given paths collect a part."""
    for environment in ENVIRONMENTS:
        if takes_part(environment, config):
            yield from everything(config.stash[SUBJECT], environment, partial(_is_wanted, config, environment))


def _is_wanted(config: pytest.Config, environment: str, names: Container[str]) -> bool:
    return _belongs(config, names) and not left_to_loopback(names, environment, config)


def everything(subject: Subject, environment: str, wanted: Callable[[Container[str]], bool]) -> Iterator[_Key]:
    """Yield the behaviours of the suite that apply to a subject in an environment, if the names of their marks do."""
    for function in functions():
        takes = function.takes
        for name, marks in function.cases(subject):
            names = {environment, *(mark.name for mark in marks)}
            if wanted(names) and not reason_against(marks, takes, environment, subject):
                yield function.file.name, name, environment
