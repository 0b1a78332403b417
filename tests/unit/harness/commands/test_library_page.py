"""What libraries do is public: docs/reference/library-properties.md has each row of the table."""

from pathlib import Path

import pytest

from tests.harness.commands import library_page
from tests.harness.subject.library_properties import libraries, properties


def test_each_row_and_each_library_is_there() -> None:
    """With what it does, its source, and the issue as a link."""
    page = library_page.page()

    for row in properties():
        assert f"| {row.does}" in page
        assert f"| {row.source} |" in page
    for library in libraries():
        assert f"| {library.name} | {', '.join(library.also)} | {', '.join(library.languages)} |" in page
    assert "| from 1.72, seen with 1.85.1 | a zero pushback retries immediately; a 1 ms backoff still retries |" in page
    assert "[grpc/grpc#41036](https://github.com/grpc/grpc/issues/41036)" in page
    assert "It may hold: the replica's own clock" in page


def test_a_stale_page_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is missing too; a fresh one is not."""
    kept = tmp_path / "library-properties.md"
    monkeypatch.setattr(library_page, "PAGE", kept)
    monkeypatch.setattr("sys.argv", ["library_page", "--check"])

    missing = library_page.main()
    kept.write_text(library_page.page(), encoding="utf-8")

    assert (missing, library_page.main()) == (1, 0)
