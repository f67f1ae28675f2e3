"""The line that the reference draws for each shape, in a run of 100 updates, and for each curve with parameters."""

import numpy as np

SHAPES = {
    "anneal": "anneal(1.0, 0.1, curve=curves.power(2))",
    "as_factor": "(as_factor(stairs(16, 64, 3, over=60)) / 64) ** 0.5",
    "chain": "chain(warmup(20), exponential(0.98))",
    "clamp": "clamp(cosine(), low=0.2, high=0.8)",
    "constant": "constant(0.5)",
    "cooldown": 'constant() >> cooldown("30%", curve=curves.one_minus_sqrt)',
    "cosine": "cosine(to=0.1)",
    "cosine_restarts": "cosine_restarts(15, mult=2)",
    "cosine_wave": "cosine_wave()",
    "cyclic": "cyclic(20, start=0.1)",
    "every": "every(cosine(), 10)",
    "exponential": "exponential(0.96)",
    "geometric": "geometric(1.0, 0.05)",
    "greedy": "constant() * greedy(patience=4)",
    "hold": "constant() * hold('loss', at=0.3, gain=0.2)",
    "inverse_sqrt": "warmup(10) >> inverse_sqrt(10)",
    "inverse_time": "inverse_time(0.05)",
    "jagged": "jagged(cosine(), every=25, over=5)",
    "like": "",
    "linear": "linear(1.0, 0.2)",
    "maximum": "maximum(0.3, cosine())",
    "minimum": "minimum(0.7, cosine())",
    "multistep": "multistep([30, 80], 0.3)",
    "noam": "noam(512, 20)",
    "one_cycle": "one_cycle()",
    "overlay": "overlay(warmup(20, to=following), cosine())",
    "piecewise": "piecewise([[0, 1.0], [30, 0.4], [70, 0.1]])",
    "plateau": "constant() * plateau(factor=0.5, patience=9)",
    "polynomial": "polynomial(2.0)",
    "power_law": "power_law(0.7, 10)",
    "power_scheduler": "power_scheduler(128)",
    "recurrence": "recurrence(rules.linear(0.1, end=20), rules.step(40, 0.5))",
    "restarts": "restarts(cosine(over=20), 20, gamma=0.8)",
    "rounded": "rounded(linear(1.0, 0.0), 0.1)",
    "shift": "shift(linear(1, 0, over=40), 30)",
    "skip": "skip(cosine(over=140), 40)",
    "stairs": "stairs(0.2, 1.0, 4)",
    "step": "step(25, 0.5)",
    "take": "take(cosine(), 60) >> constant(previous)",
    "table": "table([0.1, 0.6, 1.0, 0.7, 0.4, 0.1], every=20, curve=curves.cosine)",
    "tanh": "tanh()",
    "warmup": "warmup(30) >> constant()",
    "window": "window(constant(0.5), 30, 60)",
    "with_lengths": 'with_lengths(warmup("33%") >> cosine(), "floor")',
    "wsd": 'wsd("10%", "30%")',
    "wsd_s": "wsd_s([50, 50], decay=0.3, warmup=10)",
}
"""Empty for shapes without a picture of their own. Other shapes are drawn from the first call in their docstring."""

GROUPS = {
    "Most runs": "constant linear cosine wsd step multistep one_cycle inverse_sqrt",
    "Warmups": "warmup wsd_s noam",
    "Decays": "polynomial exponential geometric stairs piecewise anneal cooldown inverse_time power_law tanh "
    "power_scheduler table",
    "Cycles": "cosine_restarts cyclic cosine_wave restarts every jagged",
    "Combinators": "overlay chain minimum maximum clamp take skip shift window with_lengths rounded like "
    "as_factor",
    "Rules": "recurrence plateau greedy hold",
}
"""The shapes by group, in the order of the page."""

TOKENS_PER_UPDATE = {"power_scheduler": 50_000_000}
"""The tokens that one update consumes, chosen so that the bend of the shape is in the picture."""

CURVES = {
    "cosine_k_decay": "cosine_k_decay(2)",
    "cosine_power": "cosine_power(2)",
    "cosine_truncated": "cosine_truncated(0.2)",
    "cosine_wave": "cosine_wave(1.5)",
    "exponential": "exponential(0.01)",
    "gaussian": "gaussian(5)",
    "half_life": "half_life()",
    "inverse_proportional": "inverse_proportional(5)",
    "logarithm": "logarithm(500)",
    "polynomial": "polynomial(2)",
    "polynomial_k_decay": "polynomial_k_decay(1, 2)",
    "power": "power(3)",
    "sigmoid": "sigmoid(10)",
    "tanh": "tanh(-5, 5)",
}
"""Other curves are drawn with the parameters that error messages suggest."""


def made_up_loss() -> list[float]:
    """Return the loss that a metric rule observes in its picture, after each of 100 updates.

    It falls from 1 to 0.4 in 30 updates, stays constant for 30, falls to 0.2 in 15, and then stays constant, except for
    one high value at update 80.
    """
    falls_until, value = [0, 30, 60, 75, 99], [1.0, 0.4, 0.4, 0.2, 0.2]
    losses: list[float] = np.interp(range(100), falls_until, value).tolist()
    return [*losses[:80], 0.6, *losses[81:]]
