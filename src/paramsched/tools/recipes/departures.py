"""Where a plan departs from a published recipe: the outlines of two runs in one table."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf, isclose
from typing import Any, final

import numpy as np

from paramsched.core import curves
from paramsched.core.curves import Curve
from paramsched.core.curves.arrays import Floats
from paramsched.core.plan.trace import Trace
from paramsched.errors import InvalidArgument

_SAME_CURVE = 0.01  # mean difference of two decays from 1 to 0
_SAME_NUMBER, _SAME_SHARE = 0.02, 0.0005  # relative, and of the run or the peak


@final
@dataclass(frozen=True, slots=True)
class Departure:
    """A property of a plan and of a recipe.

    Args:
        what: the property.
        plan, recipe: its texts.
        departs: whether the two differ; None if one is unknown.
    """

    what: str
    plan: str
    recipe: str
    departs: bool | None


def departures(plan: Trace, recipe: Trace) -> tuple[Departure, ...]:
    """Return the shape, the warmup, the decay, the floor, the peak and the batch of two runs, by their values.

    The rates are those of the first group. A number departs if it differs by more than 2 %. A share departs if it
    also differs by more than 0.05 % of the run or of the peak.

    Args:
        plan: the values of the plan.
        recipe: the values of the recipe.

    Raises:
        InvalidArgument: one of the two has no schedule for lr.

    >>> from paramsched.core.plan.trace import trace
    >>> from paramsched.tools.recipes import recipes
    >>> own = trace('warmup("2%") >> cosine()', {"lr": 1e-3}, Calendar(total=1000))
    >>> [one.what for one in departures(own, recipes["nemotron-3-nano"].trace()) if one.departs]
    ['shape', 'warmup', 'decay', 'floor']
    """
    sizes = [_batches(plan), _batches(recipe)]
    unit = next((one for one in ("tokens", "samples") if all(one in known for known in sizes)), None)
    own, published = (
        {**_outline(run), "batch": _batch(known, unit)} for run, known in zip((plan, recipe), sizes, strict=True)
    )
    rows = []
    for what, (value, text) in own.items():
        other, other_text = published[what]
        departs = None if value is None or other is None else value != other
        if isinstance(value, float) and isinstance(other, float):
            near = 0.0 if what == "peak" else _SAME_SHARE
            departs = not isclose(value, other, rel_tol=_SAME_NUMBER, abs_tol=near)
        rows.append(Departure(what, text, other_text, departs))
    return tuple(rows)


def _outline(run: Trace) -> dict[str, tuple[float | str | None, str]]:
    """Return for each property its value, or None if it is unknown, and its text."""
    key = next((key for key in run.keys() if key[0] == "lr"), None)
    if key is None:
        raise InvalidArgument("departures(…)", "a run has no schedule for lr", "Compare plans that schedule lr")
    rates = run[key]
    peak = float(rates.max())
    if not 0 < peak < inf:
        raise InvalidArgument("departures(…)", f"the largest lr is {peak:g}", "Compare plans with an lr above 0")
    highest = np.flatnonzero(rates >= peak * (1 - 1e-9))
    first = int(highest[0])
    last = first + int(np.argmax(np.append(np.diff(highest) > 1, True)))  # the end of the first time at the peak
    fall = rates[last:]
    end = max(0.0, float(2 * rates[-1] - rates[-2:][0]))  # after the last update
    stages = ["warmup"] * (first > 0) + ["constant"] * (last - first > _SAME_SHARE * rates.size)
    shape = " >> ".join([*stages, *([_decay(fall, end)] if fall.size > 1 else [])]) or "constant"
    shares = {
        "warmup": first / rates.size,
        "decay": fall.size / rates.size,
        "floor": min(end, float(fall.min())) / peak,
    }
    shares["decay"] *= fall.size > 1
    base = run.base(*key)
    known = base.value is not None or base.share == "none"
    return {
        "shape": (shape, shape),
        **{
            what: (share, f"{round(share, 4):g}" if what == "floor" else f"{100 * share:.3g} % of the run")
            for what, share in shares.items()
        },
        "peak": (peak, f"{peak:.4g}") if known else (None, "unknown; write --base lr=3e-4"),
    }


def _decay(rates: Floats, low: float) -> str:
    """Return the name of a decay that reaches `low` after its last value."""
    if np.any(np.diff(rates) > 1e-9 * rates[0]):
        return "falls and rises"
    done = np.arange(rates.size) / rates.size
    known: dict[str, Curve] = {"line": curves.linear, "cosine": curves.cosine, "1 - sqrt": curves.one_minus_sqrt}
    if 0 < low < rates[0]:
        known["exponential"] = curves.exponential(low / float(rates[0]))
    fallen = (rates[0] - rates) / (rates[0] - low)
    errors = {name: float(np.abs(fallen - curve(done)).mean()) for name, curve in known.items()}
    nearest = min(errors, key=errors.__getitem__)
    return nearest if errors[nearest] < _SAME_CURVE else "another decay"


def _batches(run: Trace) -> dict[str, Floats]:
    """Return the batch of each update in tokens and in samples, as far as they are known."""
    facts, targets = run.calendar, {key[0] for key in run.keys()}
    found: dict[str, Any] = {}
    if (batch := run["batch_size"] if "batch_size" in targets else facts.batch_size) is not None:
        found["samples"] = np.asarray(batch) * (facts.accumulation or 1)
        if facts.sequence_length is not None:
            found["tokens"] = found["samples"] * facts.sequence_length
    if (tokens := run["tokens_per_step"] if "tokens_per_step" in targets else facts.tokens_per_step) is not None:
        found["tokens"] = np.asarray(tokens)
    return {unit: np.atleast_1d(np.asarray(sizes, dtype=np.float64)) for unit, sizes in found.items()}


def _batch(known: Mapping[str, Floats], unit: str | None) -> tuple[str | None, str]:
    """Return the batch in a unit, and when it stops growing. Without a unit, it cannot be compared."""
    if not known:
        return None, "unknown; write --batch-size 256"
    shown = unit or next(iter(known))
    sizes = known[shown]
    text = f"{sizes[0]:,.0f} {shown}"
    if sizes[0] != sizes[-1]:
        end = float(np.flatnonzero(np.diff(sizes))[-1] + 1) / sizes.size
        text = f"{sizes[0]:,.0f} to {sizes[-1]:,.0f} {shown}, until {100 * end:.3g} % of the run"
    return text if unit else None, text
