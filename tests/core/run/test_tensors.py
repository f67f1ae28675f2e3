"""Hyperparameters that are tensors: filled in place, one copy per update."""

import pytest
import torch

import paramsched as ps
from paramsched.core.groups.fields import Field
from support.updates import group, planned, probe, run, used

PLAN = ps.Plan(lr=ps.warmup(3, start=0.1) >> ps.cosine(to=0.01), total=20)
F32 = torch.float32
F64 = torch.float64


def rounded(values, dtype=F32):
    return torch.tensor(values, dtype=F64).to(dtype).tolist()


def test_groups_that_share_a_tensor_get_separate_tensors():
    by_index = ps.Plan(lr=ps.linear(1.0, 0.0), total=20)
    plan = ps.Plan(ps.Binding("lr", ps.linear(2.0, 1.0), groups=1), lr=ps.linear(1.0, 0.0), total=20)
    optimizer = probe({}, {}, {}, lr=torch.tensor(0.1))
    assert optimizer.param_groups[0]["lr"] is optimizer.param_groups[2]["lr"]
    ps.Scheduler(optimizer, plan)

    run(optimizer, 8)

    base = {"lr": torch.tensor(0.1).item()}
    for index in (0, 2):
        assert used(optimizer, "lr", index) == rounded(planned(by_index, base)[:8])
    assert used(optimizer, "lr", 1) == rounded(planned(plan, [base, base], "lr", 1)[:8])


@pytest.mark.parametrize("groups", [1, 3])
@pytest.mark.parametrize("position", [0, 1], ids=["lr", "betas[0]"])
def test_a_load_fills_the_tensors_that_the_groups_had(groups, position):
    entry = [lambda: {"lr": torch.tensor(0.1)}, lambda: {"betas": (torch.tensor(0.9), 0.99)}][position]
    field = ["lr", "betas[0]"][position]
    plan = ps.Plan(ps.Binding(field, ps.linear(1.0, 0.5)), total=20)
    first, again = (probe(*[entry() for _ in range(groups)]) for _ in range(2))
    ps.Scheduler(first, plan)
    ps.Scheduler(again, plan)
    run(first, 7)
    run(again, 2)
    held = [Field.of(field).read(group) for group in again.param_groups]

    again.load_state_dict(first.state_dict())
    run(again, 3)
    run(first, 3)

    assert all(Field.of(field).read(group) is had for group, had in zip(again.param_groups, held, strict=True))
    for index in range(groups):
        assert used(again, field, index)[2:] == used(first, field, index)[7:]


def test_some_of_the_tensors_of_an_earlier_plan_get_a_vector_of_their_own():
    optimizer = probe(*[{"lr": torch.tensor(0.1 * (index + 1))} for index in range(3)])
    ps.Scheduler(optimizer, PLAN)
    run(optimizer, 3)
    last = optimizer.param_groups[2]["lr"].item()
    halved = ps.Plan(*[ps.Binding("lr", ps.linear(1.0, 0.5), groups=index) for index in range(2)], total=20)

    scheduler = ps.Scheduler(optimizer, halved)
    run(optimizer, 3)

    assert optimizer.param_groups[2]["lr"].item() == last
    assert scheduler.get_lr()[:2] == rounded(
        [
            planned(halved, [{"lr": torch.tensor(0.1 * (index + 1)).item()} for index in range(3)], "lr", index)[6]
            for index in range(2)
        ]
    )


@pytest.mark.filterwarnings("ignore:base of lr in group 0. 0.1 in the checkpoint, 0.10000000149")
def test_a_loaded_tensor_of_another_dtype_or_a_number_takes_precedence():
    for lr in (torch.tensor(0.1, dtype=F64), 0.1):
        saved = probe(lr=lr)
        optimizer = probe(lr=torch.tensor(0.1))
        ps.Scheduler(saved, PLAN)
        ps.Scheduler(optimizer, PLAN)
        run(saved, 4)

        optimizer.load_state_dict(saved.state_dict())
        run(saved, 1)
        run(optimizer, 1)

        assert used(optimizer) == used(saved)[-1:]


def test_floats_and_tensors_of_several_dtypes_can_be_mixed():
    bases = [0.1, torch.tensor(0.2), 0.3, torch.tensor(0.4, dtype=F64), torch.tensor(0.5)]
    optimizer = probe(*[{"lr": base} for base in bases])
    ps.Scheduler(optimizer, PLAN)

    run(optimizer, 20)

    for index, (base, dtype) in enumerate(zip((0.1, 0.2, 0.3, 0.4, 0.5), (F64, F32, F64, F64, F32), strict=True)):
        start = torch.tensor(base, dtype=dtype).item()
        assert used(optimizer, "lr", index) == rounded(planned(PLAN, {"lr": start}), dtype)


def test_elements_of_betas_may_be_tensors():
    plan = ps.Plan(ps.Binding("betas[1]", ps.linear(1.0, 0.5)), momentum=ps.linear(1.0, 0.9), total=20)
    optimizer = torch.optim.AdamW(
        [group(), group()], lr=torch.tensor(0.1), betas=(torch.tensor(0.9), torch.tensor(0.99)), foreach=False
    )
    ps.Scheduler(optimizer, plan)
    actual = []
    optimizer.register_step_pre_hook(
        lambda value, *_: actual.append([tuple(map(float, g["betas"])) for g in value.param_groups])
    )
    held = optimizer.param_groups[1]["betas"][0]

    run(optimizer, 10)

    base = torch.tensor(0.9).item(), torch.tensor(0.99).item()
    first = rounded(planned(plan, {"betas": base}, "momentum")[:10])
    second = rounded(planned(plan, {"betas": base}, "betas[1]")[:10])
    assert [groups[1] for groups in actual] == list(zip(first, second, strict=True))
    assert optimizer.param_groups[1]["betas"][0] is held


@pytest.mark.filterwarnings("ignore:the plan is over after 20 updates")
def test_no_tensor_is_created_in_inference_mode():
    optimizer = probe({"lr": torch.tensor(0.1)}, {"lr": torch.tensor(0.2)})
    with torch.inference_mode():
        ps.Scheduler(optimizer, PLAN)
        run(optimizer, 3)
        optimizer.add_param_group(group(lr=0.5))
        run(optimizer, 3)

    run(optimizer, 40)

    assert not any(one["lr"].is_inference() for one in optimizer.param_groups[:2])
    assert used(optimizer)[:20] == rounded(planned(PLAN, {"lr": torch.tensor(0.1).item()}))


def test_a_tensor_created_in_inference_mode_is_filled():
    with torch.inference_mode():
        lr = torch.tensor(0.1)
    optimizer = probe(lr=lr)

    with torch.inference_mode():
        ps.Scheduler(optimizer, PLAN)
        run(optimizer, 5)

    assert used(optimizer) == rounded(planned(PLAN, {"lr": torch.tensor(0.1).item()}))[:5]


def test_the_learned_lr_of_a_checkpoint_is_a_value_for_an_lr_that_is_not_learned():
    saved, resumed = (probe(lr=torch.tensor(0.1, requires_grad=learned)) for learned in (True, False))
    ps.Scheduler(saved, PLAN)
    ps.Scheduler(resumed, PLAN)
    run(saved, 5)

    resumed.load_state_dict(saved.state_dict())

    lr = resumed.param_groups[0]["lr"]
    assert lr == saved.param_groups[0]["lr"]
    assert not lr.requires_grad


def test_a_thousand_groups_need_one_copy_per_update(monkeypatch):
    optimizer = probe(*[{"lr": torch.tensor(0.1 + i)} for i in range(100)])
    ps.Scheduler(optimizer, PLAN)
    run(optimizer, 4)

    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
        ps.Scheduler.seek  # noqa: B018  # nothing but the step
        torch.optim.Optimizer.profile_hook_step  # noqa: B018
        for hook in list(optimizer._optimizer_step_pre_hooks.values()):
            hook(optimizer, (), {})
        for hook in list(optimizer._optimizer_step_post_hooks.values()):
            hook(optimizer, (), {})

    copies = sum(event.count for event in profile.key_averages() if event.key == "aten::copy_")
    assert copies == 1


def test_a_tensor_of_one_element_is_refused_with_the_tensor_to_write():
    parameter = torch.nn.Parameter(torch.ones(1))
    optimizer = torch.optim.AdamW([parameter], lr=torch.tensor([0.1]), foreach=False)

    with pytest.raises(ps.errors.PlanError) as refusal:
        ps.Scheduler(optimizer, PLAN)

    advised = eval(refusal.value.problem.advice.partition("lr=")[2], {"torch": torch})
    again = ps.Scheduler(torch.optim.AdamW([parameter], lr=advised, foreach=False), PLAN)
    assert again.value("lr") == pytest.approx(0.01)
