"""Holds the house together: rows, sizes, and the homes of a few words."""

import ast
import re
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "easyseg"

ROWS = {
    0: {"errors", "_types", "_closing"},
    1: {
        "options",
        "files",
        "labels",
        "download",
        "pictures",
        "videos",
        "cameras",
        "displays",
        "drawing",
        "transforms",
    },
    2: {"registry", "checkpoints", "datasets", "render", "export"},
    3: {"result", "models"},
    4: {"engine"},
    5: {"pipeline"},
    6: {
        "semantic",
        "tune_bg",
        "background",
        "api",
        "camera",
        "large",
        "cli",
        "training",
        "evaluation",
    },
}
ROW_OF = {room: row for row, rooms in ROWS.items() for room in rooms}
TOP = {"__init__", "__main__", "weights"}
MAX_LINES = 400
# Tables of names and colours are data; their length says nothing about the code.
DATA = {"labels/ade20k.py", "labels/pascal_voc.py"}

FILES = sorted(PACKAGE.rglob("*.py"))


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(tree: ast.AST) -> Iterator[str]:
    """What is imported, wherever in a tree: `package.module`, or `package.module.name`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def imported_rooms(path: Path) -> set[str]:
    """Rooms that a file imports from, wherever in it."""
    names = [name.split(".") for name in imports(ast.parse(path.read_text("utf-8")))]
    return {parts[1] for parts in names if parts[0] == "easyseg" and len(parts) > 1}


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imported_modules(path: Path, modules: set[str]) -> set[str]:
    """Modules that run when a file does, or one of its functions: not those for types alone."""
    tree = ast.parse(path.read_text("utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = []
    names = imports(tree)
    return {name if name in modules else name.rpartition(".")[0] for name in names} & modules


def test_every_room_has_a_row():
    rooms = {room_of(path) for path in FILES}
    assert rooms - TOP <= set(ROW_OF)


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_a_room_imports_from_its_own_row_or_a_lower_one(path: Path):
    if room_of(path) in TOP:
        return
    row = ROW_OF[room_of(path)]
    upward = {r for r in imported_rooms(path) if ROW_OF.get(r, -1) > row}
    assert upward == set()


def test_no_module_imports_itself_by_way_of_others():
    modules = {module_of(path) for path in FILES}
    graph = {module_of(path): imported_modules(path, modules) for path in FILES}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" imports ".join(reversed(error.args[1])))


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_files_stay_short(path: Path):
    if str(path.relative_to(PACKAGE).as_posix()) in DATA:
        return
    assert len(path.read_text("utf-8").splitlines()) <= MAX_LINES


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_users_mistakes_are_not_asserted(path: Path):
    tree = ast.parse(path.read_text("utf-8"))
    assert [n.lineno for n in ast.walk(tree) if isinstance(n, ast.Assert)] == []


def test_the_rows_in_contributing_are_these():
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    for row, rooms in ROWS.items():
        line = re.search(rf"^\| {row} \| (.*) \|$", text, re.M)
        assert line, f"CONTRIBUTING.md has no row {row}"
        assert set(re.findall(r"`(\w+)/?`", line.group(1))) == rooms


def test_every_room_has_tests():
    tested = {p.stem.removeprefix("test_") for p in (ROOT / "tests").glob("test_*.py")}
    tested |= {p.name for p in (ROOT / "tests").iterdir() if p.is_dir() and any(p.glob("test_*"))}
    rooms = {room_of(path) for path in FILES} - TOP - {"_types", "_closing", "errors"}
    assert rooms - tested == set()


def test_no_two_files_of_tests_share_a_name():
    names = sorted(path.name for path in (ROOT / "tests").rglob("test_*.py"))
    assert names == sorted(set(names)), "pytest imports them by name, and stops at the second one"


def test_the_map_names_every_room():
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    the_map = text.partition("## The map\n")[2].partition("\n\nDrawing and exporting")[0]
    assert set(ROW_OF) - set(re.findall(r"`(\w+)/?`", the_map)) == set()


@pytest.mark.parametrize("path", sorted(PACKAGE.glob("*/__init__.py")), ids=lambda p: p.parent.name)
def test_every_room_says_in_a_sentence_what_it_is_for(path: Path):
    line, *_ = (ast.get_docstring(ast.parse(path.read_text("utf-8"))) or "").splitlines() or [""]
    assert line.endswith(".")


@pytest.mark.parametrize("path", FILES, ids=module_of)
def test_nobody_is_sent_to_an_index_that_does_not_have_easyseg(path: Path):
    """Messages name what is missing itself; another package may take the name there one day."""
    assert not re.search(r"pip install (-\S+ )*['\"]?easyseg\b", path.read_text("utf-8"))
