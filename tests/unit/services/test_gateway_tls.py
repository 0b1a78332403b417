"""The files of TLS that the reference gateway's environment names."""

from pathlib import Path

import pytest

from services.gateway.settings import Settings
from services.gateway.tls import Files
from services.variables import SettingsError


def test_without_an_authority_it_speaks_plaintext(tmp_path: Path) -> None:
    """Its own certificate alone changes nothing."""
    (tmp_path / "a.pem").write_bytes(b"a")
    own = {"CERT_FILE": str(tmp_path / "a.pem"), "KEY_FILE": str(tmp_path / "a.pem")}

    assert Settings.from_environment({}).tls is None
    assert Settings.from_environment({"CA_FILE": ""}).tls is None
    assert Settings.from_environment(own).tls is None
    assert Settings.from_environment({**own, "CA_FILE": own["CERT_FILE"]}).tls == Files(b"a", b"a", b"a")


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"CA_FILE": "/nonexistent/ca.pem"}, "CA_FILE is '/nonexistent/ca.pem': No such file or directory"),
        ({"CERT_FILE": __file__}, "CERT_FILE and KEY_FILE go together: one of them is not set"),
    ],
)
def test_a_mistake_is_named(variables: dict[str, str], words: str) -> None:
    """Before it listens."""
    with pytest.raises(SettingsError, match=words):
        Settings.from_environment(variables)
