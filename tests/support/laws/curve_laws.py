"""Checks of the laws of curves, metric rules and dialects; and `BrokenLaw`, the error that a check raises."""

import copy
import json
import pickle
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from itertools import pairwise
from typing import Any, final

import numpy as np

from paramsched.core.curves import CurveLike, curve_of
from paramsched.core.curves.arrays import NUMPY
from paramsched.core.feedback.base import MetricRule
from paramsched.core.files import dump, loads
from paramsched.core.files.known_dialects import BaseLike
from paramsched.core.plan import Plan, replay
from paramsched.core.schedules import parse
from paramsched.core.schedules.anneal import anneal
from paramsched.core.schedules.registry import has_shape
from paramsched.core.time import Calendar
from paramsched.errors import ParamschedError

_SHARES = np.unique(np.concatenate([np.linspace(0, 1, 201), 1e-9 * np.arange(1, 4), 1 - 1e-9 * np.arange(1, 4)]))


def check_curve(curve: CurveLike) -> None:
    """Check every law of curves.

    - A curve goes from 0 at u = 0 to 1 at u = 1, and its values are finite.
    - A curve that is `monotone` never decreases.
    - An array of u gives the same values as each u alone.
    - `_fall` is 1 - `_rise`.
    - A schedule along the curve starts exactly at its first level and ends exactly at its last level.
    - The text of a serializable curve reads back as an equal curve.

    Args:
        curve: a curve, or a function of an array of u in [0, 1].

    Raises:
        BrokenLaw: the curve breaks a law.
        InvalidArgument: `curve` is not a curve, or a function that does not go from 0 to 1.

    >>> check_curve(lambda u: u**3)
    """
    known = curve_of(curve)
    values = np.asarray(known(_SHARES), dtype=np.float64)
    for place, end in ((0, 0.0), (-1, 1.0)):
        if abs(values[place] - end) > 1e-9:
            law = "a curve goes from 0 at u = 0 to 1 at u = 1"
            raise BrokenLaw(law, known, f"at u = {end:g}", repr(values[place].item()))
    bad = np.flatnonzero(~np.isfinite(values))
    if bad.size:
        found = repr(values[bad[0]].item())
        raise BrokenLaw("a curve is finite", known, f"at u = {_SHARES[bad[0]].item()!r}", found)
    for u, value in zip(_SHARES.tolist(), values.tolist(), strict=True):
        alone = known(u)
        if abs(alone - value) > 4e-16:  # the sine of an array may differ from that of a number in the last bit
            found = f"alone {alone!r}, in an array {value!r}"
            raise BrokenLaw("an array of u gives the same values as each u alone", known, f"at u = {u!r}", found)
    if known.monotone:
        for (u, value), (_, following) in pairwise(zip(_SHARES.tolist(), values.tolist(), strict=True)):
            if following < value:
                found = f"{value!r}, and after it {following!r}"
                raise BrokenLaw("a monotone curve never decreases", known, f"at u = {u!r}", found)
    inside = _SHARES[1:-1]
    rise = np.asarray(known._rise(inside.copy(), 1.0 - inside, NUMPY))
    fall = np.asarray(known._fall(inside.copy(), 1.0 - inside, NUMPY))
    differ = np.flatnonzero(~(np.abs(rise + fall - 1.0) <= 1e-12))
    if differ.size:
        place = differ[0]
        found = f"_rise {rise[place].item()!r} and _fall {fall[place].item()!r}"
        raise BrokenLaw("the sum of _rise and _fall is 1", known, f"at u = {inside[place].item()!r}", found)
    for start, to in ((1.0, 0.1), (0.0, 0.3), (0.7, 0.7)):
        schedule = anneal(start, to, 37, known)
        values = schedule(np.arange(40))
        if values[0] != start or (values[37:] != to).any():
            found = f"starts at {values[0].item()!r} and ends at {values[37].item()!r}"
            raise BrokenLaw("levels are exact at both ends", known, f"in {schedule}", found)
        if known.monotone and not ((values >= min(start, to)) & (values <= max(start, to))).all():
            found = f"values from {values.min().item()!r} to {values.max().item()!r}"
            raise BrokenLaw("a monotone curve stays between the levels", known, f"in {schedule}", found)
    if known.serializable and parse(str(anneal(curve=known))) != anneal(curve=known):
        raise BrokenLaw("text reads back as an equal curve", known, f"parse({str(anneal(curve=known))!r})", "not equal")


_METRICS = (1.0, 0.9, 0.95, 0.95, 0.96, 0.97, 0.5, 0.5, 0.5, 0.5, 2.0, 0.1, 0.1, -3.0, 1e-9, 1e9, 0.0)
_VALUES = (0.1, 3e-4, 0.0)


def check_rule(rule: MetricRule[Any], metrics: Sequence[float] = _METRICS) -> None:
    """Check every law of metric rules.

    - In its initial state a rule changes no value.
    - `observe` and `apply` are pure functions.
    - A state is a frozen dataclass of JSON scalars, and `restore` recreates it.
    - For a metric that is not finite, a rule returns a state or raises an error of paramsched.
    - The text of a rule with a registered function reads back as an equal rule.

    Args:
        rule: a metric rule.
        metrics: the values that the rule observes, in order.

    Raises:
        BrokenLaw: the rule breaks a law.

    >>> from paramsched.core.feedback import plateau
    >>> check_rule(plateau("loss", patience=2))
    """
    state = rule.init()
    for value in _VALUES:
        if rule.apply(state, value) != value:
            found = f"{value!r} became {rule.apply(state, value)!r}"
            raise BrokenLaw("in its initial state a rule changes no value", rule, "at the start", found)
    _require_plain_state(rule, state, "at the start")
    for place, metric in enumerate(metrics):
        where = f"metric {place}, {metric!r}"
        previous, text = state, repr(state)
        state = rule.observe(previous, metric)
        if repr(previous) != text:
            raise BrokenLaw("observe does not modify its state", rule, where, f"{text} became {previous!r}")
        if rule.observe(previous, metric) != state:
            found = f"{state!r}, a second time {rule.observe(previous, metric)!r}"
            raise BrokenLaw("the same state and metric give the same state", rule, where, found)
        _require_plain_state(rule, state, where)
        text = repr(state)
        for value in _VALUES:
            first, second = rule.apply(state, value, 0.1), rule.apply(state, value, 0.1)
            if first != second or repr(state) != text:
                found = f"{value!r} became {first!r}, a second time {second!r}"
                raise BrokenLaw("apply is deterministic and does not modify its state", rule, where, found)
            if not abs(first) < float("inf"):
                raise BrokenLaw("apply returns a finite number", rule, where, f"{value!r} became {first!r}")
    for metric in (float("nan"), float("inf"), float("-inf")):
        law = "for a metric that is not finite, observe returns a state or raises an error of paramsched"
        where = f"metric {metric!r}"
        try:
            after = rule.observe(state, metric)
        except ParamschedError:
            continue
        except Exception as error:
            raise BrokenLaw(law, rule, where, f"{type(error).__name__}: {error}") from error
        for value in _VALUES:
            made = rule.apply(after, value, 0.1)
            if not abs(made) < float("inf"):
                raise BrokenLaw(law, rule, where, f"{value!r} became {made!r}")
    plan = Plan(lr=1.0 * rule)
    if has_shape(rule) and Plan(lr=str(1.0 * rule)) != plan:
        raise BrokenLaw("text reads back as an equal rule", rule, "parse(str(rule))", str(Plan(lr=str(1.0 * rule))))
    replayed = replay(plan, [(t, {rule.metric: metric}) for t, metric in enumerate(metrics)])
    if replayed[rule] != state:
        law = "a rule reaches the same state in a plan"
        raise BrokenLaw(law, rule, f"after {len(metrics)} metrics", f"{state!r}, in a plan {replayed[rule]!r}")


def _require_plain_state(rule: MetricRule[Any], state: Any, where: str) -> None:
    """Check that a state is a frozen dataclass that JSON and pickle can restore."""
    law = "a state is a frozen dataclass of JSON scalars, and restore recreates it"
    if not getattr(getattr(state, "__dataclass_params__", None), "frozen", False):
        raise BrokenLaw(law, rule, where, f"expected a frozen dataclass, got {type(state).__name__}")
    data = {field.name: getattr(state, field.name) for field in fields(state)}
    try:
        plain = json.loads(json.dumps(data))
    except (TypeError, ValueError) as error:
        raise BrokenLaw(law, rule, where, f"{state!r}: {error}") from None
    for kind, saved in (("a saved state", data), ("a state from JSON", plain)):
        again = rule.restore(dict(saved))
        if again != state:
            raise BrokenLaw(law, rule, where, f"{state!r}, from {kind} {again!r}")
    if pickle.loads(pickle.dumps(state)) != state:  # pickled in the same line
        raise BrokenLaw(law, rule, where, f"{state!r}, from a pickle a different state")


@final
class BrokenLaw(AssertionError):
    """A shape, curve, rule or dialect breaks a law.

    Args:
        law: the law, as a sentence.
        what: the shape, curve, rule or dialect, with its arguments.
        where: the time, base or input.
        found: the wrong result.
    """

    def __init__(self, law: str, what: object, where: str, found: str) -> None:
        self.law, self.what, self.where, self.found = law, str(what), where, found
        super().__init__(law, self.what, where, found)

    def __str__(self) -> str:
        what = self.what if len(self.what) <= 300 else f"{self.what[:297]}..."
        return f"{what} breaks a law: {self.law}.\n  {self.where}: {self.found}"


_JUNK: tuple[Any, ...] = (None, True, -1, 0, 1e308, float("nan"), "", "junk", [], {}, [None], {"junk": 1})
_NO_CONFIGS: tuple[Any, ...] = (None, 3, "text", [], {}, [1], {"lr": "cosine()"}, {1: 2})


def check_dialect(
    dialect: Any, configs: Iterable[Any], *, calendar: Calendar | None = None, base: BaseLike | None = None
) -> None:
    """Check every law of dialects on some valid configs.

    - `to_plan` returns a serializable plan, the same one each time, and does not modify the config.
    - For a config with an invalid part, `to_plan` returns a plan or raises an error of paramsched.
    - `recognizes` returns True for each config, False for other data, and never raises an error.

    Args:
        dialect: a module or object that reads configs of another library by its function `to_plan`. `recognizes` is
            checked if it exists.
        configs: valid configs of that library. A dozen different ones find more errors than one.
        calendar, base: the run facts and bases that are passed to `to_plan`.

    Raises:
        BrokenLaw: the dialect breaks a law.

    >>> from paramsched.core.files import native
    >>> check_dialect(native, [{"lr": "cosine(to=0.1)", "horizon": 100}])
    """
    name = getattr(dialect, "__name__", str(dialect))

    def plan_of(config: Any) -> Any:
        return dialect.to_plan(config, calendar=calendar, base=base)

    recognizes = getattr(dialect, "recognizes", None)
    for config in configs:
        where, copied = f"to_plan({_short(config)})", copy.deepcopy(config)
        law = "to_plan returns a plan for a valid config"
        try:
            plan = plan_of(copied)
        except Exception as error:
            raise BrokenLaw(law, name, where, f"{type(error).__name__}: {error}") from error
        if not isinstance(plan, Plan):
            raise BrokenLaw(law, name, where, f"expected a Plan, got {type(plan).__name__}")
        if copied != config:
            raise BrokenLaw("to_plan does not modify the config", name, where, _short(copied))
        if plan_of(copied) != plan:
            raise BrokenLaw("to_plan returns the same plan each time", name, where, str(plan_of(copied)))
        if not plan.serializable or loads(str(dump(plan))) != plan:
            raise BrokenLaw("a plan can be saved and reads back equal", name, where, str(plan))
        if recognizes is not None and not _answer_of(recognizes, config, name):
            raise BrokenLaw(
                "recognizes returns True for its own configs", name, f"recognizes({_short(config)})", "False"
            )
        for path, spoiled in _spoiled(config, ""):
            try:
                plan_of(spoiled)
            except ParamschedError:
                continue
            except Exception as error:
                found = f"{type(error).__name__}: {error}"
                law = "to_plan raises only errors of paramsched for an invalid config"
                raise BrokenLaw(law, name, f"at {path}, {_short(spoiled)}", found) from error
    for other in _NO_CONFIGS:
        if recognizes is not None and other != {} and _answer_of(recognizes, other, name):
            raise BrokenLaw("recognizes returns False for other data", name, f"recognizes({other!r})", "True")


def _answer_of(recognizes: Callable[[Any], Any], data: Any, name: str) -> bool:
    try:
        return bool(recognizes(data))
    except Exception as error:
        found = f"{type(error).__name__}: {error}"
        raise BrokenLaw("recognizes never raises an error", name, f"recognizes({_short(data)})", found) from error


def _spoiled(config: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Yield pairs (location, copy of the config).

    The copy has an invalid value, a missing key or an unknown key at the location.
    """
    for junk in _JUNK:
        yield path or "the top level", junk
    if isinstance(config, Mapping):
        yield path or "the top level", {**config, "an unknown key": 1}
        for key, value in config.items():
            yield f"{path}.{key}", {one: other for one, other in config.items() if one != key}
            for where, spoiled in _spoiled(value, f"{path}.{key}"):
                yield where, {**config, key: spoiled}
    elif isinstance(config, list):
        for index, value in enumerate(config):
            for where, spoiled in _spoiled(value, f"{path}[{index}]"):
                yield where, [*config[:index], spoiled, *config[index + 1 :]]


def _short(data: Any) -> str:
    text = repr(data)
    return text if len(text) <= 200 else f"{text[:197]}..."
