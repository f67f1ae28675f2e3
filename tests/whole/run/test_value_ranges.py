"""Values that an optimizer cannot use are refused before training, with the first update at which they occur."""

import contextlib
import copy

import pytest
import torch

import paramsched as ps
from paramsched.checks import check
from paramsched.errors import PlanError
from support.records import with_record

CASES = [  # field, line, the update, the words
    ("betas[0]", "absolute(linear(0.9, 1.1))", 50, "reaches 1: it is 1"),
    ("betas[0]", "linear(1.0, 1.2)", 56, "reaches 1"),
    ("momentum", "absolute(linear(0.9, 1.1))", 50, "reaches 1"),
    ("lr", "linear(1.0, -1.0)", 51, "falls below 0"),
    ("lr", "cosine() - 0.5", 51, "falls below 0"),
    ("lr", "warmup(10, to=1) >> constant(-0.1, 5) >> constant(1)", 10, "falls below 0"),
    ("weight_decay", "absolute(linear(0.1, -0.1))", 51, "falls below 0"),
    ("eps", "absolute(table([1e-8, -1e-8], every=20))", 20, "falls below 0"),
    ("betas[1]", "absolute(warmup(10, 0.9))", 10, "reaches 1"),
]


def adamw(**settings):
    return torch.optim.AdamW([torch.nn.Parameter(torch.ones(2))], **settings)


@pytest.mark.parametrize(("field", "line", "update", "words"), CASES)
def test_the_scheduler_and_check_refuse_with_the_first_update_and_nothing_is_touched(field, line, update, words):
    plan = ps.Plan(ps.Binding(field, line), total=100)
    optimizer = adamw()
    before = copy.deepcopy(optimizer.state_dict())

    with pytest.raises(PlanError, match=rf"{words}.* at update {update}\b") as refused:
        ps.Scheduler(optimizer, plan)

    assert optimizer.state_dict() == before
    assert not optimizer._optimizer_step_post_hooks
    assert f"{field if field != 'momentum' else 'betas[0]'} of group 0" in str(refused.value)
    (actual,) = [
        problem for problem in check(plan, groups=optimizer.param_groups) if problem.code in ("PS311", "PS312")
    ]
    assert (actual.severity, f"at update {update}" in str(actual)) == ("error", True)


@pytest.mark.parametrize(
    ("field", "line"),
    [
        ("betas[0]", "absolute(linear(0.85, 0.95))"),
        ("betas[0]", "absolute(linear(0.9, 1.0))"),  # 1 only at the end
        ("lr", "linear(1, 0)"),
        ("lr", "clamp(linear(1, -1), low=0)"),
        ("lr", "cosine() - 0.0"),
        ("weight_decay", "absolute(cosine(start=0.4, to=0))"),
        ("lr", "linear(1, -1, over=200)"),  # negative after the end
        ("lr", "0.5 + 0.5 * cosine(start=1, to=-1)"),
    ],
)
@pytest.mark.filterwarnings("ignore:the learning rate is nearly 0")
@pytest.mark.filterwarnings("ignore:.* takes 200% of the total")
def test_values_inside_are_accepted_with_those_after_the_end_ignored(field, line):
    plan = ps.Plan(ps.Binding(field, line), total=100)
    optimizer = adamw()

    ps.Scheduler(optimizer, plan)

    assert not [problem for problem in check(plan, groups=optimizer.param_groups) if problem.code in ("PS311", "PS312")]


@pytest.mark.parametrize("line", ["rounded(cosine(), 0.001)"])
@pytest.mark.parametrize("clock", ["samples", "tokens"])
@pytest.mark.filterwarnings("ignore:the learning rate is nearly 0")
def test_a_line_without_bounds_starts_on_a_clock_whose_amounts_are_reported(line, clock):
    ps.Scheduler(adamw(), ps.Plan(lr=line, total=f"6400 {clock}", clock=clock))
    if "cosine" not in line:
        ps.Scheduler(adamw(), ps.Plan(lr=line, clock=clock))


def test_a_target_may_be_negative():
    ps.Scheduler(adamw(), ps.Plan(ps.Binding(ps.Target("momentum_bias", 1.0), "linear(1, -1)"), total=10))


def test_without_a_total_the_length_of_the_schedule_counts():
    with pytest.raises(PlanError, match="at update 51"):
        ps.Scheduler(adamw(), ps.Plan(lr="linear(1, -1, over=100)"))
    with pytest.raises(PlanError, match="at update 1001"):
        ps.Scheduler(adamw(), ps.Plan(lr="1 - 0.001 * power_law(-1, 1) + 0.001"))


@pytest.mark.parametrize("order", [1, -1])
def test_one_of_several_optimizers_is_refused_and_none_is_touched(order):
    pairs = {"plain": torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=1.0), "adam": adamw()}
    optimizers = dict(list(pairs.items())[::order])
    before = {name: copy.deepcopy(optimizer.state_dict()) for name, optimizer in optimizers.items()}

    line = ps.Binding("betas[0]", "absolute(linear(0.9, 1.1))", groups="adam/*")
    plan = ps.Plan(line, lr="cosine()", total=100)
    with pytest.raises(PlanError, match=r"betas\[0\] of group .*adam.* at update 50"):
        ps.Scheduler(optimizers, plan)

    assert {name: optimizer.state_dict() for name, optimizer in optimizers.items()} == before


@pytest.mark.parametrize(
    ("clock", "total", "facts", "when"),
    [
        ("tokens", "6400 tokens", {"tokens_per_step": 64}, "update 51"),
        ("samples", "6400 samples", {"batch_size": 64}, "update 51"),
        ("progress", None, {}, r"progress 0\.50"),
        ("tokens", "6400 tokens", {}, r"3201 tokens"),
    ],
)
def test_a_plan_on_another_clock_is_refused(clock, total, facts, when):
    optimizer = adamw()
    before = copy.deepcopy(optimizer.state_dict())

    with pytest.raises(PlanError, match=f"falls below 0: .* at {when}"):
        ps.Scheduler(optimizer, ps.Plan(lr="linear(1, -1)", total=total, clock=clock), **facts)

    assert optimizer.state_dict() == before


def test_a_plan_of_a_resume_counts_from_its_position_and_a_refused_one_changes_nothing():
    optimizer = adamw()
    scheduler = ps.Scheduler(optimizer, ps.Plan(lr="cosine()", total=100))
    for _ in range(3):
        optimizer.step()
    before = copy.deepcopy(optimizer.state_dict())

    with pytest.raises(PlanError, match="at update 51"):
        ps.Scheduler(optimizer, ps.Plan(lr="linear(1, -1)", total=100))

    assert optimizer.state_dict() == before
    optimizer.step()
    assert scheduler.t == 4
    ps.Scheduler(optimizer, ps.Plan(lr="constant(-1, 2) >> cosine(start=1)", total=100))  # the bad updates are over


def test_a_loaded_base_that_leaves_the_range_is_refused_before_torch_writes():
    def optimizer_with(beta):
        return adamw(betas=(beta, 0.999))

    line = ps.Plan(ps.Binding("betas[0]", "linear(1, 1.2)"), total=100)
    saved = optimizer_with(0.8)
    ps.Scheduler(saved, line)
    state = saved.state_dict()
    state["param_groups"][0]["paramsched"] = '{"bases": {"betas_0": 0.95}}'
    optimizer = optimizer_with(0.8)
    ps.Scheduler(optimizer, line)
    before = copy.deepcopy(optimizer.state_dict())

    with pytest.raises(PlanError, match="reaches 1"):
        optimizer.load_state_dict(state)

    assert optimizer.state_dict() == before


def test_a_state_of_an_earlier_update_than_those_checked_so_far_is_checked_from_there_on():
    plan = ps.Plan(lr=ps.table([1.0] * 5 + [-1.0] * 5 + [1.0] * 5), total=15)  # below 0 from update 5 to 9
    optimizer = adamw()
    optimizer.param_groups[0]["initial_lr"] = 1e-3
    scheduler = ps.Scheduler(optimizer, plan, t=11)
    later = copy.deepcopy(optimizer.state_dict())
    optimizer.load_state_dict(later)
    earlier = with_record({**later, "param_groups": [{**later["param_groups"][0], "paramsched_t": 3}]}, t=3)

    for _ in range(2):
        with pytest.raises(PlanError, match=r"falls below 0.* at update 5"):
            optimizer.load_state_dict(earlier)

    assert scheduler.t == 11


def test_a_base_in_the_state_of_a_scheduler_that_leaves_the_range_is_refused_and_nothing_changes():
    earlier = ps.Scheduler(adamw(betas=(0.95, 0.999)), ps.Plan(ps.Binding("betas[0]", "constant()"), total=100))
    optimizer = adamw(betas=(0.8, 0.999))
    scheduler = ps.Scheduler(optimizer, ps.Plan(ps.Binding("betas[0]", "linear(1, 1.2)"), total=100))
    before = copy.deepcopy((optimizer.state_dict(), scheduler.state_dict()))

    with pytest.raises(PlanError, match=r"betas\[0\] of group 0.* reaches 1"):
        scheduler.load_state_dict(earlier.state_dict())

    assert (optimizer.state_dict(), scheduler.state_dict()) == before


def test_a_group_added_during_the_run_is_refused_before_it_is_written():
    optimizer = adamw(betas=(0.5, 0.999))
    ps.Scheduler(optimizer, ps.Plan(ps.Binding("betas[0]", "linear(1, 1.2)"), total=100))
    optimizer.step()
    optimizer.add_param_group({"params": [torch.nn.Parameter(torch.ones(1))], "betas": (0.9, 0.999)})

    with pytest.raises(PlanError, match=r"betas\[0\] of group 1 reaches 1|of group 1.*reaches 1"):
        optimizer.step()

    assert optimizer.param_groups[1]["betas"] == (0.9, 0.999)


@pytest.mark.parametrize(("share", "is_refused"), [("89.9%", True), ("90%", True), ("90.1%", False), ("90.5%", False)])
def test_a_plan_by_unknown_amounts_that_is_outside_for_a_tenth_of_the_run_is_refused(share, is_refused):
    plan = ps.Plan(lr=f'constant(1, "{share}") >> constant(-0.5)', clock="tokens", total="1000 tokens")

    with pytest.raises(PlanError, match="falls below 0") if is_refused else contextlib.nullcontext():
        ps.Scheduler(adamw(), plan)


@ps.shape
def spike_at_20003(t):
    return -1.0 if t == 20_003 else 1.0


@pytest.mark.parametrize("rates", [(0.1, 0.1), (0.1, 0.2)])
def test_a_value_that_the_start_did_not_look_at_is_refused_before_it_is_written(rates):
    groups = [{"params": [torch.nn.Parameter(torch.ones(1))], "lr": rate, "initial_lr": rate} for rate in rates]
    optimizer = torch.optim.SGD(groups)
    scheduler = ps.Scheduler(optimizer, ps.Plan(lr=spike_at_20003(), total=400_000), t=19_000)

    def train():
        for _ in range(1_100):
            optimizer.step()

    with pytest.raises(PlanError, match=r"falls below 0: it is -.* at update 20003"):
        train()

    assert scheduler.t <= 20_003
    assert optimizer.param_groups[0]["lr"] == 0.1
