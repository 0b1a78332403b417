"""`init` on real services: right ones get a file that judges them, wrong ones a line that names what is wrong."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.harness.commands.recording import Recording
from tests.harness.paths import ROOT
from tests.harness.subject.subject import Subject


def init(folder: Path, mode: str, *options: str, backend: str = "{target}") -> tuple[int, str]:
    """Run `init` as a user does; return its status and what it printed."""
    program = "import sys; from tests.harness.commands.command import main; sys.exit(main())"
    done = subprocess.run(  # noqa: S603, our own command
        [
            *(sys.executable, "-c", program, "init", "--name=shop", "--request=/carts/{id}"),
            f"--command=LISTEN={{http_address}} BACKEND={backend} PYTHONPATH={ROOT} python -m tests.suite.shop {mode}",
            *options,
        ],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout


def test_what_a_service_calls_is_found_and_written(tmp_path: Path) -> None:
    """The method that carries the id is judged, the other one is a stub, and its codes are where it has them."""
    status, printed = init(tmp_path, "right")
    text = (tmp_path / "subject.toml").read_text(encoding="utf-8")
    tables = tomllib.loads(text)

    assert (status, printed.splitlines()[1:]) == (
        0,
        [
            "request    GET /carts/{id}: HTTP 200",
            "calls      shop.v1.Stock/Reserve: [service], which is judged",
            "           shop.v1.Users/Get: [[stub]]",
            "known by   request bytes",
            "codes      json:error.status",
            "written    subject.toml; next: grpc-lb-conformance --subject=subject.toml",
        ],
    )
    assert tables["service"] == {"method": "shop.v1.Stock/Reserve"}
    assert tables["stub"] == [{"method": "shop.v1.Users/Get"}]
    assert tables["call"] == {"http": "GET /carts/{id}", "code": "json:error.status"}
    assert Subject.from_file(tmp_path / "subject.toml").has_placeholders


def test_replies_of_a_real_backend_are_used(tmp_path: Path) -> None:
    """A service that looks into a reply is not served with an empty one; with what `record` wrote, it is."""
    status, printed = init(tmp_path, "strict")
    assert (status, list(tmp_path.iterdir())) == (1, [])
    assert "failed     GET /carts/{id} was not served after it called shop.v1.Users/Get: HTTP 500" in printed
    assert "next       a reply is empty unless you give one: `grpc-lb-conformance record` records real ones" in printed

    recording = Recording("127.0.0.1:1")
    for method in ("/shop.v1.Stock/Reserve", "/shop.v1.Users/Get"):
        known = recording.called(method)
        assert known is not None
        recording.ended(known, "OK", [b""], [b"\x0a\x02me"])
    (tmp_path / "recorded.toml").write_text(recording.text(), encoding="utf-8")
    status, printed = init(tmp_path, "strict", "--replies=recorded.toml")

    assert status == 0, printed
    assert Subject.from_file(tmp_path / "subject.toml").judged_method == "shop.v1.Stock/Reserve"


@pytest.mark.parametrize(
    ("mode", "failed", "then"),
    [
        (
            "twice",
            "GET /carts/{id} called shop.v1.Stock/Reserve 2 times, and is to call the judged method once",
            "another request, or --method",
        ),
        (
            "deaf",
            "nothing of the request reaches shop.v1.Stock/Reserve: its calls cannot be told apart",
            "put {id} into a field that the service passes on",
        ),
        (
            "proud",
            "GET /carts/{id} is answered like a success when shop.v1.Stock/Reserve fails",
            "choose a request whose status shows a failure",
        ),
        (
            "idle",
            "GET /carts/{id} was answered, and no replica was called: it never queried our name server: does it dial",
            "use a request that needs its backend",
        ),
        ("frail", "gateway exited with status 3", "look at what it printed"),
        ("wrong", "the gateway does not start: gateway exited with status 1", "run the command by hand"),
    ],
)
def test_what_is_wrong_is_one_line_with_what_to_try_next(tmp_path: Path, mode: str, failed: str, then: str) -> None:
    """And nothing is written."""
    status, printed = init(tmp_path, mode)
    *_, why, hint = printed.splitlines()

    assert (status, list(tmp_path.iterdir())) == (1, [])
    assert why.startswith(f"failed     {failed}")
    assert hint.startswith(f"next       {then}")


def test_a_service_that_dials_something_else_is_told_so(tmp_path: Path) -> None:
    """What is known can be written anyway, for an editor to complete."""
    status, printed = init(tmp_path, "right", "--write-anyway", backend="127.0.0.1:1")

    assert status == 1
    assert (
        "was not served, and no replica was called: it never queried our name server: does it dial {target}?" in printed
    )
    assert (
        tomllib.loads((tmp_path / "subject.toml").read_text(encoding="utf-8"))["environment"]["BACKEND"]
        == "127.0.0.1:1"
    )
