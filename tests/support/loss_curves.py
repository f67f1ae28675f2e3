"""The public loss curves in `examples/loss_curves`, their plans, and the law formula as a direct sum."""

from functools import cache
from pathlib import Path

import numpy as np

import paramsched as ps

FOLDER = Path(__file__).parents[2] / "examples" / "loss_curves"
BASE = {"lr": 3e-4}
WARMUP = 'linear(0, 1, over="2159 steps") >> constant(over="1 steps")'
PLANS = {
    "cosine_24000": ps.Plan(lr=f"{WARMUP} >> cosine(to=0.1)", horizon=24000),
    "constant_24000": ps.Plan(lr=f"{WARMUP} >> constant()", horizon=24000),
    "wsdcon_9": ps.Plan(lr=f'{WARMUP} >> constant(over="5840 steps") >> constant(0.3)', horizon=16000),
    "wsd_20000_24000": ps.Plan(lr=f'{WARMUP} >> constant(over="17840 steps") >> geometric(1, 0.1)', horizon=24000),
}
TRAINED = ("cosine_24000", "constant_24000", "wsdcon_9")
NAMES = ("L0", "A", "alpha", "B", "C", "beta", "gamma")
AUTHORS = {  # the constants that the authors' logs end with
    "25M": (3.04045406, 0.52468604, 0.50786857, 363.787516, 2.06560812, 0.58279013, 0.64142257),
    "100M": (2.65144770, 0.60115152, 0.45295811, 437.946428, 2.13245612, 0.59785199, 0.65523644),
    "400M": (2.37474466, 0.65421216, 0.42878731, 523.424644, 2.02462736, 0.59350493, 0.63472457),
}


def curve(name):
    return FOLDER / f"{name}.csv"


@cache
def fitted_law():
    """Return the law of the three training curves."""
    return ps.loss_law.fit([curve(name) for name in TRAINED], [PLANS[name] for name in TRAINED], base=BASE)


def law_of(constants=AUTHORS["100M"], peak=3e-4, longest=24000):
    """Return a law with these constants and no covariance."""
    named = dict(zip(NAMES, constants, strict=True))
    return ps.loss_law.LossLaw(named, ((0.0,) * 7,) * 7, 0.001, (peak,), longest)


def exact_losses(rates, at, constants):
    """Return the loss of each update in `at` by the formula, with a direct sum over all changes."""
    level, height, alpha, drop, speed, beta, gamma = constants
    sums = np.cumsum(rates)
    found = []
    for t in at:
        k = np.arange(1, t + 1)
        distance = sums[t] - sums[k - 1]
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            effect = np.where(rates[k] > 0, rates[k] ** -gamma * distance, np.where(distance > 0, np.inf, 0.0))
            reached = 1 - (1 + speed * effect) ** -beta
            falls = np.sum((rates[k - 1] - rates[k]) * reached)
            found.append(level + height * sums[t] ** -alpha - drop * falls)
    return np.array(found)
