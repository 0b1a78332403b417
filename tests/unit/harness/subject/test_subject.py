"""The subject file: what is read, and what a mistake in it is told."""

import re
from pathlib import Path

import pytest

from tests.harness.plugin.selection import REFERENCE
from tests.harness.subject.features import FEATURES
from tests.harness.subject.keepalive import Keepalive
from tests.harness.subject.promises import Promises
from tests.harness.subject.subject import Subject
from tests.harness.subject.tables import SubjectFileError

EXAMPLE = """
[subject]
name = "orders-gateway"
language = "go"
tier = 2
ready = "/readyz"

[loopback]
command = ["./gateway", "--quiet"]
target = "dns-authority"

[compose]
image = "acme/orders-gateway:1.4"

[environment]
LOG_LEVEL = "info"

[promises]
policy = "round_robin"
retryable_codes = ["UNAVAILABLE", "ABORTED"]
max_attempts = 4
initial_backoff = 0.2
max_backoff = 2
backoff_multiplier = 1.5
call_timeout = 6.0
reconnects_within = 7.0
min_resolution_interval = 31.0
refresh_interval = 60.0
keepalive = { time = 20.0, timeout = 4.0 }
wait_for_ready = true
jitter = "full"
retries = "application"
retry_throttling = true
ejection = true
hedging = false
per_try_timeout = 2
connections_per_replica = 4
codes = "untold"
dns_retry_within = 3.0
start_within = 8
concurrent_calls = 16
overhead = 0.05
connect_timeout = 1.0

[features]
unsupported = ["client-health-checking"]
supported = ["streams", "tls"]

[known_failures]
"test_retry.py::test_backoff_grows" = "fixed backoff, issue 123"
"""


DESCRIBED = Promises(
    policy="round_robin",
    retryable_codes=("UNAVAILABLE", "ABORTED"),
    max_attempts=4,
    initial_backoff=0.2,
    max_backoff=2.0,
    backoff_multiplier=1.5,
    call_timeout=6.0,
    reconnects_within=7.0,
    min_resolution_interval=31.0,
    refresh_interval=60.0,
    keepalive=Keepalive(time=20.0, timeout=4.0),
    wait_for_ready=True,
    jitter="full",
    retries="application",
    retry_throttling=True,
    ejection=True,
    hedging=False,
    per_try_timeout=2,
    connections_per_replica=4,
    codes="untold",
    dns_retry_within=3.0,
    start_within=8,
    concurrent_calls=16,
    overhead=0.05,
    connect_timeout=1.0,
)
"""What its section [promises] makes."""


def _read(tmp_path: Path, text: str) -> Subject:
    file = tmp_path / "acme.toml"
    file.write_text(text, encoding="utf-8")
    return Subject.from_file(file)


def _refusal(tmp_path: Path, text: str) -> str:
    """Return what the error says behind the file's name, with which it must begin."""
    with pytest.raises(SubjectFileError) as caught:
        _read(tmp_path, text)
    file, _, words = str(caught.value).partition(": ")
    assert file == str(tmp_path / "acme.toml")
    assert "\n" not in words
    return words


def test_every_key_of_a_subject_file_is_read(tmp_path: Path) -> None:
    """A file with all sections and keys becomes the subject it describes."""
    assert _read(tmp_path, EXAMPLE) == Subject(
        name="orders-gateway",
        folder=tmp_path.resolve(),
        language="go",
        tier=2,
        command=("./gateway", "--quiet"),
        target="dns-authority",
        image="acme/orders-gateway:1.4",
        environment={"LOG_LEVEL": "info"},
        promises=DESCRIBED,
        ready="/readyz",
        unsupported=frozenset({"client-health-checking"}),
        known_failures={"test_retry.py::test_backoff_grows": "fixed backoff, issue 123"},
    )


def test_an_empty_file_is_a_black_box_with_the_default_promises(tmp_path: Path) -> None:
    """Without any key the subject has the file's name, tier 1, no command and the contract's defaults."""
    assert _read(tmp_path, "") == Subject(name="acme", folder=tmp_path.resolve())


def test_a_part_of_keepalive_leaves_the_rest_at_its_default(tmp_path: Path) -> None:
    """A keepalive with a time only has the default timeout."""
    assert _read(tmp_path, "[promises]\nkeepalive = { time = 9 }").promises.keepalive == Keepalive(time=9)


def test_the_reference_gateway_is_a_configurable_subject() -> None:
    """The subject file of the reference gateway is tier 2, has a command, and fails by its library at most."""
    reference = Subject.from_file(REFERENCE)

    assert (reference.tier, reference.command[0]) == (2, "python")
    assert not reference.unsupported
    assert all("C-core" in reason for reason in reference.known_failures.values())


@pytest.mark.parametrize(
    ("text", "unknown", "nearest"),
    [
        ("[promise]", "section: 'promise'", "promises"),
        ("[known_failure]", "section: 'known_failure'", "known_failures"),
        ("tier = 1", "section: 'tier'", "subject"),
        ("[subject]\nlanguge = 'go'", "key in [subject]: 'languge'", "language"),
        ("[loopback]\ncomand = ['x']", "key in [loopback]: 'comand'", "command"),
        ("[compose]\nimgae = 'x'", "key in [compose]: 'imgae'", "image"),
        ("[promises]\nmax_atempts = 3", "key in [promises]: 'max_atempts'", "max_attempts"),
        ("[promises]\nkeepalive = { timout = 1 }", "key in [promises] keepalive: 'timout'", "timeout"),
        ("[features]\nunsuported = []", "key in [features]: 'unsuported'", "unsupported"),
        ("[features]\nunsupported = ['health-checking']", "feature: 'health-checking'", "client-health-checking"),
    ],
)
def test_an_unknown_name_is_told_the_nearest_known_one(tmp_path: Path, text: str, unknown: str, nearest: str) -> None:
    """A misspelt section, key or feature is named together with the one that was probably meant."""
    words = _refusal(tmp_path, text)

    assert words.startswith(f"unknown {unknown}; did you mean ")
    if nearest != "subject":  # nothing is near "tier"; any section will do
        assert words.endswith(f"{nearest!r}?")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("subject = 'x'", "subject must be a section: [subject]"),
        ("[subject]\nname = 3", "[subject] name is 3: must be a string"),
        ("[subject]\ntier = 3", "[subject] tier is 3: must be 1 (black box) or 2 (configurable)"),
        ("[subject]\ntier = true", "[subject] tier is True: must be a whole number"),
        ("[loopback]\ncommand = './gateway'", "[loopback] command is './gateway': must be a list"),
        ("[loopback]\ncommand = ['x', 1]", "[loopback] command is ['x', 1]: must be a list of non-empty strings"),
        ("[loopback]\ntarget = 'dns'", "[loopback] target is 'dns': must be one of "),
        ("[compose]\nimage = 'x'\nbuild = '.'", "[compose] image and build are mutually exclusive"),
        ("[compose]\nimage = []", "[compose] image is []: must be a string"),
        ("[environment]\nPORT = 4000", "[environment] PORT is 4000: must be a string"),
        ("[known_failures]\ntest_x = true", "[known_failures] test_x is True: must be a string"),
        ("[promises]\nmax_attempts = 2.5", "[promises] max_attempts is 2.5: must be a whole number"),
        ("[promises]\ncall_timeout = '5s'", "[promises] call_timeout is '5s': must be a number"),
        ("[promises]\nmax_backoff = 0", "[promises] max_backoff is 0: must be finite and greater than 0"),
        ("[promises]\nhedging = 1", "[promises] hedging is 1: must be true or false"),
        ("[promises]\njitter = true", "[promises] jitter is True: must be a number or a string"),
        ("[promises]\njitter = 'none'", "[promises] jitter is 'none': must be \"full\" or a fraction of the backoff"),
        ("[promises]\njitter = 1.0", '[promises] jitter is 1.0: must be "full" or a fraction of the backoff'),
        ("[promises]\ncodes = 'none'", "[promises] codes is 'none': must be one of told, untold"),
        ("[promises]\nconnections_per_replica = 0", "[promises] connections_per_replica is 0: must be at least 1"),
        ("[promises]\nconcurrent_calls = -1", "[promises] concurrent_calls is -1: must be finite, 0 or greater"),
        ("[subject]\nready = 'readyz'", "[subject] ready is 'readyz': must be a path that begins with"),
        ("[promises]\nkeepalive = 30", "[promises] keepalive is 30: must be a table"),
        (
            "[promises]\nretryable_codes = [14]",
            "[promises] retryable_codes is [14]: must be a list of non-empty strings",
        ),
        ("[promises]\nretryable_codes = ['OK']", "[promises] retryable_codes: 'OK' is not a gRPC code"),
        ("[features]\nunsupported = 'x'", "[features] unsupported is 'x': must be a list"),
    ],
)
def test_a_value_of_the_wrong_kind_is_told_what_is_expected(tmp_path: Path, text: str, words: str) -> None:
    """The message names section, key and value, and what would be right."""
    assert _refusal(tmp_path, text).startswith(words)


def test_bad_toml_is_told_the_place(tmp_path: Path) -> None:
    """Invalid TOML is named as such, with line and column."""
    assert re.match(r"is not valid TOML: .*line 2, column \d+", _refusal(tmp_path, "[subject]\nname = orders"))


def test_what_is_nested_too_deeply_is_refused(tmp_path: Path) -> None:
    """In one line."""
    assert _refusal(tmp_path, f"a = {'[' * 100_000}") == "is nested too deeply"


def test_a_file_that_is_no_text_is_no_toml(tmp_path: Path) -> None:
    """Bytes that are no UTF-8 are a mistake in the file, not a crash."""
    file = tmp_path / "acme.toml"
    file.write_bytes(b"\xff\xfe\x00")

    with pytest.raises(SubjectFileError, match="is not valid TOML") as caught:
        Subject.from_file(file)

    assert str(caught.value).startswith(f"{file}: ")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """A file that is not there is named with the system's reason."""
    with pytest.raises(SubjectFileError) as caught:
        Subject.from_file(tmp_path / "none.toml")

    assert str(caught.value) == f"{tmp_path / 'none.toml'}: cannot be read: No such file or directory"


def test_a_command_line_is_a_whole_subject(tmp_path: Path) -> None:
    """A command is split as a shell would, quotes and all; the subject is called as its program, without arguments."""
    command = "./bin/gateway --token 'my secret' \"a b\""

    assert Subject.from_command(command, tmp_path) == Subject(
        name="gateway", folder=tmp_path, command=("./bin/gateway", "--token", "my secret", "a b")
    )


@pytest.mark.parametrize(
    ("command", "words"), [("", "empty"), ("   ", "empty"), ("./gateway 'x", "No closing quotation")]
)
def test_a_command_line_that_is_none_is_refused(tmp_path: Path, command: str, words: str) -> None:
    """Nothing at all and an open quote are mistakes, and the option is named."""
    with pytest.raises(SubjectFileError, match=f"^--gateway-command: .*{words}"):
        Subject.from_command(command, tmp_path)


def test_each_feature_says_what_it_means() -> None:
    """Every feature that a subject may call unsupported has a description with its source."""
    assert [meaning for meaning in FEATURES.values() if "gRFC" not in meaning and ".md)" not in meaning] == []
    assert len(FEATURES) > 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "[promises]\nkeepalive = {time = 'x'}",
            "[promises] keepalive time is 'x': must be a number greater than 0, or 0 for none",
        ),
        ("[promises]\nkeepalive = {time = true}", "[promises] keepalive time is True: must be a number"),
        ("[promises]\nkeepalive = {timeout = 0}", "[promises] keepalive timeout is 0: must be a number greater than 0"),
        (
            "[promises]\nkeepalive = {timeout = -1}",
            "[promises] keepalive timeout is -1: must be a number greater than 0",
        ),
        ("[promises]\ncall_timeout = nan", "[promises] call_timeout is nan: must be finite, 0 or greater"),
        ("[promises]\ncall_timeout = inf", "[promises] call_timeout is inf: must be finite, 0 or greater"),
        (
            "[promises]\npolicy = 'rond_robin'",
            "[promises] policy is 'rond_robin': must be one of round_robin, pick_first",
        ),
        ("[loopback]\ncommand = ['']", "[loopback] command is ['']: must be a list of non-empty strings"),
    ],
)
def test_a_value_that_no_gateway_could_have_is_refused(tmp_path: Path, text: str, words: str) -> None:
    """Times that are no times, an unknown policy and an empty command are told in one line."""
    assert _refusal(tmp_path, text).startswith(words)


LINE = '"test_retry.py::test_max_attempts" = "issue 125"\n'


@pytest.mark.parametrize("text", [LINE, f"[known_failures]\n{LINE}"])
def test_known_failures_may_stand_in_a_file_of_their_own(tmp_path: Path, text: str) -> None:
    """They are added to the subject file's, and the section's name may be left out."""
    more = tmp_path / "known.toml"
    more.write_text(text, encoding="utf-8")

    assert _read(tmp_path, EXAMPLE).with_known_failures(more).known_failures == {
        "test_retry.py::test_backoff_grows": "fixed backoff, issue 123",
        "test_retry.py::test_max_attempts": "issue 125",
    }


def test_a_known_failure_may_name_its_cause(tmp_path: Path) -> None:
    """In its own file too, where a line replaces that of the subject file with all that it says."""
    listed = '"test_x.py::test_{}" = {{ reason = "issue 1", cause = "pick_first" }}\n'
    more = tmp_path / "known.toml"
    more.write_text(listed.format("b") + '"test_x.py::test_a" = "issue 2"\n', encoding="utf-8")
    subject = _read(tmp_path, "[known_failures]\n" + listed.format("a"))

    assert subject.known_failures == {"test_x.py::test_a": "issue 1"}
    assert subject.known_causes == {"test_x.py::test_a": "pick_first"}
    assert subject.with_known_failures(more).known_failures == {
        "test_x.py::test_a": "issue 2",
        "test_x.py::test_b": "issue 1",
    }
    assert subject.with_known_failures(more).known_causes == {"test_x.py::test_b": "pick_first"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "cannot be read: No such file or directory"),
        ("a line", "is not valid TOML"),
        ("x = 1", "[known_failures] x is 1: must be a string, or a table with reason and cause"),
        ("x = { cause = 'y' }", "[known_failures] x: reason is missing"),
        ("x = { reason = 1 }", "[known_failures] x: reason is 1: must be a string"),
        ("x = { reason = 'y', cuase = 'z' }", "[known_failures] x: unknown key: 'cuase'; did you mean 'cause'?"),
        ("[known_failures]\n[promises]", "unknown section: 'promises'; did you mean 'known_failures'?"),
    ],
)
def test_a_mistake_in_a_file_of_known_failures_is_told(tmp_path: Path, text: str | None, words: str) -> None:
    """The message names the file and says what would be right."""
    more = tmp_path / "known.toml"
    if text is not None:
        more.write_text(text, encoding="utf-8")
    with pytest.raises(SubjectFileError, match=f"^{re.escape(f'{more}: {words}')}"):
        _read(tmp_path, EXAMPLE).with_known_failures(more)
