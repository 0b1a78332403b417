"""
The words that the terminal, the page and junit.xml share.

It needs Python's standard library alone: the Action's script uses it before anything is installed.
"""


def words(behaviour: str) -> str:
    """Return a behaviour's name as words."""
    return behaviour.removeprefix("test_").replace("_", " ") if "[" not in behaviour else _with_parameter(behaviour)


def _with_parameter(behaviour: str) -> str:
    name, _, parameter = behaviour.partition("[")
    return f"{words(name)}: {parameter.rstrip(']')}"
