"""The time to predict a loss, to fit a law and to observe a metric, compared with one function of NumPy."""

from pathlib import Path

import numpy as np
import pytest

import paramsched as ps

CURVES = Path(__file__).parents[1] / "examples" / "loss_curves"
WARMUP = 'linear(0, 1, over="2159 steps") >> constant(over="1 steps")'
RUNS = {
    "cosine_24000": ps.Plan(lr=f"{WARMUP} >> cosine(to=0.1)", horizon=24000),
    "constant_24000": ps.Plan(lr=f"{WARMUP} >> constant()", horizon=24000),
    "wsd_20000_24000": ps.Plan(lr=f'{WARMUP} >> constant(over="17840 steps") >> geometric(1, 0.1)', horizon=24000),
}
BASE = {"lr": 3e-4}


def fit():
    return ps.loss_law.fit([CURVES / f"{name}.csv" for name in RUNS], list(RUNS.values()), base=BASE)


@pytest.mark.parametrize("updates", [100_000, 1_000_000])
@pytest.mark.filterwarnings("ignore:the run has")
def test_predict(report, least, updates):
    law = fit()
    rates = np.concatenate([np.linspace(0, 3e-4, 2000), ps.cosine(to=0.1, over=updates)(np.arange(updates), base=3e-4)])
    best = least({"ours": lambda: law.predict(rates), "exp": lambda: np.exp(rates)}, calls=1)

    name = f"predict the loss of {updates:,} updates, vs exp"
    report(name, best["ours"] / 1e3, best["exp"] / 1e3, target=400.0, unit="ms")


def test_fit_three_curves(report, least):
    law, rates = fit(), np.linspace(0, 3e-4, 24000)
    best = least({"ours": fit, "predict": lambda: law.predict(rates)}, calls=1, rounds=3)

    name = "fit a loss law on three curves of 24,000 updates, vs predict"
    report(name, best["ours"] / 1e3, best["predict"] / 1e3, target=150.0, unit="ms")


def test_observe_a_metric_for_spikes(report, least):
    rule, losses = ps.spike(), (3 + 0.1 * np.random.default_rng(0).standard_normal(1000)).tolist()

    def observe():
        state = rule.init()
        for loss in losses:
            state = rule.observe(state, loss)

    def medians():
        for start in range(1000):
            np.median(window[start % 128 :])

    window = np.array(losses[:256])
    best = least({"ours": observe, "median": medians}, calls=1000)

    report("observe a value by spike, window 128, vs median", best["ours"], best["median"], target=2.0)
