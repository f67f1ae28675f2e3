"""What a checkpoint holds of a Runner besides Accelerate's files: plain data, and gradients that wait."""

from typing import Any

import torch

from paramsched.runner._hook_states import hook_states
from paramsched.runner._run_facts import RunFacts
from paramsched.runner._runner_state import VERSION
from paramsched.runner._scheduler_states import scheduler_states
from paramsched.runner.optim_wrapper import AcceleratedWrapper
from paramsched.runner.view import RunnerParts


def runner_state(runner: RunnerParts) -> dict[str, Any]:
    """Our part of a checkpoint: plain data."""
    position = runner.training.position
    return {
        "version": VERSION,
        "meta": {"epoch": position.epoch, "iter": position.iter, "seed": runner.seed, "run": runner.run_name},
        "clock": {
            "epoch": position.epoch,
            "batch": position.batch,
            "iter": position.iter,
            "validated": position.validated,
        },
        "run": facts_to_compare(runner),
        "param_schedulers": scheduler_states(runner.schedulers),
        "optimizers": {name: _wrapper_state(stepper) for name, stepper in runner.steppers.items()},
        "hooks": hook_states(runner.hooks),
    }


def gradients_of(runner: RunnerParts) -> dict[str, torch.Tensor]:
    """The gradients collected for an update that is not complete; empty where there is none."""
    if not any(stepper.in_cycle for stepper in runner.steppers.values()):
        return {}
    return {name: p.grad.detach().cpu() for name, p in runner.model.named_parameters() if p.grad is not None}


def facts_of_run(runner: RunnerParts) -> RunFacts:
    assert runner.facts is not None  # the run is prepared before anything is loaded or saved
    return runner.facts


def facts_to_compare(runner: RunnerParts) -> dict[str, Any]:
    """What may be another in the run that goes on: its length, its sizes, its processes."""
    facts = facts_of_run(runner)
    return {
        "max_epochs": facts.max_epochs,
        "max_iters": facts.max_iters,
        "epoch_length": facts.epoch_length,
        "batch_size": facts.batch_size,
        "accumulative_counts": dict(facts.accumulation),
        "processes": runner.accelerator.num_processes,
    }


def _wrapper_state(stepper: AcceleratedWrapper) -> dict[str, Any]:
    pseudo = stepper.inner.base_param_settings
    plain = None if pseudo is None else {key: value for key, value in pseudo.items() if key != "params"}
    state = {"updates": stepper.updates, "base_param_settings": plain}
    amounts = {} if stepper.amounts is None else stepper.amounts.saved_state()
    return state | ({"amounts": amounts} if amounts else {})
