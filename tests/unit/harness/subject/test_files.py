"""Files with the addresses of a start in them: what is replaced, what stays, and where the copies are."""

import io
import json
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.compose.container import _archive
from tests.harness.subject.backend import Backend
from tests.harness.subject.files import IN_CONTAINERS, LONGEST, filled_files, write_all
from tests.harness.subject.placeholders import Places, places_in_a_container
from tests.harness.subject.subject import Subject
from tests.harness.subject.tables import SubjectFileError
from tests.kind.files import add_files

PLACES = Places("127.1.2.1:4001", "dns://127.1.2.1:5353/order-service:5000", "order-service", 5000, "127.1.2.1:5353")

FILE = """\
[loopback]
command = ["./shop", "--config={config_file}"]
[files]
config = "app.yaml.template"
"""


def subject(folder: Path, text: str, toml: str = FILE) -> Subject:
    """Read a subject file with a file of this text."""
    (folder / "app.yaml.template").write_text(text, encoding="utf-8")
    (folder / "subject.toml").write_text(toml, encoding="utf-8")
    return Subject.from_file(folder / "subject.toml")


def copied(folder: Path, text: str) -> str:
    """Return the copy of a file with this text."""
    _, copies = filled_files(subject(folder, text).files, PLACES, str(folder / "copies"))
    return next(iter(copies.values())).decode()


def test_a_copy_has_the_addresses_and_its_path_is_in_the_command(tmp_path: Path) -> None:
    """Its name lacks what marks a template, as programs go by `.yaml`."""
    judged = subject(tmp_path, "server: {http_address}\nbackend: '{target}'\nhost: {name}\nport: {port}\n")
    complete, copies = filled_files(judged.files, PLACES, str(tmp_path / "copies"))
    write_all(copies)
    (path,) = copies

    assert path == str(tmp_path / "copies" / "config" / "app.yaml")
    assert judged.placed(complete).command == ("./shop", f"--config={path}")
    assert yaml.safe_load(Path(path).read_text(encoding="utf-8")) == {
        "server": "127.1.2.1:4001",
        "backend": PLACES.target,
        "host": "order-service",
        "port": 5000,
    }
    assert Path(path).stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    "text",
    [
        json.dumps({"a": {"b": [1, {"c": "{}"}]}, "log": "{time} {level}"}),
        "a: {b: {c: 1}, d: ${HOME}, e: ${target}}",
        "{{ .Values.x }} {{range}} {%if a%} {{user}}",
    ],
)
def test_other_braces_stay_as_they_are(tmp_path: Path, text: str) -> None:
    """JSON, YAML, variables of a shell, Go templates and the formats of logs."""
    assert copied(tmp_path, text) == text


def test_the_text_of_a_placeholder_has_two_braces(tmp_path: Path) -> None:
    """As in a command."""
    assert copied(tmp_path, "{{target}} {{http_adress}} {port}") == "{target} {http_adress} 5000"


@pytest.mark.parametrize(
    ("text", "toml", "words"),
    [
        (
            "{http_adress}",
            FILE,
            "[files] config: app.yaml.template has an unknown placeholder {http_adress}; did you mean 'http_address'?",
        ),
        (
            "",
            FILE.replace("config_file", "confg_file"),
            "[loopback] command has an unknown placeholder {confg_file}; did",
        ),
        (
            "",
            FILE.replace("{config_file}", "x"),
            "[files] config: {config_file}, the path of its copy, is in no command and no variable",
        ),
        ("", FILE.replace("app.yaml", "no.yaml"), "[files] config: "),
        ("", FILE.replace("config =", "ca ="), "[files] ca: must be a name of lower-case letters and _"),
        ("", FILE.replace('"app.yaml.template"', "7"), "[files] config is 7: must be a string"),
        ("x" * (LONGEST + 1), FILE, "[files] config: "),
    ],
)
def test_a_mistake_is_one_line(tmp_path: Path, text: str, toml: str, words: str) -> None:
    """Read with the subject file, before anything is started."""
    with pytest.raises(SubjectFileError) as raised:
        subject(tmp_path, text, toml)

    assert str(raised.value).startswith(f"{tmp_path / 'subject.toml'}: {words}")
    assert "\n" not in str(raised.value)


def test_files_of_tls_remain_next_to_copies(tmp_path: Path) -> None:
    """A file may have their paths in it."""
    places = replace(places_in_a_container({}, Backend()), files={"ca_file": "/ca.pem"})
    complete, copies = filled_files(subject(tmp_path, "ca: {ca_file}").files, places, IN_CONTAINERS)

    assert complete.files == {"ca_file": "/ca.pem", "config_file": next(iter(copies))}
    assert list(copies.values()) == [b"ca: /ca.pem"]
    assert filled_files({}, places, IN_CONTAINERS) == (places, {})


def test_containers_have_their_copies_below_one_folder(tmp_path: Path) -> None:
    """Compose gets an archive, Kubernetes annotations that the Downward API makes files of."""
    _, copies = filled_files(subject(tmp_path, "{target}").files, places_in_a_container({}, Backend()), IN_CONTAINERS)
    with tarfile.open(fileobj=io.BytesIO(_archive(copies))) as archive:
        (entry,) = archive.getmembers()
        content = archive.extractfile(entry)
        assert content is not None
        assert (entry.name, entry.mode, content.read()) == (
            "grpc-lb-conformance/config/app.yaml",
            0o644,
            b"dns:///order-service:5000",
        )
    pod: dict[str, Any] = {"metadata": {}, "spec": {"containers": [{}]}}
    add_files(pod, copies)

    (name,) = pod["metadata"]["annotations"]
    (item,) = pod["spec"]["volumes"][0]["downwardAPI"]["items"]
    assert item == {"path": "config/app.yaml", "fieldRef": {"fieldPath": f"metadata.annotations['{name}']"}}
    assert pod["spec"]["containers"][0]["volumeMounts"][0]["mountPath"] == "/grpc-lb-conformance"


def test_a_pod_without_files_is_left_as_it_is() -> None:
    """No volume, no annotation."""
    pod: dict[str, Any] = {"metadata": {}, "spec": {"containers": [{}]}}
    add_files(pod, {})

    assert pod == {"metadata": {}, "spec": {"containers": [{}]}}
