"""Every law of curves, of metric rules and of dialects, for your own; and what a check raises."""

import copy
import json
import pickle
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from itertools import pairwise
from typing import Any, final

import numpy as np

from paramsched.base.arrays import NUMPY
from paramsched.config import dump, loads
from paramsched.config.known_dialects import BaseLike
from paramsched.curves import CurveLike, curve_of
from paramsched.errors import ParamschedError
from paramsched.feedback.base import MetricRule
from paramsched.plan import Plan, replay
from paramsched.schedules import anneal, parse
from paramsched.schedules.registry import has_shape
from paramsched.time import Calendar

_SHARES = np.unique(np.concatenate([np.linspace(0, 1, 201), 1e-9 * np.arange(1, 4), 1 - 1e-9 * np.arange(1, 4)]))


def check_curve(curve: CurveLike) -> None:
    """Check every law of curves.

    A curve goes from 0 at u = 0 to 1 at u = 1 and stays finite between; one that says that it is monotone never turns
    back; many u give the value at each of them; `_fall` is 1 - `_rise`; in a schedule the levels at its two ends are
    exact; the text of one that can be saved reads back.

    Args:
        curve: a curve, or a function of u.

    Raises:
        BrokenLaw: a law is not kept.
        InvalidArgument: no curve, or a function whose ends are not 0 and 1.

    >>> check_curve(lambda u: u**3)
    >>> check_curve(lambda u: u / (1.5 - u) * 0.5 if (u < 0.9).all() else u)
    Traceback (most recent call last):
        ...
    paramsched.testing.curve_laws.BrokenLaw: <curve <function <lambda> at ...>> breaks
      a law: many u give ...
      at u = ...: alone it is ...
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
        if abs(alone - value) > 4e-16:  # a library's sin may differ in the last bit between one and many
            found = f"alone it is {alone!r}, among others {value!r}"
            raise BrokenLaw("many u give the value at each of them", known, f"at u = {u!r}", found)
    if known.monotone:
        for (u, before), (_, behind) in pairwise(zip(_SHARES.tolist(), values.tolist(), strict=True)):
            if behind < before:
                found = f"{before!r}, and behind it {behind!r}"
                raise BrokenLaw("a curve that is monotone never turns back", known, f"at u = {u!r}", found)
    inside = _SHARES[1:-1]
    rise = np.asarray(known._rise(inside.copy(), 1.0 - inside, NUMPY))
    fall = np.asarray(known._fall(inside.copy(), 1.0 - inside, NUMPY))
    differ = np.flatnonzero(~(np.abs(rise + fall - 1.0) <= 1e-12))
    if differ.size:
        place = differ[0]
        found = f"_rise {rise[place].item()!r} and _fall {fall[place].item()!r}"
        raise BrokenLaw("_rise and _fall together are 1", known, f"at u = {inside[place].item()!r}", found)
    for start, to in ((1.0, 0.1), (0.0, 0.3), (0.7, 0.7)):
        schedule = anneal(start, to, 37, known)
        values = schedule(np.arange(40))
        if values[0] != start or (values[37:] != to).any():
            found = f"it begins at {values[0].item()!r} and ends at {values[37].item()!r}"
            raise BrokenLaw("levels are exact at both ends", known, f"in {schedule}", found)
        if known.monotone and not ((values >= min(start, to)) & (values <= max(start, to))).all():
            found = f"values from {values.min().item()!r} to {values.max().item()!r}"
            raise BrokenLaw("a monotone curve stays between the levels", known, f"in {schedule}", found)
    if known.serializable and parse(str(anneal(curve=known))) != anneal(curve=known):
        raise BrokenLaw("text reads back as an equal curve", known, f"parse({str(anneal(curve=known))!r})", "another")


_METRICS = (1.0, 0.9, 0.95, 0.95, 0.96, 0.97, 0.5, 0.5, 0.5, 0.5, 2.0, 0.1, 0.1, -3.0, 1e-9, 1e9, 0.0)
_VALUES = (0.1, 3e-4, 0.0)


def check_rule(rule: MetricRule[Any], metrics: Sequence[float] = _METRICS) -> None:
    """Check every law of metric rules.

    Before it has observed anything a rule gives each value as it is; `observe` and `apply` say the same for the same
    and change nothing; a state is a frozen dataclass of JSON scalars, and `restore` brings it back; a metric that is
    not finite leads to a state or to an error of ours; a rule whose function is registered reads back from text.

    Args:
        rule: a metric rule.
        metrics: what it observes, one after another.

    Raises:
        BrokenLaw: a law is not kept.

    >>> from paramsched.feedback import plateau
    >>> check_rule(plateau("loss", patience=2))
    """
    state = rule.init()
    for value in _VALUES:
        if rule.apply(state, value) != value:
            found = f"of {value!r} it makes {rule.apply(state, value)!r}"
            raise BrokenLaw("a rule that has observed nothing changes no value", rule, "at first", found)
    _require_plain_state(rule, state, "at first")
    for place, metric in enumerate(metrics):
        where = f"metric {place}, {metric!r}"
        before, text = state, repr(state)
        state = rule.observe(before, metric)
        if repr(before) != text:
            raise BrokenLaw("observe changes no state", rule, where, f"{text} became {before!r}")
        if rule.observe(before, metric) != state:
            found = f"{state!r}, a second time {rule.observe(before, metric)!r}"
            raise BrokenLaw("the same state and metric give the same state", rule, where, found)
        _require_plain_state(rule, state, where)
        text = repr(state)
        for value in _VALUES:
            first, second = rule.apply(state, value, 0.1), rule.apply(state, value, 0.1)
            if first != second or repr(state) != text:
                found = f"of {value!r} it makes {first!r}, then {second!r}"
                raise BrokenLaw("apply says the same twice, and changes no state", rule, where, found)
            if not abs(first) < float("inf"):
                raise BrokenLaw("apply gives a finite number", rule, where, f"of {value!r} it makes {first!r}")
    for metric in (float("nan"), float("inf"), float("-inf")):
        law, where = "a metric that is not finite leads to a state or to an error of paramsched", f"metric {metric!r}"
        try:
            after = rule.observe(state, metric)
        except ParamschedError:
            continue
        except Exception as error:
            raise BrokenLaw(law, rule, where, f"{type(error).__name__}: {error}") from error
        for value in _VALUES:
            made = rule.apply(after, value, 0.1)
            if not abs(made) < float("inf"):
                raise BrokenLaw(law, rule, where, f"of {value!r} it makes {made!r}")
    plan = Plan(lr=1.0 * rule)
    if has_shape(rule) and Plan(lr=str(1.0 * rule)) != plan:
        raise BrokenLaw("text reads back as an equal rule", rule, "parse(str(rule))", str(Plan(lr=str(1.0 * rule))))
    told = replay(plan, [(t, {rule.metric: metric}) for t, metric in enumerate(metrics)])
    if told[rule] != state:
        law = "in a plan a rule comes to the same state"
        raise BrokenLaw(law, rule, f"after {len(metrics)} metrics", f"{state!r}, in a plan {told[rule]!r}")


def _require_plain_state(rule: MetricRule[Any], state: Any, where: str) -> None:
    """A state is a frozen dataclass that JSON and pickle bring back."""
    law = "a state is a frozen dataclass of JSON scalars, and restore brings it back"
    if not getattr(getattr(state, "__dataclass_params__", None), "frozen", False):
        raise BrokenLaw(law, rule, where, f"a {type(state).__name__}, no frozen dataclass")
    data = {field.name: getattr(state, field.name) for field in fields(state)}
    try:
        plain = json.loads(json.dumps(data))
    except (TypeError, ValueError) as error:
        raise BrokenLaw(law, rule, where, f"{state!r}: {error}") from None
    for kind, given in (("a saved state", data), ("a state from JSON", plain)):
        again = rule.restore(dict(given))
        if again != state:
            raise BrokenLaw(law, rule, where, f"{state!r}, from {kind} {again!r}")
    if pickle.loads(pickle.dumps(state)) != state:  # noqa: S301  # packed a moment ago
        raise BrokenLaw(law, rule, where, f"{state!r}, another one from a pickle")


@final
class BrokenLaw(AssertionError):
    """A law that something of yours does not keep.

    Args:
        law: what is always so.
        what: the shape, curve, rule or dialect, with its arguments.
        where: at which time, base or input.
        found: what was found there.
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
    """Check every law of dialects on some configs that are right.

    `to_plan` gives a plan that can be saved, the same one each time, and leaves the config as it is; whatever else
    stands in place of a part of it leads to a plan or to an error of ours; `recognizes` knows each config, no native
    plan, and answers for anything; what `from_plan` says of a plan means an equal plan, and `read` is the way back of
    `write`.

    Args:
        dialect: a module, or any object, with `to_plan` and as much of the rest as it has.
        configs: data as the other library says it; a dozen that differ tell more than one.
        calendar, base: what `to_plan` is told of the run.

    Raises:
        BrokenLaw: a law is not kept.

    >>> from paramsched.config import native
    >>> check_dialect(native, [{"lr": "cosine(to=0.1)", "horizon": 100}])
    """
    name = getattr(dialect, "__name__", str(dialect))

    def plan_of(config: Any) -> Any:
        return dialect.to_plan(config, calendar=calendar, base=base)

    recognizes = getattr(dialect, "recognizes", None)
    for config in configs:
        where, given = f"to_plan({_short(config)})", copy.deepcopy(config)
        law = "a config that is right gives a plan"
        try:
            plan = plan_of(given)
        except Exception as error:
            raise BrokenLaw(law, name, where, f"{type(error).__name__}: {error}") from error
        if not isinstance(plan, Plan):
            raise BrokenLaw(law, name, where, f"a {type(plan).__name__}")
        if given != config:
            raise BrokenLaw("to_plan leaves the config as it is", name, where, _short(given))
        if plan_of(given) != plan:
            raise BrokenLaw("to_plan gives the same plan each time", name, where, str(plan_of(given)))
        if not plan.serializable or loads(str(dump(plan))) != plan:
            raise BrokenLaw("a plan can be saved, and is read back equal", name, where, str(plan))
        if recognizes is not None and not _answer_of(recognizes, config, name):
            raise BrokenLaw("recognizes knows its own configs", name, f"recognizes({_short(config)})", "False")
        for path, spoiled in _spoiled(config, ""):
            try:
                plan_of(spoiled)
            except ParamschedError:
                continue
            except Exception as error:
                found = f"{type(error).__name__}: {error}"
                law = "what a dialect cannot read is told as an error of paramsched"
                raise BrokenLaw(law, name, f"at {path}, {_short(spoiled)}", found) from error
        _require_way_back(dialect, name, plan, plan_of)
    for other in _NO_CONFIGS:
        if recognizes is not None and other != {} and _answer_of(recognizes, other, name):
            raise BrokenLaw("recognizes knows its own configs only", name, f"recognizes({other!r})", "True")


def _require_way_back(dialect: Any, name: str, plan: Plan, plan_of: Callable[[Any], Any]) -> None:
    """What is written of a plan means the plan."""
    from_plan = getattr(dialect, "from_plan", None)
    if from_plan is None:
        return
    try:
        data = from_plan(plan)
    except ParamschedError:  # it may not be able to say this plan
        return
    if plan_of(data) != plan:
        found = f"from_plan says {_short(data)}, which means {plan_of(data)}"
        raise BrokenLaw("what from_plan says means an equal plan", name, f"from_plan({plan})", found)
    read, write = (getattr(dialect, one, None) for one in ("read", "write"))
    if read is not None and write is not None:
        again = read(write(data), "the written text")
        if plan_of(again) != plan:
            raise BrokenLaw("read is the way back of write", name, f"read(write({_short(data)}))", _short(again))


def _answer_of(recognizes: Callable[[Any], Any], data: Any, name: str) -> bool:
    try:
        return bool(recognizes(data))
    except Exception as error:
        found = f"{type(error).__name__}: {error}"
        raise BrokenLaw("recognizes answers for anything", name, f"recognizes({_short(data)})", found) from error


def _spoiled(config: Any, path: str) -> Iterator[tuple[str, Any]]:
    """The config with each part in turn spoiled, and with a key too many."""
    for junk in _JUNK:
        yield path or "the whole", junk
    if isinstance(config, Mapping):
        yield path or "the whole", {**config, "a key of nobody": 1}
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
