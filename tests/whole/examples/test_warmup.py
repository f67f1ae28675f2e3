"""Two examples of a warmup, by wrapping and by writing, and the plan of one line that is equivalent."""

import runpy
from pathlib import Path
from typing import Any

import pytest
import torch

import paramsched as ps

EXAMPLES = Path(__file__).parents[3] / "examples" / "warmup"


def curve(example: dict[str, Any]) -> list[float]:
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=0.1)
    scheduler = example["build"](optimizer)
    values = []
    for _ in range(205):
        values.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return values


@pytest.mark.parametrize("name", ["wrap.py", "write.py"])
def test_both_examples_give_the_curve_of_the_one_line_plan(name: str) -> None:
    line = ps.parse("warmup(20, 0.125) >> cosine(to=absolute(1e-06), over=180)")
    example = runpy.run_path(str(EXAMPLES / name))

    values = curve(example)

    assert values[:201] == pytest.approx(
        [line(t, base=0.1) for t in range(201)], rel=1e-9
    )  # another order of roundings


@pytest.mark.parametrize("name", ["wrap.py", "write.py"])
def test_the_example_runs_and_learns(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(EXAMPLES / name), run_name="__main__")

    first, *_, last = capsys.readouterr().out.splitlines()
    assert first.startswith("update   0  lr 0.012500")
    assert float(last.split()[-1]) < 1e-4
