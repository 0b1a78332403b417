"""The causes of a whole run: several failed behaviours usually have one in common."""

from collections.abc import Sequence
from dataclasses import dataclass

from tests.harness.report.result import Result


@dataclass(frozen=True)
class CommonCause:
    """
    A cause, and the failed behaviours that point to it, by id.

    `behaviours` name it alone, `agree` leave other causes too; `suspects` are several if nothing decides.
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


def common_causes(results: Sequence[Result]) -> list[CommonCause]:
    """
    Return the causes of the failures, the one that explains most behaviours first.

    A behaviour whose evidence leaves several causes counts towards the one that another behaviour of the same
    environment names alone; if there is none, or more than one, it forms a group by itself.
    """
    explained = [result for result in results if result.cause]
    named = {(result.environment, tuple(result.suspects)) for result in explained if len(result.suspects) == 1}
    groups: dict[tuple[str, tuple[str, ...]], list[Result]] = {}
    for result in explained:
        key = result.environment, tuple(result.suspects)
        decided = [alone for alone in named if alone[0] == key[0] and alone[1][0] in key[1]]
        groups.setdefault(decided[0] if len(decided) == 1 else key, []).append(result)
    common = [_common(*key, group) for key, group in groups.items()]
    return sorted(common, key=lambda cause: -cause.count)


def _common(environment: str, suspects: tuple[str, ...], group: Sequence[Result]) -> CommonCause:
    alone = [result for result in group if tuple(result.suspects) == suspects]
    return CommonCause(
        environment=environment,
        suspects=suspects,
        cause=alone[0].cause,
        remedy=alone[0].remedy,
        behaviours=tuple(result.id for result in alone),
        agree=tuple(result.id for result in group if result not in alone),
    )
