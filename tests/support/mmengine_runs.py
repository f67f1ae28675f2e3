"""A tiny model in MMEngine's own Runner, and the value each iteration uses."""

# ruff: noqa: C408  # the configs are written as MMEngine's users write them

import copy
import warnings

import numpy as np
import torch
from mmengine.dataset import InfiniteSampler
from mmengine.evaluator import BaseMetric, Evaluator
from mmengine.hooks import Hook
from mmengine.logging import MMLogger
from mmengine.model import BaseModel
from mmengine.optim import OptimWrapper
from mmengine.runner import Runner

BATCHES = 6
EPOCHS = 4


class Toy(BaseModel):
    """A weight whose loss is the mean of its products with the batch."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(1))
        self.other = torch.nn.Parameter(torch.ones(1))

    def forward(self, inputs, mode="loss"):
        out = inputs * self.weight + self.other
        return {"loss": out.mean()} if mode == "loss" else [{"pred": out}]


class Constant(BaseMetric):
    """A metric that never improves."""

    default_prefix = None

    def process(self, data_batch, data_samples):
        self.results.append(0)

    def compute_metrics(self, results):
        return {"acc": 0.5}


class Used(Hook):
    """Records the value each iteration uses, in every group."""

    priority = "VERY_HIGH"

    def __init__(self):
        self.rows = []

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        groups = runner.optim_wrapper.optimizer.param_groups
        self.rows.append([float(group[field]) for field in ("lr", "momentum") for group in groups])


def sgd(model):
    """Return SGD with two groups, each with its own lr."""
    groups = [{"params": [model.weight]}, {"params": [model.other], "lr": 0.01}]
    return torch.optim.SGD(groups, lr=0.1, momentum=0.9)


def loader(*, endless=False):
    """Return a loader of `BATCHES` batches, which may begin again: MMEngine would wait two seconds before it does."""
    data = torch.utils.data.TensorDataset(torch.ones(2 * BATCHES, 1))
    sampler = InfiniteSampler(data, shuffle=False) if endless else None
    return torch.utils.data.DataLoader(data, batch_size=2, sampler=sampler)


class Runs:
    """A function that trains in the folder `place` and returns the used values and the Runner."""

    def __init__(self, place):
        self.place = place
        self.count = 0

    def __call__(
        self,
        schedulers,
        *,
        epochs=EPOCHS,
        by_epoch=True,
        counts=1,
        validate=False,
        hooks=(),
        folder="run",
        **more,
    ):
        self.count += 1
        model = Toy()
        used = Used()
        wrapped = OptimWrapper(sgd(model), accumulative_counts=counts)
        length = dict(max_epochs=epochs) if by_epoch else dict(max_iters=epochs * BATCHES, val_interval=BATCHES)
        validation = (
            dict(val_dataloader=loader(), val_evaluator=Evaluator(Constant()), val_cfg=dict()) if validate else {}
        )
        runner = Runner(
            model=model,
            work_dir=str(self.place / folder),
            train_dataloader=loader(endless=not by_epoch),
            optim_wrapper=wrapped,
            param_scheduler=schedulers(wrapped) if callable(schedulers) else copy.deepcopy(schedulers),
            train_cfg=dict(by_epoch=by_epoch, **length),
            custom_hooks=[used, *hooks],
            experiment_name=f"{self.place.name}_{self.count}",
            default_hooks=dict(logger=dict(type="LoggerHook", interval=1, log_metric_by_epoch=False)),
            log_level="ERROR",
            **validation,
            **more,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            runner.train()
        return np.array(used.rows), runner

    def close(self):
        """Close the loggers and their files."""
        for logger in MMLogger._instance_dict.values():
            for handler in logger.handlers:
                handler.close()
        MMLogger._instance_dict.clear()
