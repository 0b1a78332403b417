"""Why calls wait for DNS, and why queries come late or not at all after a cut connection."""

from tests.behaviours.dns.causes import late_queries, resolves_in_calls
from tests.behaviours.dns.causes_discovery import not_re_resolved_after_a_cut
from tests.unit.helpers.story import Story, in_turn, suspects


def test_calls_that_wait_for_a_silent_name_server() -> None:
    """One call waited for its deadline, though others were served before; without the fault nothing is named."""
    story = Story().asked(0.4).verb(1.1, "fail names", "name server", fault="SILENT").calls(1.2, *in_turn(6))
    story.call(1.6, code="DEADLINE_EXCEEDED", took=1.5)

    assert suspects(resolves_in_calls(story.case())) == ("resolves_in_calls",)
    assert suspects(resolves_in_calls(Story().asked(0.4).calls(1.2, *in_turn(6)).case())) == ()


def test_a_query_that_comes_late_after_a_cut() -> None:
    """The last one was long ago; a query right after the cut is in time."""
    story = Story().asked(0.1).calls(1.1, *in_turn(6)).call(4.0, "a:HANG", "b", plan="CLOSE,OK")

    assert suspects(late_queries(story.asked(6.6).case())) == ("late_re_resolution",)
    story = Story().asked(0.1).call(4.0, "a:HANG", "b", plan="CLOSE,OK").asked(4.1)
    assert suspects(late_queries(story.case())) == ()


def test_no_query_after_a_cut() -> None:
    """Within the promised interval of half a second, and without any fault that a verb did."""
    story = Story().asked(0.4).call(1.2, "a:HANG", "b", plan="CLOSE@a").calls(1.3, *"bcbc").calls(3.0, "a")

    assert suspects(not_re_resolved_after_a_cut(story.case())) == (
        "long_resolution_interval",
        "resolves_when_all_are_lost",
    )
    assert suspects(not_re_resolved_after_a_cut(story.asked(1.7).case())) == ()
