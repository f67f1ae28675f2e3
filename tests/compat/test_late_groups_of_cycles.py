"""Groups that are added to an optimizer whose scheduler has levels of its own: they join its cycle."""

import warnings

import pytest
import torch

from paramsched.compat.torch import SWALR, CyclicLR, OneCycleLR
from support.tables import table

BUILDS = {
    "OneCycleLR": lambda o, tops: OneCycleLR(o, tops, total_steps=20),
    "OneCycleLR without momentum": lambda o, tops: OneCycleLR(o, tops, total_steps=20, cycle_momentum=False),
    "CyclicLR": lambda o, tops: CyclicLR(o, 0.01, tops, step_size_up=4),
    "CyclicLR by a function": lambda o, tops: CyclicLR(o, 0.01, tops, 4, scale_fn=lambda x: 0.9**x),
    "SWALR": lambda o, tops: SWALR(o, tops, anneal_epochs=12),
}


def sgd(count, lr=0.1):
    groups = [{"params": [torch.nn.Parameter(torch.ones(1))]} for _ in range(count)]
    return torch.optim.SGD(groups, lr=lr, momentum=0.9)


def rows(scheduler, steps):
    found = []
    for _ in range(steps):
        scheduler.optimizer.step()
        scheduler.step()
        found.append([(group["lr"], group["momentum"]) for group in scheduler.optimizer.param_groups])
    return found


@pytest.mark.filterwarnings("ignore")
@table(("name", "tops"), [(name, tops) for name in BUILDS for tops in ([0.5, 0.5], [0.5, 0.25])])
def test_a_late_group_joins_the_cycle_of_the_last_group(name, tops):
    whole = BUILDS[name](sgd(2), tops)
    expected = rows(whole, 12)
    scheduler = BUILDS[name](sgd(2), tops)
    rows(scheduler, 4)
    scheduler.optimizer.add_param_group({"params": [torch.nn.Parameter(torch.ones(1))], "lr": 0.1})

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = rows(scheduler, 8)

    last = scheduler.optimizer.param_groups[-1]
    torch.testing.assert_close([row[:2] for row in found], expected[4:], rtol=1e-12, atol=0)
    if name != "SWALR":  # its group continues from its own value
        assert [row[2] for row in found] == [
            (row[1][0], row[1][1] if "without" not in name else 0.9) for row in expected[4:]
        ]
    assert any("use the last entry" in str(one.message) for one in caught) is (tops[0] != tops[1])
    assert last["lr"] == pytest.approx(last.get("swa_lr", last["lr"]))
    assert len(scheduler.get_last_lr()) == 3
