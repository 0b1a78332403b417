"""The command of the installed package: what pytest is called with, what is refused, and that it runs from anywhere."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.harness.commands.command import ROOT, CommandError, main, pytest_options

CORE = "not extended and not negative_control and not positive_control"

LOOPBACK = '[loopback]\ncommand = ["./gateway"]\n'
COMPOSE = '[compose]\nimage = "acme/gateway"\n'


def marks(*given: str) -> str:
    """Return the expression that pytest gets."""
    options = pytest_options(given)
    return options[options.index("-m") + 1]


def subject(folder: Path, text: str) -> str:
    """Write a subject file and return the option that names it."""
    file = folder / "subject.toml"
    file.write_text(text, encoding="utf-8")
    return f"--subject={file}"


@pytest.mark.parametrize(
    ("given", "expression"),
    [
        (["--gateway-command=./gateway"], f"(loopback) and {CORE}"),
        (["--gateway-command", "./gateway --verbose"], f"(loopback) and {CORE}"),
        (["--reference"], f"(loopback) and {CORE}"),
        (["--gateway-image=acme/gateway"], f"(compose) and {CORE}"),
        (["--gateway-image=acme/gateway", "--environments=compose, kind"], f"(compose or kind) and {CORE}"),
        (
            ["--reference", "--extended"],
            "(loopback) and (extended or not extended) and not negative_control and not positive_control",
        ),
        (["--reference", "-m", "kind and extended"], "kind and extended"),
        (["--replay=report", "--environments=kind"], f"(kind) and {CORE}"),
    ],
)
def test_the_core_is_judged_where_the_subject_is_at_home(given: list[str], expression: str) -> None:
    """A command is judged on loopback, an image on Compose, the core of each; options and -m say otherwise."""
    assert marks(*given) == expression


@pytest.mark.parametrize(
    ("text", "home"),
    [(LOOPBACK, "loopback"), (COMPOSE, "compose"), (LOOPBACK + COMPOSE, "loopback"), ("", "loopback")],
)
def test_a_subject_file_says_where_it_is_at_home(tmp_path: Path, text: str, home: str) -> None:
    """A file without a command for loopback is judged on Compose."""
    assert marks(subject(tmp_path, text)) == f"({home}) and {CORE}"


def test_a_replay_judges_all_that_was_recorded() -> None:
    """No expression is put before what the run had."""
    assert "-m" not in pytest_options(["--replay=report"])


def test_options_are_written_as_pytest_needs_them() -> None:
    """A value behind a space gets its equals sign; what is not ours is left to pytest, and the suite comes last."""
    options = pytest_options(["--gateway-command", "./gateway -x", "--report", "out", "--keep", "-k", "retry", "-n1"])

    assert options[-7:] == [
        *("--gateway-command=./gateway -x", "--report=out", "--keep"),
        *("-k", "retry", "-n1", str(ROOT / "tests")),
    ]
    assert f"--config-file={ROOT / 'pyproject.toml'}" in options


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ([], "no gateway given: use --subject=FILE, --gateway-command=CMD or --gateway-image=NAME"),
        (["-m", "compose"], "no gateway given"),
        (["--gateway-image="], "--gateway-image is empty"),
        (["--subject", ""], "--subject is empty"),
        (["--gateway-image=a", "--gateway-command=b"], "not allowed with argument --gateway-image"),
        (
            ["--replay=report", "--reference"],
            "--reference and options that name another gateway are mutually exclusive",
        ),
        (
            ["--reference", "--environments=lopback"],
            "unknown environment 'lopback'; did you mean 'loopback'?",
        ),
        (["--reference", "--environments="], "--environments is empty: must list any of loopback, compose, kind"),
        (["--reference", "-m", "kind", "--extended"], "-m replaces --environments and --extended"),
        (["subject.toml"], "unexpected argument 'subject.toml'; did you mean --subject=subject.toml?"),
        (["--subject"], "argument --subject: expected one argument"),
    ],
)
def test_what_cannot_be_meant_is_one_line(
    given: list[str], words: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit status 4, as of pytest's usage errors; above all no run judges our own gateway for a variable not set."""
    monkeypatch.setattr(sys, "path", list(sys.path))

    assert main(given) == 4
    said = capsys.readouterr().err
    assert said.startswith("grpc-lb-conformance: ")
    assert words in said
    assert said.count("\n") == 1


def test_a_mistake_in_the_subject_file_is_told(tmp_path: Path) -> None:
    """It is read before pytest is, as it says where the subject is at home."""
    with pytest.raises(CommandError, match=r"subject.toml: unknown section: 'lopback'"):
        pytest_options([subject(tmp_path, "[lopback]")])


def run(folder: Path, *given: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a folder, as a process of its own."""
    program = "from tests.harness.commands.command import main; sys.exit(main())"
    script = f"import sys; sys.path.insert(0, {str(ROOT)!r}); {program}"
    command = [sys.executable, "-P", "-c", script, *given]
    environ = {**os.environ, "PYTEST_ADDOPTS": "--no-such-option", "PYTHONPATH": str(folder)}
    return subprocess.run(  # noqa: S603, our own command
        command, cwd=folder, env=environ, capture_output=True, text=True, timeout=60, check=False
    )


def test_it_runs_in_a_folder_with_tests_of_its_own(tmp_path: Path) -> None:
    """Somebody's conftest.py, settings and packages named tests and services are not taken for ours."""
    for file in ("conftest.py", "tests/__init__.py", "tests/conftest.py", "services/__init__.py"):
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_text("raise SystemExit('not ours')", encoding="utf-8")
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --no-such-option\n", encoding="utf-8")
    done = run(tmp_path, "--reference", "--collect-only", "-q", "-n0", "-k", "serial_calls")

    assert (
        "tests/behaviours/distribution/test_distribution.py::test_serial_calls_rotate_across_all_replicas[loopback]"
        in done.stdout.splitlines()
    )
    assert done.returncode == 0
    assert not (tmp_path / ".pytest_cache").exists()


@pytest.mark.parametrize(
    ("option", "words"),
    [("--version", "grpc-lb-conformance 0."), ("--help", "--gateway-image=acme/"), ("--pytest-help", "--maxfail")],
)
def test_it_says_what_it_is(tmp_path: Path, option: str, words: str) -> None:
    """Help and version are on standard output, exit status 0."""
    done = run(tmp_path, option)

    assert words in done.stdout
    assert done.returncode == 0
