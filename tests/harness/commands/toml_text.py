"""Text of TOML: what commands write into subject files."""

import json
import re
from collections.abc import Mapping

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def quoted(text: str) -> str:
    """Return a string as TOML has it: literal, 'like "this"', if that spares escapes."""
    if '"' in text and "'" not in text and text.isprintable():
        return f"'{text}'"
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def listed(texts: tuple[str, ...]) -> str:
    """Return an array of strings."""
    return f"[{', '.join(map(quoted, texts))}]"


def inline(table: Mapping[str, str]) -> str:
    """Return an inline table of strings."""
    return f"{{ {', '.join(f'{key(name)} = {quoted(text)}' for name, text in table.items())} }}"


def key(name: str) -> str:
    """Return a key, bare if it can be."""
    return name if _BARE.fullmatch(name) else json.dumps(name, ensure_ascii=False)
