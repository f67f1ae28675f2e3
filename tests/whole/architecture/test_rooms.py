"""Each kind of room has one form: its files, its docstring, its tests and its page. Each door says what it promises."""

import ast
import re
from pathlib import Path

from support.tables import table

ROOT = Path(__file__).parents[3]
LIBRARY = ROOT / "src" / "paramsched"
DOCS = ROOT / "docs"
DOORS = {
    "core": "Promised",
    "engines": "Promised",
    "show": "Promised",
    "cli": "Promised",
    "compat": "Follows",
    "mmengine": "Follows",
    "tools": "Promised",
}
LIBRARIES = sorted(path.name for path in (LIBRARY / "compat").iterdir() if (path / "__init__.py").is_file())
PAGES = {page.stem for page in (DOCS / "engines").glob("*.md")} | {"axolotl"}  # a section of transformers.md
ENGINES = [file.stem for file in (LIBRARY / "engines").glob("*.py") if file.stem in PAGES]
SHARED = {
    "__init__",
    "argument_order",
    "engine_facts",
    "other_schedulers",
    "planned_batches",
    "reporting",
    "run_end",
    "target_writes",
    "torch_required",
}
TOOLS = sorted(path.name for path in (LIBRARY / "tools").iterdir() if (path / "__init__.py").is_file())


def docstring_of(path: Path) -> str:
    return ast.get_docstring(ast.parse((path).read_text(encoding="utf-8"))) or ""


@table("door", DOORS)
def test_the_first_lines_of_a_door_say_what_it_promises_and_whom_it_imports(door):
    told = docstring_of(LIBRARY / door / "__init__.py")
    status = (DOCS / "explanation" / "stability.md").read_text(encoding="utf-8")

    assert DOORS[door] in told, f'add to its docstring "{DOORS[door]} …"'
    assert re.search("[Ii]mports", told), "add which doors it imports"
    assert len(told.splitlines()) <= 10
    assert re.search(rf"^\| `{door}` \|.*{DOORS[door].lower()}", status, re.MULTILINE), "add its row to stability.md"


@table("name", LIBRARIES)
def test_a_library_of_compat_has_the_files_of_the_form(name):
    room, told = LIBRARY / "compat" / name, docstring_of(LIBRARY / "compat" / name / "__init__.py")
    tables = [
        file.name
        for file in room.glob("*.py")
        if re.search(r"^@(argument_table|table_named)\b", file.read_text(encoding="utf-8"), re.MULTILINE)
    ]
    tests = ROOT / "tests" / "compat" / name

    assert re.search(r"^Source: .*\d", told, re.MULTILINE), "add the compared version: Source: torch 2.13."
    assert {*tables} <= {"arguments.py"}, "tables of arguments are in arguments.py"
    if (room / "plans.py").is_file() or (room / "__init__.pyi").is_file():  # users import it, or read files with it
        assert (DOCS / "coming_from" / f"{name}.md").is_file()
    assert list(tests.glob("test_*.py"))
    if (room / "plans.py").is_file():
        source = (room / "plans.py").read_text(encoding="utf-8")
        assert {"to_plan", "recognizes"} <= set(re.findall(r"^(?:def |from .* as )(\w+)", source, re.MULTILINE))
        assert (ROOT / "tests" / "compat" / name / "answers.yaml").is_file()
    if (room / "__init__.pyi").is_file():  # it has classes
        assert list(tests.glob("test_*divergences.py")), "a test of each row of docs/reference/divergences.md"


def test_every_file_of_engines_is_an_engine_with_a_page_or_is_shared_by_several():
    assert {file.stem for file in (LIBRARY / "engines").glob("*.py")} == SHARED | {*ENGINES}


@table("name", ENGINES)
def test_an_engine_has_the_files_of_the_form(name):
    told = docstring_of(LIBRARY / "engines" / f"{name}.py")
    runs = ROOT / "tests" / "support" / "engine_runs"

    assert told.splitlines()[0].count(".") >= 1
    assert (ROOT / "tests" / "engines" / f"test_{name}.py").is_file() or (runs / f"{name}.py").is_file()


@table("name", TOOLS)
def test_a_tool_has_the_files_of_the_form(name):
    told = docstring_of(LIBRARY / "tools" / name / "__init__.py")

    assert told, "say what the tool does"
    assert any((ROOT / "tests" / door / name).is_dir() for door in ("tools", "whole")), "add tests of the tool"


@table("room", ["core/curves", "core/schedules", "core/feedback"])
def test_a_file_of_shapes_curves_or_rules_begins_with_what_it_is(room):
    for file in (LIBRARY / room).glob("*.py"):
        assert docstring_of(file).splitlines()[0].endswith((".", ":")), file.name
