"""What `init` writes, what it makes of its arguments, and where it looks for the code of a failure."""

import json
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.harness.commands import init
from tests.harness.commands.draft import Draft, assigned
from tests.harness.commands.init import _draft, _parser
from tests.harness.commands.parts import USAGE_ERROR, CommandError, run
from tests.harness.commands.toml_text import quoted
from tests.harness.commands.trial import Seen, _places, _tells, is_the_contracts
from tests.harness.subject.subject import Subject
from tests.harness.world.exchange import Answer
from tests.harness.world.reply import Reply

SHOP = Draft(
    name='the "shop"',
    command=("./shop", "--listen={http_address}", "it's"),
    http="POST /carts",
    environment={"BACKEND": "{target}", "A": "\n"},
    headers={"X-Request-Id": "{id}", "a.b": "'\""},
    body='{"cart": "{id}"}',
    ready="/healthz",
    language="go",
    code="json:error.code",
    service={"method": "a.B/C", "reply_hex": "0a[{id}]"},
    stubs=[{"method": "a.B/D"}, {"method": "a.B/E", "reply_hex": "0801"}],
    found="request bytes",
)


def draft(folder: Path, *options: str) -> Draft:
    """Return what is made of these arguments."""
    return _draft(_parser().parse_args(options), folder / "subject.toml")


def test_the_text_is_what_the_trial_was_made_with(tmp_path: Path) -> None:
    """Tables and text have the same keys and values, and both describe a subject."""
    (tmp_path / "subject.toml").write_text(SHOP.text, encoding="utf-8")

    assert tomllib.loads(SHOP.text) == {name: table for name, table in SHOP.tables.items() if table}
    assert Subject.from_file(tmp_path / "subject.toml") == SHOP.subject(tmp_path)
    assert "its calls are known by: request bytes" in SHOP.text


@pytest.mark.parametrize(
    "text", ["", "plain", 'a "b"', "it's", 'it\'s "both"', "line\nbreak\x1b\x7f", "Ünïcödé \\d", "'"]
)
def test_every_text_survives_toml(text: str) -> None:
    """Quotes, control characters, backslashes."""
    assert tomllib.loads(f"x = {quoted(text)}") == {"x": text}


def test_arguments_describe_a_draft(tmp_path: Path) -> None:
    """Variables precede the command as in a shell; a path alone is a GET; without an id the trace is passed."""
    made = draft(
        tmp_path,
        "--command=LISTEN={http_address} A= python shop.py 'a b'",
        "--request=/carts",
        "--file=config=app.yaml",
    )

    assert made.environment == {"LISTEN": "{http_address}", "A": ""}
    assert made.command == ("python", "shop.py", "a b")
    assert (made.http, made.headers, made.name) == ("GET /carts", {"traceparent": "{traceparent}"}, tmp_path.name)
    assert (made.language, made.files) == ("python", {"config": "app.yaml"})
    assert draft(tmp_path, "--command=./x", "--request=POST /x", "--header=X-Id: {uuid}").headers == {"X-Id": "{uuid}"}
    assert assigned(["./x", "A=1"]) == ({}, ("./x", "A=1"))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--command=./x"], "--command and --request are needed where there is no terminal to answer prompts"),
        (["--command='", "--request=/"], "the command is not one of a shell: No closing quotation"),
        (["--command=A=1", "--request=/"], "the command is empty"),
        (["--command=./x", "--request=/", "--header=x"], "--header=x: must be as in --header='X-Request-Id: {id}'"),
        (["--command=./x", "--request=/", "--file=x"], "--file=x: must be as in --file=config=app.yaml"),
        (["--command=./x", "--request=/", "--replies=none.toml"], "none.toml: cannot be read: No such file"),
    ],
)
def test_a_mistake_in_the_arguments_is_one_line(
    tmp_path: Path, options: list[str], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is started."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CommandError) as raised:
        draft(tmp_path, *options)

    assert str(raised.value).startswith(words)
    assert "\n" not in str(raised.value)


def test_a_file_that_exists_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Unless it is to be replaced."""
    monkeypatch.chdir(tmp_path)
    Path("subject.toml").touch()

    assert run("init", ["--command=./x", "--request=/"]) == USAGE_ERROR
    assert "subject.toml exists: --output=FILE names another" in capsys.readouterr().err


def test_at_a_terminal_it_prompts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For what was not given: three prompts at most, two with defaults."""
    prompts: list[str] = []
    answers = iter(["./shop --to={target}", "", ""])

    def _answer(prompt: str) -> str:
        prompts.append(prompt)
        return next(answers)

    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    monkeypatch.setattr("builtins.input", _answer)
    made = draft(tmp_path)

    assert (made.command, made.http, made.body) == (("./shop", "--to={target}"), "GET /orders/{id}", "")
    assert prompts == list(init.PROMPTS.values())


def answers(make: Any) -> dict[str, Answer]:  # noqa: ANN401, a function of a code
    """Return the answers to two calls that failed with these codes."""
    return {code: make(code) for code in ("ABORTED", "FAILED_PRECONDITION")}


def body(value: object, status: int = 502) -> Answer:
    """Return an answer with this JSON."""
    return Answer(status, json.dumps(value).encode())


@pytest.mark.parametrize(
    ("make", "place"),
    [
        (lambda code: body({"code": code}), ""),
        (lambda code: Answer(500, f"rpc error: code = {code.title().replace('_', '')} desc".encode()), ""),
        (
            lambda code: Answer(500, b"", {"grpc-status": {"ABORTED": "10", "FAILED_PRECONDITION": "9"}[code]}),
            "header:grpc-status",
        ),
        (lambda code: body({"errors": [{"x": 1}, {"status": code}]}), "json:errors.1.status"),
        (lambda _: body({"code": "ABORTED"}), "none"),
        (lambda _: Answer(500, b"sorry"), "none"),
    ],
    ids=["member", "text", "header", "nested", "always the same", "nowhere"],
)
def test_a_code_is_looked_for_wherever_two_failures_differ(make: Any, place: str) -> None:  # noqa: ANN401, as above
    """A place that has the same for every failure tells nothing."""
    given = answers(make)
    found = [place for place in _places(given["ABORTED"]) if _tells(place, given)]

    assert (found or ["none"])[0] == place


def test_the_contracts_own_method_needs_no_description() -> None:
    """If it is called, and nothing else."""
    own = {"event": "attempt", "id": "o1", "method": "/order.OrderService/GetOrder"}
    reply = Reply("o1", 0.0, 0.1, 200, "OK")

    assert is_the_contracts(Seen(reply, [own]))
    assert not is_the_contracts(Seen(reply, [own, {**own, "method": "/a.B/C"}]))
