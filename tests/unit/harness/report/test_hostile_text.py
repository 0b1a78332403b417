"""Text from a subject at each place where people read it: nothing of it steers, hides or commands."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from rich.text import Text

from tests.harness.commands.action import annotation, line, outputs, summary, unjudged
from tests.harness.evidence.report_folder import SavedRun
from tests.harness.harmless import Gate
from tests.harness.plugin.showing import running
from tests.harness.report.compare import comparison
from tests.harness.report.live import behaviour_line, longest_wait
from tests.harness.report.outlet import Outlet
from tests.harness.report.report_json import document
from tests.harness.report.result import Result
from tests.harness.report.screen import Lines, Terminal
from tests.harness.report.table import diagnosis_table, verdict_table
from tests.harness.subject.subject import Subject
from tests.harness.world.ledger import Attempt
from tests.harness.world.reply import Reply
from tests.harness.world.verdict import InconclusiveError, SubjectDiedError, SubjectWrongError, Verdict
from tests.unit.helpers.hostile import TEXTS, harm
from tests.unit.helpers.inner_run import HEAD, run
from tests.unit.helpers.page import page_of
from tests.unit.helpers.saved_report import call, event, result, save, timeline

WIDTH = 80


def wrong(text: str) -> Result:
    """Return a result that quotes a text in every member that may."""
    said = dict.fromkeys(("measured", "bound", "message", "seen", "cause", "remedy", "sureness"), text)
    return result(verdict=Verdict.NONCONFORMANT, suspects=("pick_first",), **said)


def in_table(text: str, folder: Path) -> str:
    """Return the tables as they reach a terminal."""
    not_judged = {"t.py::test_x[loopback]": text}
    subject = Subject(name=text, folder=folder)
    diagnosis = document(subject, [wrong(text)], not_judged)["diagnosis"]
    return Gate().passed(f"{diagnosis_table(diagnosis, WIDTH)}\n{verdict_table([wrong(text)], not_judged, WIDTH)}\n")


def in_lines(text: str, _: Path) -> str:
    """Return what the log of a CI system gets while a run lasts."""
    out = io.StringIO()
    lines = Lines(out, quiet=str)
    lines.print(behaviour_line(wrong(text), "1/2", 200, where=False))
    lines.print(Text(text))
    return out.getvalue()


def on_terminal(text: str, _: Path) -> str:
    """Return what a terminal gets while a run lasts: rich's markup is text to it."""
    out = io.StringIO()
    terminal = Terminal(out, Outlet(out), colour=False, bottom=lambda _: [])
    terminal.print(behaviour_line(wrong(text), "1/2", 200, where=False))
    terminal.print(Text(text))
    return out.getvalue()


def by_pytest(text: str, _: Path) -> str:
    """Return what pytest's own reporter prints."""
    out = io.StringIO()
    Outlet(out).write(f"{text}\n")
    return out.getvalue()


def on_page(text: str, folder: Path) -> str:
    """Return the words of the page, about a result and a timeline."""
    lines = timeline(
        call(0.7, text, (0.0, text, text), message=text, served_by=text), [event(0.6, "gateway log", line=text)]
    )
    return page_of(save(folder, [wrong(text)], lines, name=text, not_judged={"t.py::test_x[loopback]": text})).words


def in_report(text: str, folder: Path) -> str:
    """Return every text of report.json."""
    saved = save(folder, [wrong(text)], name=text, about={"known_failures": {text: text}})
    return "\n".join(_texts(json.loads((saved / "report.json").read_text(encoding="utf-8"))["behaviours"]))


def _texts(value: Any) -> list[str]:  # noqa: ANN401, JSON of every kind
    if isinstance(value, dict):
        return [text for pair in value.items() for member in pair for text in _texts(member)]
    return [text for item in value for text in _texts(item)] if isinstance(value, list) else [str(value)]


def from_elsewhere(text: str, folder: Path) -> str:
    """Return a comparison with a report that this suite did not write."""
    saved = save(folder, [wrong("")], name="a", extra={"measured": text, "message": text, "seen": text})
    old = SavedRun.at(saved)
    words = comparison(old, [result(message=text)], {wrong("").id: text}, whole=True, width=WIDTH)
    return Gate().passed(f"{words}\n{old}\n{old.subject().name}\n{old.message(wrong('').id)}\n")


def in_summary(text: str, folder: Path) -> str:
    """Return what the Action writes, from a report and without one."""
    report = json.loads((save(folder, [wrong(text)], name=text) / "report.json").read_text(encoding="utf-8"))
    report["subject"]["name"] = text
    written = [summary(report), unjudged(1, text), outputs({"verdict": "x"})]
    command = [annotation(1, said).removeprefix("::error ") for said in (line(report), text)]
    return "\n".join([*written, *command])


def in_errors(text: str, _: Path) -> str:
    """Return the messages of errors that quote a subject, and what an assertion shows of a reply and an attempt."""
    errors = [kind(text) for kind in (SubjectWrongError, SubjectDiedError, InconclusiveError)]
    reply = Reply(text, 0.0, 1.0, 500, text, text, text)
    attempt = Attempt(text, text, text, 0, text, 1.0, text, 0.0)
    return "\n".join(map(str, [*errors, reply, attempt]))


def of_subject(text: str, folder: Path) -> str:
    """Return what is shown of a subject's file."""
    subject = Subject(name=text, folder=folder, language=text, library=text, known_failures={text: text})
    return "\n".join([subject.name, subject.language, subject.library, *subject.known_failures.values()])


def in_progress(text: str, folder: Path) -> str:
    """Return what is under way, by the file of a process that runs behaviours."""
    wait = {"what": text, "within": 5.0, "lasting": False, "began": 0.0}
    (folder / "gw0.json").write_text(json.dumps({"behaviour": text, "wait": wait}), encoding="utf-8")
    out = io.StringIO()
    Lines(out, quiet=str).print(Text(longest_wait(running(folder))))
    return out.getvalue()


SINKS = (
    *(in_table, in_lines, on_terminal, by_pytest, on_page, in_report, from_elsewhere, in_summary, in_errors),
    *(of_subject, in_progress),
)


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
@pytest.mark.parametrize("sink", SINKS, ids=lambda sink: str(sink.__name__))
def test_no_text_harms_where_it_is_read(tmp_path: Path, sink: Callable[[str, Path], str], text: str) -> None:
    """Every place by every text."""
    shown = sink(text, tmp_path)

    assert harm(shown) == []
    assert shown.encode()


@pytest.mark.parametrize("sink", [in_lines, on_terminal, in_table], ids=lambda sink: str(sink.__name__))
def test_richs_markup_is_text(tmp_path: Path, sink: Callable[[str, Path], str]) -> None:
    """It stays as it was written."""
    assert "[bold red]x[/bold red]" in sink(TEXTS["rich"], tmp_path)


def test_markdown_in_the_summary_is_text(tmp_path: Path) -> None:
    """It stands within HTML, which no empty line ends."""
    page = in_summary(TEXTS["markdown"], tmp_path).partition("<h2>not judged")[0].rstrip()

    assert "\n\n" not in page
    assert "<script" not in page
    assert "&lt;script&gt;" in page


BEHAVIOURS = (
    HEAD
    + f"""
import pytest
from tests.harness.world.reply import Reply

TEXTS = {list(TEXTS.values())!r}
EVERY = "\\n".join(TEXTS)

def test_words(orders, measured):
    \"\"\"Its words quote a reply.\"\"\"
    measured(EVERY, bound=EVERY)
    assert orders is None, EVERY

def test_values(orders):
    \"\"\"Its values are a subject's.\"\"\"
    assert [Reply("o", 0.0, 1.0, 500, None, text, text) for text in TEXTS] == [EVERY]

def test_text(orders):
    \"\"\"It compares texts.\"\"\"
    assert EVERY == "a"

@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
@pytest.mark.parametrize("kind", [SubjectWrongError, SubjectDiedError, InconclusiveError, RuntimeError])
def test_errors(orders, kind, text):
    \"\"\"The suite quotes it.\"\"\"
    print(text)
    raise kind(text)
"""
)

SUBJECT = """
[subject]
name = "\\u001B[2Jcommand\\u202e\\n::error::x"
language = "other"
[loopback]
command = ["x"]
[known_failures]
"test_inner.py::test_words" = "\\u001B[2J ##[add-path]"
"""


@pytest.mark.parametrize(
    "options", [["-n0"], ["-n2"], ["-n0", "-q"], ["-n0", "-vv", "-rA", "--color=yes"]], ids=" ".join
)
@pytest.mark.parametrize("subject", ["", SUBJECT], ids=["reference", "outside"])
def test_no_run_prints_or_writes_what_harms(tmp_path: Path, options: list[str], subject: str) -> None:
    """On the terminal, in junit.xml and in report.json, whatever failed and however much is shown of it."""
    outcome = run(tmp_path, BEHAVIOURS, *options, subject=subject)
    junit = ET.parse(outcome.folder / "junit.xml").getroot()  # noqa: S314, our own file
    said = [text for element in junit.iter() for text in (element.text or "", *element.attrib.values())]

    assert outcome.status == 1
    assert harm(outcome.output) == []
    assert harm("\n".join(said)) == []
    assert harm("\n".join(_texts(outcome.report))) == []
    assert len(outcome.report["behaviours"]) == 3 + 4 * len(TEXTS)
