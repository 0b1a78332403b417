"""What the `user-agent` of a gateway's calls shows: which library it is, and which failures are not the library's."""

from collections.abc import Sequence
from dataclasses import replace

from tests.harness.causes.explain import fixes
from tests.harness.report.result import Result
from tests.harness.report.wording import family
from tests.harness.subject.library_properties import language_of, properties_of
from tests.harness.subject.service_configs import about_method
from tests.harness.subject.subject import Subject
from tests.harness.world.verdict import Verdict


def library_seen(results: Sequence[Result]) -> str:
    """Return the library that all calls of a subject came from, with its version; "" if that is not clear."""
    seen = {result.library for result in results if result.library and not result.mutant}
    return seen.pop() if len(seen) == 1 else ""


def speaking(subject: Subject, results: Sequence[Result]) -> Subject:
    """Return a subject with the language of the library that made its calls, if nothing else tells its language."""
    language = "" if subject.settings_language else language_of(library_seen(results))
    return replace(subject, language=language) if language else subject


def by_its_calls(results: Sequence[Result], subject: Subject) -> list[Result]:
    """
    Return the results of a run, judged again by the library that made its calls.

    A failure that was put down to a library is the gateway's own if that is another library, or a version that does not
    do it. Where the subject's language was not known, the fixes are those of the library's.
    """
    seen = library_seen(results)
    if not seen:
        return list(results)
    return [result if result.mutant else _again(result, subject, seen) for result in results]


def _again(result: Result, subject: Subject, seen: str) -> Result:
    if result.suspects and result.remedy and not subject.settings_language:
        remedy = about_method(fixes(result.suspects, language_of(seen), "if"), subject.judged_method)
        result = replace(result, remedy=remedy)
    if result.verdict is not Verdict.LIBRARY_PROPERTY:
        return result
    key = f"{result.file}::{family(result.behaviour)}"
    if any(key in {name.partition("[")[0] for name in row.behaviours} for row in properties_of(seen, "")):
        return result
    why = f"not a library property: its calls come from {seen}, by their user-agent, which is not known to do this"
    return replace(result, verdict=Verdict.NONCONFORMANT, message=f"{why}\n{result.message}".strip(), expected="")
