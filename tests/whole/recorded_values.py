"""A few numbers of the values of plans. As a program it prints those of the names in its input, in JSON.

Values on another kind of CPU, or with another NumPy, differ in their last places, so they are recorded as numbers and
not as a digest: the first, middle and last value, the mean, the mean with weights, and the largest value.
"""

import hashlib
import json
import math
import sys
import warnings

import numpy as np

import paramsched as ps

UPDATES = 10_007
FACTS = ps.RunFacts(total=UPDATES, steps_per_epoch=100, tokens_per_step=50_000)


def numbers_of(name: str) -> dict[str, list[float]]:
    """Return the numbers of a recipe's values, `recipe:NAME`, or of those of a line in a run of 10,007 updates."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if name.startswith("recipe:"):
            recipe = ps.recipes[name.removeprefix("recipe:")]
            trace = ps.trace(recipe.plan, recipe.bases, facts=recipe.facts)
        else:
            trace = ps.trace(ps.Plan(lr=name), [{"lr": 0.1}], facts=FACTS)
    actual = {}
    for key in sorted(trace.keys(), key=str):
        values = np.asarray(trace[key], dtype=np.float64)
        some = values[:: 1 + len(values) // 20_000]
        weighted = some * (np.arange(len(some)) * 0.6180339887498949 % 1.0)
        means = [math.fsum(numbers.tolist()) / len(some) for numbers in (some, weighted)]
        actual[str(key)] = [
            float(mean) for mean in (some[0], some[len(some) // 2], some[-1], *means, np.abs(some).max())
        ]
    return actual


def is_recorded(name: str, actual: dict[str, list[float]], recorded: dict[str, list[float]]) -> bool:
    """Return whether numbers equal recorded ones, up to 4 units in the last place of the largest value."""
    from support.last_places import LAST_PLACES  # here, because the program runs without the folder of the tests

    if actual.keys() != recorded.keys():
        return False
    for key, numbers in recorded.items():
        allowed = LAST_PLACES * np.spacing(numbers[-1])
        if not all(
            abs(number - recorded_number) <= allowed
            for number, recorded_number in zip(actual[key], numbers, strict=True)
        ):
            return False
    return True


def bits_of_numpy() -> str:
    """Return a digest of NumPy's own `exp`, whose bits depend on the CPU."""
    return hashlib.sha256(np.exp(np.linspace(-20, 20, 4001)).tobytes()).hexdigest()


if __name__ == "__main__":
    print(json.dumps({"bits": bits_of_numpy(), "values": {name: numbers_of(name) for name in json.load(sys.stdin)}}))
