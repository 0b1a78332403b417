"""Placeholders of a subject file: what they stand for, which files have them, and what a mistake in one is told."""

from pathlib import Path

import pytest

from tests.harness.subject.backend import Backend
from tests.harness.subject.placeholders import Places, places_in_a_container
from tests.harness.subject.subject import Subject
from tests.harness.subject.tables import SubjectFileError

PLACES = Places(
    "127.1.2.1:4001", "dns://127.1.2.1:5353/one-order-service:5000", "one-order-service", 5000, "127.1.2.1:5353"
)


def read(folder: Path, text: str) -> Subject:
    """Read a subject file with this text."""
    (folder / "subject.toml").write_text(text, encoding="utf-8")
    return Subject.from_file(folder / "subject.toml")


def test_every_placeholder_is_filled_at_each_start(tmp_path: Path) -> None:
    """In words of a command as in the values of variables; the text of one is written with two braces."""
    subject = read(
        tmp_path,
        """
        [loopback]
        command = ["./shop", "--listen={http_address}", "-p", "{http_port}", "--to={target}", "{{target}}"]
        [compose]
        image = "shop"
        command = ["--dial={name}:{port}"]
        [environment]
        RESOLVER = "{resolver}"
        TEMPLATE = '{"a": {"b": "${HOME}"}}'
        """,
    )
    placed = subject.placed(PLACES)

    assert placed.command == ("./shop", "--listen=127.1.2.1:4001", "-p", "4001", f"--to={PLACES.target}", "{target}")
    assert placed.environment == {"RESOLVER": "127.1.2.1:5353", "TEMPLATE": '{"a": {"b": "${HOME}"}}'}
    assert subject.placed(places_in_a_container({}, Backend())).image_command == ("--dial=order-service:5000",)


def test_braces_of_todays_files_keep_their_meaning(tmp_path: Path) -> None:
    """The format of a log, a script of awk: none of the names that nothing else has occurs in the file."""
    subject = read(
        tmp_path,
        """
        [loopback]
        command = ["sh", "-c", "exec ./gateway | awk '{print}'"]
        [environment]
        LOG_FORMAT = "{time} {name}"
        """,
    )

    assert not subject.has_placeholders
    assert subject.placed(PLACES) == subject


@pytest.mark.parametrize(
    ("line", "named"),
    [
        (
            'command = ["./shop", "--listen={http_adress}"]',
            "[loopback] command has an unknown placeholder {http_adress}; did you mean 'http_address'?",
        ),
        (
            'command = ["./shop", "{target}", "{host}"]',
            "[loopback] command has an unknown placeholder {host}; did you mean 'http_host'?",
        ),
    ],
)
def test_an_unknown_placeholder_is_refused_with_the_nearest(tmp_path: Path, line: str, named: str) -> None:
    """A misspelt one would reach the gateway as it is written, which then fails to start."""
    with pytest.raises(SubjectFileError) as refused:
        read(tmp_path, f"[loopback]\n{line}\n")

    assert str(refused.value).startswith(f"{tmp_path / 'subject.toml'}: {named}")
    assert "\n" not in str(refused.value)


def test_containers_dial_the_same_for_each_start() -> None:
    """But for a mutant's target, which is in the variable."""
    assert places_in_a_container({}, Backend()).values["target"] == "dns:///order-service:5000"
    assert places_in_a_container({}, Backend("inventory", 9000)).values["target"] == "dns:///inventory:9000"
    assert (
        places_in_a_container({"ORDER_SERVICE_TARGET": "ipv4:10.0.0.1:5000"}, Backend()).target == "ipv4:10.0.0.1:5000"
    )


@pytest.mark.parametrize("ready", ["/healthz", "GET /healthz"])
def test_ready_is_a_path_or_a_request(tmp_path: Path, ready: str) -> None:
    """Both mean the same."""
    assert read(tmp_path, f'[subject]\nready = "{ready}"\n').ready == "/healthz"
