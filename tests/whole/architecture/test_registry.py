"""Every registered shape and curve is documented and runs its example."""

import doctest
import importlib
import inspect
from pathlib import Path

from paramsched import curves
from paramsched.core.curves import CONSTANTS, FAMILIES
from paramsched.core.schedules import SHAPES
from support.tables import table

OF_THE_LIBRARY = [name for name, builder in SHAPES.items() if builder.__module__.startswith("paramsched.")]


@table("name", OF_THE_LIBRARY)
def test_a_shape_documents_its_formula_its_source_and_an_example(name):
    text = inspect.getdoc(SHAPES[name]) or ""

    missing = [part for part in (">>>", "value(t) =", "Source: ") if part not in text]
    assert missing == [], f"add to the docstring of {name}: {missing}"
    examples = doctest.DocTestFinder().find(SHAPES[name], name)
    assert any(example.examples for example in examples)


@table("name", OF_THE_LIBRARY)
def test_a_shape_has_one_name_and_types_for_all_its_arguments(name):
    builder = SHAPES[name]

    assert builder.__name__ == name
    for parameter in inspect.signature(builder).parameters.values():
        assert parameter.annotation is not parameter.empty, f"{name}({parameter.name}) has no annotation"
    module = importlib.import_module(builder.__module__)
    assert getattr(module, name) is builder


def test_every_curve_can_be_imported_by_typed_code():
    names = Path(inspect.getfile(curves)).read_text(encoding="utf-8")
    homes = {name: type(curve).__module__ for name, curve in CONSTANTS.items()}
    homes |= {name: family.__module__ for name, family in FAMILIES.items()}
    lines = [f"from {home} import {name} as {name}" for name, home in homes.items() if home.startswith(curves.__name__)]
    missing = sorted(set(lines) - set(names.splitlines()))

    assert missing == [], "add to src/paramsched/core/curves/__init__.py:\n" + "\n".join(missing)


def test_every_curve_has_a_constructor_or_a_constant_with_a_formula():
    for name, curve in CONSTANTS.items():
        assert "curve(u) =" in (inspect.getdoc(type(curve)) or ""), f"add curve(u) = … to the docstring of {name}"
    for name, family in FAMILIES.items():
        made = inspect.signature(family).return_annotation
        assert "curve(u) =" in (inspect.getdoc(made) or ""), f"add curve(u) = … to the docstring of {name}"
