"""The names that `core/run/steps.py` looks for in the frames of other libraries exist in their installed versions."""

import inspect
import re
from importlib import import_module
from operator import attrgetter

import pytest
import torch

from paramsched.core.run import steps

STATE_MAKERS = [
    ("torch.distributed.checkpoint.state_dict", "_init_optim_state"),
    ("torch.distributed.optim.named_optimizer", "_NamedOptimizer.init_state"),
    ("torchtitan.components.optimizer.utils", "init_optim_state"),
]
PARTS_OF_ZERO = [
    ("deepspeed.runtime.zero.stage_1_and_2", "DeepSpeedZeroOptimizer", "bit16_groups"),
    ("deepspeed.runtime.zero.stage3", "DeepSpeedZeroOptimizer_Stage3", "fp16_groups"),
]


def installed(module):
    """Return a module of a package. A test without the package is skipped; one without the module fails."""
    pytest.importorskip(module.partition(".")[0])
    return import_module(module)


def code_of(function):
    return inspect.unwrap(function).__code__


def test_the_step_of_an_optimizer_of_torch_is_called_by_its_wrapper():
    optimizer = torch.optim.SGD([torch.zeros(1)])

    code = type(optimizer).step.__code__

    assert code.co_name == "wrapper"
    assert code.co_filename.endswith(steps._STEP_WRAPPER)
    assert {"self", "post_hook"} <= {*code.co_varnames}
    assert "wrapper" in steps._step_frames.__code__.co_consts
    assert "self" in steps.is_nested.__code__.co_consts


@pytest.mark.parametrize(("module", "name"), STATE_MAKERS)
def test_a_function_that_initializes_states_steps_the_optimizer(module, name):
    code = code_of(attrgetter(name)(installed(module)))

    assert {code.co_name, code.co_qualname} & steps._STATE_MAKERS == {name}
    assert "step" in code.co_names


def test_each_function_that_initializes_states_has_a_library():
    assert {name for _, name in STATE_MAKERS} == steps._STATE_MAKERS


def test_accelerate_steps_a_scheduler_once_for_each_process():
    code = code_of(installed("accelerate.scheduler").AcceleratedScheduler.step)

    assert code.co_qualname == "AcceleratedScheduler.step"
    assert "num_processes" in code.co_varnames
    assert {"AcceleratedScheduler.step", "num_processes"} <= {*steps.refuse_steps_of_processes.__code__.co_consts}


@pytest.mark.parametrize(("module", "name", "parts"), PARTS_OF_ZERO)
def test_zero_steps_its_parts(module, name, parts):
    source = inspect.getsource(getattr(installed(module), name))

    assert re.search(r"def _optimizer_step\(self, .*self\._optimizer_step\(", source, re.DOTALL)
    assert f"self.{parts} = " in source
    assert {"_optimizer_step", parts} <= {*steps.refuse_steps_of_parts.__code__.co_consts}
