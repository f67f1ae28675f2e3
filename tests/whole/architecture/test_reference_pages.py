"""Every public name has a page of the reference, and every shape a picture there."""

import re
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

import paramsched as ps
from paramsched import curves, extend
from paramsched.core.schedules import SHAPES
from support.pages import of_the_docs, public_paths

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def pages() -> str:
    """Return the text of all reference pages that are generated from the code."""
    reference, modules = of_the_docs("reference_pages", "module_pages")
    return "\n".join([*reference.pages().values(), *modules.pages().values()])


def test_every_public_name_has_a_page(pages):
    names = [name for name in ps.__all__ if not isinstance(getattr(ps, name), ModuleType)]

    missing = [name for name in names if f":: paramsched.{name}\n" not in pages]
    assert missing == [], f"add to `API` in docs/extensions/module_pages.py: {missing}"


def test_every_name_with_a_page_can_be_imported():
    absent = [path for path in public_paths() if not is_there(path)]

    assert absent == []


def is_there(path: str) -> bool:
    holder, _, name = path.rpartition(".")
    try:
        return hasattr(import_module(holder), name)
    except ModuleNotFoundError:  # a class, or a module of the core: paramsched.curves.rex
        module, _, kind = holder.rpartition(".")
        return hasattr(getattr(import_module(module), kind), name)


def test_every_name_that_an_example_for_an_extension_imports_is_a_name_for_authors():
    authors = {*vars(extend), *vars(ps)} | {*ps.__all__}
    text = (ROOT / "docs" / "contributing" / "extend.md").read_text(encoding="utf-8")
    examples = re.findall(r"```python\n(.*?)```", text, re.DOTALL)

    lines = re.findall(r"^from (paramsched[\w.]*) import (.*)$", "\n".join(examples), re.MULTILINE)
    imported = {name for module, names in lines for name in names.split(", ") if ".core" in module}
    assert len(imported) > 12
    assert sorted(imported - authors) == [], "add to src/paramsched/extend.py"


def test_members_without_a_place_in_the_reference_exist():
    inner = of_the_docs("public_names")[0].INNER

    for path, members in inner.items():
        module, _, name = path.rpartition(".")
        absent = [member for member in members.split() if not hasattr(getattr(import_module(module), name), member)]
        assert absent == [], f"remove from `INNER` in docs/extensions/public_names.py: {absent} of {path}"


def test_every_curve_rule_and_error_has_a_page(pages):
    from paramsched import errors
    from paramsched.core.schedules import rules

    names = [f"curves.{name}" for name in [*curves.CONSTANTS, *curves.FAMILIES]]
    names += [f"errors.{name}" for name in _classes_of(errors, Exception)]
    names += [f"rules.{name}" for name in _classes_of(rules, rules.Rule)]

    assert len(names) > 30
    missing = [name for name in names if f":: paramsched.{name}\n" not in pages]
    assert missing == [], f"add to a page in docs/extensions/reference_pages.py: {missing}"


def _classes_of(module: ModuleType, base: type) -> list[str]:
    classes = {name: value for name, value in vars(module).items() if isinstance(value, type)}
    return [n for n, kind in classes.items() if issubclass(kind, base) and kind.__module__.startswith(module.__name__)]


def test_every_engine_and_drop_in_has_a_page(pages):
    library = Path(ps.__file__).parent
    inner = {
        "argument_order",
        "engine_facts",
        "other_schedulers",
        "planned_batches",
        "reporting",
        "run_end",
        "target_writes",
        "torch_required",
    }
    engines = {file.stem for file in (library / "engines").glob("*.py") if not file.stem.startswith("_")}
    drop_ins = {stub.parent.name for stub in (library / "compat").glob("*/__init__.pyi")}

    wanted = {f"paramsched.engines.{name}" for name in engines - inner} | {
        f"paramsched.compat.{name}" for name in drop_ins
    }
    missing = [name for name in sorted(wanted) if f"`import {name}`" not in pages]
    assert inner <= engines, "remove the names of absent files from this test"
    assert missing == [], f"add a sentence to `MODULES` in docs/extensions/module_pages.py for {missing}"


def test_the_lines_that_draw_shapes_are_schedules_of_a_hundred_updates():
    reference, lines = of_the_docs("reference_pages", "shape_lines")

    absent = sorted(set(lines.SHAPES) - set(SHAPES))
    assert absent == [], f"remove from `SHAPES` in docs/extensions/shape_lines.py: {absent}"
    drawn = {name: line for name, line in lines.SHAPES.items() if line}
    tokens = lines.TOKENS_PER_UPDATE
    wrong = [line for name, line in drawn.items() if not reference.can_be_drawn(line, tokens.get(name))]
    assert wrong == [], f"write lines for 100 updates in `SHAPES` in docs/extensions/shape_lines.py: {wrong}"


def test_every_shape_is_in_one_group_of_the_gallery():
    lines = of_the_docs("shape_lines")[0]
    grouped = " ".join(lines.GROUPS.values()).split()

    missing, absent = sorted(set(SHAPES) - set(grouped)), sorted(set(grouped) - set(SHAPES))
    assert missing == [], f"add to a group of `GROUPS` in docs/extensions/shape_lines.py: {missing}"
    assert absent == [], f"remove from `GROUPS` in docs/extensions/shape_lines.py: {absent}"
    assert len(grouped) == len(set(grouped)), "a name is in `GROUPS` in docs/extensions/shape_lines.py twice"
    assert grouped[:3] == ["constant", "linear", "cosine"]


def test_every_shape_except_three_has_a_picture():
    reference = of_the_docs("reference_pages")[0]

    without = {name for name in SHAPES if not reference.line_of_shape(name)} - {"from_function", "like", "table_file"}
    lines = "\n".join(f'"{name}": "{name}(…)",' for name in sorted(without))
    assert not lines, f"add to `SHAPES` in docs/extensions/shape_lines.py:\n{lines}"


def test_every_curve_is_drawn():
    reference = of_the_docs("reference_pages")[0]
    lines = {name: reference.line_of_curve(name) for name in [*curves.CONSTANTS, *curves.FAMILIES]}

    wrong = [name for name, line in lines.items() if not reference.can_be_drawn(line)]
    assert wrong == [], f"add arguments to `CURVES` in docs/extensions/shape_lines.py: {wrong}"


def test_the_value_of_each_metric_rule_changes_in_its_picture():
    runs, lines = of_the_docs("metric_run", "shape_lines")
    rules = {name: line for name, line in lines.SHAPES.items() if line and runs.follows_metric(line)}

    assert set(rules) == {"plateau", "greedy", "hold"}
    assert [name for name, line in rules.items() if len(set(runs.run_with_loss(line)["lr", 0].tolist())) < 4] == []


def test_the_reference_page_shows_every_curve_with_its_required_arguments():
    lines = of_the_docs("shape_lines")[0]

    for name in [*curves.CONSTANTS, *curves.FAMILIES]:
        ps.parse(f"anneal(1, 0, curve=curves.{lines.CURVES.get(name, name)})")
