"""The page: what it says, that it is one closed file, and that nothing from a subject gets a say in its markup."""

import base64
import hashlib
import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.harness.causes.settings import CAUSES
from tests.harness.report.html.page import render
from tests.harness.report.html.report_folder import Saved
from tests.harness.world.verdict import Verdict
from tests.unit.helpers.page import HOSTILE, Page, page_of, text_of
from tests.unit.helpers.saved_report import REPLICAS, Line, call, event, load, outage, result, save, timeline, verb

VOID = {"meta", "link", "input", "br", "img", "path", "rect"}


DISTRIBUTION = "tests/behaviours/distribution/test_distribution.py"


def test_the_summary_is_one_sentence_with_counts(tmp_path: Path) -> None:
    """Who, whether it conforms, how many behaviours hold in which environment, and how many were not judged."""
    results = [
        result("test_a"),
        result("test_b", verdict=Verdict.NONCONFORMANT, message="assert 1 == 2"),
        result("test_a", environment="compose"),
    ]
    page = page_of(save(tmp_path, results, not_judged={"tests/test_x.py::test_c[compose]": "retries is not promised"}))

    assert (
        "synthetic does not conform: on loopback 1 of 2 behaviours hold, 1 fails; on compose 1 of 1 behaviour holds; "
        "judged 3 of 3 applicable behaviours; 1 left out: 1 not promised." in page.words
    )


@pytest.mark.parametrize(
    ("verdict", "sign"),
    [
        (Verdict.CONFORMANT, "✓ holds"),
        (Verdict.NONCONFORMANT, "✗ fails"),
        (Verdict.INCONCLUSIVE, "? inconclusive"),
        (Verdict.KNOWN_FAILURE, "≈ known failure"),
        (Verdict.UNEXPECTEDLY_PASSING, "! unexpectedly passing"),
        (Verdict.LIBRARY_PROPERTY, "≈ library property"),
        (Verdict.FIXED_UPSTREAM, "✓ fixed upstream"),
    ],
)
def test_each_verdict_has_a_sign_and_a_word(tmp_path: Path, verdict: Verdict, sign: str) -> None:
    """In the row of the behaviour and on its card a verdict is told without colour."""
    page = page_of(save(tmp_path, [result(verdict=verdict)], outage()))

    assert page.words.count(sign) >= 2


def test_a_behaviour_shows_everything_there_is_to_know(tmp_path: Path) -> None:
    """Promise, measure, bound, cause, fix, message, evidence, faults, shares, connections, queries, log."""
    failing = result(verdict=Verdict.NONCONFORMANT, message="assert not ['out of turn']", claim="Calls go round.")
    told = {"seen": "300 of 300 calls on one replica.", "cause": "pick_first is in effect.", "sureness": "certain"}
    told["remedy"] = "Go: grpc.WithDefaultServiceConfig(…)"
    page = page_of(save(tmp_path, [failing], outage(), extra={**told, "suspects": ["pick_first"]}))

    expected = {*told.values(), "Calls go round.", "30 calls 10/10/10", "10 each", "out of turn"}
    expected |= {*REPLICAS, "kill order-service-1", "start order-service-1", "ipv4:127.0.0.1:51000", "SERVFAIL"}
    expected |= {"lost a connection, 3", "planned by the order id", "r0", failing.timeline}
    assert [words for words in expected if words not in page.words] == []
    assert "assert not" not in page.words


def test_what_fails_for_one_cause_stands_together(tmp_path: Path) -> None:
    """One that leaves several causes stands under the one that another names alone; the unexplained come last."""
    alone = {"suspects": ("pick_first",), "cause": "pick_first is in effect.", "remedy": "Set round_robin."}
    both = {"suspects": ("pick_first", "one_address"), "cause": "pick_first. Or: one address.", "remedy": "Either."}
    wrong = {"verdict": Verdict.NONCONFORMANT, "message": "assert 1 == 2"}
    results = [
        result("test_a", **wrong),
        result("test_b", **wrong, **both, seen="All on one."),
        result("test_c", **wrong, **alone, seen="All on one."),
    ]
    words = " ".join(page_of(save(tmp_path, results)).words.split())

    assert "Most likely cause of 2: pick_first is in effect. Fix: Set round_robin." in words
    assert words.index("pick_first is in effect.") < words.index("All on one.") < words.index("No cause known")
    assert words.count("Most likely cause of") == 1


def test_the_page_begins_with_the_diagnosis(tmp_path: Path) -> None:
    """The sentence, the fix, which is not repeated below it, and the remarks."""
    text = CAUSES["pick_first"].text
    alone = {
        "suspects": ("pick_first",),
        "cause": text,
        "remedy": "Set round_robin.",
        "sureness": "certain: all on one",
    }
    wrong = {"verdict": Verdict.NONCONFORMANT, "message": "assert 1 == 2"}
    folder = save(tmp_path, [result("test_a", **wrong, **alone), result("test_b", **wrong, **alone), result("test_c")])
    file = folder / "report.json"
    document = json.loads(file.read_text(encoding="utf-8"))
    document["diagnosis"][0]["remedy"] = "Set round_robin."
    file.write_text(json.dumps(document), encoding="utf-8")
    words = " ".join(page_of(folder).words.split())

    assert words.index(f"One cause explains 2 of 2 failures: {text}") < words.index("synthetic does not conform")
    assert f"Most likely cause of 2: {text}" in words
    assert words.count("Fix: Set round_robin.") == 1
    assert document["diagnosis"][0]["remarks"][0] in words


def test_what_was_not_judged_says_why_in_its_place(tmp_path: Path) -> None:
    """A behaviour that was left out in one environment has its reason there, and the mark in its row."""
    folder = save(
        tmp_path,
        [result("test_even"), result("test_odd")],
        not_judged={f"{DISTRIBUTION}::test_odd[compose]": "only on loopback: names are ours"},
    )
    page = page_of(folder)

    assert page.words.count("· compose not judged") == 2
    assert "only on loopback: names are ours" in page.words
    assert page.words.count("compose not run") == 1


def test_reports_stand_side_by_side(tmp_path: Path) -> None:
    """Of several reports each has its sentence and its marks; a behaviour is one row of all."""
    one = save(tmp_path / "one", [result("test_a"), result("test_b")], name="first")
    two = save(tmp_path / "two", [result("test_a", verdict=Verdict.NONCONFORMANT)], name="second")
    page = page_of(one, two)

    assert "first conforms" in page.words
    assert "second does not conform" in page.words
    assert "✓ first, loopback 2 of 2 hold" in page.words
    assert "✗ second, loopback 0 of 1 hold" in page.words
    assert "✗ second, loopback fails" in page.words
    assert sum(tag == "article" for tag, _ in page.elements) == 2


def test_mutants_are_a_matrix_with_those_that_got_away_in_full(tmp_path: Path) -> None:
    """Each mutant has its row, what is wrong with it, and who caught it; one that survived shows its evidence."""
    results = [
        result("test_a", mutant="pick_first", verdict=Verdict.CAUGHT, message="assert not ['one replica']"),
        result("test_b[ABORTED]", mutant="lying", verdict=Verdict.SURVIVED),
    ]
    page = page_of(save(tmp_path, results, outage()))

    assert "2 mutants, 2 controls, 1 not caught" in page.words
    assert "has no load-balancing policy" in page.words
    assert "one replica" in page.words
    assert "✗ survived" in page.words
    assert sum(attributes.get("class") == "timeline" for _, attributes in page.elements) == 1


def test_the_page_is_one_file_that_loads_and_runs_nothing(tmp_path: Path) -> None:
    """No script, no handler, no style but the one whose hash the page's policy names, no address of elsewhere."""
    text = text_of(save(tmp_path, [result(verdict=Verdict.NONCONFORMANT)], outage()))
    page = Page(text)
    policy = next(str(attributes["content"]) for _, attributes in page.elements if attributes.get("http-equiv"))
    style = text.partition("<style>")[2].partition("</style>")[0]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    tags = {tag for tag, _ in page.elements}

    assert policy.startswith(f"default-src 'none'; style-src 'sha256-{digest}'")
    assert not tags & {"script", "iframe", "object", "embed", "img", "base", "form"}
    assert not [
        name
        for _, attributes in page.elements
        for name in attributes
        if name.startswith("on") or name in {"style", "src"}
    ]
    assert not re.search(r"https?://|@import|url\((?!#hatch)", text)


def test_every_link_leads_somewhere(tmp_path: Path) -> None:
    """Each anchor is an id of the page and each id is there once; each other link is a file of the report."""
    folder = save(tmp_path, [result("test_a"), result("test_b", mutant="lying", verdict=Verdict.CAUGHT)], outage())
    (folder / "loopback").mkdir()
    (folder / "loopback" / "gateway.log").write_text("hello\n", encoding="utf-8")
    page = page_of(folder)
    ids, links = page.all("id"), page.all("href")
    files = [link for link in links if not link.startswith(("#", "data:"))]

    assert len(ids) == len(set(ids))
    assert [link for link in links if link.startswith("#") and link[1:] not in ids] == []
    assert "./loopback/gateway.log" in files
    assert [link for link in files if not (folder / link).is_file()] == []


def _hostile() -> list[Line]:
    replies = [
        call(0.7, f"{HOSTILE}~1", (0.0, REPLICAS[0], "OK"), served_by=HOSTILE),
        call(0.8, f"{HOSTILE}~2", (0.0, REPLICAS[0], HOSTILE), code=HOSTILE, message=HOSTILE),
        call(0.9, "x" * 65536, (0.0, REPLICAS[0], "OK"), (0.1, HOSTILE * 1000, None), message="y" * 65536),
        *(call(1.0 + number / 100, f"n{number}", served_by=f"{number}{HOSTILE}" * 500) for number in range(40)),
    ]
    asked = {"name": HOSTILE, "kind": HOSTILE, "answer": [HOSTILE] * 300, "rcode": HOSTILE}
    return timeline(
        *replies,
        verb(HOSTILE, HOSTILE, 0.7, 0.8, **{HOSTILE: HOSTILE}),
        verb("kill", REPLICAS[0], 0.9, None),
        [event(0.6, "dns query", **asked), event(0.6, "gateway log", line=HOSTILE * 1000)],
        [event(0.6, "replica connection_opened", replica=HOSTILE, peer=HOSTILE)],
    )


def test_text_from_a_subject_staystext_of(tmp_path: Path) -> None:
    """Markup in ids, names, codes, messages and log lines is shown as it was written, and changes no element."""
    members = {"verdict": Verdict.NONCONFORMANT, "timeline": "behaviours/hostile/timeline.jsonl"}
    harmless = save(tmp_path / "harmless", [result(**members)], timeline(load(0.7, 3)))
    folder = save(
        tmp_path / "hostile",
        [result(**members, measured=HOSTILE, bound=HOSTILE, message=HOSTILE * 500, claim=HOSTILE)],
        _hostile(),
        name=HOSTILE,
        not_judged={f"tests/{HOSTILE}.py::{HOSTILE}[{HOSTILE}]": HOSTILE},
        extra={"seen": HOSTILE, "cause": HOSTILE, "remedy": HOSTILE * 100, "sureness": HOSTILE, "suspects": [HOSTILE]},
    )
    text, page = text_of(folder), page_of(folder)
    known = {
        tag
        for tag, _ in page_of(harmless, save(tmp_path / "full", [result(**members, message="no")], outage())).elements
    }

    assert {tag for tag, _ in page.elements} <= known
    assert not {name for _, attributes in page.elements for name in attributes if name.startswith("on")}
    assert "<script>alert(1)</script>" in page.words
    assert "{{7*7}}" in page.words
    assert "\\x00\\x1b[31m\\u202eevil\\ud800" in page.words
    assert not re.search("[\x00-\x08\x0b-\x1f\u202a-\u202e\ud800-\udfff]", text)


def test_long_text_from_a_subject_is_cut(tmp_path: Path) -> None:
    """Ids, names, answers and log lines of 64 kB leave a small page that says how long they are."""
    folder = save(tmp_path, [result(verdict=Verdict.NONCONFORMANT, message="z" * 65536)], _hostile())
    text = text_of(folder)

    assert len(text) < 150_000
    assert "(65536 characters)" in text


@pytest.mark.parametrize(
    "path", ["../secret.jsonl", "/etc/passwd", "link/timeline.jsonl", "javascript:alert(1)", ".", ""]
)
def test_nothing_outside_the_folder_is_read_or_linked(tmp_path: Path, path: str) -> None:
    """A report from elsewhere cannot make the page show or link a file that is not its own."""
    outside = tmp_path / "outside"
    outside.mkdir()
    for file in (tmp_path / "secret.jsonl", outside / "timeline.jsonl"):
        file.write_text('{"at": 0.6, "event": "gateway log", "line": "secret"}\n', encoding="utf-8")
    folder = save(tmp_path / "report", [result()], outage())
    (folder / "link").symlink_to(outside)
    saved = Saved.read(folder, folder)
    saved.behaviours[0]["timeline"] = path  # type: ignore[index]  # a dict of json's
    page = Page(render([saved]))

    assert "secret" not in page.words
    assert [link for link in page.all("href") if not link.startswith(("#", "./", "data:"))] == []


@pytest.mark.parametrize("broken", ['{"at": 0.1', "[]", '{"at": "x", "event": "order"}', '{"event": "order"}', "{}"])
def test_a_timeline_that_cannot_be_read_costs_only_its_picture(tmp_path: Path, broken: str) -> None:
    """The page is made all the same and says what is the matter with that one."""
    folder = save(tmp_path, [result("test_a"), result("test_b")], outage())
    (folder / result("test_a").timeline).write_text(f"{broken}\n", encoding="utf-8")
    page = page_of(folder)

    assert page.words.count("its timeline cannot be shown") == 1
    assert sum(attributes.get("class") == "timeline" for _, attributes in page.elements) == 1


def test_each_element_that_is_opened_is_closed(tmp_path: Path) -> None:
    """The page is well-formed: no element is closed that is not the last one opened."""
    text = text_of(save(tmp_path, [result(verdict=Verdict.NONCONFORMANT)], outage()))
    stack: list[str] = []

    class Nesting(HTMLParser):
        def handle_starttag(self, tag: str, _: object) -> None:
            if tag not in VOID:
                stack.append(tag)

        def handle_endtag(self, tag: str) -> None:
            if tag not in VOID:
                assert stack.pop() == tag

    Nesting().feed(text)

    assert stack == []


def _command(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603, our own command
        [sys.executable, "-m", "tests.harness.report.html", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_command_makes_the_page_anew(tmp_path: Path) -> None:
    """On standard output or in a file beside which its links lead; a folder without a report is one line and 1."""
    folder = save(tmp_path / "report", [result()], outage())
    page = tmp_path / "page.html"
    done, printed = _command(folder, folder, "--output", page), _command(folder)
    missing = _command(tmp_path)

    assert (done.returncode, printed.returncode, missing.returncode) == (0, 0, 1)
    assert f'href="./report/{result().timeline}"' in page.read_text(encoding="utf-8")
    assert printed.stdout.startswith("<!doctype html>")
    assert "report.json" in missing.stderr
    assert "Traceback" not in missing.stderr
