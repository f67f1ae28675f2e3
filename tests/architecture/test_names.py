"""A name means one thing: what two files call alike is listed here, with its reason. What is private stays at home."""

import ast
import importlib.util
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

PEERS_NAMES = {
    "ConstantLR", "CosineAnnealingLR", "ExponentialLR", "LinearLR", "MultiStepLR", "OneCycleLR", "StepLR",
}  # fmt: skip
"""Classes that torch and MMEngine both have: users change the import line only."""

SHAPES_RULES_CURVES = {
    "CosineWave", "Exponential", "anneal", "constant", "cosine", "cosine_restarts", "cosine_wave", "exponential",
    "linear", "multistep", "one_cycle", "polynomial", "step", "table",
    "tanh",
}  # fmt: skip
"""A shape, the rule of the same shape, and the curve. A prefix tells them apart: `rules.step`, `curves.exponential`."""

ONE_FOR_EACH = {
    "to_plan": "each dialect has it",
    "from_plan": "each dialect that can be written has it",
    "recognizes": "each dialect that can be told from the data has it",
    "bases_of": "each dialect whose files say the optimizer's values has it",
    "read": "each dialect with files of its own has it",
    "write": "each dialect with files of its own has it",
    "register": "curves.register and engines.mmengine.register, both public",
    "scheduler": "public in engines.accelerate and engines.pytorch_accelerated",
}

ALLOWED = PEERS_NAMES | SHAPES_RULES_CURVES | set(ONE_FOR_EACH)


@pytest.fixture(scope="module")
def figures():
    """The script behind `make figures`, which is no package."""
    spec = importlib.util.spec_from_file_location("code_figures", ROOT / "tools" / "code_figures.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["code_figures"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def source(figures):
    return figures.source_files(ROOT / "src" / "paramsched")


def test_no_name_stands_in_two_files_but_those_that_are_allowed(figures, source):
    repeated = figures.repeated_names(source)

    assert {name: homes for name, homes in repeated.items() if name not in ALLOWED} == {}
    assert ALLOWED - set(repeated) == set(), "allowed, and in one file only: take it off the list"


def test_no_package_imports_what_is_private_to_another(figures, source):
    assert figures.private_imports(source) == []


def test_no_modules_import_each_other_in_a_circle(figures, source):
    assert figures.circles_in(figures.import_graph(source, lazy=True)) == []


def test_no_package_exports_a_name_that_is_a_folder_of_it():
    # `import paramsched.config.dialects.timm as timm` fails where `config.dialects` is a function.
    source = ROOT / "src"
    hidden = {}
    for init in source.rglob("__init__.py"):
        package = ".".join(init.parent.relative_to(source).parts)
        imports = [node for node in ast.walk(ast.parse(init.read_text())) if isinstance(node, ast.ImportFrom)]
        exported = {alias.asname or alias.name for node in imports if node.module != package for alias in node.names}
        hidden[package] = exported & {folder.parent.name for folder in init.parent.glob("*/__init__.py")}

    assert {package: names for package, names in hidden.items() if names} == {}
