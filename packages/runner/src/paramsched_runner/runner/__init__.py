"""A small Runner for MMEngine's configs, built on Hugging Face Accelerate.

    from paramsched.mmengine.runner import Runner                    # was: mmengine.runner

The Runner requires Accelerate and tqdm.
"""

from paramsched.errors import MissingDependency
from paramsched_runner.registries import DATASETS as DATASETS
from paramsched_runner.registries import HOOKS as HOOKS
from paramsched_runner.registries import METRICS as METRICS
from paramsched_runner.registries import MODELS as MODELS

try:
    import accelerate as _accelerate
    import torch as _torch
    import tqdm as _tqdm
except ModuleNotFoundError as _absent:
    if _absent.name not in ("accelerate", "torch", "tqdm"):
        raise
    raise MissingDependency("paramsched.mmengine.runner", _absent.name) from None

from paramsched_runner.runner.context import RunContext as RunContext
from paramsched_runner.runner.hooks import CheckpointHook as CheckpointHook
from paramsched_runner.runner.hooks import Hook as Hook
from paramsched_runner.runner.hooks import LoggerHook as LoggerHook
from paramsched_runner.runner.hooks import ParamSchedulerHook as ParamSchedulerHook
from paramsched_runner.runner.hooks import ProgressBarHook as ProgressBarHook
from paramsched_runner.runner.loops import Metric as Metric
from paramsched_runner.runner.optim_wrapper import AmpOptimWrapper as AmpOptimWrapper
from paramsched_runner.runner.runner import Runner as Runner

del _accelerate, _torch, _tqdm
