"""What keeps the house simple: rooms that import only downwards, small pieces, behaviours without a back door."""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.paths import ROOT, TESTS
from tests.harness.themes import behaviour_files, folders

ROOMS = (
    *(
        "paths",
        "harmless",
        "suggestion",
        "subject",
        "themes",
        "world",
        "judges",
        "evidence",
        "causes",
        "diagnosis",
        "price",
        "checks",
        "report",
    ),
    *("plugin", "behaviour", "commands"),
)
"""The rooms of the harness, from the ground up: each may use those before it."""

LONGEST_MODULE, LONGEST_FUNCTION = 350, 35
"""Lines."""

HARNESS = TESTS / "harness"
SOURCES = [
    file
    for folder in ("services", "tests")
    for file in sorted((ROOT / folder).rglob("*.py"))
    if not file.name.endswith(("_pb2.py", "_pb2_grpc.py")) and "node_modules" not in file.parts
]
EVERY_SOURCE = pytest.mark.parametrize("file", SOURCES, ids=lambda file: str(file.relative_to(ROOT)))
EVERY_BEHAVIOUR_FILE = pytest.mark.parametrize("file", behaviour_files(), ids=lambda file: file.stem)

BACK_DOORS = {"time", "requests", "socket", "subprocess", "os", "open", "grpc"}
"""What a behaviour does without: the world is what its fixtures give it, and a replay can stand in for them."""


def imported(file: Path) -> Iterator[str]:
    """Yield every module that a file imports, as its dotted name."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def room_of(module: str) -> str:
    """Return the room of a module of the harness, "" for any other."""
    parts = module.split(".")
    return parts[2] if parts[:2] == ["tests", "harness"] and len(parts) > 2 else ""


def test_rooms_import_only_downwards() -> None:
    """From the commands, which use everything, down to the subject's file and the promises."""
    arrows: Counter[tuple[str, str]] = Counter()
    for file in sorted(HARNESS.rglob("*.py")):
        here = file.relative_to(HARNESS).parts[0].removesuffix(".py")
        arrows.update((here, room) for module in imported(file) if (room := room_of(module)) and room != here)
    for (here, room), count in sorted(arrows.items()):
        print(f"{here} -> {room}: {count}")  # noqa: T201, the arrows are what one wants to see

    assert [arrow for arrow in arrows if ROOMS.index(arrow[0]) < ROOMS.index(arrow[1])] == []


def test_the_harness_knows_no_driver_and_no_theme() -> None:
    """What lies there is found by listing folders; commands may look at everything."""
    strangers = [
        f"{file.relative_to(TESTS)}: {module}"
        for file in sorted(HARNESS.rglob("*.py"))
        for module in imported(file)
        if module.startswith("tests.") and not room_of(module) and "commands" not in file.parts
    ]

    assert strangers == []


@EVERY_SOURCE
def test_modules_and_functions_are_small(file: Path) -> None:
    """A newcomer reads one without scrolling for long."""
    text = file.read_text(encoding="utf-8")
    functions = [
        (node.name, (node.end_lineno or 0) - node.lineno + 1)
        for node in ast.walk(ast.parse(text))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    ]

    assert len(text.splitlines()) <= LONGEST_MODULE
    assert [each for each in functions if each[1] > LONGEST_FUNCTION] == []


@EVERY_SOURCE
def test_no_module_imports_a_test_module(file: Path) -> None:
    """Nor a conftest: what several of them use is a helper, of unit tests in tests/unit/helpers."""
    parts = [module.split(".") for module in imported(file) if module.startswith("tests.")]
    tests = [
        ".".join(names) for names in parts if any(name.startswith("test_") or name == "conftest" for name in names)
    ]
    strangers = [".".join(names) for names in parts if names[1] == "unit" and names[2:3] != ["helpers"]]

    assert tests + strangers == []


def test_no_merge_was_left_unfinished() -> None:
    """Documents are not compiled: conflict markers in them go unnoticed."""
    files = [
        *ROOT.glob("*.*"),
        *(file for folder in ("docs", ".github", "tests") for file in (ROOT / folder).rglob("*.*")),
    ]
    texts = [file for file in files if file.suffix in {".md", ".toml", ".yml", ".yaml", ".jinja", ".css", ".json"}]
    markers = re.compile(r"^(<<<<<<<|>>>>>>>) ", re.MULTILINE)

    assert len(texts) > 40
    assert [file.name for file in texts if markers.search(file.read_text(encoding="utf-8"))] == []


@EVERY_BEHAVIOUR_FILE
def test_behaviours_have_one_front_door(file: Path) -> None:
    """They take the harness from tests.harness.behaviour, judges of one theme from their room, and no driver at all."""
    theme = ".".join(file.parent.relative_to(ROOT).parts)
    allowed = ("tests.harness.behaviour.", "tests.harness.judges.", "tests.behaviours.", f"{theme}.")

    assert [module for module in imported(file) if module.startswith("tests.") and not module.startswith(allowed)] == []


@EVERY_BEHAVIOUR_FILE
def test_behaviours_have_no_back_door(file: Path) -> None:
    """Whatever they did with the clock, a file or a socket would not be in the record."""
    names = {node.id for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))) if isinstance(node, ast.Name)}
    used = names | {module.partition(".")[0] for module in imported(file)}

    assert used & BACK_DOORS == set()


@EVERY_BEHAVIOUR_FILE
def test_each_recovery_is_judged_by_how_long_calls_waited(file: Path) -> None:
    """A gateway that holds calls, or leaves some hanging, shows neither in failures nor in shares."""
    body = ast.parse(file.read_text(encoding="utf-8")).body
    used = {
        node.name: {name.id for name in ast.walk(node) if isinstance(name, ast.Name)}
        for node in body
        if isinstance(node, ast.FunctionDef)
    }

    assert [name for name, names in used.items() if "recovery" in names and "waiting_faults" not in names] == []


def test_each_theme_is_one_folder() -> None:
    """With behaviours in it, and nothing but what belongs to them."""
    known = ("test_", "mutants", "gateways", "controls", "causes", "shared")
    strangers = [
        str(file.relative_to(TESTS))
        for folder in folders()
        if folder.parent.name == "behaviours"
        for file in folder.iterdir()
        if file.is_file() and not file.name.startswith(known)
    ]

    assert strangers == []
