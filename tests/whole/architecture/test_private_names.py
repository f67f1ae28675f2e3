"""No package outside the core uses a private name of `ps.Scheduler`. Engines have `EngineHandle`."""

import ast
from pathlib import Path

OF_OTHERS = {"_last_lr", "_step_count", "_optimizers"}
"""Names that schedulers of torch and an Accelerator have too."""
LIBRARY = Path(__file__).parents[3] / "src" / "paramsched"


def private(name):
    return name.startswith("_") and not name.startswith("__")


def private_names_of_scheduler():
    tree = ast.parse((LIBRARY / "core" / "run" / "scheduler.py").read_text(encoding="utf-8"))
    (scheduler,) = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "Scheduler"]
    methods = {node.name for node in ast.walk(scheduler) if isinstance(node, ast.FunctionDef)}
    attributes = {node.attr for node in ast.walk(scheduler) if isinstance(node, ast.Attribute)}
    return {name for name in methods | attributes if private(name)}


def accesses(file):
    """Yield the name and the line of each access to an attribute of another object."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) not in ("self", "cls", "super()"):
            yield node.attr, node.lineno


def test_only_the_core_uses_private_names_of_a_scheduler():
    names = private_names_of_scheduler()
    actual = [
        f"{file.relative_to(LIBRARY)}:{line} {name}"
        for file in LIBRARY.rglob("*.py")
        if file.relative_to(LIBRARY).parts[0] not in ("base", "core")
        for name, line in accesses(file)
        if name in names - OF_OTHERS
    ]

    assert {"_run", "_attached"} <= names
    assert actual == []
