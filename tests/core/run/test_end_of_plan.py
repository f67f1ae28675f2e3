"""The end of a plan, short runs, and whether a loop should stop."""

import copy
import warnings

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import paramsched as ps
from core.run.run_ends import lines_logged
from paramsched.core.plan.optimizers import shown_names
from support.diagnosed import diagnosis_of
from support.tables import table
from support.updates import probe

TOTAL = 10


def sgd():
    parameter = torch.nn.Parameter(torch.ones(1))
    parameter.grad = torch.ones(1)
    return torch.optim.SGD([parameter], lr=0.1)


def by_hooks(plan="cosine()", **facts):
    optimizer = sgd()
    ps.Scheduler(optimizer, plan, **(facts or {"total": TOTAL}))
    return optimizer.step


def by_hand():
    return ps.Scheduler(sgd(), "cosine()", total=TOTAL, drive="manual").step


def by_several():
    both = {"a": sgd(), "b": sgd()}
    ps.Scheduler(both, "cosine()", total=TOTAL)
    return lambda: [optimizer.step() for optimizer in both.values()]


def by_reports():
    optimizer = sgd()
    scheduler = ps.Scheduler(optimizer, ps.Plan(lr="cosine()", clock="tokens", total="1000 tokens"))
    return lambda: (scheduler.consumed(tokens=100), optimizer.step())


def by_amounts():
    return by_hooks(ps.Plan(lr="cosine()", clock="tokens", total="1000 tokens"), tokens_per_step=100)


def reported_at(step, updates):
    """Return the updates after which there was a warning of the end of the plan."""
    actual = []
    for update in range(1, updates + 1):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            step()
        actual += [update] * sum("[PS406]" in str(warning.message) for warning in caught)
    return actual


@pytest.mark.parametrize("begin", [by_hooks, by_hand, by_several, by_reports, by_amounts])
@pytest.mark.parametrize("updates", [TOTAL, TOTAL + 30])
def test_the_first_update_after_the_end_warns(begin, updates):
    assert reported_at(begin(), updates) == [TOTAL + 1] * (updates > TOTAL)


@pytest.mark.parametrize(("saved", "later"), [(TOTAL - 3, 4), (TOTAL, 1)])
def test_a_resumed_run_warns_at_the_same_update(saved, later):
    step = by_hooks()
    optimizer = sgd()
    reported_at(step, saved)
    ps.Scheduler(optimizer, "cosine()", total=TOTAL)
    optimizer.load_state_dict(step.__self__.state_dict())

    assert reported_at(optimizer.step, 10) == [later]


def test_the_end_of_a_plan_in_tokens_is_that_of_its_tokens_in_a_run_that_resumes_with_other_batches(recwarn):
    plan = ps.Plan(lr="linear()", clock="tokens", total="1000 tokens")
    optimizer = sgd()
    second = sgd()
    scheduler = ps.Scheduler(optimizer, plan, tokens_per_step=10)
    for _ in range(40):
        optimizer.step()
    resumed = ps.Scheduler(second, plan, tokens_per_step=40, strict=True)

    second.load_state_dict(optimizer.state_dict())
    resumed.load_state_dict(scheduler.state_dict())
    for _ in range(15):
        second.step()

    assert (resumed.t, resumed.amount, second.param_groups[0]["lr"], recwarn.list) == (55, 1000, 0.0, [])
    with pytest.raises(ps.PlanWarning, match="after 1000 tokens, and the run goes on"):
        second.step()


def test_a_copy_does_not_warn_again_and_a_seek_to_the_begin_does():
    optimizer = sgd()
    scheduler = ps.Scheduler(optimizer, "cosine()", total=TOTAL)
    reported_at(optimizer.step, TOTAL + 2)

    assert reported_at(copy.deepcopy(scheduler).optimizer.step, 5) == []
    scheduler.seek(0)
    assert reported_at(optimizer.step, TOTAL + 2) == [TOTAL + 1]


def trained(updates, plan="linear()", total=100, **options):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1)
    scheduler = ps.Scheduler(optimizer, plan, total=total, **options)
    for _ in range(updates):
        optimizer.step()
    return optimizer, scheduler


def continued_with_the_plan_of_the_checkpoint():
    optimizer, _ = trained(10, "linear(1, 0.2)")
    again, scheduler = trained(0, "constant()", on_change="checkpoint")
    again.load_state_dict(optimizer.state_dict())
    for _ in range(20):
        again.step()
    return scheduler


@table(
    ("make", "texts"),
    [
        (lambda: trained(30)[1], ["update 30 of 100", "lr 0.071", "ends at 0"]),
        (lambda: trained(30, "cosine(to=0.5)")[1], ["update 30 of 100", "ends at 0.05"]),
        (continued_with_the_plan_of_the_checkpoint, ["update 30 of 100", "lr 0.0768", "ends at 0.02"]),
    ],
)
def test_a_run_that_ends_before_its_plan_is_reported_with_its_last_value_and_that_of_the_plan(make, texts):
    scheduler = make()
    problem = diagnosis_of(scheduler._run).end.short_run()

    assert [text for text in texts if text not in problem] == []


def detached():
    _, scheduler = trained(30)
    scheduler.detach()
    return scheduler


def replaced():
    optimizer, scheduler = trained(30)
    ps.Scheduler(optimizer, "linear()", total=30)
    return scheduler


def sought():
    optimizer, scheduler = trained(30)
    scheduler.seek(10)
    optimizer.step()
    return scheduler


def moved_back_by_a_load():
    optimizer, scheduler = trained(30)
    saved = copy.deepcopy(optimizer.state_dict())
    for _ in range(30):
        optimizer.step()
    optimizer.load_state_dict(saved)
    optimizer.step()
    return scheduler


def finished_by_another_process():
    optimizer, _ = trained(100)
    _, scheduler = trained(0, total=30)
    scheduler.load_state_dict(ps.Scheduler(optimizer, "linear()", total=100).state_dict())
    return scheduler


def over_by_its_tokens():
    optimizer = sgd()
    plan = ps.Plan(lr="linear()", clock="tokens", total="1000 tokens")
    scheduler = ps.Scheduler(optimizer, plan, tokens_per_step=10)
    for _ in range(3):
        scheduler.consumed(tokens=400)
        optimizer.step()
    return scheduler


MEANT = {
    "the end": lambda: trained(100)[1],
    "a skipped update": lambda: trained(99)[1],
    "no update": lambda: trained(0)[1],
    "a constant": lambda: trained(30, "constant()")[1],
    "a constant tail": lambda: trained(30, "cosine(over=20)")[1],
    "no end": lambda: trained(30, ps.constant(), None)[1],
    **{begin.__name__: begin for begin in (
        detached, replaced, sought, moved_back_by_a_load, finished_by_another_process, over_by_its_tokens,
    )},
}  # fmt: skip


@pytest.mark.parametrize("name", MEANT)
@pytest.mark.filterwarnings("ignore:the learning rate is nearly 0")
@pytest.mark.filterwarnings("ignore:the optimizer has completed 100 updates")
def test_a_run_that_was_meant_to_end_is_not_reported(name):
    scheduler = MEANT[name]()

    assert diagnosis_of(scheduler._run).end.short_run() == ""


SCRIPT = """
import copy, torch
import paramsched as ps

def train(updates):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1)
    scheduler = ps.Scheduler(optimizer, "linear()", total=100)
    for _ in range(updates):
        optimizer.step()
    return optimizer, scheduler
"""


@pytest.mark.parametrize(
    ("code", "is_reported"),
    [
        ("[train(updates) for updates in (10, 100, 30)]", True),  # in a function, so nothing of the run is left
        ("[train(updates) for updates in (10, 100)]", False),
        ("both = train(30); copy.deepcopy(both)", True),
        ("torch.save(train(30)[0].state_dict(), 'run.pt')", False),
        ("train(30)[1].state_dict()", False),
        ("both = train(29); both[0].state_dict(); both[0].step()", True),
        ("train(30); raise ValueError", False),
        ("train(30); raise KeyboardInterrupt", False),
    ],
)
def test_the_normal_end_of_a_process_logs_one_line_about_its_last_run(code, is_reported, tmp_path):
    lines = lines_logged(SCRIPT + code, tmp_path)

    assert ["the run ended at update 30 of 100" in line for line in lines] == [True] * is_reported


ON_CLOCKS = """
import torch
import paramsched as ps

def train(updates, clock, lr, tokens=0, **facts):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1)
    scheduler = ps.Scheduler(optimizer, ps.Plan(lr=lr, clock=clock), **facts)
    for t in range(updates):
        if clock == "progress":
            scheduler.report(progress=t // 20 * 20 / 100)  # once for 20 updates
        elif tokens:
            scheduler.consumed(tokens=tokens)
        optimizer.step()
"""


@pytest.mark.parametrize(
    ("arguments", "lr"),
    [
        ("'updates', {}, total=100", "cosine(to=0.1)"),
        ("'tokens', {}, total='1M tokens', tokens_per_step=10_000", "cosine(to=0.1)"),
        ("'samples', {}, total='1M samples', batch_size=10_000", "cosine(to=0.1)"),
        ("'tokens', {}, total='1M tokens', tokens=10_000", "cosine(to=0.1, over='1M tokens')"),
        ("'progress', {}", "cosine(to=0.1)"),
    ],
)
@pytest.mark.parametrize("updates", [50, 100])
def test_a_run_that_ends_early_is_reported_with_its_values_on_every_clock(arguments, lr, updates, tmp_path):
    lines = lines_logged(ON_CLOCKS + f"train({updates}, {arguments.format(repr(lr))})", tmp_path)
    reported = [line for line in lines if "the run ended at update" in line]

    assert ["with lr 0.0" in line and "ends at 0.01" in line for line in reported] == [True] * (updates == 50)


@pytest.mark.parametrize("arguments", ["total='1M tokens', tokens_per_step=10_000", "total='1M tokens', tokens=10_000"])
def test_an_early_end_that_changes_no_value_is_not_reported(arguments, tmp_path):
    lr = "warmup('100k tokens') >> constant()"

    assert not [
        line
        for line in lines_logged(ON_CLOCKS + f"train(50, 'tokens', {lr!r}, {arguments})", tmp_path)
        if "the run ended" in line
    ]


WATCHING = """
import torch
import paramsched as ps

def train(observed=(), **facts):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1)
    line = "constant() * plateau('val_loss', patience=2) * hold('kl', at=1, gain=0.1)"
    scheduler = ps.Scheduler(optimizer, line, **facts)
    for _ in range(30):
        optimizer.step()
        scheduler.observe(**dict.fromkeys(observed, 1.0))
    return optimizer, scheduler
"""


@pytest.mark.parametrize(
    ("code", "idle"),
    [
        ("train()", ["val_loss", "kl"]),
        ("torch.save(train(['kl'])[1].state_dict(), 'run.pt')", ["val_loss"]),
        ("train(total=30)", ["val_loss", "kl"]),
        ("train(['val_loss', 'kl'])", []),
        ("train(); raise ValueError", []),
        ("optimizer, scheduler = train(['val_loss', 'kl']); train()", ["val_loss", "kl"]),
    ],
)
def test_the_normal_end_of_a_process_names_once_the_rules_that_observed_nothing(code, idle, tmp_path):
    actual = [line for line in lines_logged(WATCHING + code, tmp_path) if "was ever reported" in line]

    assert len(actual) == bool(idle)
    assert [name for name in ("val_loss", "kl") if f"{name}=…" in "".join(actual)] == idle


GROWING = """
import torch
import paramsched as ps

def group(**entries):
    return {"params": [torch.nn.Parameter(torch.ones(1))], **entries}

def train(*added, updates=30, optimizer=None, plan="{total: 50, lr: linear(), later: {'head, tail': {lr: linear()}}}"):
    optimizer = optimizer or torch.optim.SGD([group()], lr=0.1)
    scheduler = ps.Scheduler(optimizer, plan)
    for t in range(updates):
        for name in added if t == 10 else ():
            optimizer.add_param_group(group(name=name))
        optimizer.step()
    return optimizer
"""


@pytest.mark.parametrize(
    ("code", "missing"),
    [
        ("train('head')", ["lr @ tail"]),
        ("train()", ["lr @ head", "lr @ tail"]),
        ("train('head', updates=50)", ["lr @ tail"]),
        ("train('head', 'tail')", []),
        ("train(updates=50).state_dict()", ["lr @ head", "lr @ tail"]),
        ("train(updates=30).state_dict()", []),  # the next job may add the groups
        ("train(optimizer=train('head', 'tail', updates=20))", []),
        ("train(); raise ValueError", []),
    ],
)
def test_the_normal_end_of_a_process_names_once_the_optional_lines_without_a_group(code, missing, tmp_path):
    actual = [line for line in lines_logged(GROWING + code, tmp_path) if "optional lines" in line]

    assert len(actual) == bool(missing)
    assert [name for name in ("lr @ head", "lr @ tail") if name in "".join(actual)] == missing


@pytest.mark.parametrize("drive", ["optimizer", "manual"])
def test_strict_raises_at_the_end_of_the_plan_if_an_optional_line_has_no_group(drive):
    plan = ps.Plan(ps.Binding("lr", "linear()", groups="head", optional=True), lr="linear()", total=TOTAL)
    scheduler = ps.Scheduler(sgd(), plan, strict=True, drive=drive)
    step = scheduler.step if drive == "manual" else scheduler.optimizer.step
    for _ in range(TOTAL - 1):
        step()

    with pytest.raises(ps.PlanWarning, match="lr @ head"):
        step()
    assert scheduler.t == TOTAL


LR = "linear(1, 0)"


def on_tokens(**facts):
    return ps.Scheduler(probe(), ps.Plan(lr=LR, clock="tokens", total="1000 tokens"), **facts)


@pytest.mark.filterwarnings("ignore:the plan is over after 1000 tokens")
@given(st.lists(st.integers(0, 400), min_size=1, max_size=12))
def test_a_loop_on_a_clock_of_tokens_ends_with_the_last_update_that_starts_before_the_total(amounts):
    scheduler = on_tokens()
    before = 0
    for tokens in amounts:
        scheduler.consumed(tokens=tokens)
        assert scheduler.should_stop is (before >= 1000)  # a report is not counted before its update ends
        scheduler.optimizer.step()
        before += tokens
    assert scheduler.should_stop is (before >= 1000)


@table(
    ("steps", "late"),
    [
        ("ab " * 10, []),
        ("ba " * 10, []),
        ("b " + "ab " * 9, ["a"]),  # the first step of a is skipped, as by a GradScaler
        ("b " + "ba " * 9, ["a"]),  # seen at the second update
        ("bc " + "abc " * 9, ["a"]),
        ("c " + "abc " * 9, ["a", "b"]),
    ],
)
@pytest.mark.parametrize("ending", ["", "del s"])
def test_an_optimizer_that_skipped_its_first_step_is_named_at_the_latest_at_the_end(steps, late, ending, tmp_path):
    names = sorted({*steps} - {" "})
    code = f"""
import torch, paramsched as ps
def optimizer():
    parameter = torch.nn.Parameter(torch.ones(1))
    parameter.grad = torch.ones(1)
    return torch.optim.SGD([parameter], lr=0.1)
def main():
    optimizers = {{name: optimizer() for name in {names}}}
    s = ps.Scheduler(optimizers, "cosine()", total=10)
    {ending}
    for name in {steps.replace(" ", "")!r}:
        optimizers[name].step()
main()
"""
    lines = [line for line in lines_logged(code, tmp_path) if "without a step of" in line]

    assert len(lines) == bool(late)
    assert all(f"without a step of {shown_names(late)}." in line for line in lines)
