"""The script of action.yml: what it tells a runner, from saved reports and from the suite's command itself."""

import sys
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.harness.causes.settings import CAUSES
from tests.harness.commands import action
from tests.harness.commands.action import (
    annotation,
    arguments,
    judge,
    line,
    lock_for,
    main,
    outputs,
    read,
    summary,
    text,
    unjudged,
)
from tests.harness.commands.action import install as action_install
from tests.harness.world.verdict import Verdict
from tests.unit.helpers.saved_report import result, save

NO_POLICY: dict[str, Any] = {
    "verdict": Verdict.NONCONFORMANT,
    "message": "assert 30 == 10",
    "seen": "30 of 30 attempts went to order-service-1",
    "cause": "No round_robin policy is in effect",
    "suspects": ("pick_first",),
    "remedy": 'grpc.NewClient("dns:///NAME:PORT", …)',
}
UNCLEAR: dict[str, Any] = {"verdict": Verdict.INCONCLUSIVE, "message": "the fault was not seen"}


def report_of(folder: Path, *results: object, **members: str) -> Mapping[str, object]:
    """Return the report.json of these results as the action reads it."""
    save(folder, results, **members)  # type: ignore[arg-type]  # Results, as the callers make them
    report = read(folder)
    assert report is not None
    return report


@pytest.fixture
def runner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Return the variables of a runner; the suite counts as installed, in the environment that runs these tests."""
    script = tmp_path / "grpc-lb-conformance"
    path = f"import sys; sys.path.insert(0, {str(action.ROOT)!r})"
    script.write_text(
        f"#!{sys.executable} -P\n{path}\nfrom tests.harness.commands.command import main\nsys.exit(main())\n"
    )
    script.chmod(0o755)
    monkeypatch.setattr(action, "install", lambda _folder, _lock: script)
    names = {"GITHUB_WORKSPACE": "ws", "RUNNER_TEMP": "temp", "GITHUB_OUTPUT": "out", "GITHUB_STEP_SUMMARY": "page"}
    (tmp_path / "ws").mkdir()
    return {name: str(tmp_path / file) for name, file in names.items()}


def test_inputs_become_options_and_empty_ones_were_not_given() -> None:
    """What a user writes stays one argument, whatever is in it."""
    given = {"INPUT_GATEWAY_COMMAND": "./gateway; $(rm -r .)", "INPUT_SUBJECT": "", "INPUT_EXTENDED": "true"}

    assert arguments({**given, "INPUT_ENVIRONMENTS": "loopback,compose"}) == [
        "--gateway-command=./gateway; $(rm -r .)",
        "--environments=loopback,compose",
        "--extended",
    ]
    assert arguments({"INPUT_EXTENDED": "false"}) == []


def test_the_summary_says_causes_once_and_each_behaviour_that_does_not_hold(tmp_path: Path) -> None:
    """Counts, the cause with what mends it and whom it explains, and a row for each that is wrong or unclear."""
    wrong = [result(f"test_{name}", **NO_POLICY) for name in ("shares", "turns")]
    page = summary(report_of(tmp_path, *wrong, result("test_moves", **UNCLEAR), result(), name="acme"))

    assert "<h2>acme: nonconformant (judged 3 of 4)</h2>" in page
    assert "4 behaviours, 2 nonconformant, 1 inconclusive, 1 conformant; judged 3 of 4 applicable behaviours" in page
    assert page.count("No round_robin policy is in effect") == 1
    assert "<td>grpc.NewClient(&quot;dns:///NAME:PORT&quot;, …)</td><td>shares; turns</td></tr>" in page
    assert "<tr><td>moves</td><td>loopback</td><td>inconclusive</td><td>the fault was not seen</td></tr>" in page
    assert "calls go round" not in page
    assert "\n\n" not in page


def test_a_gateways_words_are_no_markup(tmp_path: Path) -> None:
    """Neither HTML nor, behind an empty line, Markdown of theirs stands in the page."""
    words = "<img src=x>\n\n# title [link](http://127.0.0.1)"
    page = summary(report_of(tmp_path, result(verdict=Verdict.INCONCLUSIVE, message=words), name="<b>acme"))

    assert "<b>" not in page
    assert "&lt;img src=x&gt;<br># title" in page
    assert "\n\n" not in page


def test_a_known_failure_is_counted_and_no_more(tmp_path: Path) -> None:
    """A gateway that passes has no causes shown, though the report has those of its known failures."""
    report = report_of(tmp_path, result(**{**NO_POLICY, "verdict": Verdict.KNOWN_FAILURE}), result(), name="acme")

    assert report["causes"]
    assert line(report) == (
        "acme is conformant: 2 behaviours, 1 known failure, 1 conformant; judged 2 of 2 applicable behaviours"
    )
    assert "<table>" not in summary(report)


def test_of_a_long_message_the_beginning_and_the_end_are_shown(tmp_path: Path) -> None:
    """A traceback ends with what went wrong."""
    long = {**UNCLEAR, "message": "\n".join(f"line {number}" for number in range(9))}

    assert "<td>line 0<br>…<br>line 6<br>line 7<br>line 8</td>" in summary(report_of(tmp_path, result(**long)))


def test_no_reason_is_a_raw_assertion(tmp_path: Path) -> None:
    """What pytest adds about values is left out; what was measured and the notes, such as a busy machine, are not."""
    busy = {**UNCLEAR, "message": "assert 1 == 2\n +  where 1 = f()\nthe machine was too busy"}
    page = summary(report_of(tmp_path, result("test_a", **busy), result("test_b", **{**busy, "measured": ""})))

    assert "<td>measured: 30 calls 10/10/10; bound: 10 each<br>the machine was too busy</td>" in page
    assert "<td>expected: 1 == 2<br>the machine was too busy</td>" in page
    assert "assert" not in page
    assert "where" not in page


def test_a_long_table_is_cut_and_says_so(tmp_path: Path) -> None:
    """GitHub shows no more than a mebibyte."""
    page = summary(report_of(tmp_path, *(result(f"test_{number}", **UNCLEAR) for number in range(53))))

    assert page.count("<tr><td>") == 50
    assert "<p>and 3 more in report.html</p>" in page


def test_the_summary_stays_below_what_github_takes(tmp_path: Path) -> None:
    """Cells and tables are cut by bytes, no matter how they encode; what is missing is counted."""
    long = ["'" * 1000 + "\n" + "\U0001f4a5" * 1000 + "\ud83d"] * 9
    failed: dict[str, Any] = {"verdict": Verdict.INCONCLUSIVE, "message": "\n".join(long)}
    rows = [result(f"test_{'x' * 300}_{number}", **failed) for number in range(300)]
    page = action.encoded(summary(report_of(tmp_path, *rows, name="&" * 100_000)))

    assert len(page) < 1 << 20
    assert b" more in report.html</p>" in page


def test_half_a_surrogate_pair_is_written_as_it_is_escaped(tmp_path: Path) -> None:
    """A reply may name it; UTF-8 cannot hold it."""
    action.append(str(tmp_path / "out"), "served by \ud83d")

    assert (tmp_path / "out").read_text(encoding="utf-8") == "served by \\ud83d"
    assert annotation(1, "served by \ud83d").endswith("served by \\ud83d\n")


def test_the_verdict_is_one_line(tmp_path: Path) -> None:
    """It names the most likely cause, else the first reason, else nothing but the counts."""
    folders = [tmp_path / name for name in "abc"]
    because = report_of(folders[0], result(**NO_POLICY), name="acme")
    unclear = report_of(folders[1], result(**UNCLEAR), name="acme")
    right = report_of(folders[2], result(), name="acme")

    assert line(because).startswith(
        "acme is nonconformant: 1 behaviour, 1 nonconformant; judged 1 of 1 applicable behaviour. Most likely cause: No"
    )
    assert line(unclear).startswith("acme is inconclusive (1 of 1 could not be judged): 1 behaviour, 1 inconclusive; ")
    assert line(unclear).endswith("; judged 0 of 1 applicable behaviour. the fault was not seen")
    assert line(right) == "acme is conformant: 1 behaviour, 1 conformant; judged 1 of 1 applicable behaviour"


def test_the_diagnosis_comes_first(tmp_path: Path) -> None:
    """In the line and on the page, where it explains a failure."""
    named = {**NO_POLICY, "sureness": "certain: all on one"}
    wrong = report_of(tmp_path, result("test_a", **named), result("test_b", **named))
    sentence = f"One cause explains 2 of 2 failures: {CAUSES['pick_first'].text}"

    assert line(wrong).endswith(f". {sentence}")
    assert f"<p><b>{text(sentence)}</b></p>" in summary(wrong)


def test_what_the_runner_reads_cannot_be_forged() -> None:
    """A value with line breaks is neither another output nor another command."""
    end = outputs({"report": "a\nverdict=conformant"}).splitlines()[0].partition("<<")[2]

    assert outputs({"report": "a\nb"}).count("\n") == 4
    assert len(end) == 32
    assert annotation(1, "50%\n::error::x") == "::error title=grpc-lb-conformance::50%25%0A:\\x3aerror::x\n"
    assert annotation(0, "x").startswith("::notice ")
    assert "&lt;b&gt;" in unjudged(4, "<b>")


@pytest.mark.parametrize(
    ("wheel", "locks"),
    [(False, ["requirements-kind.txt", "requirements-build.txt"]), (True, ["requirements-kind.txt"])],
)
def test_all_that_is_downloaded_has_a_hash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, wheel: bool, locks: list[str]
) -> None:
    """In a lock file; the suite is built by what is locked, and brings nothing that is not."""
    ran: list[list[str]] = []

    def _run(command: list[str], **_: object) -> SimpleNamespace:
        ran.append(command[1:])
        return SimpleNamespace(returncode=0, stderr="")

    monkeypatch.setattr("venv.create", lambda *_, **__: None)
    monkeypatch.setattr("subprocess.run", _run)
    package = tmp_path / "x.whl" if wheel else tmp_path
    action_install(tmp_path, "requirements-kind.txt", package)
    libraries, suite = ran

    assert "--require-hashes" in libraries
    assert "--only-binary=:all:" in libraries
    assert [option for option in libraries if "requirements" in option] == [
        f"--requirement={action.ROOT / name}" for name in locks
    ]
    assert suite[-4:] == ["--no-deps", "--no-build-isolation", "--no-index", str(package)]


@pytest.mark.parametrize(
    ("environments", "lock"),
    [("", "requirements.txt"), ("loopback,compose", "requirements.txt"), ("loopback, kind", "requirements-kind.txt")],
)
def test_pytest_kind_is_installed_only_for_kind(environments: str, lock: str) -> None:
    """The two lock files differ by it and what it needs."""
    extra, others = ((action.ROOT / name).read_text(encoding="utf-8") for name in ("requirements-kind.txt", lock))

    assert lock_for({"INPUT_ENVIRONMENTS": environments}) == lock
    assert "\npytest-kind==" in extra
    assert ("\npytest-kind==" in others) == ("kind" in environments)


def test_what_the_suite_says_is_shown_and_is_no_command(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Commands to the runner are off while it speaks; its last line is kept, and its exit status."""
    script = "print('::set-env::x'); print('that is it'); print(); raise SystemExit(6)"

    assert judge([sys.executable, "-c", script], tmp_path) == (6, "that is it")
    first, *middle, last = capfd.readouterr().out.splitlines()
    assert middle == ["::set-env::x", "that is it", ""]
    assert first == f"::stop-commands::{last.strip(':')}"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "no gateway given"),
        ({"INPUT_GATEWAY_IMAGE": "acme", "INPUT_ENVIRONMENTS": "podman"}, "unknown environment &#x27;podman&#x27;"),
        ({"INPUT_SUBJECT": "no.toml"}, "no.toml: cannot be read"),
        ({"INPUT_GATEWAY_IMAGE": "acme", "INPUT_EXTENDED": "yes"}, "--extended: ignored explicit argument"),
    ],
)
def test_what_cannot_be_judged_is_no_verdict(runner: dict[str, str], given: dict[str, str], words: str) -> None:
    """Exit status 4, its reason in the page, and no report of an earlier step is taken for this one's."""
    old = Path(runner["GITHUB_WORKSPACE"], "report")
    save(old, [result()])

    assert main({**runner, **given}) == 4
    assert words in Path(runner["GITHUB_STEP_SUMMARY"]).read_text(encoding="utf-8")
    written = Path(runner["GITHUB_OUTPUT"]).read_text(encoding="utf-8").splitlines()
    assert written[1] == "not judged"
    assert not any(each.startswith(("report<<", "badge<<")) for each in written)


def test_a_verdict_is_told(runner: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Outputs, page and line are those of the report that the run wrote; its exit status is the step's."""
    save(tmp_path / "recorded", [result(**NO_POLICY)], name="acme")
    folder = Path(runner["GITHUB_WORKSPACE"], "out")
    script = f"import shutil; shutil.copytree({str(tmp_path / 'recorded')!r}, 'out'); raise SystemExit(1)"
    action.install(tmp_path, "").write_text(f"#!{sys.executable}\n{script}\n", encoding="utf-8")

    assert main({**runner, "INPUT_REPORT": "out", "INPUT_GATEWAY_COMMAND": "./gateway"}) == 1
    assert Path(runner["GITHUB_OUTPUT"]).read_text(encoding="utf-8").splitlines()[1::3] == [
        *("nonconformant", "1", str(folder), str(folder / "badge.svg")),
    ]
    assert "acme: nonconformant" in Path(runner["GITHUB_STEP_SUMMARY"]).read_text(encoding="utf-8")
    assert capsys.readouterr().out.splitlines()[-1].startswith("::error title=grpc-lb-conformance::acme is noncon")


def test_a_suite_that_cannot_be_installed_is_no_verdict(
    runner: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit status 3, and what pip said last."""

    def _fails(_folder: Path, _lock: str) -> Path:
        raise action.InstallError("ERROR: No matching distribution")

    monkeypatch.setattr(action, "install", _fails)

    assert main(runner) == 3
    assert "the suite cannot be installed: ERROR: No matching distribution" in capsys.readouterr().out
