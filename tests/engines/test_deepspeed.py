"""DeepSpeed's ZeRO steps an optimizer several times per update. The table of engines trains with the real engine."""

import json
import os
from pathlib import Path

import pytest
import torch
from transformers import Trainer, TrainingArguments

import paramsched as ps
from paramsched.engines.transformers import planned
from paramsched.errors import InvalidArgument
from support.pages import rows, script
from support.ports import free_port
from support.programs import run
from support.tables import table

ROOT = Path(__file__).parents[2]
PLAN = ps.Plan(lr=ps.linear(1.0, 0.0), total=10)


class Zero:
    """The part of ZeRO that steps the optimizer: stages 1 and 2 have `bit16_groups`, stage 3 has `fp16_groups`."""

    __module__ = "deepspeed.runtime.zero.stage_1_and_2"

    def __init__(self, optimizer, parts):
        self.optimizer = optimizer
        self.__dict__ |= parts

    def _optimizer_step(self, number):
        groups = self.optimizer.param_groups
        if "bit16_groups" in self.__dict__:
            self.optimizer.param_groups = [groups[number]]
        self.optimizer.step()
        self.optimizer.param_groups = groups

    def step(self):
        for number in range(len(self.__dict__.get("bit16_groups", self.__dict__.get("fp16_groups", [0])))):
            self._optimizer_step(number)


def optimizer(groups=2):
    parameters = [torch.nn.Parameter(torch.ones(1)) for _ in range(groups)]
    for parameter in parameters:
        parameter.grad = torch.ones(1)
    return torch.optim.SGD([{"params": [parameter]} for parameter in parameters], lr=0.1)


@pytest.mark.parametrize("parts", [{"bit16_groups": [0, 1]}, {"fp16_groups": [0, 1, 2]}, {}])
def test_steps_that_are_not_updates_are_rejected_before_the_first_one(parts):
    inner = optimizer()
    ps.Scheduler(inner, PLAN)

    with pytest.raises(InvalidArgument, match=r'several times per update.*Use Scheduler\(…, drive="manual"\)'):
        Zero(inner, parts).step()

    assert all(parameter.item() == 1 for group in inner.param_groups for parameter in group["params"])


@pytest.mark.parametrize("parts", [{"bit16_groups": [0]}, {"fp16_groups": [0]}])
def test_one_step_per_update_is_counted(parts):
    inner = optimizer(groups=1)
    scheduler = ps.Scheduler(inner, PLAN)

    for _ in range(3):
        Zero(inner, parts).step()

    assert (scheduler.t, inner.param_groups[0]["lr"]) == (3, ps.trace(PLAN, {"lr": 0.1})["lr"][3])


def test_a_trainer_with_deepspeed_steps_the_plan_itself(tmp_path):
    model = torch.nn.Linear(1, 1)
    trainer = planned(Trainer, PLAN)(model=model, args=TrainingArguments(tmp_path, use_cpu=True, report_to=[]))
    trainer.is_deepspeed_enabled = True
    trainer.create_optimizer()
    scheduler = trainer.create_scheduler(10)

    trainer.optimizer.step()
    before = scheduler.t
    scheduler.step()

    assert (before, scheduler.t) == (0, 1)


RESUMED = """
from transformers import TrainerCallback, TrainingArguments
import paramsched as ps
from paramsched.engines.transformers import planned
from support.engine_runs.deepspeed import WithOwnOptimizer, config_of
from support.engine_runs.harness import PLAN, Case, planned as planned_values
from support.engine_runs.transformers import Model, Rows

class Stop(TrainerCallback):
    def on_step_end(self, args, state, control, **keywords):
        control.should_training_stop |= state.global_step == stop_at

case = Case("deepspeed", variant="stage 3")
used = []
for stop_at, resume in ((25, None), (54, True)):
    args = TrainingArguments(
        "out", deepspeed=config_of(case), per_device_train_batch_size=4, num_train_epochs=3, max_grad_norm=0.0,
        save_strategy="steps", save_steps=20, report_to=[], disable_tqdm=True,
    )
    trainer = planned(WithOwnOptimizer, PLAN)(model=Model(), args=args, train_dataset=Rows(), callbacks=[Stop()])
    trainer.train(resume_from_checkpoint=resume)
    used.append(list(trainer.used))
assert used[0] == planned_values(54)[:25] and used[1] == planned_values(54)[20:], "planned != used"
print("resumed at 20")
"""


@pytest.fixture
def run_alone(tmp_path):
    """Return a function that runs a program as the only process of a launcher. DeepSpeed cannot run twice in one."""
    pytest.importorskip("deepspeed")
    env = os.environ | {
        "RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "1", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port()),
        "PYTHONPATH": os.pathsep.join(str(ROOT / folder) for folder in ("src", "tests")), "OMP_NUM_THREADS": "1",
    }  # fmt: skip
    return lambda *arguments: run(["-c", *arguments], env=env, cwd=tmp_path)


@pytest.mark.long
@pytest.mark.parametrize("dropped", ["-", "+"])
def test_the_script_on_the_page_runs(dropped, run_alone):
    ended = run_alone(script("deepspeed", dropped))

    assert ended.returncode == 0, ended.stderr[-3000:]


@pytest.mark.long
def test_a_trainer_with_partitioned_parameters_resumes_from_its_checkpoint(run_alone):
    ended = run_alone(RESUMED)

    assert "resumed at 20" in ended.stdout, ended.stderr[-3000:]


@table(("page", "config", "line"), rows("engines/deepspeed"))
def test_the_plan_in_a_row_of_the_page_has_the_rates_of_deepspeeds_scheduler(page, config, line):
    schedulers = pytest.importorskip("deepspeed.runtime.lr_schedules")
    scheduler = json.loads(config)
    adam = torch.optim.Adam([torch.zeros(1)], lr=0.1)
    of_deepspeed = getattr(schedulers, scheduler["type"])(adam, **scheduler["params"])
    used = []
    for _ in range(1000):
        used.append(float(adam.param_groups[0]["lr"]))
        of_deepspeed.step()

    assert ps.trace(ps.Plan(lr=line, total=1000), {"lr": 0.1})["lr", 0].tolist() == pytest.approx(used, rel=1e-12)
