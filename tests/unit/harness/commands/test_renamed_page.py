"""Users of an older version find its names: docs/reference/renamed.md has each of them with today's."""

from pathlib import Path

import pytest

from tests.harness.commands import renamed_page
from tests.harness.evidence.renamed import BEHAVIOURS, CAUSES, FILES, MUTANTS


def test_each_old_name_has_a_row_with_the_new_one() -> None:
    """Behaviours with their words, files, mutants and causes without."""
    rows = renamed_page.page().splitlines()

    for key, name in BEHAVIOURS.items():
        file, _, old = key.partition("::")
        assert [row for row in rows if row.startswith(f"| `{file}` | `{old}` | `{name}` | ")] != []
    for old, name in [*FILES.items(), *MUTANTS.items(), *CAUSES.items()]:
        assert f"| `{old}` | `{name}` |" in rows


def test_a_stale_page_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is missing too; a fresh one is not."""
    kept = tmp_path / "renamed.md"
    monkeypatch.setattr(renamed_page, "PAGE", kept)
    monkeypatch.setattr("sys.argv", ["renamed_page", "--check"])

    missing = renamed_page.main()
    kept.write_text("old\n", encoding="utf-8")
    stale = renamed_page.main()
    kept.write_text(renamed_page.page(), encoding="utf-8")

    assert (missing, stale, renamed_page.main()) == (1, 1, 0)
