"""`absolute(schedule)` is the schedule for a base of 1, bit for bit: evaluated, written, attached and resumed."""

import itertools
import warnings

import pytest
from hypothesis import assume, given, reject
from hypothesis import strategies as st

import paramsched as ps
from core.properties.disturbances import DISTURBANCES, disturb
from paramsched.errors import InvalidArgument
from support import strategies
from support.spread import every
from support.strategies import every_shape
from support.updates import probe

NOT_INSIDE = ("absolute", "rounded", "noam")
"""Shapes whose numbers are values already."""
BASES = (0.1, 3e-4, 1.0, 7.0)


@st.composite
def pairs(draw, name):
    """Draw a schedule of multiples, the same schedule around which `absolute` is written, and their run."""
    case = draw(strategies.cases(name=name, fixed=False, depth=2))
    try:
        written = ps.absolute(case.written)
    except InvalidArgument:  # it has absolute numbers of its own, such as those of rounded
        reject()
    return case, written


@every_shape(leave_out=NOT_INSIDE, most=4)
@given(st.data())
def test_it_reads_back_equal_from_text_and_every_format(name, data):
    case, written = data.draw(pairs(name))
    assume(written.serializable)
    plan = ps.Plan(ps.Binding("weight_decay", written, groups="head"), lr=written, total=case.world.total)

    assert str(written) == f"absolute({case.written})"
    assert ps.parse(str(written)) == written
    assert ps.Plan.of_text(plan.text) == plan
    for language in ("yaml", "json"):
        assert ps.loads(ps.dump(plan, format=language), format=language) == plan


class Run:
    """A run with a plan, as `disturb` takes it."""

    def __init__(self, plan, groups):
        self.plan = plan
        self.groups = groups
        self.optimizer = self.bare()
        self.scheduler = self.built(self.optimizer)

    def bare(self):
        return probe(*self.groups)

    def built(self, optimizer):
        return ps.Scheduler(optimizer, self.plan, total=60, steps_per_epoch=10)

    def used(self, event):
        """Return the lr and the weight decay of each group in sixty updates, with an event before every seventh."""
        actual = []
        for t in range(60):
            if t % 7 == 3 and event:
                disturb(self, event)
            if self.plan.metric_rules and t % 5 == 4:
                self.scheduler.observe(loss=LOSSES[t // 5 % len(LOSSES)])
            self.optimizer.step()
            now = self.optimizer.used[-1]
            actual.append([(group["lr"], group["weight_decay"]) for group in now])
        return actual


LINES = [
    "cosine(start=0.5, to=0.1)",
    "warmup(10) >> linear(1, 0.1, over=20) >> constant(0.1)",
    'warmup("1 epoch", to=0.5) >> cosine(start=0.5, to=0.05)',
    "minimum(0.4, linear(0.9, 0.1))",
    "0.5 * cosine() + 0.1",
    "table([0.5, 0.2, 0.1], every=15)",
    "restarts(cosine(start=0.6, to=0.2), 9)",
    "step(10, 0.5) * 0.9",
    "clamp(exponential(0.9), low=0.2, high=0.8)",
    "cosine(start=0.6, to=0.1) * plateau(patience=1, factor=0.5)",
    "(warmup(5, to=0.5) >> constant(0.5)) * plateau(patience=0, factor=0.5, min=0.1)",
]
LOSSES = (3.0, 2.0, 2.0, 2.5, 2.0)


@pytest.mark.parametrize(("line", "event"), every(5, itertools.product(LINES, ("", *DISTURBANCES))), ids=str)
def test_a_run_uses_the_values_for_a_base_of_one_after_every_disturbance(line, event):
    def used(text, bases, event):
        plan = ps.Plan(*(ps.Binding(field, text) for field in ("lr", "weight_decay")))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return Run(plan, [dict.fromkeys(("lr", "weight_decay"), base) for base in bases]).used(event)

    assert used(f"absolute({line})", BASES, event) == used(line, [1.0] * len(BASES), event)
