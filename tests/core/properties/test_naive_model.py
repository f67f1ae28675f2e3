"""Property: the values of a plan equal a naive model of its text, on every clock, with constant and planned sizes."""

from fractions import Fraction
from itertools import product
from random import Random

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import paramsched as ps
from core.properties.naive_schedules import BASE, Anneal, Clock, Fixed, Hold, Joined, Moved, Open, Overlay, Stages, Take
from paramsched.errors import ParamschedError

INDEXES = ["t/n", "t/n", "(t+1)/n", "(t+1)/(n+1)", "t/(n-1)"]
LEVELS = [0.0, 0.1, 0.25, 0.5, 1.0, 2.0]


CLOCKS = ["steps", "tokens", "samples", "ramp"]
FORMS = ["plain", "take", "take of", "overlay", "joined", "squared", "shift", "skip", "window", "every"]


class Draw:
    """Draw a run on a clock and a schedule for it from one seed."""

    def __init__(self, seed, clock):
        self.random = Random(seed)
        self.behind_filled = False
        self.fixed = True
        getattr(self, "_by_ramp" if clock == "ramp" else "_by_rate")(clock)
        self.clock.run_end = self.clock.total

    def _by_rate(self, unit):
        rate = 1 if unit == "steps" else self.random.choice([7, 10, 33, 64])
        total = self.random.randint(20, 300) * rate + self.random.randint(0, rate - 1)
        epoch = self.random.randint(3, 30)
        self.clock = Clock(unit, Fraction(total), Fraction(rate), epoch)
        self.times = list(range(0, total, rate))
        self.head = f"total: {self.number(total)} {unit}\n" + (f"clock: {unit}\n" if unit != "steps" else "")
        facts = {
            "steps": {}, "tokens": {"tokens_per_step": rate}, "samples": {"batch_size": rate},
        }[unit]  # fmt: skip
        self.facts = ps.RunFacts(steps_per_epoch=epoch, **facts)

    def _by_ramp(self, _):
        low = self.random.randint(1, 5)
        high = self.random.randint(6, 40)
        over = self.random.randint(100, 4000)
        total = self.random.randint(2000, 9000)
        amounts = [0]
        while amounts[-1] < 3 * total:
            share = min(Fraction(amounts[-1], over), 1)
            amounts.append(amounts[-1] + round(low + (high - low) * share))
        self.clock = Clock("samples", Fraction(total), amounts=amounts)
        self.times = [amount for amount in amounts if amount < total]
        size = f'linear({low}, {high}, over="{over} samples")'
        self.head = (
            f"total: {total} samples\nclock: samples\ntargets: {{batch_size: {{initial: 1, schedule: '{size}'}}}}\n"
        )
        self.facts = ps.RunFacts()

    def number(self, amount):
        """Return the text of an amount of the clock in its unit."""
        return str(max(1, round(amount)))

    def length(self, share):
        """Draw a length of about a fraction of the run, in a known unit."""
        amount = float(self.clock.total) * share
        units = ["%", self.clock.unit]
        if self.clock.amounts is None:
            units.append("epochs")
        if not (self.behind_filled and self.clock.amounts):  # because its start is unknown
            units.append("steps")
        unit = self.random.choice(units)
        if unit == "%":
            return f"{max(0.5, share * 100):.1f}", unit
        if unit == "epochs":
            return f"{max(0.1, amount / float(self.clock.epoch * self.clock.rate)):.1f}", unit
        if unit == "steps":
            return str(max(1, round(amount * len(self.times) / float(self.clock.total)))), unit
        return self.number(amount), unit

    def level(self):
        level = self.random.choice(LEVELS)
        return Fixed(level) if self.fixed and self.random.random() < 0.3 else level

    def open_or(self, level):
        return None if self.random.random() < 0.6 else level

    def timed(self, *, until=False, shapes=("linear", "cosine", "warmup", "constant"), after=None):
        """Draw a stage with a length; after `constant(x)` its start is written, because it could mean two levels."""
        shape = self.random.choice(shapes)
        over = self.length(0.4 if until else self.random.choice([0.01, 0.05, 0.1, 0.2]))
        start = self.level() if isinstance(after, Hold) and after.level is not None else self.open_or(self.level())
        if shape == "constant":
            return Hold(start, over)
        to = self.open_or(self.level()) if shape == "warmup" else self.level()
        index = self.random.choice(INDEXES)
        return Anneal(shape, start, to, over, until, index)

    def untimed(self, *, last, after):
        if last and self.random.random() < 0.5:
            shape = self.random.choice(["step", "exponential", "inverse_sqrt", "restarts"])
            return Open(shape, self.length(0.03), self.random.choice([0.5, 0.9]))
        start = self.level() if isinstance(after, Hold) and after.level is not None else self.open_or(self.level())
        return Anneal(self.random.choice(["linear", "cosine"]), start, self.level())

    def stages(self):
        count = self.random.randint(1, 4)
        filled = self.random.randrange(count)
        stages = []
        for place in range(count):
            self.behind_filled = place > filled
            after = stages[-1] if stages else None
            if place == filled:
                stages.append(self.untimed(last=place == count - 1, after=after))
                continue
            until = place > 0 and not self.behind_filled and self.random.random() < 0.1
            shapes = ("linear", "cosine") if until else ("linear", "cosine", "warmup", "constant")
            stages.append(self.timed(until=until, shapes=shapes, after=after))
        self.behind_filled = False
        return Stages(stages)

    def schedule(self, form):
        self.fixed = form != "squared"  # a power needs multiples of base
        whole = self.stages()
        if form in ("shift", "skip", "window", "every"):
            return self.moved(form, whole)
        if form in ("take", "take of"):
            of = (self.number(self.random.randint(1, 2 * int(self.clock.total))), self.clock.unit)
            taken = Take(whole, self.length(0.3), of if form == "take of" else None)
            return Stages([taken, Anneal("linear", self.open_or(0.5), 0.1)])
        if form == "overlay":
            return Overlay(self.timed(shapes=("warmup",)), whole)
        if form == "joined":
            operator = self.random.choice(["*", "+"])
            self.fixed = operator == "+"  # only one factor may have absolute levels
            return Joined(whole, operator, self.stages())
        return Joined(whole, "**") if form == "squared" else whole

    def moved(self, form, whole):
        """Return a stage, and then the stages at other times."""
        first = Anneal("linear", self.level(), self.level(), self.length(self.random.choice([0.0, 0.1])))
        self.behind_filled = form == "skip"  # the number of updates before its stage is not modelled
        by = self.length(self.random.choice([0.01, 0.1, 0.4]))
        phase = self.random.randint(0, 9)
        moved = Moved(form, whole, by, self.length(0.6), phase if form == "every" else 0)
        return Stages([first, moved, Anneal("linear", self.open_or(0.5), 0.1)][: 3 if form == "window" else 2])


@given(st.integers(0, 2**32))
def test_values_equal_the_naive_model(seed):
    for place, (clock, form) in enumerate(product(CLOCKS, FORMS)):
        draw = Draw(seed + place, clock)
        schedule = draw.schedule(form)
        try:
            value = schedule.value(draw.clock, Fraction(0), draw.clock.total, {})
            expected = [value(time) for time in draw.times]
        except (ValueError, IndexError):  # stages longer than the run, which is an error of its own
            continue

        try:
            trace = ps.trace(ps.loads(f"{draw.head}lr: '{schedule.text()}'\n"), {"lr": BASE}, facts=draw.facts)
        except ParamschedError as refused:  # the part that is taken ends in `constant(x)`
            if not form.startswith("take") or "after a constant could be" not in str(refused):
                raise
            continue

        assert len(trace) == len(draw.times)
        np.testing.assert_allclose(trace["lr"] / BASE, expected, rtol=1e-9, atol=1e-11, err_msg=schedule.text())
