"""Hypothesis strategies for schedules and plans, generated from the registered shapes.

Every registered shape is covered: `support.drawing` draws its arguments from their annotations, as it does
for users' shapes. A parameter that cannot be drawn raises an error with its name; add the new type there.
"""

import functools
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import reject
from hypothesis import strategies as st

from paramsched.core.builders import built_class
from paramsched.core.feedback import plateau
from paramsched.core.plan import Binding, Plan, Target, bind
from paramsched.core.plan import resolve as resolve_
from paramsched.core.plan.value_ranges import range_of
from paramsched.core.schedules import SHAPES, Schedule, absolute
from paramsched.core.schedules.evaluation import evaluate
from paramsched.core.schedules.like import like
from paramsched.core.schedules.window import window
from paramsched.errors import InvalidArgument
from support import drawn_shapes as drawn_shapes  # before BUILDERS, which has its shapes
from support.drawing import Drawing as Drawing
from support.drawing import World as World
from support.drawing import built as built
from support.drawing import drawn_curve_argument as drawn_curve_argument
from support.drawing import levels as levels
from support.drawing import named_curves as named_curves
from support.drawing import without_none as without_none
from support.drawing import worlds as worlds
from support.examples import at_most, is_glance
from support.spread import every

BUILDERS = {
    name: builder for name, builder in SHAPES.items() if issubclass(built_class(builder), Schedule) and name != "like"
}
"""The shapes that are schedules alone. Metric rules and `like` need a plan; `plans` draws them.
"""

STRAIGHT = ("linear", "constant", "warmup", "cooldown", "step", "multistep", "piecewise", "anneal",
            "window", "shift", "take", "skip", "restarts", "every",
            "sequence", "sum", "difference", "negative")  # fmt: skip
"""Shapes that consist of straight lines if their curve is linear."""

OPERATORS = ("sequence", "product", "sum", "difference", "negative", "power", "quotient", "absolute")
SIMPLE = ("anneal", "linear", "cosine", "warmup", "constant", "exponential", "step")
"""The most frequent parts of a deep tree."""

_BASES = (1.0, 0.1, 3e-4, 1e-3, 0.0, 0.9, -0.5, 5e-324, 1e30)


@functools.cache
def bases() -> st.SearchStrategy[float]:
    """Draw usual and unusual bases."""
    return st.sampled_from(_BASES) | st.floats(1e-8, 10.0)


@dataclass(frozen=True)
class Case:
    """A schedule as written, and the same schedule resolved to updates."""

    written: Schedule
    resolved: Schedule
    world: World

    def __repr__(self) -> str:
        return f"Case({self.written} | {self.resolved} | {self.world})"


NOT_AFFINE = ("clamp", "minimum", "maximum", "rounded")
"""Shapes whose values are not an affine function of base."""

_JUMPS = ("rounded",)  # because a rounding error can change the value, these are drawn by name only


ALL = (*BUILDERS, *OPERATORS)


def drawing(
    world: World, depth: int = 1, *, fixed: bool = True, affine: bool = False, names: tuple[str, ...] = ALL
) -> Drawing:
    """Return the settings for drawing the arguments of a shape."""
    return Drawing(
        world,
        lambda: schedules(world, depth=depth - 1, fixed=fixed, affine=affine, names=names),
        fixed=fixed,
        straight=names == STRAIGHT,
    )


@functools.lru_cache(maxsize=8192)  # because Hypothesis validates each new strategy
def shape(
    name: str, world: World, depth: int = 2, *, fixed: bool = True, affine: bool = False, names: tuple[str, ...] = ALL
) -> st.SearchStrategy[Schedule]:
    """Draw a registered shape, or the result of an operator."""
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
    """Draw any schedule, nested up to `depth` levels.

    Args:
        world: The run for which it is drawn.
        depth: The maximum depth of the tree.
        fixed: Whether absolute levels may occur.
        affine: Whether shapes that are not affine in base (`NOT_AFFINE`) are left out.
        names: The names of the shapes and operators to draw from.
    """
    world = world or World(total=1000, epoch=20, batch=32, accumulation=1)
    left_out = {*_JUMPS, *(NOT_AFFINE if affine else ())}
    left_out |= set() if fixed else {"absolute"}
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
        if name == "absolute":
            return absolute(draw(scaling.part()))
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
    except InvalidArgument:  # two factors with absolute levels, or absolute in absolute
        return reject()


@st.composite
def _sequences(draw: st.DrawFn, part: st.SearchStrategy[Schedule]) -> Schedule:
    """Draw stages of which at most one has no length; a window limits the others."""
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
    """Draw a schedule of the shape `name`, or of any shape, and the run for which it is resolved."""
    world = draw(worlds(small=small))
    written = draw(
        schedules(world, depth=depth, fixed=fixed, affine=affine, names=names)
        if name is None
        else shape(name, world, depth, fixed=fixed, affine=affine, names=names)
    )
    try:
        return Case(written, resolve_(written, facts=world.facts), world)
    except InvalidArgument:  # stages longer than the run, or a milestone after its stage
        return reject()


_FRACTIONS = st.sampled_from([0.0, 0.5, 0.25])


@st.composite
def times(draw: st.DrawFn, case: Case, size: int = 1) -> list[int | float]:
    """Draw times near breakpoints, anywhere in the run, after its end, and between two updates."""
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
    *, leave_out: tuple[str, ...] = (), most: int = 3, share: float = 1.0, step: int = 3
) -> Callable[[Callable[..., None]], Any]:
    """Run a law for each registered shape and each operator, with the number of examples of `at_most`.

    `make test` runs one of `step` shapes, and `make quick` half of those; different laws run different shapes.
    """
    names = [name for name in ALL if name not in leave_out]
    step *= 2 if is_glance() else 1

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

LATE: Mapping[str, Any] = {
    "lr": 0.5, "weight_decay": 0.3, "momentum": 0.7, "eps": 1e-7, "betas": (0.6, 0.8), "name": "late",
}  # fmt: skip
"""A group that joins the run later."""


@st.composite
def plans(
    draw: st.DrawFn,
    world: World,
    *,
    rules: int = 1,
    follow: bool = False,
    affine: bool = False,
    attachable: bool = False,
) -> Plan:
    """Draw a plan for `GROUPS`: several fields, selectors by name and by index, targets, plateau rules.

    Args:
        world: The run for which it is drawn.
        rules: The number of lines with a metric rule among ten lines.
        follow: Whether a line may follow a field or a target, including one that cannot be followed.
        affine: Whether shapes that are not affine in base are left out.
        attachable: Whether lines that prevent the plan from being attached are replaced or left out.
    """
    part = schedules(world, depth=2, affine=affine)
    bindings, plain = [], []
    for field in draw(
        st.lists(
            st.sampled_from(["lr", "weight_decay", "momentum", "eps", "betas[0]", "betas[1]"]), unique=True, min_size=1
        )
    ):
        for groups in draw(st.lists(st.sampled_from([None, "head", 2, "body"]), unique=True, min_size=1, max_size=3)):
            schedule: Any = draw(part)
            plain.append(Binding(field, schedule, groups))
            if follow and draw(st.integers(0, 3)) == 0:
                schedule = draw(
                    st.sampled_from(
                        [0.5 * like("lr"), like("lr"), schedule * like("momentum"), schedule * like("temperature")]
                    )
                )
            if rules and draw(st.integers(0, 9)) < rules:
                begin = draw(st.sampled_from([None, None, 3]))
                metric, patience = draw(st.sampled_from(["loss", "val"])), draw(st.integers(0, 3))
                schedule = schedule * plateau(metric, patience=patience, after=begin)
            bindings.append(Binding(field, schedule, groups))
    for name in draw(st.lists(st.sampled_from(["temperature", "ema"]), unique=True, max_size=2)):
        schedule, base = draw(part), draw(bases())
        plain.append(Binding(Target(name, base), schedule))
        if follow and draw(st.integers(0, 3)) == 0:
            schedule = draw(st.sampled_from([like("lr"), schedule * like("temperature"), like("temperature") ** 2]))
        bindings.append(Binding(Target(name, base), schedule))
    total = draw(st.sampled_from([None, world.total, f"{world.total} steps"]))
    if attachable:
        bindings = _attachable(bindings, plain, world)
    return Plan(*draw(st.permutations(bindings)), total=total) if bindings else reject()


@functools.lru_cache(maxsize=1024)
def _is_usable(name: str, schedule: Schedule, base: float, world: World) -> bool:
    """Return whether an optimizer can use all values of a field."""
    allowed = range_of(name)
    return allowed is None or not allowed.outside(evaluate(schedule, _times_of(world), base), base).any()


def _times_of(world: World) -> Any:
    return np.append(np.arange(3 * world.total + 5_000), 2 ** np.arange(14, 22))


def _in_range(schedule: Schedule, world: World) -> Iterator[Schedule]:
    """Return schedules that are proportional to another one, with values that an optimizer can use for any field."""
    try:
        resolved = resolve_(schedule, facts=world.facts)
    except InvalidArgument:
        return
    numbers = [key for group in (*GROUPS, LATE) for key in group.values() if isinstance(key, float)]
    with np.errstate(all="ignore"):
        size = max(np.abs(evaluate(resolved, _times_of(world), base)).max() for base in (*numbers, 0.999))
    if 1e-300 < size < 1e300:
        yield (0.9 / size) * schedule
        yield (0.4 / size) * schedule + absolute(0.45)


def _attachable(lines: Sequence[Binding], plain: Sequence[Binding], world: World) -> list[Binding]:
    """Replace lines with their plain lines, or leave them out, until the plan can be attached.

    Without this, nine of ten plans are rejected, because most lines follow something that cannot be followed.
    """

    def can_be_attached(chosen: Iterable[Binding | None]) -> bool:
        try:
            groups = (*GROUPS, LATE)
            bound = bind(Plan(*(one for one in chosen if one is not None)).resolve(facts=world.facts), groups)
        except InvalidArgument:
            return False
        pairs = zip(groups, bound, strict=True)
        return all(
            _is_usable(one.name, one.schedule, one.field.base(group), world) for group, mine in pairs for one in mine
        )

    kept: list[Binding | None] = []
    for line in plain:
        fitting = (replace(line, schedule=one) for one in (line.schedule, *_in_range(line.schedule, world)))
        kept.append(next((one for one in fitting if can_be_attached([*kept, one])), None))
    for place, line in enumerate(lines):
        if can_be_attached(changed := [*kept[:place], line, *kept[place + 1 :]]):
            kept = changed
    return [one for one in kept if one is not None]
