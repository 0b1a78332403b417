"""What the rows and columns of the fault dictionary are: which belong to it, and a digest of the definition of each."""

import ast
import hashlib
import inspect
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from functools import cache

from services.gateway.channel import SERVICE_CONFIG
from tests.behaviours.gateways import makers
from tests.behaviours.unusual import builders
from tests.harness.diagnosis.dictionary import REFERENCE, behaviour_of
from tests.harness.plugin.applying import functions
from tests.harness.plugin.selected import everything
from tests.harness.plugin.selection import REFERENCE as SUBJECT_FILE
from tests.harness.subject.control import Control
from tests.harness.subject.mutant import Mutant
from tests.harness.subject.subject import Subject
from tests.harness.themes import controls, mutants

LENGTH = 8
"""Hexadecimal digits of a digest."""

SAYS_NOTHING = {"claims", "catches", "acquits", "explained_by", "waits"}
"""The marks of a behaviour that do not change what it does."""


def is_measured(mutant: Mutant) -> bool:
    """
    Say whether a mutant has a row.

    One that changes a service config other than the reference gateway's is wrong only for the behaviours that request
    that config, and its row would show what the config does; what catches it is all that is known of it.
    """
    return mutant.base == SERVICE_CONFIG or "GRPC_SERVICE_CONFIG" not in mutant.variables


@cache
def mutants_in(environment: str) -> Sequence[Mutant]:
    """Return the mutants that exist in an environment."""
    return [mutant for mutant in mutants() if environment in mutant.environments]


@cache
def rows_now(environment: str) -> Mapping[str, str]:
    """Return the digest of everything that has a row, by its name."""
    found: dict[str, Mutant | Control] = {one.name: one for one in mutants_in(environment) if is_measured(one)}
    if environment == "loopback":
        found |= {control.name: control for control in controls()}
    return {
        REFERENCE: _digest(SUBJECT_FILE.read_text(encoding="utf-8")),
        **{name: _row(one) for name, one in found.items()},
    }


def _row(one: Mutant | Control) -> str:
    definition = [(member.name, getattr(one, member.name)) for member in fields(one)]
    made: Mapping[str, Callable[..., object]] = makers() if isinstance(one, Mutant) else builders()
    source = inspect.getsource(made[one.gateway]) if one.gateway in made else ""
    return _digest(f"{definition}{source}")


@cache
def behaviours_now() -> Mapping[str, str]:
    """Return the digest of every behaviour, by its file and name."""
    return {f"{found.file.name}::{found.behaviour.__name__}": _behaviour(found.behaviour) for found in functions()}


def _behaviour(behaviour: Callable[..., None]) -> str:
    """Return the digest of what a behaviour does: not of its docstring, its comments, and marks that say nothing."""
    (function,) = ast.parse(textwrap.dedent(inspect.getsource(behaviour))).body
    assert isinstance(function, ast.FunctionDef)
    function.decorator_list = [mark for mark in function.decorator_list if _name(mark) not in SAYS_NOTHING]
    function.name = ""  # it is known by that already
    if ast.get_docstring(function) is not None:
        function.body = function.body[1:]
    return _digest(ast.dump(function))


def _name(mark: ast.expr) -> str:
    named = mark.func if isinstance(mark, ast.Call) else mark
    return named.attr if isinstance(named, ast.Attribute) else getattr(named, "id", "")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:LENGTH]


@cache
def catches_now(environment: str) -> Mapping[str, Sequence[str]]:
    """Return for each mutant the behaviours that declare to catch it, "[CODE]" appended where only that case does."""
    found: dict[str, list[str]] = {mutant.name: [] for mutant in mutants_in(environment)}
    for function in functions():
        for mark in function.marks:
            for mutant in mark.args if mark.name == "catches" else ():
                found.get(mutant.name, []).append(_column(function.file.name, function.behaviour.__name__, mutant))
    return {name: tuple(sorted(columns)) for name, columns in found.items()}


def _column(file: str, name: str, mutant: Mutant) -> str:
    code = mutant.shows_with.get("code", "")
    return f"{file}::{name}[{code}]" if code else f"{file}::{name}"


@cache
def core_of(row: str, environment: str) -> Sequence[str]:
    """Return the columns of the core that are judged for a row."""
    judged = everything(_subject(row, environment), environment, lambda names: "extended" not in names)
    return [f"{file}::{name}" for file, name, _ in judged]


@cache
def caught_by_core(environment: str) -> frozenset[str]:
    """Return the mutants that a behaviour of the core declares to catch."""
    core = set(map(behaviour_of, core_of(REFERENCE, environment)))
    declared = catches_now(environment).items()
    return frozenset(name for name, columns in declared if core & set(map(behaviour_of, columns)))


def _subject(row: str, environment: str) -> Subject:
    reference = Subject.from_file(SUBJECT_FILE)
    every: list[Mutant | Control] = [*mutants_in(environment), *controls()]
    return next((one.variant(reference).subject for one in every if one.name == row), reference)
