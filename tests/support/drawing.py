"""Hypothesis strategies for runs, levels, lengths, curves, and the annotated parameters of a builder."""

import functools
import inspect
import typing
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Any, Literal, Union, final, get_args, get_origin

from hypothesis import reject
from hypothesis import strategies as st

from paramsched.core import curves
from paramsched.core.curves import CONSTANTS, FAMILIES, CurveLike
from paramsched.core.schedules import AbsoluteValue, Level, Schedule, absolute
from paramsched.core.time import Duration, DurationLike, RunFacts
from paramsched.errors import InvalidArgument

FACTORS = (0.0, 1.0, 0.1, 0.5, 0.04, 4e-06, 1 / 3, 1e-300, 5e-324, -0.25, 7.0, 1e30)
_NUMBERS = st.sampled_from(FACTORS) | st.floats(-4.0, 4.0, allow_subnormal=False)
_RATES = (0.1, 0.5, 0.999, 1.0, 0.3333333333333333, 1e-6)
_MULTIPLES = st.sampled_from(_RATES)
_LARGER_MULTIPLES = st.sampled_from((*_RATES, 1.5, 2.0))
_COUNTS = st.sampled_from((0, 1, 2, 3, 5, 40)) | st.integers(0, 50)
_CURVE_ARGUMENTS = st.sampled_from((0.1, 0.5, 0.8, 0.9, 1.0, 2.0, 3.7, 1e-3, 12.0, -7.0, -1.0, 3.0)) | st.floats(
    0.05, 20.0
)
_HALF_CYCLES = st.sampled_from((0.5, 1.5, 2.5))
_AT_MOST_ONE = ("gamma", "to_gamma", "factor", "start", "to", "pct_start")
"""Parameters that are generated up to 1, because larger ones overflow in a long run, which a separate test covers."""


@final
@dataclass(frozen=True)
class World:
    """The facts of the run for which a random schedule is generated."""

    total: int
    epoch: int
    batch: int
    accumulation: int

    @property
    def facts(self) -> RunFacts:
        return RunFacts(
            total=self.total,
            steps_per_epoch=self.epoch,
            batch_size=self.batch,
            accumulation=self.accumulation,
            tokens_per_step=1,
        )

    @property
    def small(self) -> bool:
        """True if the run is short enough to evaluate every update."""
        return self.total <= _MOST_OF_SMALL


_MOST_OF_SMALL = 5000
_TOTALS = st.sampled_from((1, 2, 3, 10, 97, 100, 1000, 4999)) | st.integers(1, _MOST_OF_SMALL)
_LARGE_TOTALS = st.sampled_from((2**24 + 1, 10**9, 2**53))
_EPOCHS, _BATCHES, _ACCUMULATIONS = map(st.sampled_from, ((1, 2, 3, 20, 47), (1, 32), (1, 4)))


@functools.cache
def worlds(*, small: bool = True) -> st.SearchStrategy[World]:
    """Return a strategy for runs of 1 to 5000 updates; if not `small`, of up to 2 ** 53 updates."""
    return st.builds(World, _TOTALS if small else _TOTALS | _LARGE_TOTALS, _EPOCHS, _BATCHES, _ACCUMULATIONS)


@functools.cache
def levels(*, fixed: bool = True) -> st.SearchStrategy[Level]:
    """Return a strategy for multiples of base; if `fixed`, also for absolute values and sums of both."""
    return _NUMBERS | _NUMBERS.map(absolute) | _SUMS if fixed else _NUMBERS


_SUMS: st.SearchStrategy[Level] = st.tuples(_NUMBERS, _NUMBERS).map(lambda two: two[0] + absolute(two[1]))


_SAMPLED_SHARES = st.sampled_from(["0.1%", "1%", "5%", "7%", "12.5%", "3.3333%", "10%"])
_SAMPLED_EPOCHS = st.sampled_from(["0.5", "1", "2", "1.25"])
_SPELLINGS = st.sampled_from(range(10))


@functools.lru_cache(maxsize=1024)
@st.composite
def durations(draw: st.DrawFn, world: World) -> DurationLike:
    """Generate a length in a random unit: usually up to a tenth of the run, sometimes the entire run."""
    count = draw(_lengths_in_updates(world.total))
    share = draw(_SAMPLED_SHARES)
    epochs = draw(_SAMPLED_EPOCHS)
    choices: list[DurationLike] = [
        count,
        count,
        share,
        share,
        f"{epochs} epochs",
        f"{count * world.batch} samples",
        f"{count} steps + 0.5%",
        f"{share} + {epochs} epochs",
        f"{count}.5 steps",
        "20% - 1%",
    ]
    return choices[draw(_SPELLINGS)]


@functools.lru_cache(maxsize=1024)
def _lengths_in_updates(total: int) -> st.SearchStrategy[int]:
    most = max(total // 10, 2)
    return st.sampled_from([0, 1, 2, most, total]) | st.integers(0, most)


def ends(world: World) -> st.SearchStrategy[DurationLike]:
    """Return a strategy for lengths of stages that are specified by their end, such as "until 10%"."""
    return st.sampled_from(["until 10%", "until 50%", "until 1.5 epochs", f"until {world.total // 3} steps"])


def named_curves() -> st.SearchStrategy[curves.Curve]:
    """Return a strategy for all curves of the library, with or without parameters."""
    return _curves_among(tuple(name for name in CONSTANTS if not name.startswith("user_")), tuple(sorted(FAMILIES)))


@functools.lru_cache(maxsize=8)
def _curves_among(constants: tuple[str, ...], families: tuple[str, ...]) -> st.SearchStrategy[curves.Curve]:
    constant = st.sampled_from([CONSTANTS[name] for name in constants])
    return constant | st.sampled_from(families).flatmap(lambda name: built(FAMILIES[name], generated_curve_argument))


def generated_curve_argument(name: str, hint: Any, default: Any, builder: Callable[..., Any]) -> st.SearchStrategy[Any]:
    """Return a strategy for the argument `name` of a curve that `builder` builds."""
    del default
    if hint is not float:
        raise ungenerable(builder, name, hint)
    if name == "cycles":
        return _HALF_CYCLES
    return _CURVE_ARGUMENTS


def ungenerable(builder: Callable[..., Any], name: str, hint: Any) -> TypeError:
    """Return the error for a parameter whose annotation has no strategy."""
    return TypeError(
        f"cannot draw parameter {name!r} of {builder.__module__}.{builder.__name__}: {hint}. Annotate it as Level, "
        f"DurationLike, float, …, or pass a strategy: check_shape(…, arguments={{{name!r}: st.just(…)}})"
    )


@st.composite
def built(draw: st.DrawFn, builder: Callable[..., Any], argument: Callable[..., st.SearchStrategy[Any]]) -> Any:
    """Call `builder` with generated arguments. If it rejects them, generate new ones."""
    parameters = _hinted_parameters(builder)
    for _ in range(6):
        size = draw(st.integers(1, 3))  # for all lists of this call, because some must have the same length
        positional: list[Any] = []
        named: dict[str, Any] = {}
        for parameter, hint in parameters:
            optional = parameter.default is not parameter.empty
            if parameter.kind is parameter.VAR_POSITIONAL:
                values = argument(parameter.name, hint, None, builder)
                positional = [draw(values) for _ in range(size)]
            elif optional and draw(st.booleans()):
                continue
            else:
                item = _listed(hint)
                if item is not None:
                    items = argument(parameter.name, item, None, builder)
                    named[parameter.name] = tuple(draw(items) for _ in range(size))
                else:
                    named[parameter.name] = draw(argument(parameter.name, hint, parameter.default, builder))
        try:
            return builder(*positional, **named)
        except InvalidArgument:
            continue
    return reject()


@functools.cache
def _hinted_parameters(builder: Callable[..., Any]) -> tuple[tuple[inspect.Parameter, Any], ...]:
    hints = typing.get_type_hints(builder)
    return tuple((parameter, hints.get(parameter.name)) for parameter in inspect.signature(builder).parameters.values())


def _listed(hint: Any) -> Any:
    """Return the type of the items of a homogeneous list; None for any other type."""
    if get_origin(hint) in (Union, UnionType):  # a list, or an array
        return next(filter(None, map(_listed, get_args(hint))), None)
    origin = get_origin(hint)
    inner = get_args(hint)
    of_any_length = inner[1:] == (Ellipsis,) if origin is tuple else origin in (Sequence, Iterable, list)
    return inner[0] if of_any_length else None


def without_none(hint: Any) -> Any:
    """Return the type of a parameter without None."""
    if get_origin(hint) not in (Union, UnionType):
        return hint
    kept = [choice for choice in get_args(hint) if choice is not NoneType]
    return Union[tuple(kept)]  # noqa: UP007  # the types are only known at run time


@final
@dataclass(frozen=True)
class Drawing:
    """A callable that returns the Hypothesis strategy for an argument of a shape.

    Args:
        world: the run facts.
        schedules: returns the strategy for a schedule that is an argument of the shape.
        fixed: True if absolute levels may be generated.
        straight: True if only linear curves are generated.
    """

    world: World
    schedules: Callable[[], st.SearchStrategy[Schedule]]
    fixed: bool = True
    straight: bool = False

    def __call__(self, name: str, hint: Any, default: Any, builder: Callable[..., Any]) -> st.SearchStrategy[Any]:
        del default
        return self.strategy(name, hint, builder)

    # Cached, because Hypothesis validates every new strategy, which takes longer than drawing from it.
    @functools.lru_cache(maxsize=8192)  # noqa: B019  # a Drawing is frozen, and compared by value
    def strategy(self, name: str, hint: Any, builder: Callable[..., Any]) -> st.SearchStrategy[Any]:
        """Return the strategy for the parameter `name` of `builder`; `hint` is its annotation."""
        annotation = without_none(hint)
        optional: st.SearchStrategy[Any] = st.none() if annotation != hint else st.nothing()
        if annotation == Level:
            return optional | levels(fixed=self.fixed)
        if annotation == DurationLike:
            times = durations(self.world)
            return optional | times | (ends(self.world) if name == "over" else st.nothing())
        if annotation is Duration:  # an argument of a user's function
            return durations(self.world)
        if annotation == CurveLike:
            return optional | (st.just(curves.linear) if self.straight else named_curves())
        if get_origin(annotation) is Literal:
            return st.sampled_from(get_args(annotation))
        if annotation is bool:
            return st.booleans()
        if annotation is int:
            return optional | _COUNTS
        if annotation is float or annotation == Union[float, AbsoluteValue]:  # noqa: UP007  # a value of a table
            return _MULTIPLES if name in _AT_MOST_ONE else _LARGER_MULTIPLES
        if annotation is Schedule or annotation == Union[Schedule, float]:  # noqa: UP007  # a number is a constant
            return self.schedules()
        if get_origin(annotation) is tuple and Ellipsis not in get_args(annotation):
            return st.tuples(*(self(name, inner, None, builder) for inner in get_args(annotation)))
        raise ungenerable(builder, name, hint)
