"""Threads share schedules: the values in several threads at once are those in one, also on a Python without a GIL."""

import ast
import copy
import pickle
import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import numpy as np
import pytest
from hypothesis import given

import paramsched as ps
from support import strategies

THREADS = 4


@pytest.fixture(scope="module", autouse=True)
def _frequent_switches():
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def in_threads(work):
    """Call `work(number)` in several threads that begin at the same moment; return the results."""
    together = Barrier(THREADS)

    def begin(number):
        together.wait()
        return work(number)

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(begin, range(THREADS)))


@given(strategies.cases(), strategies.bases())
def test_threads_that_share_a_schedule_have_equal_values(case, base):
    fresh = copy.deepcopy(case.resolved)  # without cached properties, which the threads compute
    times = np.arange(case.world.total + 3)

    actual = in_threads(lambda number: [fresh(times, base), fresh.breakpoints(case.world.total), str(fresh)])

    wanted = [case.resolved(times, base), case.resolved.breakpoints(case.world.total), str(case.resolved)]
    for values, *texts in actual:
        np.testing.assert_array_equal(values, wanted[0])
        assert texts == wanted[1:]


def test_threads_parse_resolve_and_compare_plans_without_an_effect_on_each_other():
    def work(number):
        plan = ps.Plan(lr=f"warmup('5%') >> restarts(cosine(), {100 + number}, mult=1.5)", total="20 epochs")
        again = ps.loads(ps.dump(plan, format="yaml"))
        trace = ps.trace(again, {"lr": 0.1}, steps_per_epoch=50)
        return plan == pickle.loads(pickle.dumps(again)), plan.text, trace["lr"].tolist()

    assert in_threads(work) == [work(number) for number in range(THREADS)]


def test_a_parse_that_another_thread_disturbs_is_repeated(monkeypatch):
    errors = [SystemError("AST constructor recursion depth mismatch")] * 3
    parse = ast.parse

    def disturbed(*arguments, **keywords):
        if errors:
            raise errors.pop()
        return parse(*arguments, **keywords)

    monkeypatch.setattr(ast, "parse", disturbed)

    assert ps.parse("cosine(to=0.1)") == ps.cosine(to=0.1)
    assert errors == []
