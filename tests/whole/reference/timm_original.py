"""timm's schedulers and their values."""

import importlib
import importlib.util
import sys
import types
import warnings

import numpy as np
import pytest
import torch


def timm_schedulers():
    """Import `timm.scheduler` without the other modules of timm, which need torchvision."""
    actual = importlib.util.find_spec("timm") if "timm" not in sys.modules else sys.modules["timm"].__spec__
    if actual is None:
        pytest.skip("timm is not installed")
    before = {name: sys.modules.pop(name) for name in list(sys.modules) if name.split(".")[0] == "timm"}
    bare = types.ModuleType("timm")
    bare.__path__ = list(actual.submodule_search_locations)
    sys.modules["timm"] = bare
    try:
        return importlib.import_module("timm.scheduler")
    finally:
        for name in [name for name in sys.modules if name.split(".")[0] == "timm"]:
            del sys.modules[name]
        sys.modules.update(before)


def rates(timm, arguments, *, lr, updates_per_epoch):
    """Return the lr of every update of a run of timm's training script, and its number of epochs."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=lr)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scheduler, epochs = timm.create_scheduler_v2(optimizer, **{"updates_per_epoch": updates_per_epoch, **arguments})
    actual = []
    for epoch in range(epochs):
        for _ in range(updates_per_epoch):
            actual.append(optimizer.param_groups[0]["lr"])
            if scheduler is not None:
                scheduler.step_update(num_updates=len(actual))
        if scheduler is not None:
            scheduler.step(epoch + 1)
    return np.array(actual), epochs


def rates_by_metric(timm, arguments, metrics, *, lr):
    """Return the lr after each epoch of a run that passes its metric to the scheduler, as timm's script does."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=lr)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scheduler, _ = timm.create_scheduler_v2(optimizer, **arguments)
    actual = []
    for epoch, metric in enumerate(metrics):
        scheduler.step(epoch + 1, metric)
        actual.append(optimizer.param_groups[0]["lr"])
    return np.array(actual)
