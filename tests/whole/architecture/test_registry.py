"""Every registered shape and curve is documented and runs its example."""

import ast
import doctest
import inspect

from paramsched.core import curves
from paramsched.core.curves import CONSTANTS, FAMILIES, families
from paramsched.core.schedules import SHAPES
from support.tables import table

OF_THE_LIBRARY = [name for name, builder in SHAPES.items() if builder.__module__.startswith("paramsched.")]


@table("name", OF_THE_LIBRARY)
def test_a_shape_documents_its_formula_its_source_and_an_example(name):
    text = inspect.getdoc(SHAPES[name]) or ""

    missing = [heading for heading in (">>>", "value(t) =", "Source: ") if heading not in text]
    assert missing == [], f"add to the docstring of {name}: {missing}"
    examples = doctest.DocTestFinder().find(SHAPES[name], name)
    assert any(example.examples for example in examples)


def test_every_curve_documents_its_formula():
    """A curve without arguments is a value, so that its docstring is read in the source."""
    texts = {
        node.name: ast.get_docstring(node) or ""
        for module in (families, families, families)
        for node in ast.parse(inspect.getsource(module)).body
        if isinstance(node, ast.FunctionDef) and node.decorator_list
    }
    of_tests = {name for name in CONSTANTS if name not in texts and not hasattr(curves, name)}  # of other tests
    assert texts.keys() == {*CONSTANTS, *FAMILIES} - of_tests
    for name, text in texts.items():
        assert "curve(u) =" in text, f"add curve(u) = … to the docstring of {name}"
