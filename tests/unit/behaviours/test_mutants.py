"""The negative controls as a whole: each mutant is met, each behaviour can fail, each mutant is wrong in one way."""

import dataclasses
import importlib
import inspect
import json
import re
from collections.abc import Iterator
from types import FunctionType, SimpleNamespace
from typing import Any, cast

import pytest

from services.gateway.channel import SERVICE_CONFIG
from tests.behaviours.gateways import makers
from tests.harness.paths import REFERENCE_DOCS
from tests.harness.plugin.selection import REFERENCE
from tests.harness.subject.features import FEATURES
from tests.harness.subject.mutant import GATEWAYS, Mutant
from tests.harness.subject.subject import Subject
from tests.harness.themes import behaviour_files, module_name, mutants
from tests.harness.world.environment import Environment

MODULES = [module_name(file) for file in behaviour_files()]


def _behaviours() -> dict[str, FunctionType]:
    return {
        f"{module}::{name}": value
        for module in MODULES
        for name, value in vars(importlib.import_module(module)).items()
        if name.startswith("test_") and isinstance(value, FunctionType)
    }


BEHAVIOURS = _behaviours()
CONFIGURED = [mutant for mutant in mutants() if "GRPC_SERVICE_CONFIG" in mutant.variables]


def _marks(behaviour: FunctionType, name: str) -> list[pytest.Mark]:
    return [mark for mark in getattr(behaviour, "pytestmark", []) if mark.name == name]


def _caught(behaviour: FunctionType) -> list[Mutant]:
    return [mutant for mark in _marks(behaviour, "catches") for mutant in mark.args]


def _differences(left: Any, right: Any, path: str = "") -> Iterator[str]:  # noqa: ANN401, any JSON
    """Yield the places in which two JSON values differ: the smallest part of each that does not agree."""
    if isinstance(left, dict) and isinstance(right, dict):
        gone, new = sorted(left.keys() - right.keys()), sorted(right.keys() - left.keys())
        renamed = len(gone) == len(new) == 1 and left[gone[0]] == right[new[0]]
        yield from [f"{path}.{gone[0]}"] if renamed else [f"{path}.{key}" for key in [*gone, *new]]
        for key in sorted(left.keys() & right.keys()):
            yield from _differences(left[key], right[key], f"{path}.{key}")
    elif isinstance(left, list) and isinstance(right, list) and len(left) == len(right):
        for number, pair in enumerate(zip(left, right, strict=True)):
            yield from _differences(*pair, f"{path}[{number}]")
    elif left != right:
        yield path


def test_there_are_behaviours_and_mutants() -> None:
    """The other tests here are about something."""
    assert len(BEHAVIOURS) > 30
    assert len(mutants()) > 30


@pytest.mark.parametrize("mutant", mutants(), ids=lambda mutant: mutant.name)
def test_each_mutant_is_named_by_a_behaviour(mutant: Mutant) -> None:
    """At least one behaviour says that it catches the mutant."""
    assert [name for name, behaviour in BEHAVIOURS.items() if mutant in _caught(behaviour)] != []


@pytest.mark.parametrize("name", BEHAVIOURS)
def test_each_behaviour_names_a_mutant_that_is_listed(name: str) -> None:
    """A behaviour says which mutants it catches, at least one, each once and each among all mutants."""
    caught = _caught(BEHAVIOURS[name])

    assert caught
    assert [mutant.name for mutant in caught if mutant not in mutants()] == []
    assert len(caught) == len({mutant.name for mutant in caught})


@pytest.mark.parametrize("name", BEHAVIOURS)
def test_each_behaviour_says_what_it_claims_and_where_that_is_written(name: str) -> None:
    """A behaviour has a docstring that is one sentence, at least one id of the catalogue, and a source."""
    (claims,) = _marks(BEHAVIOURS[name], "claims")
    sentence = (BEHAVIOURS[name].__doc__ or "").strip().partition("\n\n")[0]

    assert sentence.endswith(".")
    assert claims.args
    assert all(isinstance(one, str) and one for one in claims.args)
    assert claims.kwargs.keys() == {"source"}
    assert claims.kwargs["source"]


def test_each_feature_that_a_behaviour_needs_can_be_called_unsupported() -> None:
    """What behaviours are marked with is what subject files may name, and stands in the contract's table."""
    sources = [inspect.getsource(importlib.import_module(module)) for module in MODULES]
    needed = {name for source in sources for name in re.findall(r'mark\.feature\("([^"]+)"\)', source)}
    contract = (REFERENCE_DOCS / "contract.md").read_text(encoding="utf-8")

    needed |= {"tls" for source in sources if re.search(r"mark\.over_tls\(", source)}

    assert needed == set(FEATURES)
    assert [feature for feature in FEATURES if f"| `{feature}` |" not in contract] == []


def test_the_names_of_mutants_are_unique() -> None:
    """A name stands for one mutant; what is wrong with it is said once."""
    assert len({mutant.name for mutant in mutants()}) == len(mutants())
    assert len({mutant.wrong for mutant in mutants()}) == len(mutants())


def test_every_gateway_of_its_own_is_used_and_exists() -> None:
    """The gateways that mutants name are exactly those that there are, and each has one mutant."""
    named = [mutant.gateway for mutant in mutants() if mutant.gateway and not mutant.through]

    assert sorted(named) == sorted(makers())


@pytest.mark.parametrize("mutant", mutants(), ids=lambda mutant: mutant.name)
def test_each_mutant_is_wrong_in_one_way(mutant: Mutant) -> None:
    """A mutant has another gateway, other variables, other replicas or another world, and only one of these."""
    ways = [bool(mutant.gateway), bool(mutant.variables), bool(mutant.replicas), mutant.target != "all"]

    assert ways.count(True) == 1


@pytest.mark.parametrize("mutant", CONFIGURED, ids=lambda mutant: mutant.name)
def test_a_service_config_differs_from_the_one_asked_for_in_one_place(mutant: Mutant) -> None:
    """Against the config that its behaviours ask for exactly one part is gone, renamed or changed."""
    config = json.loads(mutant.variables["GRPC_SERVICE_CONFIG"])

    assert len(list(_differences(mutant.base, config))) == 1


def test_making_mutants_left_the_references_config_alone() -> None:
    """The config that the reference gateway ships with is still the one that its promises describe."""
    (method,) = SERVICE_CONFIG["methodConfig"]
    promises = Subject.from_file(REFERENCE).promises

    assert SERVICE_CONFIG["loadBalancingConfig"] == [{"round_robin": {}}]
    assert tuple(method["retryPolicy"]["retryableStatusCodes"]) == promises.retryable_codes
    assert method["retryPolicy"]["maxAttempts"] == promises.max_attempts
    assert method["retryPolicy"]["initialBackoff"] == f"{promises.initial_backoff}s"


@pytest.mark.parametrize("mutant", mutants(), ids=lambda mutant: mutant.name)
def test_what_runs_for_a_mutant_is_the_reference_but_for_its_one_change(mutant: Mutant) -> None:
    """The variant has the reference's promises and folder, the mutant's name, and its command or variables."""
    reference = Subject.from_file(REFERENCE)
    variant = mutant.variant(reference)
    command = (*(mutant.through or GATEWAYS), mutant.gateway or "right")

    assert variant.subject.name == mutant.name
    assert variant.subject.command == (command if mutant.gateway or mutant.through else reference.command)
    assert variant.subject.environment == {**reference.environment, **mutant.variables}
    assert (variant.subject.promises, variant.subject.folder) == (reference.promises, reference.folder)
    assert (variant.target, variant.replica_variables, variant.variables) == (
        mutant.target,
        mutant.replicas,
        mutant.variables,
    )


def test_a_behaviours_variables_replace_the_subjects_and_a_mutants_replace_both() -> None:
    """A gateway is judged with what a behaviour asks for, unless that is what is wrong with it."""
    reference = dataclasses.replace(
        Subject.from_file(REFERENCE), environment={"CALL_TIMEOUT_MS": "1", "KEEPALIVE_TIME_MS": "1", "LANG": "C"}
    )
    mutant = Mutant("late", "calls have another deadline", variables={"CALL_TIMEOUT_MS": "3"})
    asked = {"CALL_TIMEOUT_MS": "2", "KEEPALIVE_TIME_MS": "2"}
    variant = mutant.variant(reference)
    started = Environment._variables_of_gateway(
        cast("Environment", SimpleNamespace(variant=variant, gateway_variables=asked)),
        {"ORDER_SERVICE_TARGET": "dns:///a", "LANG": "D"},
        variant.subject,
    )

    assert started == {
        "ORDER_SERVICE_TARGET": "dns:///a",
        "LANG": "C",
        "KEEPALIVE_TIME_MS": "2",
        "CALL_TIMEOUT_MS": "3",
    }


@pytest.mark.parametrize("mutant", [one for one in mutants() if one.shows_with], ids=lambda mutant: mutant.name)
def test_a_mutant_that_shows_with_one_code_retries_that_code(mutant: Mutant) -> None:
    """The code under which a mutant can be seen is the one that its config adds to the retryable ones."""
    (method,) = json.loads(mutant.variables["GRPC_SERVICE_CONFIG"])["methodConfig"]

    assert method["retryPolicy"]["retryableStatusCodes"] == ["UNAVAILABLE", mutant.shows_with["code"]]
