"""Traces: values of curves, recorded amounts, long plans, and values without an optimizer."""

import contextlib
import csv
import json
import operator
import subprocess
import sys
import warnings
from functools import reduce

import pytest
import torch
from hypothesis import given, reject
from hypothesis import strategies as st

import paramsched as ps
from paramsched.core import schedules as shapes
from paramsched.core.plan import ALONE, Binding, Plan, Target, resolve, resolve_in_run, trace
from paramsched.core.plan import traces as traced_times
from paramsched.core.plan.optimizers import errors_of
from paramsched.core.plan.run_amounts import PlannedAmounts
from paramsched.core.schedules import absolute, constant, cosine, linear, parse_own, warmup
from paramsched.errors import InvalidArgument, MissingDependency, StateError
from support import strategies
from support.tables import table

GROUPS = [{"lr": 0.1, "betas": (0.9, 0.99), "name": "body"}, {"lr": 0.3, "betas": (0.8, 0.98)}]


PLAN = Plan(
    Binding("betas[0]", linear(absolute(0.85), absolute(0.95))),
    Binding("lr", constant(0.5), groups=1),
    Binding(Target("temperature", 2.0), linear(1.0, 0.0)),
    lr=linear(1.0, 0.0),
    total=4,
)


@given(st.data())
def test_trace_values_equal_single_calls_bit_for_bit(data):
    world = data.draw(strategies.worlds())
    plan = data.draw(strategies.plans(world))
    try:
        shown = trace(plan, strategies.GROUPS, facts=world.facts)
    except InvalidArgument:
        return
    bases = {"lr": "lr", "weight_decay": "weight_decay", "momentum": "momentum", "eps": "eps"}

    for binding in plan.bindings:
        if isinstance(binding.field, str) and binding.field in bases and binding.groups == "head":
            schedule = resolve(binding.schedule, facts=world.facts)
            base = strategies.GROUPS[1][binding.field]
            times = data.draw(st.lists(st.integers(0, world.total - 1), min_size=1, max_size=5))
            assert [shown[binding.field, "head"][t] for t in times] == [schedule(t, base) for t in times]


@given(st.lists(st.booleans(), min_size=2, max_size=5), st.data())
def test_the_share_of_a_base_is_that_of_the_updates_of_the_run(scaled, data):
    total = data.draw(st.integers(1, len(scaled)))
    line = " >> ".join(f"constant({1 if is_scaled else 'absolute(0.5)'}, over=1)" for is_scaled in scaled)

    shown = trace(Plan(lr=line, total=total), {"lr": 0.25})

    of_run = scaled[:total]
    assert shown["lr"].tolist() == [0.25 if is_scaled else 0.5 for is_scaled in of_run]
    assert shown.base("lr", 0).share == ("all" if all(scaled) else "some" if any(of_run) else "none")


def test_the_flat_table_has_a_row_per_update_and_reads_back_exactly(tmp_path):
    shown = trace(Plan(lr=cosine(to=1 / 3), weight_decay=warmup(7), total=9), {"lr": 0.1, "weight_decay": 0.3})
    shown.to_csv(tmp_path / "values.csv")

    rows = list(csv.reader((tmp_path / "values.csv").open()))

    assert rows[0] == ["t", "lr[0]", "weight_decay[0]"]
    assert [int(row[0]) for row in rows[1:]] == list(range(9))
    assert [float(row[1]) for row in rows[1:]] == shown["lr"].tolist()
    assert (tmp_path / "values.csv").read_bytes().count(b"\r") == 0


def test_a_data_frame_has_a_column_per_field_and_group():
    pd = pytest.importorskip("pandas")
    frame = trace(PLAN, GROUPS).to_pandas()

    assert frame.index.name == "t"
    assert frame.columns.names == ["field", "group"]
    assert frame["lr", "body"].tolist() == trace(PLAN, GROUPS)["lr", "body"].tolist()
    assert isinstance(frame, pd.DataFrame)


def test_an_empty_record_has_no_rows():
    shown = trace(
        Plan(lr='linear(1, 0.5, over="9 tokens") + constant(absolute(1))', clock="tokens"), {"lr": 1.0}, amounts=[]
    )

    assert (shown.total, shown["lr"].tolist(), shown.time_units()) == (0, [], ())


LOSS = ps.Plan(lr='constant() * plateau("loss", patience=0, factor=0.5)', weight_decay='plateau("error")', total=9)


def test_a_table_of_pandas_needs_pandas(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)

    with pytest.raises(MissingDependency, match=r"Trace\.to_pandas.*pandas"):
        ps.trace(LOSS, {"lr": 0.5, "weight_decay": 0.1}).to_pandas()


@table(
    ("error", "error_class"),
    [(InvalidArgument("lr", "it is wrong"), InvalidArgument), (StateError("it is wrong"), StateError)],
)
def test_an_error_names_the_optimizer_if_there_are_several(error, error_class):
    with pytest.raises(error_class) as alone, errors_of(ALONE):
        raise error
    with pytest.raises(error_class) as named, errors_of("adam"):
        raise error

    assert alone.value is error
    assert str(named.value) == f'optimizer "adam": {error}'


def test_a_difference_is_found_on_the_clock_of_its_plan():
    def plan(lr, decay):
        return ps.Plan(lr=lr, weight_decay=decay, clock="tokens", total="2000 tokens")

    facts = ps.RunFacts(tokens_per_step=100)
    decay = "linear(over='900 tokens')"
    first = plan("constant()", decay)
    second = plan("constant(1.0, '1500 tokens') >> constant(0.5)", decay)
    third = plan("constant()", "constant(1.0, '500 tokens') >> constant(0.5)")
    fourth = plan("constant()", "constant()")

    assert [(change.what, change.when, change.by) for change in ps.diff(first, second, facts=facts).changes] == [
        ("lr", 15, 0.5)
    ]
    assert [(change.what, change.when, change.by) for change in ps.diff(third, fourth, facts=facts).changes] == [
        ("weight_decay", 5, 0.5)
    ]


def test_a_trace_has_at_most_as_many_updates_as_can_be_stored(monkeypatch):
    monkeypatch.setattr(traced_times, "_MAX_UPDATES", 9)

    assert ps.trace(ps.Plan(lr="linear()", total=9), {"lr": 0.1}).total == 9
    with pytest.raises(InvalidArgument, match="10 updates are too many to store"):
        ps.trace(ps.Plan(lr="linear()", total=10), {"lr": 0.1})


def test_a_table_of_700_points_survives_save_and_resume():
    table = ps.piecewise([(10 * i, 1.0 / (1 + i)) for i in range(700)])
    plan = ps.Plan(lr=table, total=7000)
    first = ps.Scheduler(torch.optim.SGD([torch.zeros(1)], lr=0.1), plan)
    first.seek(4321)

    second = ps.Scheduler(torch.optim.SGD([torch.zeros(1)], lr=0.1), plan)
    second.load_state_dict(first.state_dict())

    assert len(plan.text) > 20_000
    assert second.t == 4321
    assert second.value("lr") == 0.1 * (1 / 433)


@pytest.mark.parametrize(
    ("form", "times"),
    [
        ("chain({})", 90),
        ("shift({}, 1)", 90),
        ("window({}, 0, 5000)", 90),
        ("clamp({}, low=0.0)", 90),
        ("-({} + 1)", 45),  # a sum in a product: two levels each time
    ],
)
def test_a_deep_schedule_is_saved_and_read_back(form, times):
    line = "linear(over=100)"
    for _ in range(times):
        line = form.format(line)
    schedule = parse_own(line)
    plan = ps.Plan(lr=schedule, total=1000)

    assert Plan.of_text(plan.text) == plan
    assert plan.resolve().bindings[0].schedule == schedule
    assert schedule(3) == parse_own(str(schedule))(3)


@pytest.mark.parametrize(
    "build",
    [
        lambda stages: parse_own(" >> ".join(map(str, stages))),
        lambda stages: reduce(operator.rshift, stages),
        lambda stages: reduce(lambda joined, stage: stage >> joined, stages),
    ],
    ids=["text", "append", "prepend"],
)
def test_each_stage_of_a_long_sequence_is_checked_once(monkeypatch, build):
    checked = []
    takes_time = shapes.sequence.takes_time
    monkeypatch.setattr(shapes.sequence, "takes_time", lambda stage: checked.append(stage) or takes_time(stage))

    schedule = build([ps.constant(0.5, 10) for _ in range(2000)])

    assert len(checked) < 4 * 2000
    assert len(schedule.args["stages"]) == 2000


@table(
    "size",
    [
        'linear(2, 40, over="1000000 samples")', 'stairs(2, 9, rises=5, over="400000 samples")',
        'linear(8, 2048, over="90000000 samples")', 'step("1000 samples", gamma=1.01)', "constant(8)",
    ],
)  # fmt: skip
def test_the_amounts_of_many_updates_are_computed_in_large_blocks(size):
    evaluated = []
    sizes_at = PlannedAmounts._sizes
    batch = ps.Binding(ps.Target("batch_size", 1.0), size)
    plan = Plan(batch, lr=1.0, clock="samples", total="1000000 samples").resolve()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PlannedAmounts, "_sizes", lambda self, updates, amounts: (
            evaluated.append(updates.size), sizes_at(self, updates, amounts)
        )[1])  # fmt: skip
        run = resolve_in_run(plan, ps.RunFacts()).planned_amounts
        updates = run.updates_until(1_000_000)
        run.amounts_from(0, 0, updates)

    assert len(evaluated) < updates / 250
    assert sum(evaluated) < 10 * updates


LINES = [
    "cosine(to=0.1)", 'warmup("10%") >> cosine()', "0.5 * linear(0, 1, over=20)", "absolute(0.3)", "step(7, 0.5)",
    "linear(absolute(0.9), absolute(0.99))", "warmup(5) >> inverse_sqrt(5) >> linear(over=9)",
    "exponential(0.97)", "table([1, 0.5, 0.25], every=9)",
    "minimum(warmup(9), cosine())",
]  # fmt: skip


@pytest.mark.filterwarnings("ignore::paramsched.PlanWarning")
@given(
    st.lists(st.sampled_from(LINES), min_size=1, max_size=4), st.floats(1e-6, 10.0), st.integers(2, 80) | st.just(300)
)
def test_values_equal_the_trace_bit_for_bit_and_resume_at_each_update(lines, base, total):
    plan = ps.Plan(*(ps.Binding(ps.Target(f"v{n}", base), line) for n, line in enumerate(lines)))
    try:
        curves = ps.trace(plan, {}, total=total)
    except InvalidArgument:
        if total > 15:  # the longest stages
            raise
        reject()
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

    values = ps.Values({"kl": "of_list()"}, **facts)
    seen = []
    for _ in numbers:
        seen.append(values["kl"])
        values.advance()

    assert seen == numbers


def test_the_lines_of_a_dict_and_of_a_plan_with_an_lr_have_their_bases():
    values = ps.Values({"lr": "cosine()", "kl": "linear(0, 1)"}, bases={"lr": 0.1, "kl": 4.0}, total=8)
    plan = ps.Values(ps.Plan(lr="cosine()", total=8), bases={"lr": 0.1})
    values.advance(4)
    plan.advance(4)

    assert (values["lr"], values["kl"], plan["lr"]) == (pytest.approx(0.05), 2.0, values["lr"])


def test_a_target_is_written_at_the_start_at_each_update_and_after_a_load():
    written = []
    plan = ps.Plan(ps.Binding(ps.Target("dropout", 0.5, write=written.append), "linear(1, 0)"), total=4)
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


@table(
    ("line", "bases", "total", "changes"),
    [
        ("linear(0, 1)", {"lr": 0.1}, 10, []),
        ("linear(0, 2)", {"lr": 0.1}, 10, ["kl"]),
        ("linear(0, 1)", {"lr": 0.2}, 10, ["base of lr"]),
        ("linear(0, 1)", {"lr": 0.1}, 1000, ["total"]),
        ("linear(0, 2)", {"lr": 0.2}, 1000, ["total", "kl", "base of lr"]),
    ],
)
def test_what_a_resume_changes_is_a_warning_and_with_strict_an_error(line, bases, total, changes):
    values = ps.Values({"kl": "linear(0, 1)", "lr": "cosine()"}, bases={"lr": 0.1}, total=10)
    values.advance(5)
    state = json.loads(json.dumps(values.state_dict()))

    def new(**options):
        return ps.Values({"kl": line, "lr": "cosine()"}, bases=bases, total=total, **options)

    changed = new()
    strict = new(strict=True)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        changed.load_state_dict(state)

    assert [warning.message.problem.found.partition(":")[0] for warning in caught] == changes
    assert changed.t == 5
    with pytest.raises(ps.PlanWarning) if changes else contextlib.nullcontext():
        strict.load_state_dict(state)
    assert strict.t == (0 if changes else 5)


@table(("updates", "expected"), [([1] * 10, []), ([1] * 30, [11]), ([5, 5, 20, 1], [30]), ([0, 10, 0, 1], [11])])
def test_updates_after_the_end_of_the_plan_are_warned_of_once(updates, expected):
    values, strict = (ps.Values({"kl": "linear(0, 1)"}, total=10, strict=strict) for strict in (False, True))
    warned_at = []
    raised_at = []
    for count in updates:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            values.advance(count)
        warned_at += [values.t] * sum(warning.message.problem.code == "PS406" for warning in caught)
        try:
            strict.advance(count)
        except ps.PlanWarning:
            raised_at.append(strict.t)

    assert warned_at == raised_at == expected


def test_a_state_after_the_end_of_the_plan_is_warned_of_and_with_strict_refused():
    longer, values = (ps.Values({"kl": "linear(0, 1)"}, total=total) for total in (20, 10))
    strict = ps.Values({"kl": "linear(0, 1)"}, total=10, strict=True)
    longer.advance(11)
    state = {**longer.state_dict(), **{name: values.state_dict()[name] for name in ("lines_in_updates", "total")}}

    with pytest.warns(ps.PlanWarning, match="PS406"):
        values.load_state_dict(state)
    with pytest.raises(ps.PlanWarning, match="PS406"):
        strict.load_state_dict(state)
    assert (values.t, strict.t) == (11, 0)


EPOCHS = {"kl": 'linear(0, 1, over="2 epochs")'}


@table(
    ("before", "after", "changes"),
    [
        (({"kl": "linear()"}, {"total": 10}), ({"kl": "linear()", "total": 10}, {}), []),
        (({"kl": "linear()"}, {"total": 10}), ({"kl": "linear()"}, {"total": "2 epochs", "steps_per_epoch": 5}), []),
        ((EPOCHS, {"total": 10, "steps_per_epoch": 5}), (EPOCHS, {"total": 10, "steps_per_epoch": 4}), ["kl"]),
        ((EPOCHS, {"steps_per_epoch": 5}), ({"kl": "linear(0, 1, over=10)"}, {}), []),
    ],
)
def test_a_resume_of_the_same_length_in_other_units_is_silent(before, after, changes):
    plan, facts = before
    new_plan, new_facts = after
    state = json.loads(json.dumps(ps.Values(plan, **facts).state_dict()))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        ps.Values(new_plan, **new_facts).load_state_dict(state)

    assert [warning.message.problem.found.partition(":")[0] for warning in caught] == changes


@table(
    ("plan", "bases", "code"),
    [
        ({"lr": "cosine(to=1e-5)"}, {"lr": 3e-4}, "PS301"),
        ({"lr": "cosine(to=1e-5)", "total": 10}, {"lr": 3e-4}, "PS301"),
        ({"ema": "linear(0.996, 1)"}, {"ema": 0.996}, "PS301"),
        ({"lr": "cosine()", "eps": "linear(1, 0.05)"}, {"lr": 0.1, "eps": 1e-8}, None),
        ({"kl": "linear(0, 1)", "entropy": "linear(0.01, 0)"}, {}, None),
    ],
)
def test_values_are_checked_as_the_lines_of_a_scheduler(plan, bases, code):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        ps.Values(plan, bases=bases, total=10)

    assert [warning.message.problem.code for warning in caught] == [code] * (code is not None)
    with pytest.raises(ps.PlanWarning) if code else contextlib.nullcontext():
        ps.Values(plan, bases=bases, total=10, strict=True)


@pytest.mark.heavy
def test_it_needs_no_torch():
    code = """
import sys
import warnings
sys.modules["torch"] = None
import paramsched as ps
print(ps.Values({"kl": "linear(0, 1)"}, total=2)["kl"])
"""
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "0.0\n"


def test_bases_are_the_values_of_one_group():
    plan = Plan(lr="cosine()", total=9, **{"betas[0]": "linear(1, 0.5)"})

    by_name = trace(plan, bases={"lr": 0.3, "betas[0]": 0.8})

    assert by_name.to_dict() == trace(plan, {"lr": 0.3, "betas": (0.8, 0.9)}).to_dict()


@table(
    "arguments",
    [
        {},
        {"optimizer": {"lr": 0.1}, "bases": {"lr": 0.1}},
        {"bases": {"weight_decay": 0.1}},
        {"bases": 0.1},
    ],
)
def test_other_bases_are_refused_with_a_line_that_works(arguments):
    plan = Plan(lr="cosine()", total=9)
    with pytest.raises(InvalidArgument) as refused:
        trace(plan, **arguments)

    example = refused.value.problem.advice.removeprefix("For example: ")
    line = example if example.startswith("ps.") else f"ps.trace(plan, {example or 'bases=dict(lr=0.1)'})"
    assert eval(line, {"ps": ps, "plan": plan})["lr", 0][0] == 0.1


def test_a_check_with_bases_finds_what_it_finds_with_groups():
    plan = Plan(lr="cosine()", weight_decay="linear()", total=9)

    actual = [
        [problem.code for problem in ps.check(plan, **arguments)]
        for arguments in ({"bases": {"lr": 0}}, {"groups": [{"lr": 0}]})
    ]

    assert actual == [["PS403"]] * 2
    of_head = Plan(Binding("lr", "linear(0.1, 0.01)", groups="head"), total=9)
    assert [problem.code for problem in ps.check(of_head, bases={"lr": 0.1})] == [
        problem.code for problem in ps.check(of_head, groups=[{"lr": 0.1, "name": "head"}])
    ]
