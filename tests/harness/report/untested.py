"""Which behaviours of a run hold vacuously: what they are about never happened in it (checks/exercised.py)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from tests.harness.checks.exercised import CONFIGURED, NOTHING
from tests.harness.report.result import Result
from tests.harness.subject.promises import Promises
from tests.harness.world.verdict import Verdict


def with_untested(results: Sequence[Result], promises: Promises) -> list[Result]:
    """Return the results of a run, and for each one about the subject that holds vacuously why it shows nothing."""
    return [replace(result, untested=_untested(result, results, promises)) for result in results]


def _untested(result: Result, results: Sequence[Result], promises: Promises) -> str:
    if result.verdict is not Verdict.CONFORMANT or not result.exercised or not result.vacuous_without:
        return ""
    alike = list(_alike(result.environment, results, configured=result.exercised[CONFIGURED]))
    missing = [
        kind
        for kind in result.vacuous_without
        if any(kind in seen for seen in alike) and not any(seen.get(kind) for seen in alike)
    ]
    if not promises.has("retries"):  # that nothing is retried is then what is promised
        missing = [kind for kind in missing if kind != "retries"]
    return f"{' and '.join(NOTHING[kind] for kind in missing)} in this run, so this shows nothing" if missing else ""


def _alike(environment: str, results: Sequence[Result], *, configured: bool) -> Iterator[Mapping[str, bool]]:
    """Yield what a gateway did there; one that was given no configuration is shown by none that was."""
    for other in results:
        if other.environment == environment and other.exercised and (configured or not other.exercised[CONFIGURED]):
            yield other.exercised
