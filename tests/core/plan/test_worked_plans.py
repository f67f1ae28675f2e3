"""Plans from `worked_plans.py` with times of every kind: values, text, and errors."""

import numpy as np
import pytest

import paramsched as ps
from paramsched.errors import ParamschedError
from support.tables import table
from support.worked_plans import CASES, REFUSED, Case, Refused, amounts_before


@table("case", CASES.values())
def test_values_equal_those_worked_out_by_hand(case: Case) -> None:
    plan = ps.loads("\n".join(case.lines))
    calendar = ps.Calendar(**case.facts)
    trace = ps.trace(plan, case.groups, calendar)
    if case.total is not None:
        assert len(trace) == case.total
    on_clock = case.lines[0].startswith("clock:")
    amounts = list(trace.amounts) if on_clock else list(range(len(trace)))
    if case.amounts is not None:
        assert amounts == amounts_before(case.amounts, len(trace))[:-1]
    exact = [int(amount) for amount in amounts]
    for key, value in case.values.items():
        expected = [float(value(t, amount)) for t, amount in enumerate(exact)]
        np.testing.assert_allclose(trace[key], expected, rtol=1e-12, atol=1e-13)


@table("case", REFUSED.values())
def test_an_error_describes_the_problem(case: Refused) -> None:
    with pytest.raises(ParamschedError) as refusal:
        ps.trace(ps.loads("\n".join(case.lines)), case.groups, ps.Calendar(**case.facts))
    for word in case.words:
        assert word in str(refusal.value)
