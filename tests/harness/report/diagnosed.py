"""The diagnosis of a run in each environment: its results as a syndrome, and what comes of it in its report."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.harness.causes.case import Sureness
from tests.harness.causes.explain import how_sure
from tests.harness.diagnosis import words
from tests.harness.diagnosis.conclusion import Conclusion, concluded
from tests.harness.diagnosis.dictionary import FAILS, HOLDS, SKIPPED, Dictionary, behaviour_of, dictionaries, letter_of
from tests.harness.diagnosis.knowledge import Knowledge
from tests.harness.diagnosis.scoring import Observation, Syndrome
from tests.harness.harmless import harmless
from tests.harness.report.html.rows import parts
from tests.harness.report.result import Result
from tests.harness.report.spelling import spelt
from tests.harness.subject.not_judged import word_for
from tests.harness.subject.service_configs import about_method
from tests.harness.subject.subject import Subject
from tests.harness.themes import mutants

MEASURED = "loopback"
"""The environment whose dictionary stands in for one that has none: a defect is the same gateway's everywhere."""


@dataclass(frozen=True)
class Diagnosis:
    """What a run comes to in one environment, and its results there."""

    environment: str
    conclusion: Conclusion
    results: Sequence[Result]

    def member(self, subject: Subject) -> dict[str, Any]:
        """Return it as report.json has it, in words about the method that is judged."""
        found, method = self.conclusion, subject.judged_method
        remedy = words.fix(found, subject.settings_language)
        return {
            "environment": self.environment,
            "sentence": harmless(about_method(words.sentence(found), method)),
            "remedy": harmless(about_method(remedy, method)),
            "remarks": list(words.remarks(found, spelt)),
            "causes": list(found.causes),
            "sureness": str(found.sureness),
            "explained": self._ids(found.explained, FAILS),
            "unexplained": self._ids(found.unexplained, FAILS),
            "contradicted": [
                {"suspects": list(suspects), "behaviours": self._ids(behaviours, FAILS)}
                for suspects, behaviours in found.contradicted.items()
            ],
            "hypotheses": [
                {
                    "causes": list(one.causes),
                    "probability": round(one.probability, 3),
                    "explained": len(one.explained),
                    "unjudged": len(one.unjudged),
                    "held": len(one.held),
                    "against": self._ids(one.against, HOLDS),
                }
                for one in found.ranked
            ],
            "deciding": list(found.deciding),
        }

    def _ids(self, behaviours: Collection[str], letter: str) -> list[str]:
        """Return the results of these behaviours that came out so, by id."""
        return [one.id for one in self.results if behaviour(one) in behaviours and letter_of(one.verdict) == letter]

    def cause_of(self, result: Result) -> str:
        """Return which of the causes that are named explains a failure, "" if none does."""
        if not self.conclusion.causes or letter_of(result.verdict) != FAILS or result.environment != self.environment:
            return ""
        return self.conclusion.left[0].explained.get(behaviour(result), "")


def undiagnosed(error: Exception) -> dict[str, Any]:
    """Return the member of a report whose diagnosis failed by a bug."""
    lists = ("remarks", "causes", "explained", "unexplained", "contradicted", "hypotheses", "deciding")
    sentence = harmless(f"Not known: the diagnosis failed, which is a bug of the suite: {error!r}")
    texts = {"environment": "", "sentence": sentence, "remedy": "", "sureness": str(Sureness.UNDECIDED)}
    return {**texts, **{name: [] for name in lists}}


def diagnoses(results: Sequence[Result], not_judged: Mapping[str, str]) -> list[Diagnosis]:
    """Return the diagnosis of each environment in which something fails that was not known to; `results` judge it."""
    cause = {mutant.name: mutant.cause for mutant in mutants()}
    known = dictionaries()
    found = []
    for environment in dict.fromkeys(result.environment for result in results):
        here = [result for result in results if result.environment == environment]
        knowledge = Knowledge(known.get(environment, known.get(MEASURED, Dictionary())), cause)
        left_out = {name: why for name, why in not_judged.items() if parts(name)[2] == environment}
        out = {behaviour_of(column(name)) for name, why in left_out.items() if word_for(why)}
        skipped = [Observation(column(name), SKIPPED) for name, why in left_out.items() if not word_for(why)]
        syndrome = Syndrome([*map(_observed, here), *skipped])
        if conclusion := concluded(syndrome, knowledge, knowledge.behaviours - out):
            found.append(Diagnosis(environment, conclusion, here))
    return found


def _observed(result: Result) -> Observation:
    where = f"{result.file}::{result.behaviour}"
    return Observation(where, letter_of(result.verdict), tuple(result.suspects), how_sure(result.sureness))


def column(name: str) -> str:
    """Return the column of the dictionary for the id of a behaviour in a report."""
    return "::".join(parts(name)[:2])


def behaviour(result: Result) -> str:
    """Return the behaviour of a result, all cases of which are one: "test_x.py::test_y"."""
    return behaviour_of(f"{result.file}::{result.behaviour}")
