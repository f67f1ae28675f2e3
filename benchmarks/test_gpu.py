"""The cost of an update on a GPU: a fused AdamW with and without a plan.

The floor is the same training step without a Scheduler; one with a tensor lr is followed by a `fill_`, the least that a
schedule must do. The time ends when the device has finished.
"""

import pytest
import torch

import paramsched as ps

UPDATES = 300

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no CUDA device")


def _loop(*, planned, capturable):
    weights = [torch.nn.Parameter(torch.ones(256, 256, device="cuda")) for _ in range(8)]
    lr = torch.tensor(1e-3, device="cuda") if capturable else 1e-3
    optimizer = torch.optim.AdamW(weights, lr=lr, fused=True, capturable=capturable)
    for weight in weights:
        weight.grad = torch.ones_like(weight)
    if planned:
        ps.Scheduler(optimizer, ps.Plan(lr="warmup(100) >> cosine(to=0.1)", total=10**6))

    def loop():
        for _ in range(UPDATES):
            optimizer.step()
            if capturable and not planned:
                lr.fill_(1e-3)
        torch.cuda.synchronize()

    return loop


@pytest.mark.parametrize("capturable", [False, True], ids=["float lr", "tensor lr"])
def test_update_of_a_fused_optimizer(least, report, capturable):
    loops = {name: _loop(planned=name == "measured", capturable=capturable) for name in ("measured", "floor")}

    best = least(loops, calls=UPDATES)

    name = f"fused AdamW on CUDA, {'tensor lr, vs a fill' if capturable else 'float lr, vs no plan'}"
    report(name, best["measured"], best["floor"], target=1.2)
