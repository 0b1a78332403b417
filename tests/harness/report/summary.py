"""The causes of a whole run: several failed behaviours usually have one in common."""

from collections.abc import Sequence
from dataclasses import dataclass

from tests.harness.causes.explain import fixes
from tests.harness.causes.settings import CAUSES
from tests.harness.harmless import harmless
from tests.harness.report.diagnosed import Diagnosis
from tests.harness.report.result import Result
from tests.harness.subject.service_configs import about_method


@dataclass(frozen=True)
class CommonCause:
    """
    A cause, and the failed behaviours that it explains, by id.

    `behaviours` name it alone, `agree` leave other causes too, or have it by the diagnosis of the run; `suspects` are
    several if nothing decides.
    """

    environment: str
    suspects: tuple[str, ...]
    cause: str
    remedy: str
    behaviours: tuple[str, ...]
    agree: tuple[str, ...]

    @property
    def count(self) -> int:
        """How many behaviours it explains."""
        return len(self.behaviours) + len(self.agree)


def common_causes(
    results: Sequence[Result], diagnoses: Sequence[Diagnosis] = (), *, language: str = "", method: str = ""
) -> list[CommonCause]:
    """
    Return the causes of the failures, the one that explains most behaviours first.

    A behaviour belongs to the cause by which the diagnosis of its environment explains it. For the others, one whose
    evidence leaves several causes counts towards the one that another behaviour of the same environment names alone; if
    there is none, or more than one, it forms a group by itself. A cause that the diagnosis alone names is put into the
    words of this language and method.
    """
    explained = [result for result in results if result.cause or _diagnosed(result, diagnoses)]
    named = {(result.environment, tuple(result.suspects)) for result in explained if len(result.suspects) == 1}
    groups: dict[tuple[str, tuple[str, ...]], list[Result]] = {}
    for result in explained:
        key = result.environment, tuple(result.suspects)
        decided = [alone for alone in named if alone[0] == key[0] and alone[1][0] in key[1]]
        by_the_run = _diagnosed(result, diagnoses)
        of_the_run = (result.environment, (by_the_run,)) if by_the_run else None
        groups.setdefault(of_the_run or (decided[0] if len(decided) == 1 else key), []).append(result)
    common = [_common(*key, group, language, method) for key, group in groups.items()]
    return sorted(common, key=lambda cause: -cause.count)


def _diagnosed(result: Result, diagnoses: Sequence[Diagnosis]) -> str:
    return next((cause for diagnosis in diagnoses if (cause := diagnosis.cause_of(result))), "")


def _common(
    environment: str, suspects: tuple[str, ...], group: Sequence[Result], language: str, method: str
) -> CommonCause:
    alone = [result for result in group if tuple(result.suspects) == suspects]
    if alone:
        cause, remedy = alone[0].cause, alone[0].remedy
    else:
        (name,) = suspects
        cause = harmless(about_method(CAUSES[name].text, method))
        remedy = harmless(about_method(fixes([name], language, "if"), method))
    return CommonCause(
        environment=environment,
        suspects=suspects,
        cause=cause,
        remedy=remedy,
        behaviours=tuple(result.id for result in alone),
        agree=tuple(result.id for result in group if result not in alone),
    )
