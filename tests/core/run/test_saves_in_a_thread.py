"""A checkpoint taken in a thread, while another thread counts updates: neither raises, and all updates are counted.

The switches between the threads are enumerated: at each line of one side, the other side runs to its end.
"""

import inspect
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
import torch

import paramsched as ps
from paramsched.core import run as run_package
from paramsched.core.plan import ALONE
from support.spread import spread
from support.updates import probe

TRACED = (
    str(Path(run_package.__file__).parent),
    inspect.getfile(torch.optim.Optimizer),
)  # the second one copies the values
SIZE = 4  # samples of an update
RUNS: dict[str, tuple[ps.Plan, dict[str, Any]]] = {
    "updates": (ps.Plan(lr='(warmup(2) >> cosine()) * plateau("loss")', total=100_000), {}),
    "samples": (
        ps.Plan(lr='warmup("8 samples") >> cosine()', total="400_000 samples", clock="samples"),
        {"batch_size": SIZE},
    ),
}


@contextmanager
def called_at_each_line(function: Callable[[], object]) -> Iterator[None]:
    """Call a function before each line of the traced code that the body executes."""
    before = sys.gettrace()

    def local(frame: FrameType, event: str, _: Any) -> Any:
        if event == "line":
            sys.settrace(None)
            function()
            sys.settrace(trace)
        return local

    def trace(frame: FrameType, _event: str, _: Any) -> Any:
        return local if frame.f_code.co_filename.startswith(TRACED) else None

    sys.settrace(trace)
    try:
        yield
    finally:
        sys.settrace(before)


def run_of(case: str, count: int) -> tuple[dict[str, Any], ps.Scheduler]:
    optimizers = {name: probe({"lr": 0.1}) for name in (["gen", "disc"] if count == 2 else [ALONE])}
    plan, facts = RUNS[case]
    return optimizers, ps.Scheduler(optimizers if count == 2 else optimizers[ALONE], plan, **facts)


@pytest.mark.parametrize("count", spread([1, 2], 2))
@pytest.mark.parametrize("case", RUNS)
@pytest.mark.filterwarnings("error")
def test_a_save_at_any_line_of_an_update_changes_no_value(case: str, count: int) -> None:
    optimizers, scheduler = run_of(case, count)
    twins, undisturbed = run_of(case, count)
    saved: list[Any] = []
    name = next(iter(optimizers))

    for _ in range(2):
        with called_at_each_line(lambda: saved.append(optimizers[name].state_dict())):
            for optimizer in optimizers.values():
                optimizer.step()
        for optimizer in twins.values():
            optimizer.step()

    assert len(saved) > 30
    assert (scheduler.t, scheduler.scalars("coming")) == (2, undisturbed.scalars("coming"))


@pytest.mark.parametrize("count", spread([1, 2], 2))
@pytest.mark.parametrize("case", RUNS)
@pytest.mark.filterwarnings("error")
def test_an_update_at_any_line_of_a_save_is_counted(case: str, count: int) -> None:
    optimizers, scheduler = run_of(case, count)
    name = next(iter(optimizers))
    lines = 0

    def update(line: int) -> Callable[[], None]:
        def step() -> None:
            nonlocal lines
            lines += 1
            if lines == line:
                for optimizer in optimizers.values():
                    optimizer.step()

        return step

    for line in range(1, 400):
        lines = 0
        with called_at_each_line(update(line)):
            optimizers[name].state_dict()
        if lines < line:
            break

    assert 10 < line < 399
    assert scheduler.t == line - 1
