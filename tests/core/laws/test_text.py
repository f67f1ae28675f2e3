"""Law 5: the text of a schedule is complete, and its fingerprint is the same in every process."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import paramsched
from paramsched.core.plan import Binding, Plan, Target
from paramsched.core.schedules import parse
from support import strategies
from support.laws import schedule_laws as laws
from support.strategies import every_shape


@every_shape()
@given(st.data())
def test_text_reads_back_as_the_same_schedule(name, data):
    case = data.draw(strategies.cases(name=name, small=False))

    for schedule in (case.written, case.resolved):
        laws.text_reads_back(schedule)
        assert schedule.serializable


@given(strategies.cases(depth=4))
def test_deep_trees_read_back_too(case):
    assert parse(str(case.written)) == case.written


@given(strategies.named_curves())
def test_a_curve_reads_back(curve):
    schedule = parse(f"anneal(curve={curve})")

    assert schedule.curve == curve


@given(st.data())
def test_fingerprints_are_equal_exactly_for_equal_plans(data):
    world = data.draw(strategies.worlds())
    a, b = (data.draw(strategies.plans(world, follow=True)) for _ in range(2))
    shuffled = Plan(*reversed(a.bindings), horizon=a.horizon)

    assert (a == b) == (a.fingerprint == b.fingerprint) == (str(a) == str(b))
    assert shuffled == a
    assert shuffled.fingerprint == a.fingerprint
    assert hash(shuffled) == hash(a)


@given(st.data())
def test_the_text_of_a_plan_reads_back_as_the_plan(data):
    plan = data.draw(strategies.plans(data.draw(strategies.worlds()), follow=True))

    assert Plan.of_text(plan.text) == plan


def _as_data(plan: Plan) -> list[object]:
    return [
        None if plan.horizon is None else plan.horizon.updates,
        [
            [[b.field.name, b.field.initial] if isinstance(b.field, Target) else b.field, str(b.schedule), b.groups]
            for b in plan.bindings
        ],
    ]


_REBUILD = """
import json, sys
sys.path[:0] = sys.argv[1:]
from paramsched.core.plan import Binding, Plan, Target
from support import drawn_shapes
for horizon, bindings in json.load(sys.stdin):
    of = lambda field: Target(*field) if isinstance(field, list) else field
    print(Plan(*(Binding(of(f), line, groups) for f, line, groups in bindings), horizon=horizon).fingerprint)
"""


@pytest.mark.heavy
@pytest.mark.parametrize("seed", ["0", "4711"])
def test_fingerprints_are_the_same_in_another_process(seed):
    collected: list[Plan] = []

    @settings(max_examples=10, database=None, derandomize=True)
    @given(st.data())
    def collect(data):
        collected.append(data.draw(strategies.plans(data.draw(strategies.worlds()))))

    collect()
    source = Path(paramsched.__file__).parents[1]
    printed = subprocess.run(
        [sys.executable, "-c", _REBUILD, str(source), str(Path(__file__).parents[2])],
        input=json.dumps([_as_data(plan) for plan in collected]),
        env={"PYTHONHASHSEED": seed},
        capture_output=True,
        text=True,
        check=False,
    )

    assert printed.stderr == ""
    assert printed.stdout.split() == [plan.fingerprint for plan in collected]


@given(strategies.cases(depth=2), strategies.cases(depth=2))
def test_different_schedules_have_different_text(first, second):
    assert (first.written == second.written) == (str(first.written) == str(second.written))


def test_a_binding_in_text_equals_the_one_in_code():
    assert Binding("lr", 'warmup("5%") >> cosine()') == Binding("lr", parse('warmup( "5 %")>>cosine(start=1,to=0)'))
