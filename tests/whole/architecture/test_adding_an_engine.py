"""The worked example of docs/contributing/extend.md: one file lets an engine pass its run facts to a plan."""

import re
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from torch.utils.data import DataLoader

import paramsched as ps
import paramsched.engines
from paramsched.errors import MissingFact
from support.engine_runs.harness import Numbers, Tiny, optimizer_of, recorded

ROOT = Path(__file__).parents[3]
(EXAMPLE,) = [
    block
    for block in re.findall(
        r"```python\n(.*?)```", (ROOT / "docs" / "contributing" / "extend.md").read_text(), re.DOTALL
    )
    if "EngineFacts" in block
]


class Loop:
    """The complete engine, which does not know plans or schedulers."""

    def __init__(self, loader: Any, epochs: int, accumulation: int) -> None:
        self.loader, self.epochs, self.accumulation = loader, epochs, accumulation
        self.model = Tiny()
        self.optimizer = optimizer_of(self.model)
        self.after_validation: list[Callable[[dict[str, float]], object]] = []

    def run(self) -> None:
        for _ in range(self.epochs):
            batches = list(self.loader)
            for number, (x, y) in enumerate(batches, 1):
                torch.nn.functional.mse_loss(self.model(x), y).backward()
                if number % self.accumulation == 0 or number == len(batches):
                    self.optimizer.step()
                    self.optimizer.zero_grad()
            for told in self.after_validation:
                told({"loss": 1.0})


@pytest.fixture
def tinyfit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Return the example as a module of the library."""
    (tmp_path / "tinyfit.py").write_text(EXAMPLE)
    monkeypatch.setattr(paramsched.engines, "__path__", [*paramsched.engines.__path__, str(tmp_path)])
    monkeypatch.delitem(sys.modules, "paramsched.engines.tinyfit", raising=False)
    return import_module("paramsched.engines.tinyfit")


def test_the_example_of_an_engine_is_under_thirty_lines():
    assert len(EXAMPLE.splitlines()) < 30


@pytest.mark.parametrize(("accumulation", "updates"), [(1, 15), (2, 9), (4, 6)])
def test_each_update_in_the_new_engine_uses_the_value_planned_in_percent(tinyfit, accumulation, updates):
    loop = Loop(DataLoader(Numbers(samples=20), batch_size=4), epochs=3, accumulation=accumulation)
    plan = ps.Plan(lr=ps.warmup("20%") >> ps.cosine(to=0.1), weight_decay=ps.linear(1.0, 0.5, over="2 epochs"))
    tinyfit.attach_plan(loop, plan)
    used = recorded(loop.optimizer)

    loop.run()

    shown = ps.trace(plan, loop.optimizer, ps.Calendar(total=updates, steps_per_epoch=updates // 3))
    expected = [list(shown[field, "weight"]) for field in ("lr", "weight_decay")]
    assert [[row[0] for row in used], [row[1] for row in used]] == expected


def test_the_new_engine_passes_its_metrics_to_the_plan(tinyfit):
    loop = Loop(DataLoader(Numbers(samples=20), batch_size=4), epochs=3, accumulation=1)
    tinyfit.attach_plan(loop, ps.Plan(lr=ps.plateau("loss", factor=0.5, patience=1)))

    loop.run()

    assert loop.optimizer.param_groups[0]["lr"] == 0.05


def test_an_error_names_the_missing_run_fact_the_reason_and_the_line_to_write(tinyfit):
    stream = (Numbers(samples=4)[n] for n in range(4))
    loop = Loop(stream, epochs=1, accumulation=1)

    with pytest.raises(MissingFact) as refusal:
        tinyfit.attach_plan(loop, ps.Plan(lr=ps.cosine(over="2 epochs")))

    assert "the loader has no length" in str(refusal.value)
    assert "For example: tinyfit.attach_plan(..., calendar=ps.Calendar(steps_per_epoch=" in str(refusal.value)
    line = ps.Calendar(steps_per_epoch=2)
    assert tinyfit.attach_plan(loop, ps.Plan(lr=ps.cosine(over="2 epochs")), calendar=line).values()


def test_run_facts_of_the_user_take_precedence_in_the_new_engine(tinyfit):
    loop = Loop(DataLoader(Numbers(samples=20), batch_size=4), epochs=3, accumulation=1)

    scheduler = tinyfit.attach_plan(loop, ps.Plan(lr=ps.cosine()), calendar=ps.Calendar(total=100))

    assert scheduler.calendar.total == 100
