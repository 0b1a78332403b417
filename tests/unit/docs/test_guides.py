"""What guides give to be pasted: it parses, and names what there is."""

import re
import textwrap
import tomllib
from pathlib import Path

import pytest
import yaml

from tests.harness.paths import ROOT
from tests.harness.subject.subject import Subject

GUIDES = ROOT / "docs" / "guides"
_FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def snippets(language: str) -> list[tuple[str, str]]:
    """Return the code of one language in all guides, each with the name of its page."""
    return [
        (page.name, textwrap.dedent(code))
        for page in sorted(GUIDES.glob("*.md"))
        for name, code in _FENCE.findall(page.read_text(encoding="utf-8"))
        if name == language
    ]


@pytest.mark.parametrize(("page", "text"), snippets("yaml"))
def test_workflows_parse_and_give_the_action_inputs_that_it_has(page: str, text: str) -> None:
    """A misspelt input would be ignored by GitHub, with a warning that nobody reads."""
    inputs = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))["inputs"]
    document = yaml.safe_load(text)
    steps = document if isinstance(document, list) else document.get("jobs", {}).get("conformance", {}).get("steps", [])

    assert document, page
    for step in steps:
        if "grpc-lb-conformance" in step.get("uses", ""):
            assert set(step["with"]) <= set(inputs)


def test_the_guide_to_ci_lists_every_input_and_output_of_the_action() -> None:
    """One that is added to action.yml is documented."""
    action = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
    page = (GUIDES / "ci.md").read_text(encoding="utf-8")

    assert [name for name in [*action["inputs"], *action["outputs"]] if f"`{name}`" not in page] == []


@pytest.mark.parametrize("text", [text for _, text in snippets("toml") if "[subject]" in text])
def test_subject_files_are_read(text: str, tmp_path: Path) -> None:
    """By the code that reads those of subjects."""
    file = tmp_path / "subject.toml"
    file.write_text(text, encoding="utf-8")

    assert Subject.from_file(file).name == tomllib.loads(text)["subject"]["name"]


@pytest.mark.parametrize(("page", "text"), snippets("python"))
def test_python_compiles(page: str, text: str) -> None:
    """Its indentation survived the edits of the page."""
    assert compile(text, page, "exec")
