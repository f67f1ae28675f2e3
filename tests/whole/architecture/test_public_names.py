"""`paramsched.__all__` is the public API: all names exist, are documented, and are used in a test."""

import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import paramsched as ps
from paramsched.core.schedules import SHAPES
from support import programs
from support.tables import table


def test_every_public_name_exists_and_has_a_docstring():
    bare = [name for name in ps.__all__ if not (getattr(ps, name).__doc__ or "").strip()]
    assert bare == [], f"add a docstring to {bare}"


def test_the_shapes_have_every_shape_by_its_name_in_text():
    named = {name for name in dir(ps.shapes) if getattr(ps.shapes, name) is SHAPES.get(name)}

    assert named == {*SHAPES}
    assert {*SHAPES} - {*ps.__all__} == {*dir(ps.shapes)} - {*ps.__all__}


def test_every_public_name_is_called_in_a_script_that_is_type_checked():
    script = (Path(__file__).parents[1] / "typing" / "user_script.py").read_text(encoding="utf-8")
    called = {*re.findall(r"ps\.(\w+)", script), *re.findall(r"\b(?:show|audit|curves|errors)\b", script)}

    assert {*ps.__all__} - called == set()


@pytest.mark.parametrize("name", ["noam"])
def test_a_rare_shape_is_answered_with_its_place(name):
    with pytest.raises(AttributeError, match=f"Write ps.shapes.{name}"):
        getattr(ps, name)


@table(
    ("module", "name", "answer"),
    [
        (ps, "engine", '"engines"'),
        (ps, "shedule", '"Scheduler"'),
        (ps, "plot", "plan.plot()"),
        (ps, "CyclicLR", "from paramsched.compat.torch import CyclicLR"),
        (ps.engines, "huggingface", "paramsched.engines.transformers"),
        (ps.engines, "pytorch_lightning", "paramsched.engines.lightning"),
        (ps.engines, "transformer", '"transformers"'),
        (ps.compat, "torhc", '"torch"'),
        (ps.compat.torch, "CosineAnealingLR", '"CosineAnnealingLR"'),
        (ps.compat.torch, "OneCycleLr", '"OneCycleLR"'),
        (ps.shapes, "geometrc", '"geometric"'),
    ],
)
def test_an_attribute_with_a_typing_error_is_answered_with_its_name(module, name, answer):
    with pytest.raises(AttributeError) as refused:
        getattr(module, name)

    assert f"module {module.__name__!r} has no attribute {name!r}" in str(refused.value)
    assert answer in str(refused.value)


def test_the_signature_of_a_public_name_has_short_names_of_types():
    named = {name: getattr(ps, name) for name in ps.__all__ if callable(getattr(ps, name))}
    named |= {f"Plan.{name}": getattr(ps.Plan, name) for name in ("__init__", "resolve", "change", "cooldown", "scale")}
    shown = {name: str(inspect.signature(function)) for name, function in named.items()}

    assert {name: text for name, text in shown.items() if re.search(r"paramsched\.|collections\.|typing\.", text)} == {}


def test_a_bound_method_has_every_argument_in_its_signature():
    assert list(inspect.signature(ps.Plan(lr="cosine()").change).parameters) == ["at", "bindings", "total", "fields"]


def test_a_star_imports_the_public_names():
    actual: dict[str, object] = {}
    exec("from paramsched import *", actual)

    assert actual.keys() - {"__builtins__"} == set(ps.__all__)


def test_importing_the_scheduler_without_torch_names_the_extra():
    code = """
import sys
sys.modules["torch"] = None  # as if it were not installed
import paramsched
try:
    paramsched.Scheduler
except ImportError as error:
    print(error)
"""
    said = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout

    assert "pip install torch" in said


REACHED = [
    "compat.torch.StepLR", "compat.gradual_warmup.GradualWarmupScheduler", "compat.pytorch_accelerated.SchedulerBase",
    "engines.accelerate.scheduler", "engines.transformers.planned", "tools.audit.read_log", "tools.recipes.recipes",
    "tools.range_test.find_lr", "mmengine.engine.PlanScheduler", "mmengine.Runner", "show.svg", "errors.PlanError",
]  # fmt: skip


def test_every_package_is_reached_from_the_library_and_lists_only_its_public_names():
    code = f"""
import paramsched as ps
for path in {REACHED}:
    value = ps
    for name in path.split("."):
        assert name in dir(value), (path, name)
        value = getattr(value, name)
modules = [ps.compat, ps.engines, ps.tools, ps.mmengine, ps.show, ps.errors, ps.extend, ps.shapes, ps.curves,
    ps.compat.torch, ps.engines.lightning, ps.engines.accelerate, ps.tools.audit, ps.mmengine.engine]
for module in modules:
    assert [name for name in dir(module) if name.startswith("_") or name in ("Any", "Callable", "lazy_names")] == []
    assert [name for name in dir(module) if not hasattr(module, name)] == [], module
"""
    for library in ("accelerate", "lightning", "mmengine", "paramsched_runner", "transformers"):
        pytest.importorskip(library)

    done = programs.run(["-c", code])
    assert done.returncode == 0, done.stderr
