"""A missing engine is named with the package to install; importing the modules does not import an engine."""

import shutil
import subprocess
import sys
from importlib.util import find_spec, module_from_spec

import pytest

import paramsched as ps
from cli.library_copies import LibraryCopy, copy_library
from paramsched.errors import MissingDependency

PLAN = ps.Plan(lr=ps.cosine(), total=10)


def adapter_of(engine):
    """Return the objects of the engine's module that need the library."""
    spec = find_spec(f"paramsched.engines.{engine}")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    if engine == "pytorch_accelerated":
        return module.scheduler(PLAN)
    if engine == "transformers":
        return module.planned(object, PLAN)
    return module.PlanCallback


@pytest.mark.parametrize(
    ("engine", "absent", "package"),
    [
        ("lightning", ["lightning", "lightning.pytorch", "pytorch_lightning"], "lightning"),
        ("transformers", ["transformers"], "transformers"),
        ("pytorch_accelerated", ["pytorch_accelerated", "pytorch_accelerated.trainer"], "pytorch-accelerated"),
    ],
)
def test_a_missing_engine_is_named_with_the_package_to_install(engine, absent, package, monkeypatch):
    for name in absent:
        monkeypatch.setitem(sys.modules, name, None)

    with pytest.raises(MissingDependency, match=f"pip install {package}$"):
        adapter_of(engine)


def test_the_modules_do_not_import_an_engine():
    modules = ["accelerate", "lightning", "pytorch_accelerated", "transformers"]
    code = (
        "import sys\n"
        + "".join(f"import paramsched.engines.{name}\n" for name in modules)
        + f"sys.exit(any(name in sys.modules for name in {[*modules, 'pytorch_lightning']!r}))"
    )

    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


@pytest.mark.parametrize(
    "name",
    [
        *(f"engines.{name}" for name in ("accelerate", "lightning", "pytorch_accelerated")),
        *("mmengine.engine", "mmengine.StepLR", "compat.torch.StepLR", "compat.pytorch_accelerated.CosineLrScheduler"),
        "compat.gradual_warmup.GradualWarmupScheduler",
    ],
)
def test_without_torch_each_module_names_the_extra_to_install(name):
    package, _, attribute = name.rpartition(".")
    code = (
        "import sys\n"
        "class Without:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name.partition('.')[0] == 'torch': raise ModuleNotFoundError(name, name=name)\n"
        "sys.meta_path.insert(0, Without())\n"
        "import paramsched\n"
        f"try: from paramsched.{package} import {attribute}\n"
        "except paramsched.errors.MissingDependency as error: print(error)\n"
    )

    reported = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)

    assert "needs torch, which is not installed: pip install torch" in reported.stdout + reported.stderr


HISTORY = """
import copy, logging, warnings, torch, paramsched as ps
logging.disable()
warnings.simplefilter("ignore")
def optimizer(lr):
    parameters = [torch.nn.Parameter(torch.ones(1)) for _ in range(2)]
    for parameter in parameters:
        parameter.grad = torch.ones(1)
    return torch.optim.SGD([{"params": [parameter], "lr": lr} for parameter in parameters], lr=lr, momentum=0.5)
def seen():
    print(scheduler.t, scheduler.amount, scheduler.scalars(), scheduler.history, scheduler.state_dict())
plan = ps.Plan(lr="warmup(2) >> cosine() * 0.5", momentum="linear(1.0, 0.5)", total=12)
optimizers = {"a": optimizer(0.1), "b": optimizer(0.2)}
scheduler = ps.Scheduler(optimizers, plan)
def train(updates):
    for _ in range(updates):
        for each in optimizers.values():
            each.step()
        seen()
train(4)
saved = copy.deepcopy([each.state_dict() for each in optimizers.values()])
optimizers["a"].param_groups[0]["lr"] = 0.7
train(2)
for each, state in zip(optimizers.values(), saved):
    each.load_state_dict(state)
train(1)
scheduler.seek(9)
scheduler = ps.Scheduler(optimizers, plan.scale(9, lr=0.5), on_base="code")
train(5)
optimizers, scheduler = copy.deepcopy((optimizers, scheduler))
train(1)
"""


def test_without_the_diagnosis_every_value_and_state_is_the_same(tmp_path):
    shutil.rmtree(copy_library(tmp_path) / "core" / "diagnosis")

    printed = LibraryCopy(tmp_path).run("-c", HISTORY)
    expected = subprocess.run([sys.executable, "-c", HISTORY], capture_output=True, text=True)

    assert (printed.returncode, expected.returncode) == (0, 0), printed.stderr
    assert printed.stdout == expected.stdout != ""


USE = """
import torch, paramsched as ps
def optimizer():
    parameter = torch.nn.Parameter(torch.ones(1))
    parameter.grad = torch.ones(1)
    return torch.optim.SGD([parameter], lr=0.1)
first, second = optimizer(), optimizer()
schedulers = [ps.Scheduler(each, "warmup(2) >> cosine()", total=9) for each in (first, second)]
for _ in range(5):
    first.step()
second.load_state_dict(first.state_dict())
schedulers[1].load_state_dict(schedulers[0].state_dict())
assert schedulers[1].t == 5 and second.param_groups[0]["lr"] == first.param_groups[0]["lr"]
for name in NAMES:
    try:
        getattr(ps, name)
    except ps.errors.MissingPackage:
        print(name)
"""


@pytest.mark.parametrize(("folder", "names"), [("checks", ["check"]), ("files", ["load", "loads", "dump"])])
def test_without_a_folder_beside_the_core_a_plan_attaches_and_resumes(folder, names, tmp_path):
    shutil.rmtree(copy_library(tmp_path) / folder)

    printed = LibraryCopy(tmp_path).run("-c", USE.replace("NAMES", repr(names))).stdout

    assert printed.split() == names
