"""The values of a config's schedulers are those that MMEngine's own Runner would use."""

import numpy as np
import pytest

from paramsched.mmengine.traced_config import traced_values

CONFIG = {
    "optim_wrapper": {"optimizer": {"type": "SGD", "lr": 0.02, "momentum": 0.9}},
    "train_cfg": {"type": "EpochBasedTrainLoop", "max_epochs": 12},
    "param_scheduler": [
        {"type": "LinearLR", "start_factor": 0.001, "by_epoch": False, "begin": 0, "end": 50},
        {"type": "MultiStepLR", "milestones": [8, 11]},
    ],
}


def test_the_values_of_a_list_are_those_of_the_run():
    values = traced_values(CONFIG, 20)["lr", 0]

    t = np.arange(240)
    ramp = np.minimum(0.001 + 0.999 * t / 49, 1.0)
    expected = 0.02 * ramp * np.where(t < 160, 1, np.where(t < 220, 0.1, 0.01))
    assert values == pytest.approx(expected, rel=1e-9)
