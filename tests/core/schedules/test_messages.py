"""Each error about a schedule names the invalid part and what to write instead."""

import pytest

import paramsched as ps
from paramsched import curves
from paramsched.core import schedules
from paramsched.core.schedules import (
    SHAPES,
    absolute,
    chain,
    constant,
    cosine,
    every,
    inverse_sqrt,
    linear,
    maximum,
    multistep,
    previous,
    recurrence,
    restarts,
    rules,
    shift,
    skip,
    step,
    take,
    warmup,
    warmup_restarts,
    window,
    with_lengths,
)  # fmt: skip
from paramsched.core.schedules.registry import RULES
from paramsched.core.time import Calendar, Duration
from paramsched.errors import InvalidArgument
from support.tables import table

RUN = Calendar(total=100, steps_per_epoch=10)


def resolved(schedule, calendar=RUN):
    return lambda: ps.resolve(schedule, calendar)


TWO_OPEN = "both have no length; only one stage may fill the rest of the horizon"
NO_ROOM = "are left; no updates remain for cosine()"
UNRESOLVED = "it still has units or open-ended stages; resolve it first"
MANY = "if mult or gamma is not 1, the number of cycles is required, at most 1000"


@table(
    ("make", "problem", "instead"),
    [
        (
            resolved(cosine() >> linear()),
            f"cosine() >> linear(): cosine and linear {TWO_OPEN}",
            'For example: cosine(over="60%")',
        ),
        (resolved(inverse_sqrt(5) >> cosine()), TWO_OPEN, 'For example: window(inverse_sqrt(5), end="60%")'),
        (resolved(warmup(80) >> cosine() >> linear(over=30)), f"need 110 updates, but only 100 updates {NO_ROOM}", ""),
        (resolved(warmup(101) >> cosine()), f"the timed stages need 101 updates, but only 100 updates {NO_ROOM}", ""),
        (resolved(cosine() >> linear(over="until 50 steps")), '"until 50 steps": a stage after an open', "until 80%"),
        (
            resolved(constant(over=5) >> (warmup(60) >> linear(over="until 50 steps"))),
            "the stage would end at 50 updates, but it starts at 65 updates",
            "Use a later time",
        ),
        (resolved(shift(cosine(), "until 5%")), "only valid as the length of a stage", 'of a stage, or "5%" here'),
        (resolved(shift(cosine(), 101)), "shift(cosine(), 101): the shift is longer than", "Shorten the shift"),
        (lambda: window(cosine(), 20, 10), "it ends at 10, before it begins at 20", "Write window(cosine(), 10, 20)"),
        (resolved(window(cosine(), "20%", 10)), 'window(cosine(), "20%", 10): it ends before it begins', "Swap begin"),
        (
            lambda: ps.one_cycle(0.1),
            "one_cycle(up=0.1): expected a length; the peak is base, the optimizer's own lr",
            "10%",
        ),
        (chain, "chain(): expected at least one operand", "For example: chain(warmup(100), step(1000))"),
        (maximum, "maximum(): expected at least one operand", "For example: maximum(constant(0.1), cosine())"),
        (lambda: every(cosine(), 0), "every(period=0): must be greater than 0", "every(schedule=cosine(), period=30)"),
        (lambda: every(cosine(), 5, -1), "every(phase=-1): expected an integer of at least 0", "phase=1)"),
        (lambda: take(cosine(), 5, 0), "take(of=0): must be greater than 0", "take(schedule=cosine(), over=5, of=30)"),
        (lambda: skip(cosine(), 5, "0%"), "skip(of=0): must be greater than 0", "skip(schedule=cosine(), by=5, of=30)"),
        (lambda: restarts(cosine()), "restarts(times=None): expected every, times, or both", "times=4"),
        (lambda: restarts(cosine(), times=4, lengths="floor"), "evenly are not rounded", "Omit lengths"),
        (lambda: restarts(cosine(), 5, mult=0.5), "restarts(mult=0.5): must be at least 1: cycles", "mult=1.0"),
        (lambda: restarts(cosine(), 5, mult=1.0009), "mult=1.0009): expected 1, or at least 1.001", "mult=1.0"),
        (lambda: restarts(cosine(), 5, mult=1.1e18), "mult=1.1e+18): expected at most 1e+18", "mult=2.0"),
        (lambda: restarts(cosine(), 5, 50001, 2), "times=50001): expected at most 50000 growing cycles", "Omit times"),
        (
            lambda: restarts(cosine(), 2, mult=1.2, lengths="floor"),
            "lengths='floor'): cycles of 2 updates do not grow: int(2 * 1.2) is 2",
            "lengths='exact'",
        ),
        (lambda: restarts(cosine(), 5, lengths="up"), "unknown rounding; expected one of exact, floor", "'exact'"),
        (resolved(restarts(cosine(), times=4), Calendar()), "the length of the run is unknown", "total=10_000"),
        (
            resolved(restarts(every(cosine(), "epoch"), "2.5 steps", 10_001), Calendar(total=10**5, steps_per_epoch=9)),
            "10001 cycles of 2.5 updates are too many",
            "Use an integer number of updates",
        ),
        (
            resolved(restarts(every(cosine(), "epoch"), "15 steps", gamma=1e200, times=5)),
            "restarts(gamma=1e+200): the base of cycle 2 overflows",
            "gamma=0.5",
        ),
        (lambda: warmup_restarts(99, 9, mult=0.5), "mult=0.5): must be at least 1, because", "mult=1.0"),
        (lambda: warmup_restarts(99, 9, mult=2), f"warmup_restarts(times=None): {MANY}", "times=3"),
        (lambda: warmup_restarts(99, 9, 1001, gamma=0.5), f"times=1001): {MANY}", "times=3"),
        (lambda: warmup_restarts("10 epochs", 9, 3, mult=2), "first=10 epochs): growing cycles", "lengths in steps"),
        (lambda: warmup_restarts(99, "1 epoch", 3, mult=2), "growing cycles need lengths in updates", "lengths in"),
        (lambda: warmup_restarts(99, 9, 1000, gamma=1e10), "gamma=10000000000.0): the base of cycle 31", "gamma=0.5"),
        (lambda: warmup_restarts(9, 9), "warmup=9): the warmup must be shorter than the first cycle, 9", "a shorter"),
        (lambda: warmup_restarts("5%", "6%"), "shorter than the first cycle, 5%", "Use a shorter warmup"),
        (lambda: multistep(30), "multistep(30): expected a list of times", "Write multistep([30]"),
        (lambda: multistep(30, 80), "expected a list of times", "Write multistep([30, 80])"),
        (lambda: multistep(30, 0.5), "expected a list of times", "Write multistep([30]"),
        (lambda: multistep("30,5 epochs"), "expected a list", 'Write multistep([30, "5 epochs"])'),
        (lambda: multistep("5 epochs"), "expected a list of times", 'Write multistep(["5 epochs"])'),
        (lambda: multistep(Duration.of("5%")), "expected a list of times", 'Write multistep(["5%"])'),
        (
            resolved(warmup(10) >> multistep([30, 90])),
            'multistep([30, 90]): milestone "90" is update 90 of a stage of length 90: milestones count from the start',
            "multiply: warmup(…) * multistep(…)",
        ),
        (lambda: cosine()(0), f"cosine(): {UNRESOLVED}", "ps.resolve(ps.cosine(), ps.Calendar(total=10_000, steps_per"),
        (
            lambda: linear(previous, over=5)(0),
            "it contains previous or following, a level that",
            "ps.previous, over=5)",
        ),
        (lambda: constant().breakpoints(), "it has no end", "For example: .breakpoints(until=10_000)"),
        (lambda: step(1).breakpoints(250_001), "more than 250000 points", "For example: .breakpoints(until=10_000)"),
        (lambda: step(5)(-1), "time -1: must be finite and not negative", "0, 1, 2, …"),
        (lambda: step(5)(1, float("inf")), "base inf: must be finite", "for example 0.1"),
        (lambda: linear("previous"), "linear(start='previous'): expected a level, got str", "Write linear(previous)"),
        (lambda: linear("x"), "linear(start='x'): expected a number, got str", "Write linear(start=1.0)"),
        (lambda: absolute("x"), "absolute('x'): expected a number or a schedule, got str", "For example: absolute("),
        (lambda: cosine() >> 5 >> "x", "'x' is neither a schedule nor a number", "For example: warmup(100) >> cosine"),
        (lambda: cosine() >> min, "min> is neither a schedule nor a number", "For example: ps.from_function(f)"),
        (lambda: cosine() >> int, "int'> is neither a schedule nor a number", "For example: warmup(100) >> cosine"),
        (lambda: take(), "missing a required argument: 'schedule'", 'take(schedule=cosine(), over="10%")'),
        (lambda: rules.anneal(0.1), "missing a required argument: 'over'", "Write rules.anneal(0.1, over=100)"),
        (lambda: rules.cosine_restarts([10, 20], [1.0] * 3), "got 2 periods and 3 weights", "([10, 20], [1.0, 1.0])"),
        (lambda: rules.cosine_restarts([]), "got 0 periods and 1 weights", "rules.cosine_restarts([10])"),
        (lambda: rules.cosine_restarts([1], [2, 3]), "got 1 periods and 2", "rules.cosine_restarts([1], [2.0])"),
        (lambda: rules.cosine_restarts(5), "periods=5): expected a list, got int", "cosine_restarts([5])"),
        (lambda: rules.cosine_restarts("10"), "periods='10'): expected a list, got str", "periods=[10, 20])"),
        (lambda: rules.polynomial(-0.5), "rules.polynomial(power=-0.5): power must not be negative", "power=0.9"),
        (lambda: rules.one_cycle(1.0, 99, 1.1), "pct_start=1.1): pct_start must be from 0 to 1", "pct_start=0.3"),
        (lambda: rules.one_cycle(1.0, 99, -0.1), "pct_start must be from 0 to 1", "over=99, pct_start=0.3"),
        (lambda: rules.one_cycle(1.0), "rules.one_cycle(…): over or end is required", "rules.one_cycle(1.0, 1000)"),
        (lambda: rules.step(5, begin=5, end=4), "got begin=5 and end=4", "Write rules.step(5, begin=5, end=6)"),
        (lambda: rules.linear(previous), "rules.linear(previous): a rule continues from the current", "Use a number"),
        (lambda: rules.schedule(linear(previous)), "are levels of stages only", "Use a number, a multiple of base"),
        (lambda: rules.step(5, by="5%"), "rules.step(by='5%'): expected an integer of at least 1", "by=3"),
        (lambda: rules.step(5, by="9 tokens + 5 samples"), "expected an integer of at least 1", "by=3"),
        (lambda: recurrence(rules.step(5), linear()), "recurrence(…): expected rules", "recurrence(rules.linear("),
        (lambda: recurrence(rules.step(5))(20_004_864), "update 20004864 is too late: at most 20000000", "an end"),
        (
            resolved(recurrence(rules.schedule(linear(over="5%"), by=5))),
            "its schedule counts ticks (units of `by`), not time",
            "Give its lengths as numbers",
        ),
        (lambda: ps.table([]), "table(values=…): expected a list of numbers, got an empty list", "[1.0, 0.5, 0.1]"),
        (lambda: ps.table({1: 2}), "table(values={1: 2}): expected a list of numbers, got dict", "[1.0, 0.5, 0.1]"),
        (lambda: ps.table([[1], [2]]), "got an array of 2 dimensions", "Write table([1, 2])"),
        (lambda: ps.table([1, "x"]), "table(values=[…, 'x', …]): expected a number, got str", "table("),
        (lambda: ps.table([1.0], curve="linear"), "a curve needs at least two values, got one", "Leave curve out"),
        (lambda: ps.table(range(10_001)), "at most 10,000 values, got 10,001", 'numpy.save("lr.npy", values)'),
        (lambda: ps.tabulate(5, 5), "tabulate(5): not callable", "Write tabulate(lambda t: 0.9 ** t, 1000)"),
        (lambda: ps.tabulate(abs, 0), "tabulate(updates=0): expected an integer of at least 1", "updates=3"),
        (lambda: ps.tabulate(abs, 5, every=0), "tabulate(every=0): expected an integer", "every=3"),
        (lambda: ps.tabulate(constant(absolute(1)), 5), "tabulate(constant(absolute(1.0))): the schedule has", "trace"),
        (lambda: ps.table_file("a.txt"), "a.txt: unknown suffix '.txt'", "Use a .csv file"),
        (lambda: ps.table_file("a.csv"), "a.csv: the file does not exist", "Create it, or correct the path"),
        (lambda: ps.table_file("a.csv", 5), "table_file(column=5): expected the name of a column", "table_file("),
        (lambda: with_lengths(cosine(), "up"), "with_lengths(lengths='up'): unknown rounding", "lengths='exact'"),
    ],
)
def test_an_invalid_schedule_is_refused_with_a_valid_one(make, problem, instead):
    with pytest.raises(InvalidArgument) as refusal:
        make()

    assert problem in refusal.value.problem.summary
    assert instead in refusal.value.instead or refusal.value.is_example


RAMP = 'with index="t/(n-1)" this ramp ends one update early, so it must not be empty'


@table(
    ("line", "problem", "instead"),
    [
        (
            'cyclic(5, 5, mode="triangular", gamma=0.9)',
            'gamma requires mode="exp_range"',
            'mode="exp_range", or omit gamma',
        ),
        ('one_cycle(0, index="t/(n-1)")', f"one_cycle(up=0): {RAMP}", 'Use "30%", or omit index'),
        (
            "geometric(1.0, absolute(1))",
            "expected two multiples of base or two absolute values",
            "geometric(1.0, 0.01)",
        ),
        ("geometric(1.0, -0.1)", "geometric(1.0, -0.1): both levels must be nonzero and have the same sign", "0.01)"),
        ("geometric(1.0, 0)", "both levels must be nonzero and have the same sign", "geometric(1.0, 0.01)"),
        ("power_law(0, 5)", "must not be 0, because the value would be base at every update", "0.5"),
        ("tanh(start=previous)", "tanh(start=previous): expected a number or absolute(x), got previous", "tanh("),
        ("tanh(to=following)", "tanh(to=following): expected a number or absolute(x), got following", "tanh("),
        ("piecewise([(5, 1.0), (3, 2.0)])", "expected increasing times, got 3 after 5", "For example: piecewise(["),
        ("piecewise([])", "piecewise([]): expected pairs of time and level", "piecewise([(0, 1.0)"),
        ("piecewise([(5, 1.0, 2.0)])", "expected pairs of time and level", "piecewise([(0, 1.0)"),
        ("piecewise(5)", "piecewise(5): expected pairs of time and level", "piecewise([(0, 1.0)"),
        ('piecewise(["ab"])', "expected pairs of time and level", "piecewise([(0, 1.0)"),
        ("overlay(cosine(), linear())", "overlay(first=cosine()): expected a schedule with a length", 'warmup("5%")'),
        ('overlay(warmup("until 5%"), linear())', 'its length must not be an "until"', '"5%"'),
        ("wsd_s(5)", "wsd_s(5): expected a list of lengths", "Write wsd_s([5])"),
        ("wsd_s([])", "wsd_s([]): expected a list of lengths", "Write wsd_s([1000, 2000])"),
        ('wsd_s(["until 5%"])', 'a period must not be an "until"', '"5%"'),
        ("wsd_s([100, 200], warmup=91)", 'before its decay, in "90"', "warmup=0"),
        ('noam(512, "5%")', "its peak depends on the number of updates", "in steps"),
        ("power_scheduler(1024, exponent=1e-9)", "the power law does not fall to `most`", "power_scheduler(1024)"),
        ('like(" ")', "like(field=' '): expected the name of a field or a target", "like(field='lr')"),
        ("like(5)", "like(field=5): expected the name of a field or a target", "like(field='lr')"),
        ('from_function("lost")', 'from_function("lost"): unknown function', 'register_function("lost", f)'),
        ("from_function(5)", "from_function(5): expected a function, got int", "from_function(lambda t: 0.9 ** t)"),
        ('register_function("a b", abs)', "register_function('a b'): the name is taken or not an", "Choose another"),
        ("register_function(5, abs)", "the name is taken or not an identifier", "Choose another name"),
        ("anneal(curve=cosine())", "anneal(curve=cosine()): expected a curve, got a schedule", "curve=curves.cosine"),
        ("as_factor(linear(previous))", "multiples of the outer base, not of initial", "Use the level as a number"),
        (
            "constant(absolute(1)) ** 2",
            "it has an absolute level; a power needs multiples of base",
            "a multiple of base",
        ),
        ("cosine() / 0", "(cosine()) / 0: its reciprocal is not finite", "Divide by a number other than 0"),
        ("cosine() / 1e-310", "its reciprocal is not finite", "Divide by a number other than 0"),
        (
            "cosine() * constant(absolute(1)) * constant(absolute(2))",
            "2 factors have absolute levels; only one factor may have one",
            "Write cosine() * minimum(constant(absolute(1.0)), constant(absolute(2.0)))",
        ),
        ("clamp(cosine(), 1, 0.5)", "clamp(low=1.0, high=0.5): low is above high", "clamp(cosine(), 0.5, 1.0)"),
    ],
)
def test_an_invalid_shape_is_refused_with_a_valid_one(line, problem, instead):
    with pytest.raises(InvalidArgument) as refusal:
        eval(line, vars(schedules) | {"absolute": absolute})

    assert problem in refusal.value.problem.summary
    assert instead in refusal.value.instead or refusal.value.is_example


@table(
    "make",
    [
        resolved(warmup(100) >> cosine()), resolved(shift(cosine(), 100)), lambda: window(cosine(), 10, 10),
        resolved(window(cosine(), "20%", 20)), lambda: restarts(cosine(), 5, mult=1.001),
        lambda: restarts(cosine(), 5, mult=1e18), lambda: restarts(cosine(), 5, 50_000, 2),
        lambda: restarts(cosine(), 5, 50_001), lambda: restarts(cosine(), 5, mult=1.2, lengths="floor"),
        resolved(warmup(60) >> linear(over="until 60 steps")), lambda: warmup_restarts(99, 9, 1000, gamma=0.9),
        lambda: warmup_restarts(99, 9, 2, mult=1.5), resolved(warmup(10) >> multistep([30, 89])),
        resolved(multistep([30, 100])), lambda: restarts(cosine(), "1 epoch", mult=1.1, lengths="floor"),
        resolved(warmup(101) >> inverse_sqrt(5)), lambda: chain(cosine()),
        lambda: rules.one_cycle(1.0, 99, 0), lambda: rules.one_cycle(1.0, 99, 1), lambda: rules.polynomial(0),
        lambda: rules.one_cycle(1.0, end=9), lambda: rules.step(5, begin=5, end=6), lambda: ps.table(range(10_000)),
        lambda: rules.step(5, by="9 tokens"), lambda: ps.table([1.0, 2.0], curve="linear"),
        lambda: recurrence(rules.step(5), until=0),
    ],
)  # fmt: skip
def test_arguments_at_their_limits_are_valid(make):
    assert make() is not None


BUILDERS = (
    {**SHAPES}
    | {f"rules.{name}": rule for name, rule in RULES.items()}
    | {f"curves.{name}": family for name, family in curves.FAMILIES.items()}
)


NEEDS_MORE = ("restarts", "hold", "table_file", "overlay")  # one of two arguments, the name of a metric, a file


@table("name", BUILDERS)
def test_the_call_suggested_for_one_without_arguments_can_be_pasted(name):
    for arguments in ((), (0.1,)):
        try:
            BUILDERS[name](*arguments)
        except InvalidArgument as refusal:
            line = refusal.instead.removeprefix("Write ").removeprefix("For example: ")
            if line != refusal.instead and line.startswith(f"{name}(") and name not in NEEDS_MORE:
                assert eval(line, {**SHAPES, "curves": curves, "rules": rules, "absolute": absolute}) is not None
