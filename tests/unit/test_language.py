"""
What people read is English as an on-call engineer would say it: the left column of the glossary is refused.

The glossary is data (language.toml), and what is read comes from functions (helpers/texts.py).
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.unit.helpers import readable
from tests.unit.helpers.glossary import ALLOWED, WORDS, Word, complaints
from tests.unit.helpers.readable import Text
from tests.unit.helpers.texts import SOURCES


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.__name__)
def test_what_users_read_has_nothing_of_the_left_column(source: Callable[[], Iterator[Text]]) -> None:
    """And each source has texts: an empty one would hide a mistake."""
    texts = list(source())

    assert texts
    assert [complaint for where, text in texts for complaint in complaints(where, text, source.__name__)] == []


@pytest.mark.parametrize("word", WORDS, ids=lambda word: word.instead)
def test_each_word_of_the_glossary_is_found(word: Word) -> None:
    """In its examples, in either case, and not in what looks alike."""
    assert [text for text in word.refused if not word.found_in(text) or not word.found_in(text.upper())] == []
    assert [text for text in word.fine if word.found_in(text)] == []
    assert set(word.only) <= {source.__name__ for source in SOURCES}


def test_each_allowed_use_is_used() -> None:
    """An exception that nothing needs any more would hide the next mistake."""
    texts = [text for source in SOURCES for _, text in source()]

    assert [allowed.text for allowed in ALLOWED if not any(allowed.text in text for text in texts)] == []
    assert all(allowed.why for allowed in ALLOWED)


def test_a_justified_use_is_allowed_where_it_stands() -> None:
    """By a comment on its line that names the word and says why."""
    assert complaints("a.md:1", "the question is <!-- language: question, of the RFC -->") == []
    assert complaints("a.md:1", "the question is <!-- language: question -->") != []
    assert complaints("a.md:1", "the question is told <!-- language: question, of the RFC -->") != []


def test_a_word_may_be_refused_in_one_source_only() -> None:
    """Causes call the name server DNS; documents explain what it is."""
    assert complaints("x", "the name server was silent", "strings_of_causes") != []
    assert complaints("x", "the name server was silent", "documents") == []


MODULE = '''
"""A channel of its own."""

PORT = f"{1} is no port"  # it starts
# anew, and
NAME = "anew"
'''

DOCUMENT = """\
# Ask `who told you`

A channel of its
own. [A link](told.md)
* one item
* another

```
anew
```
<!-- sample:a -->
told
<!-- /sample -->
"""

TEMPLATE = """\
<p title="of its own">{{ told }} is
{% if asked %}anew{% endif %}</p>
<b class="told it">{{ "told it" if asked else "it" }}</b>
"""


@pytest.fixture
def file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Return the path of a file to read."""
    monkeypatch.setattr(readable, "ROOT", tmp_path)
    return tmp_path / "read"


@pytest.mark.parametrize(
    ("content", "read", "texts"),
    [
        (MODULE, readable.strings, [(2, "A channel of its own."), (4, "… is no port")]),
        (MODULE, readable.comments, [(4, "it starts anew, and")]),
        (
            DOCUMENT,
            readable.paragraphs,
            [(1, "# Ask …"), (3, "A channel of its own. [A link…"), (5, "* one item"), (6, "* another")],
        ),
        (TEMPLATE, readable.template, [(3, "told it"), (1, "of its own"), (1, "… is anew")]),
        ("help: ## of its own\nword\n", readable.lines, [(1, "help: ## of its own")]),
    ],
    ids=["strings", "comments", "paragraphs", "template", "lines"],
)
def test_each_kind_of_text_is_read(
    file: Path, content: str, read: Callable[[Path], Iterator[Text]], texts: list[tuple[int, str]]
) -> None:
    """What people read, and nothing of the code around it."""
    file.write_text(content, encoding="utf-8")

    assert list(read(file)) == [(f"read:{line}", text) for line, text in texts]


def test_descriptions_are_read_and_scripts_are_not(file: Path) -> None:
    """Of a YAML file, wherever they stand in it."""
    file.write_text("a: [{description: of its own, run: of its own}]\nb: word\n", encoding="utf-8")

    assert list(readable.scalars(file)) == [("read", "of its own")]
