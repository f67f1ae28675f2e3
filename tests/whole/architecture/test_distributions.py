"""The library and the Runner are two distributions: one file leads to the second, which uses lists of the first."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from support.tables import table

ROOT = Path(__file__).parents[3]
SOURCE = ROOT / "src"
RUNNER = ROOT / "packages" / "runner" / "src" / "paramsched_runner"
WAY = "paramsched/mmengine/runner_distribution.py"
OF_ACCELERATE = {"accelerator._custom_objects", "accelerator._models", "accelerator._optimizers"}


def trees(folder):
    for file in sorted(folder.rglob("*.py*")):
        if file.suffix in (".py", ".pyi"):
            yield file, ast.parse(file.read_text(encoding="utf-8"))


def words(tree):
    """Yield the names of modules, the variables and the strings of a file."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from [getattr(node, "module", None) or "", *(alias.name for alias in node.names)]
        elif isinstance(node, ast.Name | ast.Attribute):
            yield node.id if isinstance(node, ast.Name) else node.attr
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def test_one_file_of_the_library_names_the_second_distribution():
    naming = {
        file.relative_to(SOURCE).as_posix()
        for file, tree in trees(SOURCE / "paramsched")
        if any("paramsched_runner" in word for word in words(tree))
    }

    assert naming == {WAY}


def listed(folder):
    """Return the names in the list of a folder."""
    stub = folder / "__init__.pyi"
    tree = ast.parse((stub if stub.exists() else folder / "__init__.py").read_text(encoding="utf-8"))
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    return {alias.name for node in imports for alias in node.names if alias.asname == alias.name}


def is_public(module, name):
    """Return whether a folder lists a name, or lists the module that has it."""
    path = SOURCE.joinpath(*module.split("."))
    if path.is_dir():
        return name in listed(path)
    return path.name in listed(path.parent) and not name.startswith("_")


def test_the_second_distribution_imports_public_names_and_those_of_lists():
    imported = {
        (node.module, alias.name)
        for _, tree in trees(RUNNER)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "paramsched"
        for alias in node.names
    }
    whole = [node for _, tree in trees(RUNNER) for node in ast.walk(tree) if isinstance(node, ast.Import)]

    assert not RUNNER.is_dir() or len(imported) > 50
    assert sorted(name for name in imported if not is_public(*name)) == []
    assert [alias.name for node in whole for alias in node.names if alias.name.startswith("paramsched")] == []


def test_the_second_distribution_uses_no_private_attribute():
    private = {
        ast.unparse(node)
        for _, tree in trees(RUNNER)
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr.startswith("_") and not node.attr.startswith("__")
        if ast.unparse(node.value) not in ("self", "cls")
    }

    assert private <= OF_ACCELERATE


@table(
    "code",
    [
        "from paramsched.mmengine import Runner",
        "from paramsched.mmengine import simulate",
        "import paramsched.mmengine.runner",
        "from paramsched.mmengine.__main__ import main",
        "from paramsched.cli import main; main(['show', 'config.yaml'], standalone_mode=False)",
        "from paramsched.cli import main; main(['check', 'config.yaml'], standalone_mode=False)",
        "from paramsched.cli import main; main(['show', 'config.py', '--run-config'], standalone_mode=False)",
    ],
)
@pytest.mark.package("cli", "compat", "engines", "mmengine", "show")
def test_without_the_second_distribution_each_way_to_it_raises_the_same_error(code, tmp_path):
    (tmp_path / "config.yaml").write_text("param_scheduler: {type: StepLR, step_size: 1}\n", encoding="utf-8")
    (tmp_path / "config.py").write_text("param_scheduler = dict(type='StepLR', step_size=1)\n", encoding="utf-8")
    hidden = f"import sys\nsys.modules['paramsched_runner'] = None\n{code}"

    ran = subprocess.run([sys.executable, "-c", hidden], cwd=tmp_path, capture_output=True, text=True, check=False)

    needs = "a Runner or a config of MMEngine needs paramsched-runner, which is not installed"
    assert ran.returncode != 0
    assert ran.stderr.strip().split("\n")[-1].endswith(f"{needs}: pip install ./packages/runner")
