"""Runs of each engine that are resumed: the bases that apply, and values that do not depend on them."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

import paramsched as ps
from support.engine_runs.harness import Tiny, optimizer_of
from support.engine_runs.in_parts import ENGINES, Run
from support.spread import spread

pytestmark = pytest.mark.filterwarnings("ignore")

PLAN = ps.Plan(lr=ps.warmup(5) >> ps.cosine(to=0.1), total=100)


BEFORE, AFTER = 1e-3, 5e-4


def plain(run: Run) -> None:
    optimizer = run.recorded(optimizer_of(Tiny()))
    run.scheduler = ps.Scheduler(optimizer, run.plan, **run.options)
    saved = {"optimizer": optimizer, "plan": run.scheduler}
    if run.resumes:
        for name, state in torch.load(run.folder / "run.pt").items():
            saved[name].load_state_dict(state)
    for _ in range(18):
        optimizer.step()
    torch.save({name: one.state_dict() for name, one in saved.items()}, run.folder / "run.pt")


@pytest.mark.parametrize("engine", [plain, *ENGINES.values()], ids=lambda engine: engine.__name__)
def test_a_resumed_run_uses_the_base_that_on_base_chooses_from_its_first_update_on(
    engine: Callable[[Run], None], tmp_path: Path
) -> None:
    first = Run(tmp_path / "first", PLAN, lr=BEFORE, epochs=1)
    first.folder.mkdir()
    engine(first)
    at = len(first.used)
    assert at in (18, 36)

    for options, base in (({}, BEFORE), ({"on_base": "code"}, AFTER)):
        folder = shutil.copytree(first.folder, tmp_path / str(base))
        again = Run(folder, PLAN, options, resumes=True, lr=AFTER)
        engine(again)

        expected = ps.trace(PLAN, [{"lr": base}])["lr", 0].tolist()
        assert len(again.used) >= 18
        assert again.used == expected[at : at + len(again.used)]


@pytest.mark.parametrize(
    "engine",
    spread([plain, *ENGINES.values()], plain, ENGINES["lightning"], ENGINES["transformers"]),
    ids=lambda engine: engine.__name__,
)
def test_the_values_of_an_absolute_schedule_do_not_depend_on_the_base_also_after_a_resume(
    engine: Callable[[Run], None], tmp_path: Path
) -> None:
    line = ps.warmup(5) >> ps.cosine(to=0.1)
    expected = ps.resolve(line, total=100)(np.arange(100), base=1.0).tolist()
    plan = ps.Plan(lr=ps.absolute(line), total=100)
    first = Run(tmp_path / "first", plan, lr=BEFORE, epochs=1)
    first.folder.mkdir()
    engine(first)
    again = Run(first.folder, plan, resumes=True, lr=AFTER)
    engine(again)

    at = len(first.used)
    assert at in (18, 36)
    assert len(again.used) >= 18
    assert [*first.used, *again.used] == expected[: at + len(again.used)]


JOB = ps.Plan(lr="warmup(4) >> cosine()", total=120)


@pytest.mark.parametrize("engine", ENGINES.values(), ids=lambda engine: engine.__name__)
def test_a_run_that_is_resumed_twice_uses_the_values_of_one_run(engine: Callable[[Run], None], tmp_path: Path) -> None:
    used: list[float] = []
    for epochs in (1, 2, 3):
        run = Run(tmp_path, JOB, resumes=bool(used), epochs=epochs)
        engine(run)
        assert run.used
        used += run.used

    assert used == ps.trace(JOB, {"lr": 0.1})["lr"].tolist()[: len(used)]
