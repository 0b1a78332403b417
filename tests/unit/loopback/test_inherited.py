"""What a gateway on loopback inherits, and what nobody gave it."""

import json
import sys
from pathlib import Path

import pytest

from tests.harness.subject.subject import Subject
from tests.harness.subject.tables import SubjectFileError
from tests.harness.world.eventually import reached
from tests.harness.world.verdict import SubjectUnusableError
from tests.loopback.fork_server import ForkServer
from tests.loopback.gateway import LoopbackGateway
from tests.loopback.inherited import inherited, secrets

GITHUB = (
    *("GITHUB_TOKEN", "GITHUB_OUTPUT", "GITHUB_ENV", "GITHUB_PATH", "GITHUB_STEP_SUMMARY", "GITHUB_WORKSPACE"),
    *("ACTIONS_RUNTIME_TOKEN", "ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_CACHE_URL", "RUNNER_TEMP", "INPUT_SUBJECT"),
)
OTHER_CI = (
    "CI_JOB_TOKEN",
    "CI_REGISTRY_PASSWORD",
    "BUILDKITE_AGENT_ACCESS_TOKEN",
    "CIRCLE_TOKEN",
    "SYSTEM_ACCESSTOKEN",
)
SECRETS = (
    *("AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "AWS_SESSION_TOKEN", "AZURE_CLIENT_SECRET", "GH_TOKEN", "GH_PAT"),
    *("GOOGLE_APPLICATION_CREDENTIALS", "NPM_TOKEN", "NODE_AUTH_TOKEN", "DOCKER_AUTH_CONFIG", "DB_PASSWORD", "DB_PASS"),
    *("SSH_AUTH_SOCK", "MYSQL_PWD", "api_key", "OpenAI_API_Key", "APIKEY", "SIGNING_KEYS", "VAULT_JWT", "PGPASSWORD"),
)
NEEDED = (
    *("PATH", "HOME", "PWD", "OLDPWD", "LANG", "LC_ALL", "TZ", "TMPDIR", "USER", "CI", "JAVA_HOME", "LD_LIBRARY_PATH"),
    *(
        "NODE_OPTIONS",
        "GOPATH",
        "GOMAXPROCS",
        "DOTNET_ROOT",
        "PYTHONPATH",
        "SSL_CERT_FILE",
        "GRPC_VERBOSITY",
        "DATABASE",
    ),
    *("KEEPALIVE_TIME_MS", "HASH_HEADER", "GRPC_SERVICE_CONFIG", "MONKEY", "COMPASS", "PATTERN", "XDG_SESSION_ID"),
    *("GRPC_LB_CONFORMANCE_RUN", "LOG_LEVEL", "KEYCLOAK_URL", "AUTHORITY", "BUILD_ID", "CIVIL", "RUNNER", "GITHUB"),
)


@pytest.mark.parametrize("name", [*GITHUB, *OTHER_CI, *SECRETS, "http_proxy", "HTTPS_PROXY"])
def test_what_nobody_gave_is_withheld(name: str) -> None:
    """Variables of CI systems, what is called as a secret is, and proxies."""
    assert inherited({name: "x", "PATH": "y"}) == {"PATH": "y"}


@pytest.mark.parametrize("name", NEEDED)
def test_what_a_program_may_need_is_passed_on(name: str) -> None:
    """Everything else of the shell in which it works."""
    assert inherited({name: "x"}) == {name: "x"}


def test_a_password_in_a_url_is_a_secret() -> None:
    """Whatever the variable is called."""
    urls = {"A": "postgres://me:secret@db/x", "B": "https://host:8080/a@b", "C": "redis://:secret@host"}

    assert inherited(urls) == {"B": urls["B"]}


def test_the_secrets_of_a_user_are_named() -> None:
    """Those of a CI system are not worth a word: there are dozens."""
    given = {"GITHUB_TOKEN": "x", "DB_PASSWORD": "x", "API_TOKEN": "x", "PATH": "x", "HTTP_PROXY": "http://a:b@c"}

    assert secrets(given) == ["API_TOKEN", "DB_PASSWORD"]


SAYS = "import json, os, sys; print(json.dumps(dict(os.environ)), flush=True); sys.exit('no token')"


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Set what must not be inherited."""
    for name in ("GITHUB_TOKEN", "GITHUB_ENV", "API_TOKEN"):
        monkeypatch.setenv(name, "from-the-shell")
    return monkeypatch


def started(subject: Subject, folder: Path) -> tuple[dict[str, str], str]:
    """Return the variables that a gateway got, and what is said of it, as it exits."""
    with pytest.raises(SubjectUnusableError) as caught:
        LoopbackGateway(subject, ("127.0.0.1", 1), subject.environment, folder)
    said: dict[str, str] = json.loads((folder / "gateway.out").read_text(encoding="utf-8"))
    return said, str(caught.value)


@pytest.mark.usefixtures("shell")
def test_a_gateway_gets_no_secret_and_is_told_which(tmp_path: Path) -> None:
    """One that needs it and exits has the reason in its message."""
    subject = Subject("a", tmp_path, command=(sys.executable, "-c", SAYS))
    variables, message = started(subject, tmp_path)

    assert "from-the-shell" not in variables.values()
    assert "PATH" in variables
    assert "API_TOKEN" in message
    assert "--pass-variables" in message
    assert "GITHUB_TOKEN" not in message


def test_what_is_passed_by_name_or_by_the_file_arrives(shell: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A secret is named on the command line, or has its value in [environment]."""
    file = tmp_path / "subject.toml"
    file.write_text('[loopback]\ncommand = ["python"]\n[environment]\nGITHUB_ENV = "of-the-file"\n', encoding="utf-8")
    subject = Subject.from_file(file).given("API_TOKEN, GITHUB_TOKEN")
    shell.setenv("API_TOKEN", "later")

    assert subject.environment == {
        "GITHUB_ENV": "of-the-file",
        "API_TOKEN": "from-the-shell",
        "GITHUB_TOKEN": "from-the-shell",
    }


def test_a_variable_that_is_not_set_cannot_be_passed(tmp_path: Path) -> None:
    """A mistyped name is one line."""
    with pytest.raises(SubjectFileError, match=r"--pass-variables: NO_SUCH_TOKEN is not set"):
        Subject("a", tmp_path).given("PATH,NO_SUCH_TOKEN")


def test_the_fork_server_inherits_no_secret(shell: pytest.MonkeyPatch) -> None:
    """Its own variables could be read by what it forks."""
    shell.setenv("PATH_OF_THE_TEST", "1")
    server = ForkServer()
    try:
        environ = Path(f"/proc/{server.pid}/environ")
        reached(lambda: b"PATH_OF_THE_TEST=1" in environ.read_bytes(), within=10, what="the server runs its program")
        own = environ.read_bytes()
    finally:
        server.close()

    assert b"from-the-shell" not in own
