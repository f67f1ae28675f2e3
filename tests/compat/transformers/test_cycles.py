"""The restarts of transformers, whose cycles are a share of the run and need not be whole updates."""

from functools import partial

import numpy as np
import pytest
import torch

from paramsched.core.plan import resolve
from paramsched.core.schedules import parse
from paramsched.core.time import Calendar

optimization = pytest.importorskip("transformers.optimization")


@pytest.mark.parametrize(
    ("total", "warmup", "cycles"),
    [(1000, 50, 4), (1000, 0, 3), (997, 10, 7), (100, 1, 40)],  # cycles of 237.5, 333 1/3, 141, 2.475 updates
)
def test_cosine_with_hard_restarts_is_a_warmup_and_restarts_of_a_share_of_the_rest(total, warmup, cycles):
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=0.1)
    peer = optimization.get_cosine_with_hard_restarts_schedule_with_warmup(optimizer, warmup, total, cycles)
    factor = peer.lr_lambdas[0]
    assert isinstance(factor, partial)

    written = f'warmup({warmup}) >> restarts(cosine(), "{total - warmup}/{cycles} steps")'
    ours = resolve(parse(written), Calendar(total=total))

    np.testing.assert_allclose(ours(np.arange(total)), [factor(t) for t in range(total)], rtol=0, atol=1e-12)
