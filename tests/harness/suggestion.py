"""What a misspelled name was probably meant to be."""

import difflib
from collections.abc import Iterable


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return "; did you mean 'x'?", with the closest known name, to append to an error; "" if nothing is known."""
    closest = difflib.get_close_matches(name, list(known), n=1, cutoff=0.0)
    return f"; did you mean {closest[0]!r}?" if closest else ""
