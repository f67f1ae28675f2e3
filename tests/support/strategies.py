"""Hypothesis strategies for schedules and plans, generated from what is registered.

A shape is covered by being registered: its arguments are drawn by the annotations of its parameters. A parameter
that cannot be drawn is an error naming it, so that a new kind of argument joins the strategies with the shape.
"""

import inspect
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

import pytest
from hypothesis import reject
from hypothesis import strategies as st

from paramsched import curves
from paramsched.curves import CONSTANTS, FAMILIES, CurveLike
from paramsched.errors import InvalidArgument
from paramsched.feedback import plateau
from paramsched.plan import Binding, Plan, Target
from paramsched.plan import resolve as resolve_
from paramsched.schedules import SHAPES, Schedule, absolute, from_function, like, register_function, window
from paramsched.schedules.from_function import FUNCTIONS
from paramsched.schedules.levels import Level
from paramsched.schedules.registry import RULES
from paramsched.schedules.rules import Rule
from paramsched.time import Calendar, DurationLike

BUILDERS = {
    name: builder
    for name, builder in SHAPES.items()
    if issubclass(inspect.signature(builder).return_annotation, Schedule) and name not in ("like", "table_file")
}
"""The shapes that are schedules by themselves; metric rules and `like`, which need a plan, join in `plans`.

`table_file`, which needs a file, makes what `table` makes.
"""

CURVES: dict[str, Callable[..., Any]] = dict(FAMILIES)
STRAIGHT = ("linear", "constant", "warmup", "cooldown", "trapezoid", "step", "multistep", "piecewise", "anneal",
            "window", "shift", "take", "skip", "restarts", "every",
            "sequence", "sum", "difference", "negative")  # fmt: skip
"""Of straight lines only, as long as the curve is one."""

OPERATORS = ("sequence", "product", "sum", "difference", "negative", "power", "quotient")
SIMPLE = ("anneal", "linear", "cosine", "warmup", "constant", "exponential", "step")
"""What the parts of a deep tree are made of most of the time."""

FACTORS = (0.0, 1.0, 0.1, 0.5, 0.04, 4e-06, 1 / 3, 1e-300, 5e-324, -0.25, 7.0, 1e30)
BASES = (1.0, 0.1, 3e-4, 1e-3, 0.0, 0.9, -0.5, 5e-324, 1e30)
_RATES = (0.1, 0.5, 0.999, 1.0, 0.3333333333333333, 1e-6)

# Collected as a module of tests and imported by others, this file is read more than once in a process.
if "drawn_function" not in FUNCTIONS:
    register_function("drawn_function", lambda t: 1.0 / (1.0 + t / 64))
named_function = from_function("drawn_function")


@dataclass(frozen=True)
class World:
    """The facts of a run that a schedule is drawn for."""

    total: int
    epoch: int
    batch: int
    accumulation: int

    @property
    def calendar(self) -> Calendar:
        return Calendar(
            total=self.total,
            steps_per_epoch=self.epoch,
            batch_size=self.batch,
            accumulation=self.accumulation,
            tokens_per_step=1,
        )

    @property
    def small(self) -> bool:
        """Whether updates can be counted one by one."""
        return self.total <= 5000


@dataclass(frozen=True)
class Case:
    """A schedule as it was written, and the same with its lengths in updates."""

    written: Schedule
    resolved: Schedule
    world: World

    def __repr__(self) -> str:
        return f"Case({self.written} | {self.resolved} | {self.world})"


def worlds(*, small: bool = True) -> st.SearchStrategy[World]:
    """Runs, some of a single update; up to 2 ** 53 of them where not `small`."""
    totals = st.sampled_from([1, 2, 3, 10, 97, 100, 1000, 4999]) | st.integers(1, 5000)
    if not small:
        totals |= st.sampled_from([2**24 + 1, 10**9, 2**53])
    return st.builds(
        World, totals, st.sampled_from([1, 2, 3, 20, 47]), st.sampled_from([1, 32]), st.sampled_from([1, 4])
    )


def numbers() -> st.SearchStrategy[float]:
    """Multiples of base: usual ones and nasty ones."""
    return st.sampled_from(FACTORS) | st.floats(-4.0, 4.0, allow_subnormal=False)


def levels(*, fixed: bool = True) -> st.SearchStrategy[Level]:
    """Multiples of base; where `fixed` may be, values as they stand, and sums of both."""
    if not fixed:
        return numbers()
    return (
        numbers() | numbers().map(absolute) | st.tuples(numbers(), numbers()).map(lambda two: two[0] + absolute(two[1]))
    )


def bases() -> st.SearchStrategy[float]:
    return st.sampled_from(BASES) | st.floats(1e-8, 10.0)


@st.composite
def durations(draw: st.DrawFn, world: World) -> DurationLike:
    """Lengths of up to about a tenth of the run, sometimes of the whole, in every unit the calendar converts."""
    most = max(world.total // 10, 2)
    count = draw(st.sampled_from([0, 1, 2, most, world.total]) | st.integers(0, most))
    share = draw(st.sampled_from(["0.1%", "1%", "5%", "7%", "12.5%", "3.3333%", "10%"]))
    epochs = draw(st.sampled_from(["0.5", "1", "2", "1.25"]))
    return draw(
        st.sampled_from(
            [
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
        )
    )


def ends(world: World) -> st.SearchStrategy[DurationLike]:
    """Lengths of stages that are said by the time at which they end."""
    return st.sampled_from(["until 10%", "until 50%", "until 1.5 epochs", f"until {world.total // 3} steps"])


def named_curves() -> st.SearchStrategy[curves.Curve]:
    """Every curve: the constants, and the families with arguments from their signatures."""
    constant = st.sampled_from([curve for name, curve in CONSTANTS.items() if not name.startswith("user_")])
    return constant | st.sampled_from(sorted(CURVES)).flatmap(lambda name: built(CURVES[name], curve_argument))


def curve_argument(name: str, hint: Any, default: Any, builder: Callable[..., Any]) -> st.SearchStrategy[Any]:
    del default
    if hint is not float:
        raise ungenerable(builder, name, hint)
    if name == "cycles":
        return st.sampled_from([0.5, 1.5, 2.5])
    return st.sampled_from([0.1, 0.5, 0.8, 0.9, 1.0, 2.0, 3.7, 1e-3, 12.0, -7.0, -1.0, 3.0]) | st.floats(0.05, 20.0)


def ungenerable(builder: Callable[..., Any], name: str, hint: Any) -> TypeError:
    return TypeError(
        f"tests/support/strategies.py cannot draw parameter {name!r} "
        f"of {builder.__module__}.{builder.__name__}: {hint}. "
        "Annotate it as Level, DurationLike, float, …, or teach `argument` that kind."
    )


@st.composite
def built(draw: st.DrawFn, builder: Callable[..., Any], argument: Callable[..., st.SearchStrategy[Any]]) -> Any:
    """A call of `builder` with drawn arguments; arguments that it refuses are drawn again."""
    hints = typing.get_type_hints(builder)
    for _ in range(6):
        size = draw(st.integers(1, 3))  # of every list in this call, for those that belong together
        positional: list[Any] = []
        named: dict[str, Any] = {}
        for parameter in inspect.signature(builder).parameters.values():
            hint = hints.get(parameter.name)
            optional = parameter.default is not parameter.empty
            if parameter.kind is parameter.VAR_POSITIONAL:
                one = argument(parameter.name, hint, None, builder)
                positional = [draw(one) for _ in range(size)]
            elif optional and draw(st.booleans()):
                continue
            else:
                item = _listed(hint)
                if item is not None:
                    one = argument(parameter.name, item, None, builder)
                    named[parameter.name] = tuple(draw(one) for _ in range(size))
                else:
                    named[parameter.name] = draw(argument(parameter.name, hint, parameter.default, builder))
        try:
            return builder(*positional, **named)
        except InvalidArgument:
            continue
    return reject()


def _listed(hint: Any) -> Any:
    """What a homogeneous list holds; None for anything else."""
    if get_origin(hint) in (Union, UnionType):  # a list, or an array
        return next(filter(None, map(_listed, get_args(hint))), None)
    origin, inner = get_origin(hint), get_args(hint)
    if origin is tuple and len(inner) == 2 and inner[1] is Ellipsis:
        return inner[0]
    if origin is not None and getattr(origin, "__name__", "") in ("Sequence", "Iterable", "list"):
        return inner[0]
    return None


def without_none(hint: Any) -> Any:
    """The kind of an optional parameter."""
    if get_origin(hint) in (Union, UnionType):
        kept = [one for one in get_args(hint) if one is not NoneType]
        if len(kept) < len(get_args(hint)):
            return Union[tuple(kept)]  # noqa: UP007  # a tuple of kinds
    return hint


@dataclass(frozen=True)
class Drawing:
    """How the arguments of a shape are drawn: for which run, how deep, and what is left out."""

    world: World
    depth: int
    fixed: bool
    affine: bool
    names: tuple[str, ...]

    def __call__(self, name: str, hint: Any, default: Any, builder: Callable[..., Any]) -> st.SearchStrategy[Any]:
        kind = without_none(hint)
        optional = st.none() if kind != hint else st.nothing()
        if kind == Level:
            return optional | levels(fixed=self.fixed)
        if kind == DurationLike:
            times = durations(self.world)
            return optional | times | (ends(self.world) if name == "over" else st.nothing())
        if kind == CurveLike:
            return optional | (st.just(curves.linear) if self.names == STRAIGHT else named_curves())
        if get_origin(kind) is Literal:
            return st.sampled_from(get_args(kind))
        if kind == Union[Literal["update", "epoch"], int]:  # noqa: UP007  # as typing spells the alias
            return st.sampled_from(["update", "update", "epoch", 3])
        if kind is bool:
            return st.booleans()
        if kind is int:
            return optional | st.sampled_from([0, 1, 2, 3, 5, 40]) | st.integers(0, 50)
        if kind is float:
            return st.sampled_from([*_RATES, 1.5, 2.0]) if name not in _AT_MOST_ONE else st.sampled_from(_RATES)
        if kind is Schedule:
            return self.part()
        if kind is Rule:
            return st.sampled_from(sorted(RULES)).flatmap(lambda rule: built(RULES[rule], self))
        if get_origin(kind) is tuple and Ellipsis not in get_args(kind):
            return st.tuples(*(self(name, inner, None, builder) for inner in get_args(kind)))
        if kind == Union[Callable[[Any], Any], str]:  # noqa: UP007  # as typing spells it
            return st.just(named_function.name)
        del default
        raise ungenerable(builder, name, hint)

    def part(self) -> st.SearchStrategy[Schedule]:
        return schedules(self.world, depth=self.depth - 1, fixed=self.fixed, affine=self.affine, names=self.names)


_AT_MOST_ONE = ("gamma", "to_gamma", "factor", "start", "to", "pct_start")
"""Rates of growth: above 1 the values of a long run overflow to inf, which is tested by itself."""

NOT_AFFINE = ("clamp", "cyclical_anneal", "ema_power", "ema_warmup", "minimum", "maximum", "rounded")
"""Shapes whose values are no multiple of base plus a value."""

_JUMPS = ("jagged", "rounded")  # a last bit leads to another value: drawn by their names only


ALL = (*BUILDERS, *OPERATORS)


def shape(
    name: str, world: World, depth: int = 2, *, fixed: bool = True, affine: bool = False, names: tuple[str, ...] = ALL
) -> st.SearchStrategy[Schedule]:
    """One registered shape, or what an operator makes."""
    drawing = Drawing(world, depth, fixed, affine, names)
    return built(BUILDERS[name], drawing) if name in BUILDERS else _operated(name, drawing)


def schedules(
    world: World | None = None,
    *,
    depth: int = 3,
    fixed: bool = True,
    affine: bool = False,
    names: tuple[str, ...] = ALL,
) -> st.SearchStrategy[Schedule]:
    """Any schedule, nested `depth` deep.

    Args:
        world: the run it is drawn for.
        depth: of the tree.
        fixed: whether absolute levels may occur.
        affine: whether minimum, maximum and clamp are left out.
        names: of the shapes and operators it is made of.
    """
    world = world or World(total=1000, epoch=20, batch=32, accumulation=1)
    left_out = {*_JUMPS, *(NOT_AFFINE if affine else ()), *(() if world.small else ["recurrence"])}
    usable = [name for name in names if name not in left_out]
    flat = [name for name in usable if name in BUILDERS and not _holds_schedules(BUILDERS[name])]
    simple = [name for name in SIMPLE if name in flat]
    if depth <= 1:
        chosen = [*simple, *simple, *flat]
    else:
        operators = [name for name in usable if name in OPERATORS]
        chosen = [*(name for name in usable if name not in flat), *operators, *simple]
    return st.sampled_from(chosen).flatmap(
        lambda name: shape(name, world, depth, fixed=fixed, affine=affine, names=names)
    )


def _holds_schedules(builder: Callable[..., Any]) -> bool:
    return any(hint is Schedule for name, hint in typing.get_type_hints(builder).items() if name != "return")


@st.composite
def _operated(draw: st.DrawFn, name: str, drawing: Drawing) -> Schedule:
    part = drawing.part()
    try:
        if name == "sequence":
            return draw(_sequences(part))
        if name == "negative":
            return -draw(part)
        if name == "power":
            return draw(replace(drawing, fixed=False).part()) ** draw(st.sampled_from([1, 2.0]))
        if name == "quotient":
            return draw(part) / draw(st.sampled_from([1, 2.0, -3, 7.0]))
        left, right = draw(part), draw(part | st.sampled_from([0.5, 2.0, -1.0]))
        if draw(st.booleans()):
            left, right = right, left
        return {"product": lambda: left * right, "sum": lambda: left + right, "difference": lambda: left - right}[
            name
        ]()
    except InvalidArgument:  # two factors with absolute levels
        return reject()


@st.composite
def _sequences(draw: st.DrawFn, part: st.SearchStrategy[Schedule]) -> Schedule:
    """Stages of which at most one has no length: the others are cut by a window."""
    size = draw(st.integers(2, 3))
    free = draw(st.integers(0, size))
    stages = []
    for place in range(size):
        stage = draw(part)
        if not stage.has_length and place != free:
            stage = window(stage, 0, draw(st.sampled_from(["5%", "10%", 1, 0, 3])))
        stages.append(stage)
    whole = stages[0]
    for stage in stages[1:]:
        whole = whole >> stage
    return whole


@st.composite
def cases(
    draw: st.DrawFn,
    *,
    name: str | None = None,
    small: bool = True,
    depth: int = 3,
    fixed: bool = True,
    affine: bool = False,
    names: tuple[str, ...] = ALL,
) -> Case:
    """A schedule and the run it is resolved for; of the shape `name`, or of any."""
    world = draw(worlds(small=small or name == "recurrence"))  # whose updates are counted one by one
    written = draw(
        schedules(world, depth=depth, fixed=fixed, affine=affine, names=names)
        if name is None
        else shape(name, world, depth, fixed=fixed, affine=affine, names=names)
    )
    try:
        return Case(written, resolve_(written, world.calendar), world)
    except InvalidArgument:  # stages longer than the run, a milestone behind its stage
        return reject()


@st.composite
def times(draw: st.DrawFn, case: Case, *, whole: bool = False) -> int | float:
    """A time: near the points where something changes, anywhere in the run, behind its end, between two updates."""
    total = case.world.total
    points = case.resolved.breakpoints(min(total, 2000))
    near = st.sampled_from(points).flatmap(lambda p: st.integers(max(p - 1, 0), p + 1))
    anywhere = st.sampled_from([0, 1, max(total - 1, 0), total, total + 1]) | st.integers(0, total + 10)
    time = draw(near | anywhere)
    return time if whole or total > 5000 or draw(st.booleans()) else time + draw(st.sampled_from([0.0, 0.5, 0.25]))


def every_shape(*, leave_out: tuple[str, ...] = ()) -> pytest.MarkDecorator:
    """Run a law for each registered shape and each operator by itself."""
    names = [name for name in ALL if name not in leave_out]
    return pytest.mark.parametrize("name", names)


# ---------------------------------------------------------------- plans

GROUPS: tuple[Mapping[str, Any], ...] = (
    {"lr": 0.1, "weight_decay": 0.0, "momentum": 0.9, "eps": 1e-8, "betas": (0.9, 0.999), "name": "body"},
    {"lr": 3e-4, "weight_decay": 0.05, "momentum": 0.8, "eps": 1e-8, "betas": (0.8, 0.99), "name": "head"},
    {"lr": 1.0, "weight_decay": 1e-4, "momentum": 0.0, "eps": 1e-6, "betas": (0.5, 0.9)},
)


@st.composite
def plans(draw: st.DrawFn, world: World, *, rules: bool = True, follow: bool = False) -> Plan:
    """A plan for `GROUPS`: several fields, selectors by name and by index, targets, plateau rules.

    Args:
        world: the run it is drawn for.
        rules: whether metric rules may occur.
        follow: whether a field may follow another, be it one that cannot be followed.
    """
    part = schedules(world, depth=2)
    bindings = []
    for field in draw(
        st.lists(
            st.sampled_from(["lr", "weight_decay", "momentum", "eps", "betas[0]", "betas[1]"]), unique=True, min_size=1
        )
    ):
        for groups in draw(st.lists(st.sampled_from([None, "head", 2, "body"]), unique=True, min_size=1, max_size=3)):
            schedule: Any = draw(part)
            if follow and draw(st.integers(0, 3)) == 0:
                schedule = draw(st.sampled_from([0.5 * like("lr"), like("lr"), schedule * like("momentum")]))
            if rules and draw(st.integers(0, 9)) == 0:
                schedule = schedule * plateau(draw(st.sampled_from(["loss", "val"])), patience=draw(st.integers(0, 3)))
            bindings.append(Binding(field, schedule, groups))
    for name in draw(st.lists(st.sampled_from(["temperature", "ema"]), unique=True, max_size=2)):
        bindings.append(Binding(Target(name, draw(bases())), draw(part)))
    horizon = draw(st.sampled_from([None, world.total, f"{world.total} steps"]))
    return Plan(*draw(st.permutations(bindings)), horizon=horizon)
