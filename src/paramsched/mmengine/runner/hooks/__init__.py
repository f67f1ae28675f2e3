"""Hooks: code that runs before and after each batch, epoch and validation."""

from paramsched.mmengine.runner.hooks.checkpoint import CheckpointHook as CheckpointHook
from paramsched.mmengine.runner.hooks.hook import Hook as Hook
from paramsched.mmengine.runner.hooks.logger import LoggerHook as LoggerHook
from paramsched.mmengine.runner.hooks.logger import ProgressBarHook as ProgressBarHook
from paramsched.mmengine.runner.hooks.param_scheduler import DistSamplerSeedHook as DistSamplerSeedHook
from paramsched.mmengine.runner.hooks.param_scheduler import IterTimerHook as IterTimerHook
from paramsched.mmengine.runner.hooks.param_scheduler import ParamSchedulerHook as ParamSchedulerHook
from paramsched.mmengine.runner.hooks.param_scheduler import RuntimeInfoHook as RuntimeInfoHook
