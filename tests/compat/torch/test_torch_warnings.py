"""The warnings of each class next to torch's: the order of the steps, and the arguments of a step."""

import math
import warnings

import pytest
import torch

from paramsched.compat.torch._argument_checks import one_per_group
from support.tables import table
from support.torch_cases import OURS, PEER

CLASSES = {
    "StepLR": lambda m, o: m.StepLR(o, 2, 0.5),
    "MultiStepLR": lambda m, o: m.MultiStepLR(o, [2, 5], 0.5),
    "ConstantLR": lambda m, o: m.ConstantLR(o, 0.5, 4),
    "LinearLR": lambda m, o: m.LinearLR(o, 0.2, 1.0, 6),
    "ExponentialLR": lambda m, o: m.ExponentialLR(o, 0.9),
    "PolynomialLR": lambda m, o: m.PolynomialLR(o, 20, 2.0),
    "CosineAnnealingLR": lambda m, o: m.CosineAnnealingLR(o, 15, 0.01),
    "CosineAnnealingWarmRestarts": lambda m, o: m.CosineAnnealingWarmRestarts(o, 5, 2),
    "LambdaLR": lambda m, o: m.LambdaLR(o, lambda t: 0.9**t),
    "MultiplicativeLR": lambda m, o: m.MultiplicativeLR(o, lambda t: 0.9),
    "OneCycleLR": lambda m, o: m.OneCycleLR(o, 0.4, total_steps=20),
    "CyclicLR": lambda m, o: m.CyclicLR(o, 0.1, 0.3, 3),
    "SWALR": lambda m, o: m.SWALR(o, 0.01, 6),
}
SITUATIONS = {
    "the scheduler first": ("scheduler",),
    "the optimizer first": ("optimizer", "scheduler", "scheduler"),
    "twice": ("scheduler", "scheduler"),
    "a step was replaced": ("replace", "scheduler"),
    "a scaler skipped the step": ("infinite", "scheduler"),
    "a finite gradient": ("finite", "scheduler"),
    "a sparse gradient": ("sparse", "scheduler"),
    "a scaler skipped the step of a sparse gradient": ("sparse infinite", "scheduler"),
    "an epoch": ("optimizer", "epoch", "scheduler"),
    "an epoch first": ("epoch",),
}


def happened(module, build, situation):
    """Return the warnings of a situation, without addresses of pages, and the rates after each event."""
    parameter = torch.nn.Parameter(torch.zeros(2))
    optimizer = torch.optim.SGD([parameter], lr=0.4, momentum=0.9)
    rates = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        scheduler = build(module, optimizer)
        for event in situation:
            if event == "optimizer":
                optimizer.step()
            elif event == "scheduler":
                scheduler.step()
            elif event == "epoch":
                scheduler.step(3)
            elif event == "replace":
                optimizer.step = lambda: None
            else:
                gradient = torch.tensor([1.0, math.inf if "infinite" in event else 2.0])
                parameter.grad = gradient.to_sparse() if "sparse" in event else gradient
            rates.append(optimizer.param_groups[0]["lr"])
    return [str(one.message)[:40] for one in caught], rates


@pytest.mark.parametrize("name", CLASSES)
def test_a_step_warns_as_in_torch(name, subtests):
    for situation, events in SITUATIONS.items():
        (said, rates), (expected, planned) = (happened(m, CLASSES[name], events) for m in (OURS, PEER))
        if name == "CosineAnnealingWarmRestarts":  # torch's has no check of the order
            expected = [one for one in happened(PEER, CLASSES["StepLR"], events)[0] if "epoch" not in one]
        with subtests.test(situation=situation):
            assert said == ([] if "infinite" in events[0] else expected)  # torch does not look at the gradients
            assert rates == pytest.approx(planned, rel=1e-12) or "epoch" in events


@table(
    ("value", "expected"),
    [(0.5, [0.5, 0.5]), ([0.5, 0.25], [0.5, 0.25]), ((1, 2), [1, 2]), (torch.tensor(0.5), [0.5, 0.5])],
)
def test_an_argument_for_each_group_is_a_number_or_a_list(value, expected):
    optimizer = torch.optim.SGD([{"params": [torch.zeros(1)]}, {"params": [torch.zeros(1)]}], lr=0.1)
    scheduler = OURS.ExponentialLR(optimizer, 0.9)

    found = one_per_group(scheduler, "max_lr", value)

    assert list(map(float, found)) == expected
    with pytest.raises(ValueError, match="max_lr has 3 values, param_groups has 2"):
        one_per_group(scheduler, "max_lr", [1, 2, 3])


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", CLASSES)
def test_a_method_that_is_set_on_a_subclass_counts_until_it_is_deleted(name):
    def run(module):
        optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.4, momentum=0.9)
        made = CLASSES[name](module, optimizer)
        own = type("Own", (type(made),), {})
        made.__class__ = own
        rates = []
        for t in range(6):
            if t == 2:
                own.get_lr = lambda self: [0.01 * group["lr"] for group in self.optimizer.param_groups]
                own._get_closed_form_lr = lambda self: [0.02]
            if t == 4:
                del own.get_lr, own._get_closed_form_lr
            optimizer.step()
            made.step()
            rates.append(optimizer.param_groups[0]["lr"])
        return rates

    assert run(OURS)[:5] == pytest.approx(run(PEER)[:5], rel=1e-9)
