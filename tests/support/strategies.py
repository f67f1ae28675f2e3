"""Hypothesis strategies for schedules and plans, generated from what is registered.

A shape is covered by being registered: `paramsched.testing.drawing` draws its arguments by their annotations, for
users' shapes as for these. A parameter that cannot be drawn is an error naming it, so that a new kind of argument joins
it there.
"""

import functools
import inspect
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import reject
from hypothesis import strategies as st

from paramsched.errors import InvalidArgument
from paramsched.feedback import plateau
from paramsched.plan import Binding, Plan, Target
from paramsched.plan import resolve as resolve_
from paramsched.schedules import SHAPES, Schedule, from_function, like, register_function, window
from paramsched.schedules.leaves import FUNCTIONS
from paramsched.testing.drawing import Drawing as Drawing
from paramsched.testing.drawing import World as World
from paramsched.testing.drawing import built as built
from paramsched.testing.drawing import drawn_curve_argument as drawn_curve_argument
from paramsched.testing.drawing import levels as levels
from paramsched.testing.drawing import named_curves as named_curves
from paramsched.testing.drawing import without_none as without_none
from paramsched.testing.drawing import worlds as worlds
from support.examples import at_most
from support.spread import every

BUILDERS = {
    name: builder
    for name, builder in SHAPES.items()
    if issubclass(inspect.signature(builder).return_annotation, Schedule) and name not in ("like", "table_file")
}
"""The shapes that are schedules by themselves; metric rules and `like`, which need a plan, join in `plans`.

`table_file`, which needs a file, makes what `table` makes.
"""

STRAIGHT = ("linear", "constant", "warmup", "cooldown", "trapezoid", "step", "multistep", "piecewise", "anneal",
            "window", "shift", "take", "skip", "restarts", "every",
            "sequence", "sum", "difference", "negative")  # fmt: skip
"""Of straight lines only, as long as the curve is one."""

OPERATORS = ("sequence", "product", "sum", "difference", "negative", "power", "quotient")
SIMPLE = ("anneal", "linear", "cosine", "warmup", "constant", "exponential", "step")
"""What the parts of a deep tree are made of most of the time."""

# Collected as a module of tests and imported by others, this file is read more than once in a process.
if "drawn_function" not in FUNCTIONS:
    register_function("drawn_function", lambda t: 1.0 / (1.0 + t / 64))
named_function = from_function("drawn_function")


_BASES = (1.0, 0.1, 3e-4, 1e-3, 0.0, 0.9, -0.5, 5e-324, 1e30)


@functools.cache
def bases() -> st.SearchStrategy[float]:
    """Usual and unusual bases."""
    return st.sampled_from(_BASES) | st.floats(1e-8, 10.0)


@dataclass(frozen=True)
class Case:
    """A schedule as it was written, and the same with its lengths in updates."""

    written: Schedule
    resolved: Schedule
    world: World

    def __repr__(self) -> str:
        return f"Case({self.written} | {self.resolved} | {self.world})"


NOT_AFFINE = ("clamp", "cyclical_anneal", "ema_power", "ema_warmup", "minimum", "maximum", "rounded")
"""Shapes whose values are no multiple of base plus a value."""

_UPDATE_BY_UPDATE = ("recurrence",)
"""Shapes that count through all that came before: for short runs only."""

_JUMPS = ("jagged", "rounded")  # a last bit leads to another value: drawn by their names only


ALL = (*BUILDERS, *OPERATORS)


def drawing(
    world: World, depth: int = 1, *, fixed: bool = True, affine: bool = False, names: tuple[str, ...] = ALL
) -> Drawing:
    """How the arguments of a shape are drawn: for which run, how deep, and what is left out."""
    return Drawing(
        world,
        lambda: schedules(world, depth=depth - 1, fixed=fixed, affine=affine, names=names),
        fixed=fixed,
        straight=names == STRAIGHT,
        function=named_function.name,
    )


@functools.lru_cache(maxsize=8192)  # Hypothesis looks a strategy over when it is new
def shape(
    name: str, world: World, depth: int = 2, *, fixed: bool = True, affine: bool = False, names: tuple[str, ...] = ALL
) -> st.SearchStrategy[Schedule]:
    """One registered shape, or what an operator makes."""
    own = drawing(world, depth, fixed=fixed, affine=affine, names=names)
    if name in BUILDERS:
        return built(BUILDERS[name], own)
    return _operated(name, own, drawing(world, depth, fixed=False, affine=affine, names=names))


@functools.lru_cache(maxsize=8192)
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
    left_out = {*_JUMPS, *(NOT_AFFINE if affine else ()), *(() if world.small else _UPDATE_BY_UPDATE)}
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


@functools.cache
def _holds_schedules(builder: Callable[..., Any]) -> bool:
    return any(hint is Schedule for name, hint in typing.get_type_hints(builder).items() if name != "return")


@st.composite
def _operated(draw: st.DrawFn, name: str, own: Drawing, scaling: Drawing) -> Schedule:
    part = own.part()
    try:
        if name == "sequence":
            return draw(_sequences(part))
        if name == "negative":
            return -draw(part)
        if name == "power":
            return draw(scaling.part()) ** draw(st.sampled_from([1, 2.0]))
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
    world = draw(worlds(small=small or name in _UPDATE_BY_UPDATE))
    written = draw(
        schedules(world, depth=depth, fixed=fixed, affine=affine, names=names)
        if name is None
        else shape(name, world, depth, fixed=fixed, affine=affine, names=names)
    )
    try:
        return Case(written, resolve_(written, world.calendar), world)
    except InvalidArgument:  # stages longer than the run, a milestone behind its stage
        return reject()


_FRACTIONS = st.sampled_from([0.0, 0.5, 0.25])


@st.composite
def times(draw: st.DrawFn, case: Case, size: int = 1) -> list[int | float]:
    """Times: near the points where something changes, anywhere in the run, behind its end, between two updates."""
    total = case.world.total
    points = case.resolved.breakpoints(min(total, 2000))
    near = st.sampled_from(points).flatmap(lambda p: st.integers(max(p - 1, 0), p + 1))
    anywhere = st.sampled_from([0, 1, max(total - 1, 0), total, total + 1]) | st.integers(0, total + 10)
    drawn, found = near | anywhere, list[int | float]()
    for _ in range(size):
        time = draw(drawn)
        found.append(time if total > 5000 or draw(st.booleans()) else time + draw(_FRACTIONS))
    return found


def every_shape(
    *, leave_out: tuple[str, ...] = (), most: int = 3, share: float = 1.0, step: int = 2
) -> Callable[[Callable[..., None]], Any]:
    """Run a law for each registered shape and each operator by itself, with as many examples as `at_most` says.

    `make test` takes one of `step` shapes, each law others.
    """
    names = [name for name in ALL if name not in leave_out]

    def tried(law: Callable[..., None]) -> Any:
        first = sum(map(ord, law.__name__))
        return pytest.mark.parametrize("name", every(step, names, first))(at_most(most, share)(law))

    return tried


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
        follow: whether a line may follow a field or a target, be it one that cannot be followed.
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
                schedule = draw(
                    st.sampled_from(
                        [0.5 * like("lr"), like("lr"), schedule * like("momentum"), schedule * like("temperature")]
                    )
                )
            if rules and draw(st.integers(0, 9)) == 0:
                schedule = schedule * plateau(draw(st.sampled_from(["loss", "val"])), patience=draw(st.integers(0, 3)))
            bindings.append(Binding(field, schedule, groups))
    for name in draw(st.lists(st.sampled_from(["temperature", "ema"]), unique=True, max_size=2)):
        schedule = draw(part)
        if follow and draw(st.integers(0, 3)) == 0:
            schedule = draw(st.sampled_from([like("lr"), schedule * like("temperature"), like("temperature") ** 2]))
        bindings.append(Binding(Target(name, draw(bases())), schedule))
    horizon = draw(st.sampled_from([None, world.total, f"{world.total} steps"]))
    return Plan(*draw(st.permutations(bindings)), horizon=horizon)
