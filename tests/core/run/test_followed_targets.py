"""Lines that follow a target: what is used is what the trace shows, also after a resume and a changed plan."""

import copy

import pytest

import paramsched as ps
from support.several import lines, probes
from support.updates import planned, probe, run, used

BASE = {"lr": 0.1, "weight_decay": 0.01}
SIZES = "rounded(linear(4, 32, over=20), 4)"


def plan(size=SIZES, initial=1.0, **fields):
    lines = {"lr": 'linear(1, 0.5) * (like("batch_size") / 4) ** 0.5', "weight_decay": 'like("lr")'} | fields
    return ps.Plan(ps.Binding(ps.Target("batch_size", initial), size), total=30, **lines)


def test_the_lines_of_the_code_are_logged_if_only_the_target_changes(caplog):
    optimizer = probe()
    ps.Scheduler(optimizer, plan())
    run(optimizer, 10)
    caplog.clear()

    ps.Scheduler(optimizer, plan(size="constant(64)"))
    run(optimizer, 5)

    assert used(optimizer)[10:] == planned(plan(size="constant(64)"), BASE)[10:15]
    assert all(f"\n{name}: " in caplog.text for name in ("batch_size", "lr", "weight_decay"))


def test_it_follows_the_plan_and_not_the_reported_consumption():
    by_tokens = ps.Plan(
        ps.Binding(ps.Target("batch_size", 1.0), 'linear(4, 32, over="1000 tokens")'),
        lr='constant() * like("batch_size") / 4',
        clock="tokens",
        total="2000 tokens",
    )
    optimizer = probe()
    scheduler = ps.Scheduler(optimizer, by_tokens, sequence_length=8)
    for tokens in (100, 7, 250):
        assert optimizer.param_groups[0]["lr"] == pytest.approx(0.1 * scheduler.value("batch_size") / 4, rel=1e-15)
        scheduler.consumed(tokens=tokens)
        run(optimizer, 1)

    assert scheduler.amount == 357
    assert scheduler.value("batch_size") == pytest.approx(4 + 28 * 0.357)


def test_a_line_that_cannot_follow_is_refused_before_any_write():
    optimizer = probe()
    before = [dict(group) for group in optimizer.param_groups]

    with pytest.raises(ps.errors.PlanError, match=r'Write \(warmup\(5\) >> cosine\(\)\) \* like\("batch_size"\)'):
        ps.Scheduler(optimizer, plan(lr='warmup(5) >> cosine() * like("batch_size")'))

    assert [dict(group) for group in optimizer.param_groups] == before


@pytest.mark.parametrize("clock", ["updates", "tokens"])
@pytest.mark.parametrize("drive", ["optimizer", "adamw"])
def test_one_of_two_optimizers_follows_the_batch_size_also_after_a_kill_between_their_steps(clock, drive):
    names = ("muon", "adamw")
    facts = {} if clock == "updates" else {"sequence_length": 16}
    growing = ps.Binding(ps.Target("batch_size", 1), "rounded(linear(4, 32), 4)")
    following = ps.Binding("lr", '(like("batch_size") / 4) ** 0.5', groups="adamw")
    total = 20 if clock == "updates" else f"{20 * 18 * 16} tokens"
    plan = ps.Plan(growing, following, lr="linear(1, 0)", total=total, clock=clock)
    shown = ps.trace(plan, probes(names), facts=ps.RunFacts(**facts))
    planned_values = lines(plan, probes(names), **facts)
    optimizers = probes(names)
    scheduler = ps.Scheduler(optimizers, plan, drive=drive, **facts)
    actual = {name: [] for name in names}

    for step in range(30):
        optimizers[names[step % 2]].step()
        assert scheduler.value("batch_size") == shown["batch_size"][scheduler.t]
        assert scheduler.amount == shown.amounts[scheduler.t]
        if step == 14:  # after the step of the first one
            saved = {name: copy.deepcopy(optimizer.state_dict()) for name, optimizer in optimizers.items()}
            actual = {name: used(optimizer) for name, optimizer in optimizers.items()}
            optimizers = probes(names)
            for name, optimizer in optimizers.items():
                optimizer.load_state_dict(saved[name])
            scheduler = ps.Scheduler(optimizers, plan, drive=drive, **facts)
    sizes = shown["batch_size"][:15]

    assert {name: actual[name] + used(optimizer) for name, optimizer in optimizers.items()} == {
        name: planned_values[name][:15] for name in names
    }
    assert planned_values["adamw"][:15] == pytest.approx(list(0.2 * (sizes / 4) ** 0.5), rel=1e-15)
