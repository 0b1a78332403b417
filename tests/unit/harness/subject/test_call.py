"""[call] of a subject file: the request it makes, and what a mistake in it is told."""

from pathlib import Path

import pytest

from tests.harness.subject.call import Call
from tests.harness.subject.subject import Subject
from tests.harness.subject.tables import SubjectFileError

VALUES = {"id": "o1-1~OK:delay=5", "number": "1900000001", "uuid": "u", "traceparent": "00-t-s-01"}


def read(folder: Path, text: str) -> Subject:
    """Read a subject file with this text."""
    (folder / "subject.toml").write_text(text, encoding="utf-8")
    return Subject.from_file(folder / "subject.toml")


def call_of(folder: Path, text: str) -> Call:
    """Return the call that these lines of [call] describe."""
    call = read(folder, f"[call]\n{text}").call
    assert isinstance(call, Call)
    return call


def test_path_headers_and_body_are_templates(tmp_path: Path) -> None:
    """Braces of JSON stay; of a number in the last member too."""
    call = call_of(
        tmp_path,
        """
        http = "POST /carts/{id}/checkout?trace={traceparent}"
        headers = { Authorization = "Bearer test", X-Request-Id = "{uuid}" }
        body = '{"cart": {"id": "{id}", "number": {number}}, "text": "{{id}}"}'
        """,
    )
    path, headers, body = call.request(VALUES, {**VALUES, "id": "quoted"})

    assert (call.method, path) == ("POST", "/carts/quoted/checkout?trace=00-t-s-01")
    assert headers == {"Authorization": "Bearer test", "X-Request-Id": "u", "Content-Type": "application/json"}
    assert body == b'{"cart": {"id": "o1-1~OK:delay=5", "number": 1900000001}, "text": "{id}"}'
    assert call.carries == {"id", "number", "uuid", "traceparent"}


def test_a_body_may_have_another_type(tmp_path: Path) -> None:
    """It is JSON if nothing else is said, and a request without a body has no type."""
    form = call_of(tmp_path, 'http = "POST /a"\nheaders = { content-type = "text/plain" }\nbody = "{id}"')

    assert form.request(VALUES, VALUES)[1] == {"content-type": "text/plain"}
    assert Call().request(VALUES, VALUES) == ("/orders/o1-1~OK:delay=5", {}, b"")


@pytest.mark.parametrize(
    ("success", "yes", "no"),
    [
        (None, [100, 200, 302, 399], [400, 503]),
        ("2xx", [200, 204, 299], [199, 300]),
        ("200", [200], [201]),
        ("200-204, 302", [200, 204, 302], [205, 301]),
    ],
)
def test_a_success_is_what_is_declared(tmp_path: Path, success: str | None, yes: list[int], no: list[int]) -> None:
    """Below 400 if nothing is said."""
    call = call_of(tmp_path, f'success = "{success}"' if success else "")

    assert all(map(call.is_success, yes))
    assert not any(map(call.is_success, no))


def test_codes_that_are_told_nowhere_are_promised_untold(tmp_path: Path) -> None:
    """So behaviours that need a code are not judged, and the report says why."""
    assert read(tmp_path, '[call]\ncode = "none"').promises.codes == "untold"
    assert read(tmp_path, '[call]\ncode = "json:error.code"').promises.codes == "told"


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (
            'http = "/checkout"',
            "[call] http is '/checkout': must be a method and a path, such as \"POST /checkout/{id}\"",
        ),
        ('http = "POST checkout"', "[call] http is 'POST checkout': must be a method and a path"),
        ('http = "post /checkout"', "[call] http has the unknown method 'post'; did you mean 'POST'?"),
        ('http = "POST /a/{order}"', "[call] http has an unknown placeholder {order}; did you mean"),
        (
            """body = '{"a": "{trace_parent}"}'""",
            "[call] body has an unknown placeholder {trace_parent}; did you mean 'traceparent'?",
        ),
        ('headers = { X-Id = "{ids}" }', "[call] headers X-Id has an unknown placeholder {ids}; did you mean 'id'?"),
        ('headers = { "X Id" = "a" }', "[call] headers X Id is 'a': must be the text of an HTTP header, in one line"),
        ('headers = { X-Id = "a\\nb" }', "[call] headers X-Id is"),
        ("headers = { X-Id = 1 }", "[call] headers X-Id is 1"),
        ('success = "ok"', "[call] success is 'ok': must be statuses such as"),
        ('success = "204-200"', "[call] success is '204-200': 204 is above 200"),
        ('code = "body"', "[call] code is 'body': must be \"json:\" and the path of a member"),
        ('code = "json:"', "[call] code is 'json:'"),
        ('code = "header:"', "[call] code is 'header:'"),
        ('code = "text:a"', "[call] code is 'text:a'"),
        ('htp = "GET /"', "unknown key in [call]: 'htp'; did you mean 'http'?"),
        ("body = 1", "[call] body is 1: must be a string"),
    ],
)
def test_a_mistake_is_one_line(tmp_path: Path, line: str, told: str) -> None:
    """It names the file, the key, and what is expected or nearest."""
    with pytest.raises(SubjectFileError) as refused:
        read(tmp_path, f"[call]\n{line}\n")

    assert str(refused.value).startswith(f"{tmp_path / 'subject.toml'}: {told}")
    assert "\n" not in str(refused.value)
