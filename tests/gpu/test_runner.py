"""On a GPU the Runner uses the planned values, and a stopped run resumes to the same weights, bit for bit."""

import pytest
import torch

import paramsched as ps
from paramsched.mmengine.runner import CheckpointHook, Hook, Runner
from support.runner_jobs import accuracy, loader, network
from support.runner_kills import assert_same_run
from support.updates import planned

pytestmark = pytest.mark.heavy
PLAN = ps.Plan(lr="warmup(5, start=0.1) >> cosine(to=0.01)", weight_decay="linear(1, 0.5)", total=40)


class Stop(Hook):
    """End a run with an error after an iteration."""

    priority = "LOWEST"

    def after_train_iter(self, runner, **_):
        if runner.iter == 23:
            raise KeyboardInterrupt


def job(folder, wrapper, *, resume=False, hooks=()):
    model = network()
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01, weight_decay=0.1)
    runner = Runner(
        model=model,
        work_dir=folder,
        train_dataloader=loader(10, shuffle=True),
        val_dataloader=loader(2),
        val_evaluator=accuracy,
        loss=torch.nn.functional.cross_entropy,
        optim_wrapper={"type": wrapper, "optimizer": optimizer},
        param_scheduler=PLAN,
        train_cfg={"by_epoch": True, "max_epochs": 4},
        randomness={"seed": 3},
        default_hooks={"checkpoint": CheckpointHook(interval=5, by_epoch=False), "progress": None},
        custom_hooks=list(hooks),
        resume=resume,
    )
    used = []
    optimizer.register_step_pre_hook(lambda stepped, *_: used.append(stepped.param_groups[0]["lr"]))
    runner.train()
    return runner, used


@pytest.mark.usefixtures("fresh_accelerate")
@pytest.mark.parametrize("wrapper", ["OptimWrapper", "AmpOptimWrapper"])
def test_a_stopped_run_resumes_to_the_values_and_weights_of_an_uninterrupted_one(device, tmp_path, wrapper):
    whole, used = job(tmp_path / "whole", wrapper)
    with pytest.raises(KeyboardInterrupt):
        job(tmp_path / "stopped", wrapper, hooks=[Stop()])
    resumed, _ = job(tmp_path / "stopped", wrapper, resume=True)

    assert next(whole.model.parameters()).device.type == device
    assert used == planned(PLAN, {"lr": 0.01, "weight_decay": 0.1})[: len(used)]
    # The scaler of float16 skips updates, and the plan does not count them.
    assert len(used) == 40 if wrapper == "OptimWrapper" or device == "cpu" else 35 < len(used) <= 40
    assert_same_run(resumed, whole)
