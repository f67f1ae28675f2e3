"""What a value shows has no control characters of a file: neither `str` nor `repr` moves the cursor of a terminal."""

import dataclasses
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

import paramsched as ps
from paramsched.tools.audit import compare_with_plan, log_facts, read_log, read_plan_history, read_values
from paramsched.tools.records.checkpoint_files import load_checkpoint
from paramsched.tools.records.resume import predict_resume
from paramsched.tools.records.saved_run import read_saved_run
from support.spread import every
from support.updates import probe
from whole.security.hostile_inputs import NAMES

pytestmark = pytest.mark.filterwarnings("ignore")
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
    file = folder / "run.pt"
    torch.save({"optimizer": optimizer.state_dict(), "scheduler": scheduler.state_dict()}, file)
    saved = read_saved_run(load_checkpoint(file))
    yield saved
    yield predict_resume(saved, ps.Plan(lr="cosine()"), ps.RunFacts(total=2 * TOTAL))
    yield read_plan_history(file)


def inside(value: Any, seen: dict[int, Any]) -> Iterator[Any]:
    """Yield the library's values in a value, with what their properties return."""
    if id(value) in seen:
        return
    seen[id(value)] = value  # kept, so that no other value gets its id
    parts: list[Any] = []
    if type(value).__module__.startswith("paramsched"):
        yield value
        of_classes = [member for one in type(value).__mro__ for member in vars(one).items()]
        names = [name for name, member in of_classes if isinstance(member, property)]
        names += [field.name for field in dataclasses.fields(value)] if dataclasses.is_dataclass(value) else []
        parts += [getattr(value, name) for name in names]
    if isinstance(value, Mapping):
        parts += value.values()
    elif isinstance(value, list | tuple):
        parts += value
    for part in parts:
        yield from inside(part, seen)


@pytest.mark.parametrize("values_of", [of_log, of_run])
@pytest.mark.parametrize("name", every(2, HOSTILE))
def test_no_value_shows_a_control_character(name, values_of, tmp_path):
    shown = [one for value in values_of(name, tmp_path) for one in inside(value, {})]

    for one in shown:
        for text in (str(one), repr(one)):
            assert all(line.isprintable() for line in text.split("\n")), type(one)
            assert name not in text, type(one)
    assert len(shown) > 5
