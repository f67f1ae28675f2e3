"""Hooks: code that runs before and after each batch, epoch and validation."""

from paramsched.runner.hooks.checkpoint import CheckpointHook as CheckpointHook
from paramsched.runner.hooks.hook import Hook as Hook
from paramsched.runner.hooks.logger import LoggerHook as LoggerHook
from paramsched.runner.hooks.logger import ProgressBarHook as ProgressBarHook
from paramsched.runner.hooks.param_scheduler import DistSamplerSeedHook as DistSamplerSeedHook
from paramsched.runner.hooks.param_scheduler import IterTimerHook as IterTimerHook
from paramsched.runner.hooks.param_scheduler import ParamSchedulerHook as ParamSchedulerHook
from paramsched.runner.hooks.param_scheduler import RuntimeInfoHook as RuntimeInfoHook
