"""A small Runner for MMEngine's configs, built on Hugging Face Accelerate.

    from paramsched.mmengine.runner import Runner                    # was: mmengine.runner

The distribution `paramsched-runner` has it.
"""

from paramsched.mmengine.runner_distribution import DATASETS as DATASETS
from paramsched.mmengine.runner_distribution import HOOKS as HOOKS
from paramsched.mmengine.runner_distribution import METRICS as METRICS
from paramsched.mmengine.runner_distribution import MODELS as MODELS
from paramsched.mmengine.runner_distribution import AmpOptimWrapper as AmpOptimWrapper
from paramsched.mmengine.runner_distribution import CheckpointHook as CheckpointHook
from paramsched.mmengine.runner_distribution import Hook as Hook
from paramsched.mmengine.runner_distribution import LoggerHook as LoggerHook
from paramsched.mmengine.runner_distribution import Metric as Metric
from paramsched.mmengine.runner_distribution import ParamSchedulerHook as ParamSchedulerHook
from paramsched.mmengine.runner_distribution import ProgressBarHook as ProgressBarHook
from paramsched.mmengine.runner_distribution import RunContext as RunContext
from paramsched.mmengine.runner_distribution import Runner as Runner
