"""ps.Values: the clock and the values of a plan, without an optimizer and without torch."""

import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

import paramsched as ps
from support.tables import table

LINES = [
    "cosine(to=0.1)", 'warmup("10%") >> cosine()', "0.5 * linear(0, 1, over=20)", "absolute(0.3)", "step(7, 0.5)",
    "linear(absolute(0.9), absolute(0.99))", "warmup(5) >> inverse_sqrt(5) >> linear(previous, over=9)",
    "exponential(0.97)", "table([1, 0.5, 0.25], every=9)", "recurrence(rules.exponential(0.9))",
    "minimum(warmup(9), cosine())",
]  # fmt: skip


@given(
    st.lists(st.sampled_from(LINES), min_size=1, max_size=4), st.floats(1e-6, 10.0), st.integers(2, 80) | st.just(300)
)
def test_values_equal_the_trace_bit_for_bit_and_resume_at_each_update(lines, base, total):
    plan = ps.Plan(*(ps.Binding(ps.Target(f"v{n}", base), line) for n, line in enumerate(lines)))
    curves = ps.trace(plan, {}, ps.Calendar(total=total))
    values = ps.Values(plan, total=total)

    for t in range(total):
        assert dict(values) == {name: curves[name][t].item() for name in values}
        again = ps.Values(plan, total=total)
        again.load_state_dict(json.loads(json.dumps(values.state_dict())))
        assert (again.t, dict(again)) == (values.t, dict(values))
        values.advance()


@table("facts", [{"total": 4}, {}])
def test_a_list_that_ends_with_the_run_is_read_no_further(facts):
    numbers = [1.0, 0.5, 0.25, 0.125]

    @ps.shape
    def of_list(t):
        return numbers[t]

    values, seen = ps.Values({"kl": "of_list()"}, **facts), []
    for _ in numbers:
        seen.append(values["kl"])
        values.advance()

    assert seen == numbers


def test_the_lines_of_a_dict_and_of_a_plan_with_an_lr_have_their_bases():
    values = ps.Values({"lr": "cosine()", "kl": "linear(0, 1)"}, bases={"lr": 0.1, "kl": 4.0}, total=8)
    plan = ps.Values(ps.Plan(lr="cosine()", horizon=8), bases={"lr": 0.1})
    values.advance(4)
    plan.advance(4)

    assert (values["lr"], values["kl"], plan["lr"]) == (pytest.approx(0.05), 2.0, values["lr"])


def test_a_target_is_written_at_the_start_at_each_update_and_after_a_load():
    written = []
    plan = ps.Plan(ps.Binding(ps.Target("dropout", 0.5, write=written.append), "linear(1, 0)"), horizon=4)
    values = ps.Values(plan)
    values.advance()
    values.load_state_dict(values.state_dict())

    assert written == [0.5, 0.375, 0.375]


def test_a_rule_reacts_from_its_time_on_and_is_resumed():
    line = {"kl": "constant() * plateau('loss', factor=0.5, patience=0, after=2)"}
    values, again = (ps.Values(line, total=9) for _ in range(2))
    for loss in (1.0, 2.0, 3.0):  # before its time
        values.observe(loss=loss)
    values.advance(2)
    values.observe(loss=5.0)
    values.observe(loss=6.0)
    again.load_state_dict(json.loads(json.dumps(values.state_dict())))

    assert values["kl"] == again["kl"] == 0.5


def test_a_changed_plan_is_logged_at_the_resume(caplog):
    values = ps.Values({"kl": "linear(0, 1)", "lr": "cosine()"}, bases={"lr": 0.1}, total=10)
    values.advance(5)
    state = values.state_dict()
    ps.Values({"kl": "linear(0, 1)", "lr": "cosine()"}, bases={"lr": 0.1}, total=10).load_state_dict(state)
    assert caplog.messages == []

    changed = ps.Values({"kl": "linear(0, 2)", "lr": "cosine()"}, bases={"lr": 0.2}, total=10)
    changed.load_state_dict(state)

    assert changed["kl"] == 1.0
    assert caplog.messages == [
        "kl: linear(0.0, 1.0) -> linear(0.0, 2.0) (from update 5 on)",
        "base of lr: 0.1 -> 0.2 (from update 5 on)",
    ]


@pytest.mark.heavy
def test_it_needs_no_torch():
    code = """
import sys
sys.modules["torch"] = None
import paramsched as ps
print(ps.Values({"kl": "linear(0, 1)"}, total=2)["kl"])
"""
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "0.0\n"
