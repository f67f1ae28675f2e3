# ruff: noqa: C408  # configs are spelled as MMEngine spells them
"""Reading a file has no other effect: no code runs, no terminal is controlled, a damaged checkpoint changes nothing."""

import dataclasses
import itertools
import json
import os
import random
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import paramsched as ps
from paramsched.errors import ParamschedError
from paramsched.mmengine.runner import CheckpointHook, Runner
from paramsched.tools.audit import compare_with_plan, log_facts, read_log, read_values
from support import programs
from support.runner_jobs import loader, network
from support.spread import every
from support.updates import probe
from whole.hostile.code_files import NAMES
from whole.hostile.uses import unprintable

pytestmark = pytest.mark.filterwarnings("ignore")
TESTS = Path(__file__).parents[2]

# ---------------------------------------------------------------- the policy of .github/SECURITY.md


def used(folder: Path, *arguments: int) -> Any:
    """Use every command and public function on hostile inputs in a process with an audit hook."""
    environment = {**os.environ, "PYTHONPATH": str(TESTS), "COLUMNS": "80"}
    program = str(Path(__file__).with_name("audited_uses.py"))
    ran = programs.run([program, str(folder / "used"), *map(str, arguments)], environment)
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


@pytest.mark.heavy
def test_no_use_of_a_hostile_input_has_another_effect(tmp_path):
    actual = used(tmp_path, 43)

    assert actual["unknown"] == [], "add them to tests/whole/hostile/uses.py"
    assert actual["violations"] == []
    assert actual["uses"] > 250


@pytest.mark.long
@pytest.mark.parametrize(("every", "generated"), [(1, 0), (3, 600)])
def test_no_use_of_any_hostile_input_has_another_effect(tmp_path, every, generated):
    assert used(tmp_path, every, generated, 1)["violations"] == []


# ---------------------------------------------------------------- what values show

HOSTILE = [name for name in NAMES if not name.isprintable() and "\ud800" not in name and "\udcff" not in name]
TOTAL = 20


def of_log(name: str, folder: Path) -> Iterator[Any]:
    file = folder / "log.jsonl"
    rows = [{"step": t, f"lr/{name}": 0.1 * (1 - t / 20), "lr/b": 0.1 * (1 - t / 40)} for t in range(TOTAL)]
    file.write_text("\n".join(map(json.dumps, rows)))
    log = read_log(file, ["lr"])
    yield log
    yield log_facts(read_values(file))
    for text in ("linear(over=20)", "linear(over=30)"):
        yield compare_with_plan(log, ps.Plan(lr=text), total=TOTAL)


def of_run(name: str, folder: Path) -> Iterator[Any]:
    optimizer = probe({"lr": 0.1, "name": name}, {"lr": 0.2, "name": "b"})
    scheduler = ps.Scheduler(optimizer, ps.Plan(lr="linear()"), total=TOTAL)
    optimizer.step()
    yield scheduler
    yield scheduler.state_dict()
    yield ps.trace(ps.Plan(lr="linear()", total=TOTAL), [{"name": name, "lr": 0.1}])


def inside(value: Any, seen: dict[int, Any]) -> Iterator[Any]:
    """Yield the library's values in a value, with what their properties return."""
    if id(value) in seen:
        return
    seen[id(value)] = value  # kept, so that no other value gets its id
    parts: list[Any] = []
    if type(value).__module__.startswith("paramsched"):
        yield value
        of_classes = [member for base_class in type(value).__mro__ for member in vars(base_class).items()]
        names = [name for name, member in of_classes if isinstance(member, property)]
        names += [field.name for field in dataclasses.fields(value)] if dataclasses.is_dataclass(value) else []
        parts += [getattr(value, name) for name in names]
    if isinstance(value, Mapping):
        parts += value.values()
    elif isinstance(value, list | tuple):
        parts += value
    for inner in parts:
        yield from inside(inner, seen)


@pytest.mark.parametrize("values_of", [of_log, of_run])
@pytest.mark.parametrize("name", every(4, HOSTILE))
def test_no_value_shows_a_control_character(name, values_of, tmp_path):
    shown = [inner for value in values_of(name, tmp_path) for inner in inside(value, {})]

    for inner in shown:
        for text in (str(inner), repr(inner)):
            assert unprintable(text) is None, type(inner)
            assert name not in text, type(inner)
    assert len(shown) > 5


# ---------------------------------------------------------------- damaged checkpoints of the Runner

CHECKPOINT = ("model.safetensors", "optimizer.bin", "random_states_0.pkl", "runner.pt")
"""The files of a checkpoint without which no run resumes."""


def resumed(folder: Path, epochs: int = 3, *, resume: bool = True) -> tuple[Runner, list[Any]]:
    """Return a Runner, and its model and optimizer."""
    model = nn.Sequential(network(), nn.Dropout(0.1))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    runner = Runner(
        model=model,
        work_dir=folder,
        train_dataloader=loader(3, shuffle=True),
        train_cfg=dict(by_epoch=True, max_epochs=epochs),
        optim_wrapper=dict(optimizer=optimizer, accumulative_counts=4),  # so that gradients wait in a checkpoint
        param_scheduler=dict(type="LinearLR", start_factor=0.1, by_epoch=False, end=9),
        loss=nn.functional.cross_entropy,
        randomness=dict(seed=3),
        default_hooks=dict(progress=None, checkpoint=CheckpointHook(interval=1)),
        resume=resume,
    )
    return runner, [model, optimizer]


def present(folder: Path, held: list[Any]) -> str:
    """Return the files, the weights, the optimizer and the random states as text."""
    files = sorted((str(file), file.read_bytes()) for file in folder.rglob("*") if file.is_file())
    states = [str(stateful.state_dict()) for stateful in held]
    generators = torch.get_rng_state().tolist(), random.getstate(), np.random.get_state()[1].tolist()  # noqa: NPY002  # the global one
    return repr((files, states, generators))


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained") / "run"
    resumed(folder, 2, resume=False)[0].train()
    return folder


@pytest.mark.parametrize(("damage", "name"), every(3, itertools.product(["missing", "empty", "truncated"], CHECKPOINT)))
def test_a_damaged_file_of_a_checkpoint_is_named_and_nothing_changes(trained, tmp_path, name, damage):
    folder = shutil.copytree(trained, tmp_path / "run")
    file = folder / "epoch_2" / name
    data = file.read_bytes()
    if damage == "missing":
        file.unlink()
    else:
        file.write_bytes(b"" if damage == "empty" else data[: len(data) // 2])
    runner, held = resumed(folder)
    before = present(folder, held)

    with pytest.raises(ParamschedError) as refusal:
        runner.train()

    assert name in str(refusal.value)
    assert present(folder, held) == before
