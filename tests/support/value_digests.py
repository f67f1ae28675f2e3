"""Digests of the values of plans. As a program it prints those of the names in its input, in JSON."""

import hashlib
import json
import sys
import warnings

import numpy as np

import paramsched as ps

UPDATES = 10_007  # more than one chunk of an elementary function
FACTS = ps.Calendar(total=UPDATES, steps_per_epoch=100, tokens_per_step=50_000, seconds_per_step=0.7)


def digest_of(name: str) -> str:
    """Return the digest of a recipe's values, `recipe:NAME`, or of those of a line in a run of 10,007 updates."""
    hashed = hashlib.sha256()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if name.startswith("recipe:"):
            recipe = ps.recipes[name.removeprefix("recipe:")]
            trace = ps.trace(recipe.plan, recipe.bases, recipe.calendar)
        else:
            trace = ps.trace(ps.Plan(lr=name), [{"lr": 0.1}], FACTS)
    for key in sorted(trace.keys(), key=str):
        values = np.asarray(trace[key])
        hashed.update(str(key).encode() + np.ascontiguousarray(values[:: 1 + len(values) // 20_000], "<f8").tobytes())
    return hashed.hexdigest()[:16]


if __name__ == "__main__":
    print(json.dumps({name: digest_of(name) for name in json.load(sys.stdin)}))
