"""Branches of a run that serve one kind of input."""

import warnings

import pytest
import torch

import paramsched as ps
from paramsched.core.run.amounts import checked_progress
from support.records import record_in
from support.tables import table


def optimizer(**entries):
    return torch.optim.SGD([{"params": [torch.nn.Parameter(torch.ones(1))], **entries}], lr=0.1)


def test_the_states_of_a_scheduler_are_a_copy():
    scheduler = ps.Scheduler(optimizer(), ps.Plan(lr="cosine() * plateau()", horizon=10))
    (rule,) = scheduler.states

    scheduler.states.clear()

    assert [*scheduler.states] == [rule]


def test_the_state_of_an_optimizer_whose_groups_were_removed_is_empty():
    one = optimizer()
    scheduler = ps.Scheduler(one, ps.Plan(lr="cosine()", horizon=10))
    one.param_groups.clear()

    assert one.state_dict()["param_groups"] == []
    assert scheduler.t == 0


@pytest.mark.parametrize(("horizon", "warns"), [(99, True), (100, False)])
def test_a_start_warns_of_a_horizon_below_one_epoch_and_a_resume_does_not(horizon, warns):
    one = optimizer()
    plan = ps.Plan(lr="cosine()", horizon=horizon)

    def started(of):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            ps.Scheduler(of, plan, steps_per_epoch=100)
        return any("less than one epoch" in str(each.message) for each in caught)

    assert started(one) is warns
    one.step()
    resumed = optimizer()
    resumed.load_state_dict(one.state_dict())
    assert not started(resumed)


@table(
    ("unit", "given", "problem"),
    [
        (None, {"samples": 3}, 'the plan\'s clock counts updates. Use ps.Plan(…, clock="samples")'),
        (None, {"progress": 0.5}, 'the plan\'s clock counts updates. Use ps.Plan(…, clock="progress")'),
        (None, {}, 'the plan\'s clock counts updates. Use ps.Plan(…, clock="progress")'),
        ("tokens", {"progress": 0.5}, "the plan's clock counts tokens. For example: scheduler.consumed(tokens="),
    ],
)
def test_progress_on_another_clock_is_answered_with_that_clock(unit, given, problem):
    with pytest.raises(ps.errors.InvalidArgument) as refused:
        checked_progress("scheduler.report(", unit, given)

    assert problem in str(refused.value)


def test_the_repr_of_a_scheduler_has_lines_of_at_most_100_columns():
    stages = " >> ".join(f"constant({n}, over={n})" for n in range(1, 20))
    text = repr(ps.Scheduler(optimizer(), ps.Plan(lr=stages, horizon=500)))

    assert text.startswith("<Scheduler at update 0 of <Plan horizon: 500; lr: constant(over=1) >> ")
    assert 80 < max(map(len, text.split("\n"))) <= 100


def test_a_hook_of_another_library_on_the_loading_is_kept_and_is_no_scheduler():
    class Other:
        def __init__(self):
            self.calls = 0

        def note(self, optimizer):
            self.calls += 1

    one, other = optimizer(), Other()
    one.register_load_state_dict_post_hook(other.note)
    scheduler = ps.Scheduler(one, ps.Plan(lr="cosine()", horizon=10))
    one.step()

    one.load_state_dict(one.state_dict())

    assert (scheduler.t, other.calls) == (1, 1)


def test_a_variable_of_the_caller_is_not_the_number_of_processes_of_accelerate():
    scheduler = ps.Scheduler(optimizer(), ps.Plan(lr="cosine()", horizon=10), drive="manual")
    num_processes = 4

    scheduler.step()

    assert (scheduler.t, num_processes) == (1, 4)


@pytest.mark.parametrize(("horizon", "is_refused"), [(1_000, False), (90_000, True)])
def test_a_value_is_outside_of_its_range_only_before_the_end_of_the_plan(horizon, is_refused):
    one = optimizer(momentum=0.9)
    plan = ps.Plan(momentum="linear(1, 2, over='100000 tokens')", clock="tokens", horizon=f"{horizon} tokens")

    if is_refused:
        with pytest.raises(ps.errors.PlanError, match="at 11113 tokens"):
            ps.Scheduler(one, plan)
    else:
        assert ps.Scheduler(one, plan).amount == 0


def test_an_optimizer_that_has_caught_up_with_a_changed_plan_holds_no_values():
    def optimizers():
        return {"one": optimizer(), "two": optimizer()}

    saved = optimizers()
    scheduler = ps.Scheduler(saved, ps.Plan(lr="cosine()", horizon=20))
    for name in ("one", "two", "one"):
        saved[name].step()
    resumed = optimizers()
    again = ps.Scheduler(resumed, ps.Plan(lr="linear(1, 0)", horizon=20))
    for name, one in resumed.items():
        one.load_state_dict(saved[name].state_dict())
    again.load_state_dict(scheduler.state_dict())
    behind = record_in(resumed["two"].state_dict())

    resumed["two"].step()

    assert (behind["t"], behind["held"]) == (2, True)
    assert not any("held" in record_in(one.state_dict()) for one in resumed.values())
    assert resumed["two"].param_groups[0]["lr"] == resumed["one"].param_groups[0]["lr"]


@pytest.mark.parametrize("clock", ["updates", "tokens"])
def test_the_number_that_changes_at_each_update_is_dynamic_for_the_compiler(clock):
    config = pytest.importorskip("torch.compiler.config", reason="torch is older than 2.8")

    with config.patch(dynamic_sources=""):
        ps.Scheduler(optimizer(), ps.Plan(lr="cosine()", clock=clock, horizon=f"10 {clock}"))
        sources = config.dynamic_sources

    assert "'paramsched_t'" in sources


def test_detaching_twice_leaves_the_scheduler_that_has_taken_over():
    one = optimizer()
    first = ps.Scheduler(one, ps.Plan(lr="cosine()", horizon=10))
    first.detach()
    second = ps.Scheduler(one, ps.Plan(lr="linear()", horizon=10), t=0)

    first.detach()
    one.step()

    assert second.t == 1
    assert one.param_groups[0]["paramsched_t"] == 1


@pytest.mark.parametrize(
    ("line", "floors"),
    [
        ('constant() * plateau("loss", patience=0, min=0.5)', [0.05, 0.01, 2.0]),
        ('absolute(constant(0.2) * plateau("loss", patience=0, min=0.05))', [0.05, 0.05, 0.05]),
    ],
)
def test_a_floor_of_a_metric_rule_is_a_multiple_of_base_or_a_value_inside_absolute(line, floors):
    one = torch.optim.SGD([{"params": [torch.nn.Parameter(torch.ones(1))], "lr": lr} for lr in (0.1, 0.02)])
    target = ps.Target("temperature", 4.0)
    scheduler = ps.Scheduler(one, ps.Plan(ps.Binding("lr", line), ps.Binding(target, line), horizon=50))

    for _ in range(6):
        scheduler.observe(loss=1.0)
        one.step()

    assert [each["lr"] for each in one.param_groups] == pytest.approx(floors[:2], rel=1e-12)
    assert scheduler.value("temperature") == pytest.approx(floors[2], rel=1e-12)


def test_a_value_may_reach_its_bound_at_the_end_of_the_plan():
    plan = ps.Plan(momentum="linear(1, 2)", clock="tokens", horizon="1000 tokens")

    assert ps.Scheduler(optimizer(momentum=0.5), plan).amount == 0


def test_a_value_outside_of_its_range_for_a_tenth_of_the_run_is_refused_although_amounts_are_unknown():
    line = "constant(1, '1 tokens') >> constant(1.2, '100 tokens') >> constant(1)"

    with pytest.raises(ps.errors.PlanError, match="at 1 tokens"):
        ps.Scheduler(optimizer(momentum=0.9), ps.Plan(momentum=line, clock="tokens", horizon="999 tokens"))


@pytest.mark.parametrize(
    "line",
    [
        "constant(1, '1 tokens') >> constant(1.2, '94 tokens') >> constant(1)",
        "linear(1, 2, over='1000 tokens') * plateau('loss')",
    ],
    ids=["for less than a tenth of the run", "unless a metric changes it"],
)
def test_a_later_value_outside_of_its_range_may_be_skipped_if_amounts_are_unknown(line):
    plan = ps.Plan(momentum=line, clock="tokens", horizon="1000 tokens")

    assert ps.Scheduler(optimizer(momentum=0.9), plan).amount == 0
