"""An engine that is not installed is named, with what to install; asking for the modules imports no engine."""

import subprocess
import sys
from importlib import import_module

import pytest

import paramsched as ps
from paramsched.errors import MissingDependency

PLAN = ps.Plan(lr=ps.cosine(), horizon=10)


def made(engine):
    """What the engine's module gives, as far as it needs the library."""
    module = import_module(f"paramsched.engines.{engine}")
    if engine == "ignite":
        return module.PlanHandler(None, PLAN).attach(None)
    if engine == "pytorch_accelerated":
        return module.scheduler(PLAN)
    return module._derived.__wrapped__()  # the class may have been made by now, and stays what it is


@pytest.mark.parametrize(
    ("engine", "absent", "extra"),
    [
        ("lightning", ["lightning", "lightning.pytorch", "pytorch_lightning"], "lightning"),
        ("ignite", ["ignite", "ignite.engine"], "ignite"),
        ("skorch", ["skorch", "skorch.callbacks"], "skorch"),
        ("pytorch_accelerated", ["pytorch_accelerated", "pytorch_accelerated.trainer"], "pytorch-accelerated"),
    ],
)
def test_an_absent_engine_is_named_with_what_to_install(engine, absent, extra, monkeypatch):
    for name in absent:
        monkeypatch.setitem(sys.modules, name, None)

    with pytest.raises(MissingDependency, match=rf'pip install "paramsched\[{extra}\]"'):
        made(engine)


def test_the_modules_import_no_engine():
    modules = ["accelerate", "ignite", "lightning", "pytorch_accelerated", "skorch", "transformers"]
    code = (
        "import sys\n"
        + "".join(f"import paramsched.engines.{name}\n" for name in modules)
        + f"sys.exit(any(name in sys.modules for name in {[*modules, 'pytorch_lightning']!r}))"
    )

    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
