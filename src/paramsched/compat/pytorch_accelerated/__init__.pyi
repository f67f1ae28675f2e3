from paramsched.compat.pytorch_accelerated._base import SchedulerBase as SchedulerBase
from paramsched.compat.pytorch_accelerated._base import StatefulSchedulerBase as StatefulSchedulerBase
from paramsched.compat.pytorch_accelerated._cosine import CosineLrScheduler as CosineLrScheduler
from paramsched.compat.pytorch_accelerated._placeholders import TrainerPlaceholderValues as TrainerPlaceholderValues
from paramsched.compat.pytorch_accelerated._placeholders import (
    replace_trainer_placeholder_values as replace_trainer_placeholder_values,
)
from paramsched.compat.pytorch_accelerated._warmup_stable_decay import WSDLrScheduler as WSDLrScheduler
from paramsched.compat.pytorch_accelerated._warmup_stable_decay import (
    estimate_checkpoint_steps as estimate_checkpoint_steps,
)
