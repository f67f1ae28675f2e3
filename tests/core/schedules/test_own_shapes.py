"""Shapes of one's own: functions with `@ps.shape`, schedule classes and lengths of a user."""

import copy
import functools
import itertools
import math
import pickle
from collections.abc import Callable
from fractions import Fraction
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import paramsched as ps
from paramsched import files as config
from paramsched.base import codes
from paramsched.core.plan.lines import first_outside, range_of
from paramsched.core.schedules import SHAPES, Schedule
from paramsched.core.schedules.sequence import factor_of_number
from paramsched.errors import ConfigError, InvalidArgument
from support import generated_shapes, strategies
from support.generated_shapes import fading, falling, generated_progress, generated_updates
from support.registered_shapes import shapes_as_before
from support.tables import table
from support.updates import probe, run, used


@pytest.fixture(autouse=True)
def names_as_before():
    with shapes_as_before():
        yield


TIMES = st.lists(st.integers(0, 200), min_size=1, max_size=20)


POWERS = st.floats(0.0, 4.0)
BASES = st.sampled_from([1.0, 0.1, 3e-4, 0.0])


@given(TIMES, st.integers(1, 150), POWERS, st.booleans(), BASES)
def test_the_values_of_a_function_of_progress_are_its_own_bits(times, n, power, bend, base):
    schedule = generated_progress(n, power=power, bend=bend)
    expected = [falling(min(t, n) / n, power, bend) * base for t in times]

    assert schedule(np.array(times), base).tolist() == expected == [schedule(t, base) for t in times]


@given(TIMES, st.integers(1, 50), BASES)
def test_the_values_of_a_function_of_updates_are_its_own_bits(times, epochs, base):
    schedule = ps.resolve(generated_updates(period=f"{epochs} epochs"), total=100, steps_per_epoch=3)
    expected = [fading(t, 3 * epochs) * base for t in times]

    assert schedule(np.array(times), base).tolist() == expected == [schedule(t, base) for t in times]


@given(TIMES, st.integers(1, 150), POWERS, strategies.levels(), strategies.levels(), BASES)
def test_levels_move_the_ends_exactly_and_the_rest_in_proportion(times, n, power, start, to, base):
    schedule = generated_progress(n, power=power, start=start, to=to)
    begin, end = (ps.constant(level)(0, base) for level in (start, to))

    assert (schedule(0, base), schedule(n, base), schedule(n + 9, base)) == (begin, end, end)
    first = falling(0.0, power)
    last = falling(1.0, power)
    share = np.array([(falling(min(t, n) / n, power) - last) / (first - last) for t in times])
    values = schedule(np.array(times), base)
    assert values.tolist() == [schedule(t, base) for t in times]
    assert np.allclose(values, end + (begin - end) * share, rtol=1e-12, atol=1e-12 * max(abs(begin), abs(end)))
    if (factor := factor_of_number(schedule)) is not None:
        assert [factor(t) for t in times] == [schedule(t) for t in times]


def test_a_function_gets_numbers_and_an_index_where_it_counts_updates():
    seen = []

    @ps.shape
    def seen_u(u):
        seen.append(u)
        return 0.5

    @ps.shape
    def seen_t(t):
        seen.append(t)
        return 0.5

    for build, number_type in ((seen_u, float), (seen_t, int)):
        seen.clear()
        build(8)(np.arange(10))
        build(8)(np.arange(10.0))
        build(8)(3)
        assert {type(value) for value in seen} == {number_type}


def test_a_list_is_read_by_its_index_and_its_last_value_is_kept():
    values = np.linspace(1.0, 0.1, 12)

    @ps.shape
    def replay(t):
        return values[t]

    assert ps.trace(ps.Plan(lr="replay()", total=12), {"lr": 1.0})["lr"].tolist() == values.tolist()
    assert [replay()(t) for t in (11, 12, 13, 1000)] == [values[-1]] * 4
    assert replay()(np.arange(20)).tolist() == [*values, *[values[-1]] * 8]


def of_list(values, t):
    return values[t]


def of_dict(values, t):
    return dict(enumerate(values)).get(t)


def of_iterator(values, t):
    return next(itertools.islice(values, t, None))


@pytest.mark.parametrize("read", [of_list, of_dict, of_iterator])
@pytest.mark.parametrize("length", [1, 90, 98, 99])
@pytest.mark.parametrize("line", ["replay()", "0.5 * replay()"])
def test_a_list_that_ends_before_the_run_is_refused_at_the_start(length, line, read):
    @ps.shape
    def replay(t):
        return read([1.0] * length, t)

    starts = [
        lambda: ps.Scheduler(probe(), ps.Plan(lr=line, total=100)),
        lambda: ps.Scheduler(probe(), ps.Plan(ps.Binding(ps.Target("kl", 0.5), line), lr="cosine()", total=100)),
        lambda: ps.Values({"kl": line}, total=100),
    ]
    for start in starts:
        with pytest.raises(InvalidArgument, match="t=" if length == 1 else "t=99"):
            start()


def test_a_run_that_is_longer_than_its_plan_keeps_the_last_value_of_a_list():
    @ps.shape
    def replay(t):
        return [1.0, 0.5, 0.25][t]

    optimizer = probe(lr=1.0)
    scheduler = ps.Scheduler(optimizer, "replay()")
    run(optimizer, 8)

    assert (scheduler.t, used(optimizer)) == (8, [1.0, 0.5, *[0.25] * 6])


LINES = [
    "generated_progress()", 'generated_progress("50%", power=3.5, bend=True)', "generated_progress(to=0.1)",
    'generated_progress("until 80%", start=absolute(0.5), to=0.5 + absolute(0.1))', "generated_updates()",
    'generated_updates("2 epochs", period="1.5 epochs")', "warmup(5) >> generated_progress(to=0.1)",
    "generated_updates(10) >> constant()", "restarts(generated_progress(), 7)", "0.5 * generated_progress(power=1)",
]  # fmt: skip


@table("line", LINES)
def test_text_files_and_code_have_one_text(line):
    plan = ps.Plan(lr=line, total=100)

    assert str(ps.parse(line)) == line
    assert ps.parse(str(ps.parse(line))) == ps.parse(line)
    assert ps.loads(ps.dump(plan)) == plan
    assert plan.serializable
    resolved = plan.resolve(steps_per_epoch=10)
    assert ps.Plan.of_text(resolved.text) == resolved
    for schedule in (version.bindings[0].schedule for version in (plan, resolved)):
        for same in (copy.copy(schedule), copy.deepcopy(schedule), pickle.loads(pickle.dumps(schedule))):
            assert same == schedule
            assert hash(same) == hash(schedule)


def test_arguments_have_the_type_of_their_annotation_or_default():
    @ps.shape
    def every_kind(
        u, a, b: int = 2, c=True, d="x", e=(1.0, 0.5), f: "Literal['in', 'out']" = "in", g: "ps.Length" = 3, h=None,
        i: "Unknown" = 1.5, j: list[float] = [1.0],  # noqa: B006, F821
    ):  # fmt: skip
        return a + b * c + len(d) + sum(e) + (f == "in") + g + (h or 0) + i + sum(j)

    schedule = every_kind(10, a=1, e=[1, 2], d='"', g="2 epochs", h=4, j=np.array([0.5]).tolist())
    assert ps.parse(str(schedule)) == schedule
    resolved = ps.resolve(schedule, steps_per_epoch=5)
    assert resolved(3) == 1 + 2 + 1 + 3 + 1 + 10 + 4 + 1.5 + 0.5
    assert hash(resolved) == hash(ps.resolve(schedule, steps_per_epoch=5))


def test_a_function_gets_a_length_in_updates():
    received = []
    epoch = ps.Duration.of("1 epoch")

    @ps.shape
    def waves(t: float, period: ps.Length, delay: ps.Length | None = None, ramp=epoch) -> float:
        received.append((period, delay, ramp))
        return 1.0

    ps.resolve(waves(period="2 epochs"), steps_per_epoch=5)(3)
    ps.resolve(waves(period=3, delay="50%"), steps_per_epoch=5, total=40)(3)

    assert {(10, None, 5), (3, 20, 5)} <= {*received}


def defined(power: float) -> Callable[..., Any]:
    @ps.shape
    def of_a_cell(u):
        return (1 - u) ** power

    return of_a_cell


def test_a_cell_of_a_notebook_may_run_again_and_old_schedules_keep_their_function():
    old = defined(1.0)(10)
    same = copy.deepcopy(old)
    new = defined(2.0)(10)

    assert (old(5), same(5), new(5), ps.parse("of_a_cell(10)")(5)) == (0.5, 0.5, 0.25, 0.25)
    assert old == same != new
    assert (old.serializable, new.serializable) == (False, True)
    with pytest.raises(pickle.PicklingError):
        pickle.dumps(old)
    with pytest.raises(ps.errors.PlanError):
        ps.dump(ps.Plan(lr=old))


def test_a_pickle_of_an_unknown_shape_is_refused():
    saved = pickle.dumps(defined(1.0)(10))
    with shapes_as_before():
        del SHAPES["of_a_cell"]
        with pytest.raises(InvalidArgument):
            pickle.loads(saved)

    assert pickle.loads(saved)(5) == 0.5


def test_a_pickle_imports_the_module_of_a_function():
    saved = pickle.dumps(generated_progress(10, power=3.0))

    assert generated_shapes.__name__.encode() in saved


def test_a_builder_of_schedules_is_registered_as_it_is():
    @ps.shape
    def halves(u: float = 0.5) -> "ps.extend.Schedule":
        return ps.constant(u)

    assert ps.parse("halves(0.25)") == ps.constant(0.25)


def test_a_start_calls_a_function_at_few_updates_of_a_long_run():
    called = []

    @ps.shape
    def counted(u):
        called.append(u)
        return 1.0 if u < 0.75 else -1.0

    schedule = counted(10**9)
    called.clear()
    outside = first_outside(schedule, range_of("lr"), 0.1, lambda updates: updates, 0, 10**9)

    assert outside == (750_000_000, -0.1)
    assert len(called) < 100_000


# ---- mistakes: the code of the error, and the place, an argument or a part of the text


def broken(returned: Any) -> Callable[[], Any]:
    def build() -> Any:
        @ps.shape
        def bad(u, power=1.0):
            return returned(u) if callable(returned) else returned

        return bad()

    return build


def named(name: str, *parameters: str) -> Callable[[], Any]:
    def build() -> Any:
        space: dict[str, Any] = {"ps": ps}
        exec(f"def {name}({', '.join(parameters)}): return 0.5", space)
        return ps.shape(space[name])

    return build


VALUE = codes.REFUSED_VALUE
NAME = codes.UNKNOWN_NAME
TYPE = codes.WRONG_TYPE
CALL = codes.WRONG_ARGUMENT


RETURNS = [
    *(
        (broken(returned), VALUE, None)
        for returned in (None, "high", True, math.nan, math.inf, 1j, np.ones(1), [0.5], 10**400)
    ),
    (broken(lambda u: 1 / u), VALUE, None),
    (broken(lambda u: math.log(0.5 - u)), VALUE, None),
    (broken(lambda u: [1.0][1]), VALUE, None),
]


MISTAKES: list[tuple[Any, str, str | None]] = [
    # the function
    (named("bad"), VALUE, None),
    (named("bad", "x"), VALUE, None),
    (named("bad", "step", "gamma=0.5"), VALUE, None),
    (named("bad", "self", "u"), VALUE, None),
    (named("bad", "*", "u"), VALUE, None),
    (named("bad", "*u"), VALUE, None),
    (named("bad", "u", "*rest"), VALUE, None),
    (named("bad", "u", "**rest"), VALUE, None),
    (named("bad", "u", "power", "/"), VALUE, None),
    (named("bad", "u", "over"), VALUE, None),
    (named("bad", "u", "to=0.1"), VALUE, None),
    (named("bad", "t", "over=5"), VALUE, None),
    (named("bad", "u", "part: ps.extend.Schedule"), VALUE, "part"),
    (named("bad", "u", "level: type(ps.absolute(1.0))"), VALUE, "level"),
    (named("bad", "u", "power: float = 'x'"), VALUE, "power"),
    (named("bad", "t", "period: ps.Duration = 1"), VALUE, "period"),
    (named("bad", "t", "period: ps.Duration | None = None"), VALUE, "period"),
    (named("cosine", "u"), VALUE, None),
    (named("absolute", "u"), VALUE, None),
    (named("größe", "u"), VALUE, None),
    (lambda: ps.shape(lambda u: u), VALUE, None),
    (lambda: ps.shape(math.cos), VALUE, None),
    (lambda: ps.shape(functools.partial(math.pow, 2)), VALUE, None),
    (lambda: ps.shape(5), VALUE, None),
    *RETURNS,
    # calls in Python
    (lambda: generated_progress(powr=3), CALL, "powr"),
    (lambda: generated_progress(10, 3), CALL, None),
    (lambda: generated_progress(power="x"), TYPE, "power"),
    (lambda: generated_progress(power=math.nan), TYPE, "power"),
    (lambda: generated_progress(bend=1), TYPE, "bend"),
    (lambda: generated_progress(to="x"), TYPE, "to"),
    (lambda: generated_updates(start=0.5), CALL, "start"),
    (lambda: generated_progress()(3), VALUE, None),  # without the length of a run
    # calls in text
    ("warmup(5) >> generated_progres()", NAME, "generated_progres"),
    ("warmup(5) >> generated_progress", NAME, "generated_progress"),
    ("warmup(5) >> generated_progress(powr=3)", CALL, "powr=3"),
    ("warmup(5) >> generated_progress(power='x')", TYPE, "power='x'"),
    ("warmup(5) >> generated_progress(over='5 percents')", NAME, "over='5 percents'"),
    ("warmup(5) >> generated_progress(10, 3)", CALL, "generated_progress(10, 3)"),
    ("warmup(5) >> of_a_cell(to=0.5)", VALUE, "to=0.5"),
    ("warmup(5) >> huge(to=0.5)", VALUE, "to=0.5"),
    ("warmup(5) >> raising(power=-1)", VALUE, "raising(power=-1)"),
    ("warmup(5) >> needed()", CALL, "needed()"),
    ("generated_updates(period='5%', t=3)", CALL, "t=3"),
]  # fmt: skip


def mistaken_shapes() -> None:
    defined(0.0)

    @ps.shape
    def raising(u, power=1.0):
        return (1 - u) ** power

    @ps.shape
    def huge(u):
        return 1.5e308 * (1 - 2 * u)

    @ps.shape
    def needed(u, power):
        return power


FUNCTIONS = [mistake for mistake, _, _ in MISTAKES[: MISTAKES.index(RETURNS[0])]]


@table(("mistake", "code", "place"), MISTAKES)
def test_a_mistake_has_its_code_and_its_place(mistake, code, place):
    mistaken_shapes()
    before = dict(SHAPES)
    with pytest.raises(InvalidArgument) as error:
        ps.parse(mistake) if isinstance(mistake, str) else mistake()

    actual = error.value.problem
    assert actual.code == code
    assert actual.advice
    if isinstance(mistake, str):
        assert mistake[slice(*actual.span)] == place
        with pytest.raises(ConfigError) as in_file:
            ps.loads(f"total: 10\nlr: |-\n  {mistake}\n")
        (diagnostic,) = in_file.value.problems
        assert (diagnostic.path, diagnostic.line, diagnostic.column) == ("$.lr", 3, 3 + actual.span[0])
    else:
        assert actual.argument == place
    if mistake in FUNCTIONS:
        assert before == SHAPES


def test_an_advised_example_of_a_call_can_be_pasted():
    mistaken_shapes()
    with pytest.raises(InvalidArgument) as error:
        ps.parse("needed(powr=1)")

    assert ps.parse(error.value.problem.advice.partition(": ")[2])


@table("returned", [np.float64(0.5), np.float32(0.5), 1, Fraction(1, 2), np.int64(2)])
def test_every_kind_of_real_number_is_a_value(returned):
    @ps.shape
    def real(u):
        return returned

    assert real(10)(3) == real(10)(np.array([3]))[0] == float(returned)


def flat(height: float) -> Schedule:
    return height * ps.constant()


def test_a_config_reads_a_function_without_decorator_if_it_is_given():
    plan = config.loads("lr: warmup(5) >> flat(0.5)\nweight_decay: 2 * flat(0.25)", shapes=[flat])

    schedule = plan.resolve(total=10).bindings[0].schedule
    assert schedule(7) == 0.5
    assert plan.bindings[1].schedule == 2 * flat(0.25)
