"""Checkpoints, pickles and plan files of released versions load, and continue with the recorded values.

`files/` has a folder for each version. `PYTHONPATH=tests python tests/whole/stable/test_recorded_files.py` writes that
of the present one; those of earlier versions stay as they are.
"""

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import paramsched as ps
from paramsched.base import VERSION
from paramsched.mmengine import MultiStepLR, OneCycleLR

FILES = Path(__file__).with_name("files")
DONE = 7
MORE = 9  # updates before a checkpoint, and after it
PLAN = """
total: 16
lr: warmup(4) >> cosine(to=0.1)
weight_decay: linear(1.0, 0.25)
groups:
  head: {lr: "0.5 * step(5, 0.5)"}
targets:
  temperature: {initial: 2.0, schedule: "linear(1, 0.5)"}
"""
WITH_METRIC = 'constant() * plateau("loss", patience=1, factor=0.5)'
IN_TOKENS = ps.Plan(lr="warmup('100 tokens') >> linear()", clock="tokens", total="1600 tokens")
LINES = ["one_cycle(peak=2.0)", "wsd('2%', '20%')", "restarts(cosine(), 5, times=3)", "table([1.0, 0.5], every=3)"]


def sgd(*groups: dict[str, Any]) -> torch.optim.Optimizer:
    torch.manual_seed(0)
    several = [{"params": [torch.nn.Parameter(torch.ones(2))], **group} for group in groups or ({},)]
    return torch.optim.AdamW(several, lr=0.5, weight_decay=0.25, foreach=False)


def two_groups() -> torch.optim.Optimizer:
    return sgd({"name": "body"}, {"name": "head", "lr": 0.25})


def step(optimizer: torch.optim.Optimizer) -> None:
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            parameter.grad = torch.ones_like(parameter)
    optimizer.step()


def used(optimizers: list[torch.optim.Optimizer], advance: Callable[[int], None], updates: range) -> list[list[float]]:
    """Return the rate and the weight decay of each group before each update."""
    rows = []
    for t in updates:
        rows.append(
            [
                group[name]
                for optimizer in optimizers
                for group in optimizer.param_groups
                for name in ("lr", "weight_decay")
            ]
        )
        advance(t)
    return rows


class Job:
    """A run: its optimizers, what it saves, and how it advances."""

    def __init__(self, name: str) -> None:
        self.optimizers: list[torch.optim.Optimizer] = [two_groups() if name == "groups" else sgd()]
        (first,) = self.optimizers
        self.schedulers: list[Any] = []
        self.name = name
        if name == "groups":
            self.schedulers = [ps.Scheduler(first, ps.loads(PLAN))]
        elif name == "manual":
            self.schedulers = [ps.Scheduler(first, "cosine()", total=16, drive="manual")]
        elif name == "metric":
            self.schedulers = [ps.Scheduler(first, WITH_METRIC)]
        elif name == "tokens":
            self.schedulers = [ps.Scheduler(first, IN_TOKENS)]
        elif name == "several":
            self.optimizers.append(sgd())
            self.schedulers = [ps.Scheduler(dict(zip("ab", self.optimizers, strict=True)), "linear()", total=16)]
        elif name == "mmengine":
            self.schedulers = [MultiStepLR(first, [4, 9])]
        else:
            self.schedulers = [OneCycleLR(first, 1.0, total_steps=20)]

    def advance(self, t: int) -> None:
        (scheduler,) = self.schedulers
        if self.name == "tokens":
            scheduler.consumed(tokens=90 + t)
        for optimizer in self.optimizers:
            step(optimizer)
        if self.name in ("manual", "mmengine", "one cycle"):
            scheduler.step()
        if self.name == "metric":
            scheduler.observe(loss=1.0)

    def state(self) -> dict[str, Any]:
        (scheduler,) = self.schedulers
        return {
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "scheduler": scheduler.state_dict(),
        }


JOBS = ["groups", "manual", "metric", "tokens", "several", "mmengine", "one cycle"]


def write(folder: Path) -> None:
    folder.mkdir(parents=True)  # a recorded folder is never written again
    expected: dict[str, Any] = {"lines": {line: ps.resolve(ps.parse(line), total=16)(3) for line in LINES}}
    for name in JOBS:
        job = Job(name)
        used(job.optimizers, job.advance, range(DONE))
        torch.save(job.state(), folder / f"{name}.pt")
        expected[name] = used(job.optimizers, job.advance, range(DONE, DONE + MORE))
    plans = [ps.loads(PLAN), IN_TOKENS, *(ps.Plan(lr=line, total=16) for line in LINES)]
    (folder / "plans.pickle").write_bytes(pickle.dumps(plans, protocol=4))
    ps.dump(ps.loads(PLAN), folder / "plan.yaml")
    ps.dump(ps.loads(PLAN), folder / "plan.json")
    expected["plan"] = {name: trace.tolist() for name, trace in columns(ps.loads(PLAN)).items()}
    (folder / "expected.json").write_text(json.dumps(expected, indent=1), encoding="utf-8")


def columns(plan: ps.Plan) -> dict[str, Any]:
    trace = ps.trace(plan, two_groups())
    return {f"{field} {group}": trace[field, group] for field, group in trace.keys()}


VERSIONS = sorted(path.name for path in FILES.iterdir()) if FILES.exists() else []


@pytest.fixture(params=VERSIONS)
def folder(request: pytest.FixtureRequest) -> Path:
    return FILES / request.param


@pytest.mark.parametrize("what", ["optimizers", "scheduler", "both"])
@pytest.mark.parametrize("name", JOBS)
def test_a_recorded_checkpoint_continues_with_the_recorded_values(folder: Path, name: str, what: str) -> None:
    if what == "optimizers" and name in ("mmengine", "one cycle"):
        pytest.skip("their state is in the scheduler")
    expected = json.loads((folder / "expected.json").read_text(encoding="utf-8"))[name]
    # The state of MMEngine's MultiStepLR has a Counter, which torch 2.3 refuses with weights_only.
    state = torch.load(folder / f"{name}.pt", weights_only=name != "mmengine")
    job = Job(name)

    if what != "scheduler":
        for optimizer, saved in zip(job.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
    if what != "optimizers":
        job.schedulers[0].load_state_dict(state["scheduler"])

    assert used(job.optimizers, job.advance, range(DONE, DONE + MORE)) == expected


def test_recorded_plans_and_pickles_have_the_recorded_values(folder: Path) -> None:
    expected = json.loads((folder / "expected.json").read_text(encoding="utf-8"))
    plans = pickle.loads((folder / "plans.pickle").read_bytes())

    assert plans == [ps.loads(PLAN), IN_TOKENS, *(ps.Plan(lr=line, total=16) for line in LINES)]
    for plan in (ps.load(folder / "plan.yaml"), ps.load(folder / "plan.json"), plans[0]):
        assert {name: trace.tolist() for name, trace in columns(plan).items()} == expected["plan"]
    assert {line: ps.resolve(ps.parse(line), total=16)(3) for line in LINES} == expected["lines"]


if __name__ == "__main__":
    write(FILES / VERSION)
