"""How a cause is found and reported: the rules in their order, the settings, the common causes of a run."""

import ast
from dataclasses import replace
from pathlib import Path
from typing import cast, get_type_hints

import pytest

from tests.behaviours.distribution.mutants import LYING, PICK_FIRST
from tests.behaviours.mutants import FROZEN_LIST, SLOW_RESOLUTION
from tests.harness.causes import rules
from tests.harness.causes.case import Case, Finding
from tests.harness.causes.explain import explain, unexplained
from tests.harness.causes.rules import Rule, general, general_rules, ranked
from tests.harness.causes.settings import ANY, CAUSES, FOREIGN, LANGUAGES, Setting, language_key, read, remedy
from tests.harness.commands.catalogue import behaviours
from tests.harness.paths import TESTS
from tests.harness.report.result import Result
from tests.harness.report.summary import common_causes
from tests.harness.themes import modules, mutants, own_functions
from tests.harness.world.verdict import Verdict
from tests.unit.helpers.story import Story, in_turn


def story_of_pick_first() -> Story:
    """Return thirty calls on one replica of three that are known."""
    return Story().asked(0.4).calls(1.1, *["a"] * 30)


def _named() -> set[str]:
    """Return every cause that a rule, or a check of every behaviour, names, by its source."""
    texts: set[str] = set()
    rules = [Path(str(module.__file__)) for module in modules("causes")]
    for file in (*rules, *(TESTS / "harness" / "checks").glob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                texts.add(node.value)
    return texts


# The data


def test_each_cause_is_named_by_a_rule_and_has_settings() -> None:
    """No cause is in the list without a rule that can name it, or without a fix."""
    assert set(CAUSES) - _named() == set()
    assert [name for name, cause in CAUSES.items() if not cause.settings] == []


def test_each_setting_has_its_source_and_a_known_language() -> None:
    """A setting without a source is not taken over."""
    settings = [(key, one) for cause in CAUSES.values() for key, one in cause.settings.items()]

    assert {key for key, _ in settings} <= set(LANGUAGES)
    assert [one for _, one in settings if not one.text or not one.source] == []


def test_each_cause_has_a_fix_in_each_language_of_the_suite() -> None:
    """Where a cause has no setting for all languages, the five with a full gRPC library have one each."""
    libraries = {"go", "java", "node", "c_core", "dotnet"}
    exceptions = {"hedged": {"go", "c_core"}}  # they have no hedging
    lacking = {name: libraries - set(cause.settings) for name, cause in CAUSES.items() if ANY not in cause.settings}

    assert {name: missing for name, missing in lacking.items() if missing} == exceptions


def test_a_cause_whose_settings_are_not_there_is_refused(tmp_path: Path) -> None:
    """A misspelt group is an error immediately, as is a setting without a source."""
    file = tmp_path / "causes.toml"
    file.write_text('[causes.x]\ntext = "x"\nsettings = "y"\n[settings.z]\nany = ["set", "source"]\n', encoding="utf-8")
    with pytest.raises(KeyError):
        read([file])
    file.write_text('[causes.x]\ntext = "x"\nsettings = "z"\n[settings.z]\nany = ["set"]\n', encoding="utf-8")
    with pytest.raises(TypeError):
        read([file])


def test_a_second_cause_of_one_name_is_refused(tmp_path: Path) -> None:
    """Which of them counted would depend on the order of the files."""
    files = [tmp_path / "one.toml", tmp_path / "other.toml"]
    for file in files:
        file.write_text(
            f'[causes.x]\ntext = "x"\nsettings = "{file.stem}"\n[settings.{file.stem}]\nany = ["set", "source"]\n',
            encoding="utf-8",
        )

    with pytest.raises(ValueError, match="causes defined twice: x"):
        read(files)


@pytest.mark.parametrize(
    ("language", "key"),
    [
        ("Go", "go"),
        ("golang", "go"),
        ("Kotlin", "java"),
        ("TypeScript", "node"),
        ("python", "c_core"),
        ("C#", "dotnet"),
    ],
)
def test_a_language_is_known_by_its_names(language: str, key: str) -> None:
    """What a subject file calls its language leads to a library."""
    assert language_key(language) == key


def test_a_known_language_gets_its_own_setting() -> None:
    """A Go gateway gets what to write in Go, without the others."""
    (line,) = remedy(CAUSES["pick_first"], "go")

    assert "WithDefaultServiceConfig" in line


def test_an_unknown_language_gets_all_settings() -> None:
    """If the language is not known, each line names its language."""
    lines = remedy(CAUSES["pick_first"], "")

    assert [line.partition(":")[0] for line in lines] == [name for key, name in LANGUAGES.items() if key != ANY]


def test_a_language_without_its_own_setting_gets_the_general_one() -> None:
    """What holds for every language is enough."""
    (line,) = remedy(CAUSES["called_twice"], "java")

    assert line == CAUSES["called_twice"].settings[ANY].text
    assert remedy(replace(CAUSES["hedged"], settings={"java": Setting("it", "there")}), "go") == ["Java: it"]


@pytest.mark.parametrize("language", ["dart", "other", "none"])
def test_a_language_that_is_none_of_ours_gets_settings_that_are_named_as_grpcs_own(language: str) -> None:
    """A proxy, or a client without a gRPC library of the table, has the setting under another name."""
    first, *others = remedy(CAUSES["pick_first"], language)

    assert first.startswith(f"{FOREIGN}Go: ")
    assert not any(line.startswith(FOREIGN) for line in others)


# The rules


def _rules() -> set[Rule]:
    """Return every rule that there is: the public functions of the themes' causes that take a case."""
    functions = [function for module in modules("causes") for _, function in own_functions(module)]
    return {cast("Rule", each) for each in functions if get_type_hints(each) == get_type_hints(_nothing)}


def test_each_rule_is_named_by_a_behaviour_or_is_general() -> None:
    """A rule that no one names finds no cause, and what a behaviour names is a rule."""
    asked = {rule for behaviour in behaviours() for rule in behaviour.rules}

    assert {f"{rule.__module__}.{rule.__name__}" for rule in _rules() - asked - set(ranked().values())} == set()
    assert asked <= _rules()


def test_two_general_rules_of_one_rank_are_refused() -> None:
    """Which of them came first would be chance."""
    taken = next(iter(ranked()))
    try:
        general(taken)(_nothing)
        ranked.cache_clear()
        with pytest.raises(ValueError, match="two general rules have one rank"):
            ranked()
    finally:
        rules._ranks.pop(_nothing)
        ranked.cache_clear()


def _nothing(case: Case) -> Finding | None:  # noqa: ARG001, a rule takes one
    """Find nothing."""
    return None


def test_a_gateway_without_any_service_config_gets_each_cause_where_it_matters() -> None:
    """Neither policy nor retries: a retry's failure is the retry policy's, a distribution's the policy's."""
    story = story_of_pick_first()
    assert explain(story.case(), "go").suspects == ("pick_first",)

    story = Story().asked(0.4)
    for number in range(6):
        story.call(1.1 + number, "a:UNAVAILABLE", code="UNAVAILABLE", plan="UNAVAILABLE")
    assert explain(story.case(), "go").suspects == ("no_retry_policy",)


def test_what_another_policy_does_rightly_is_not_a_cause() -> None:
    """Thirty calls on one replica are what pick_first promises, so the missing policy is not named."""
    story = Story(gateway_variables={"GRPC_SERVICE_CONFIG": "{}"}).asked(0.4).calls(1.1, *["a"] * 30)

    assert explain(story.case(), "Go").suspects == ()
    assert set(general_rules("pick_first")) < set(general_rules("round_robin"))


def test_an_explanation_states_what_why_and_how_sure() -> None:
    """Sentence with numbers, cause, setting and sureness."""
    story = story_of_pick_first()
    for number in range(16):
        story.call(2.0 + number, "a", caller=number)
    found = explain(story.case(), "Go")

    assert found.suspects == ("pick_first",)
    assert found.seen.startswith("46 of 46 attempts went to a, over 1 connection")
    assert found.cause == CAUSES["pick_first"].text
    assert found.remedy == CAUSES["pick_first"].settings["go"].text
    assert found.sureness.startswith("certain: ")


def test_what_the_evidence_leaves_open_is_reported_with_what_would_decide() -> None:
    """Two causes stand side by side, each with its setting."""
    found = explain(Story(names_ours=False).calls(1.1, *["a"] * 30).case(), "go")

    assert found.suspects == ("pick_first", "one_address")
    assert f"{CAUSES['pick_first'].text} Or: {CAUSES['one_address'].text}" == found.cause
    assert found.sureness.startswith("undecided; what would decide: what the name resolves to")
    assert [line.partition(":")[0] for line in found.remedy.splitlines()] == ["if pick first", "if one address"]


def test_where_no_rule_fires_the_facts_are_reported() -> None:
    """No cause is made up: what was seen stands alone."""
    found = explain(Story().asked(0.4).calls(1.1, *in_turn(9)).case(), "go")

    assert (found.suspects, found.cause, found.remedy) == ((), "not known", "")
    assert found.seen == "9 calls, 0 failed; 9 attempts spread 3/3/3 over 3 connections; DNS was queried once"
    assert unexplained("broken").cause == "not known"


def test_an_empty_history_breaks_no_rule() -> None:
    """A behaviour that failed before its first call is explained by nothing, and nothing breaks."""
    assert {rule(Story(names_ours=False).case()) for rule in _rules()} == {None}


# The mutants


@pytest.mark.parametrize("mutant", mutants(), ids=lambda mutant: mutant.name)
def test_each_mutant_has_a_true_cause(mutant: object) -> None:
    """It stands in the list, and so do those that look like it."""
    assert mutant.cause in CAUSES  # type: ignore[attr-defined]
    assert set(mutant.like) <= set(CAUSES)  # type: ignore[attr-defined]


def test_the_true_cause_alone_is_right() -> None:
    """Another one, none, or the true one among others where names are seen: caught for the wrong reason."""
    assert PICK_FIRST.rightly_named(("pick_first",), "loopback")
    assert not PICK_FIRST.rightly_named(("one_address",), "loopback")
    assert not PICK_FIRST.rightly_named((), "loopback")
    assert not PICK_FIRST.rightly_named(("pick_first", "one_address"), "loopback")
    assert not replace(PICK_FIRST, cause="").rightly_named((), "loopback")


def test_undecided_is_right_only_where_nothing_could_decide() -> None:
    """Where names are not seen the declared pair is right, and neither more nor other ones."""
    assert PICK_FIRST.rightly_named(("pick_first", "one_address"), "compose")
    assert FROZEN_LIST.rightly_named(("address_list", "long_resolution_interval"), "compose")
    assert SLOW_RESOLUTION.rightly_named(("address_list", "long_resolution_interval"), "compose")
    assert not PICK_FIRST.rightly_named(("pick_first", "one_address", "unequal_weights"), "compose")
    assert not PICK_FIRST.rightly_named(("one_address",), "compose")
    assert not LYING.rightly_named(("served_by_changed", "pick_first"), "compose")


# The run


def result(name: str, *suspects: str, environment: str = "loopback") -> Result:
    """Return a failed behaviour with these suspects."""
    return Result(
        id=name,
        file="test_x.py",
        behaviour=name,
        claim="",
        environment=environment,
        mutant=None,
        verdict=Verdict.NONCONFORMANT,
        measured="",
        message="",
        seconds=0.1,
        timeline="",
        seen="",
        cause=" Or: ".join(suspects),
        suspects=suspects,
    )


def test_behaviours_with_one_cause_are_counted_together() -> None:
    """The cause that most behaviours point to comes first."""
    common = common_causes([result("1", "b"), result("2", "a"), result("3", "a")])

    assert [(each.suspects, each.behaviours, each.count) for each in common] == [
        (("a",), ("2", "3"), 2),
        (("b",), ("1",), 1),
    ]


def test_an_undecided_behaviour_agrees_with_a_decided_one() -> None:
    """What leaves two causes counts for the one that another behaviour of its environment names alone."""
    (common,) = common_causes([result("1", "a", "b"), result("2", "a")])

    assert (common.suspects, common.behaviours, common.agree) == (("a",), ("2",), ("1",))


@pytest.mark.parametrize(
    "others", [[], [result("2", "a"), result("3", "b")], [result("2", "a", environment="compose")]]
)
def test_an_undecided_behaviour_stays_so_where_nobody_decides(others: list[Result]) -> None:
    """With none, with both, or with another environment's it stands for itself."""
    common = common_causes([result("1", "a", "b"), *others])

    assert (("a", "b"), ("1",)) in [(each.suspects, each.behaviours) for each in common]


def test_what_holds_has_no_cause() -> None:
    """A behaviour without a cause is left out."""
    assert common_causes([replace(result("1"), cause="")]) == []
