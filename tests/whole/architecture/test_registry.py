"""Every registered shape and curve is documented and runs its example."""

import doctest
import inspect

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


def test_every_curve_has_a_constructor_or_a_constant_with_a_formula():
    for name, curve in CONSTANTS.items():
        assert "curve(u) =" in (inspect.getdoc(type(curve)) or ""), f"add curve(u) = … to the docstring of {name}"
    for name, family in FAMILIES.items():
        made = inspect.signature(family).return_annotation
        assert "curve(u) =" in (inspect.getdoc(made) or ""), f"add curve(u) = … to the docstring of {name}"
