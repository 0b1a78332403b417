"""The table of what gRPC libraries are known to do, and to which subjects its rows apply."""

from pathlib import Path

import pytest

from tests.harness.causes.settings import CAUSES, LANGUAGES, language_key
from tests.harness.paths import ROOT
from tests.harness.plugin.applying import cases_of_the_suite, functions
from tests.harness.subject.library_properties import (
    Property,
    default_for,
    identified,
    libraries,
    names,
    properties,
    properties_of,
)
from tests.harness.subject.subject import Subject
from tests.harness.subject.tables import SubjectFileError

ROW = Property("C-core", ("test_x.py::test_y",), "hangs", "file.cc, function", "", "1.85.1", since="1.72", fixed="1.90")
INSTANT = "test_retry_limits.py::test_a_zero_pushback_retries_immediately"


def _subject(folder: Path, text: str) -> Subject:
    file = folder / "subject.toml"
    file.write_text(text, encoding="utf-8")
    return Subject.from_file(file)


def _behaviours(subject: Subject) -> set[str]:
    return {key for row in subject.library_properties for key in row.behaviours}


def test_each_row_names_behaviours_and_a_cause_that_exist() -> None:
    """Neither a behaviour nor a cause can be renamed without the table."""
    known = cases_of_the_suite() | {f"{function.file.name}::{function.behaviour.__name__}" for function in functions()}
    listed = [key for row in properties() for key in row.behaviours]

    assert [key for key in listed if key not in known] == []
    assert [row.cause for row in properties() if row.cause not in {*CAUSES, ""}] == []


def test_each_row_is_complete() -> None:
    """What the library does, where, and in which version that was seen; each behaviour once for each library."""
    rows = [(row.library, key) for row in properties() for key in row.behaviours]

    assert all(row.does and row.source and row.seen for row in properties())
    assert {row.library for row in properties()} <= {library.name for library in libraries()}
    assert len(rows) == len(set(rows))


def test_every_language_has_a_default_library_and_only_one() -> None:
    """The languages are those that remedies are known for."""
    spoken = [language for library in libraries() for language in library.languages]

    assert len(spoken) == len(set(spoken))
    assert {language_key(language) for language in spoken} == set(LANGUAGES) - {"any"}


@pytest.mark.parametrize(
    ("version", "applies"),
    [
        ("1.71.2", False),
        ("1.72.0", True),
        ("v1.85.1", True),
        ("1.89.9-dev", True),
        ("1.90.0", False),
        ("1.100", False),
        ("", True),
        ("latest", True),
    ],
)
def test_a_row_applies_to_its_range_of_versions(version: str, *, applies: bool) -> None:
    """From the first version that does it to before the one that fixed it; an unknown version may do it."""
    assert ROW.applies_to(version) is applies


def test_a_row_is_told_as_not_the_gateways() -> None:
    """With what the library does, where, which issue is about it, and in which version it was seen."""
    assert (
        ROW.words == "library property, not yours: C-core hangs (file.cc, function; no issue known; seen with 1.85.1)"
    )


def test_a_library_is_known_by_each_of_its_names() -> None:
    """As lock files and people call it."""
    assert identified("@grpc/grpc-js 1.14.7") == ("grpc-js", "1.14.7")
    assert identified("grpcio 1.85.1") == identified("c-core 1.85.1") == ("C-core", "1.85.1")
    assert identified("none") == identified("") == ("", "")
    assert default_for("TypeScript") == "grpc-js"
    assert default_for("cobol") == ""


@pytest.mark.parametrize(
    ("text", "library"),
    [
        ('[subject]\nlibrary = "grpcio"', "C-core"),
        ('[subject]\nlanguage = "Python"', "C-core"),
        ('[subject]\nlanguage = "python"\nlibrary = "none"', ""),
        ('[subject]\nlanguage = "python"\nlibrary = "grpc-js"', "grpc-js"),
        ("", ""),
    ],
)
def test_rows_apply_by_library_or_by_language(tmp_path: Path, text: str, library: str) -> None:
    """What the file states comes first; "none" is for a gateway on another library."""
    subject = _subject(tmp_path, text)

    assert list(subject.library_properties) == [row for row in properties() if row.library == library]


@pytest.mark.parametrize(("version", "there"), [("1.71.2", False), ("1.85.1", True)])
def test_rows_apply_by_the_version_that_is_seen(tmp_path: Path, version: str, *, there: bool) -> None:
    """The lock file tells the version, even of a library that the subject file states without one."""
    (tmp_path / "requirements.txt").write_text(f"grpcio=={version}", encoding="utf-8")

    for stated in ("", 'library = "C-core"'):
        subject = _subject(tmp_path, f"[subject]\n{stated}")
        assert subject.library == f"grpcio {version}"
        assert (INSTANT in _behaviours(subject)) is there
    assert _subject(tmp_path, '[subject]\nlibrary = "C-core 1.60"').library == "C-core 1.60"


def test_a_gateway_that_is_only_a_command_has_its_library_too(tmp_path: Path) -> None:
    """By the lock file in the folder that it is started from."""
    (tmp_path / "go.mod").write_text("module x\nrequire google.golang.org/grpc v1.85.0\n", encoding="utf-8")

    assert Subject.from_command("./gateway --port=1", tmp_path).library == "grpc-go 1.85.0"


def test_an_unknown_library_is_refused_with_the_nearest(tmp_path: Path) -> None:
    """In one line that names the key."""
    with pytest.raises(SubjectFileError, match=r"\[subject\] library is 'grcp-go 1.80': .* did you mean 'grpc-go'\?"):
        _subject(tmp_path, '[subject]\nlibrary = "grcp-go 1.80"')
    assert "none" in names()


def test_an_unknown_language_is_refused_with_the_nearest(tmp_path: Path) -> None:
    """A misspelled one would silently have no rows of the table, and remedies for every language."""
    with pytest.raises(SubjectFileError, match=r"\[subject\] language is 'Pyhton': .* did you mean 'python'\?"):
        _subject(tmp_path, '[subject]\nlanguage = "Pyhton"')
    for language in ("Go", "dart", "other"):
        assert _subject(tmp_path, f'[subject]\nlanguage = "{language}"').language == language


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ('language = "go"', "go"),
        ('library = "grpc-java 1.70"', "java"),
        ('language = "go"\nlibrary = "none"', "none"),
        ("", ""),
    ],
)
def test_settings_are_those_of_its_language_or_of_its_librarys(tmp_path: Path, text: str, language: str) -> None:
    """A client without a gRPC library of the table has none of their settings."""
    assert _subject(tmp_path, f"[subject]\n{text}").settings_language == language


def test_only_gateways_of_the_repository_keep_the_table_true(tmp_path: Path) -> None:
    """A row that is out of date is our mistake, and no one else's run fails for it."""
    assert Subject.from_file(ROOT / "services" / "gateway" / "subject.toml").ours
    assert not _subject(tmp_path, "").ours


def test_the_rows_of_an_unknown_language_are_none() -> None:
    """Nothing is guessed."""
    assert properties_of("", "") == []
    assert properties_of("connect-go 1.0", "go") == []
