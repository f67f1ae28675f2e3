"""The modules that `import paramsched` loads, and the direction of imports."""

import subprocess
import sys
from pathlib import Path

import pytest

import paramsched

ROOT = Path(__file__).parents[3]
ALLOWED = {"paramsched", "numpy"}
"""Libraries that planning may load, beside the standard library."""
LAZY = ("torch", "pydantic", "yaml", "matplotlib", "click", "pandas", "scipy")
"""Each of them loads with the function that needs it."""


def loaded(code: str) -> set[str]:
    """Return the loaded top-level modules after running `code` in a new process."""
    return printed(
        f"import sys; before = set(sys.modules)\n{code}\nprint(*{{m.split('.')[0] for m in set(sys.modules) - before}})"
    )


def printed(code: str) -> set[str]:
    """Run `code` in a new process and return the words that it prints."""
    ran = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=True,
    )
    return set(ran.stdout.split())


def test_every_name_that_does_not_need_torch_loads_only_numpy_and_the_standard_library():
    names = sorted({*paramsched.__all__} - {"Scheduler", "find_lr"})
    code = f"import paramsched\nfor name in {names}: getattr(paramsched, name)"
    foreign = {name for name in loaded(code) if name not in sys.stdlib_module_names}

    extra = sorted(foreign - ALLOWED - {"_distutils_hack"})
    assert extra == [], f"import inside the function that needs it: {extra}"


PLANNING = [
    "import paramsched as ps; ps.warmup(5)(3)",
    "import paramsched as ps; ps.resolve(ps.warmup('5%') >> ps.cosine(), total=100)(range(3).stop)",
    "import paramsched as ps; ps.trace(ps.Plan(lr=ps.cosine(), total=9), {'lr': 0.1})['lr']",
    "import paramsched as ps; ps.diff(ps.Plan(lr=ps.cosine()), ps.Plan(lr=1.0), total=5)",
    "import paramsched as ps; ps.parse('cosine() * plateau()'); ps.Plan(lr=1)",
]


def test_planning_loads_no_further_library():
    extra = sorted(loaded("\n".join(PLANNING)) & set(LAZY))
    assert extra == [], f"import inside the function that needs it: {extra}"


def test_imports_point_down():
    pytest.importorskip("paramsched_runner")  # the topmost layer
    config = "import sys; from importlinter.cli import lint_imports_command as run; sys.exit(run())"
    linted = subprocess.run(
        [sys.executable, "-c", config],
        env={"PYTHONPATH": str(ROOT / "src")},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert linted.returncode == 0, linted.stdout
