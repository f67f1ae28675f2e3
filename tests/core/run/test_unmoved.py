"""A plan that never moves: a run without a counted update, whose parameters were written."""

import copy
import gc
import pickle
import sys
import types
import warnings
import weakref

import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from torch.optim.optimizer import register_optimizer_step_post_hook

import paramsched as ps
from core.run.run_ends import lines_logged
from support import programs
from support.diagnosed import diagnosis_of

TOTAL = 50
ENOUGH = 10  # writes, and queries


def network():
    return torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Linear(4, 2))


def sgd(model=None, **options):
    return torch.optim.SGD((model or network()).parameters(), lr=0.1, **options)


def attach(optimizer, plan="cosine()", **options):
    return ps.Scheduler(optimizer, plan, total=TOTAL, **options)


def train(optimizer, updates, after=None):
    for _ in range(updates):
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                parameter.grad = torch.ones_like(parameter)
        optimizer.step()
        if after is not None:
            after()


def own_step(self, closure=None):
    with torch.no_grad():
        for group in self.param_groups:
            for parameter in group["params"]:
                parameter.sub_(group["lr"] * parameter.grad)


class Wrapper:
    """A wrapper with a step of its own, around an optimizer that has the hooks."""

    def __init__(self, optimizer):
        self.optimizer = optimizer
        self.param_groups = optimizer.param_groups

    step = own_step


def without_a_call(**options):
    optimizer = sgd(**options)
    scheduler = attach(optimizer, drive="manual")
    return scheduler, optimizer


def constructed_again():
    model = network()
    return attach(sgd(model)), torch.optim.AdamW(model.parameters())


def needs_fused_steps():
    if torch.__version__ < (2, 4):
        pytest.skip("fused optimizers on the CPU need torch 2.4")


def beside_fused(optimizer_class, **options):
    def begin():
        needs_fused_steps()
        model = network()
        return attach(sgd(model)), optimizer_class(model.parameters(), fused=True, **options)

    begin.__name__ = f"beside_fused_{optimizer_class.__name__}_{len(options)}"
    return begin


def constructed_again_fused_and_deleted():
    needs_fused_steps()
    model = network()
    scheduler = attach(sgd(model))
    run = scheduler._run
    del scheduler
    gc.collect()
    return types.SimpleNamespace(_run=run), torch.optim.AdamW(model.parameters(), fused=True)


def beside_fused_of_a_moved_model():
    needs_fused_steps()
    model = network()
    scheduler = attach(sgd(model))
    for parameter in model.parameters():
        parameter.data = parameter.data.clone()
    return scheduler, torch.optim.AdamW(model.parameters(), fused=True)


def constructed_again_and_deleted():
    scheduler, optimizer = constructed_again()
    run = scheduler._run
    del scheduler
    return types.SimpleNamespace(_run=run), optimizer


def replaced_before():
    optimizer = sgd()
    optimizer.step = types.MethodType(own_step, optimizer)
    return attach(optimizer), optimizer


def replaced_after():
    optimizer = sgd()
    scheduler = attach(optimizer)
    optimizer.step = types.MethodType(own_step, optimizer)
    return scheduler, optimizer


def wrapped():
    wrapper = Wrapper(sgd())
    return attach(wrapper), wrapper


def fused():
    needs_fused_steps()
    optimizer = torch.optim.AdamW(network().parameters(), fused=True)
    return attach(optimizer, drive="manual"), optimizer


def with_replaced_parameters():
    scheduler, optimizer = without_a_call(momentum=0.9)
    optimizer.param_groups[0]["params"] = [torch.nn.Parameter(torch.ones(3))]
    return scheduler, optimizer


def resumed():
    saved = sgd()
    attach(saved)
    train(saved, 20)
    scheduler, optimizer = without_a_call()
    optimizer.load_state_dict(saved.state_dict())
    return scheduler, optimizer


def one_of_several():
    first = sgd()
    second = sgd()
    return attach({"a": first, "b": second}, drive="manual"), second


def after_one_seek():
    scheduler, optimizer = without_a_call()
    scheduler.seek(20)
    return scheduler, optimizer


def without_a_report_of_progress():
    optimizer = sgd()
    return ps.Scheduler(optimizer, ps.Plan(lr="cosine()", clock="progress"), drive="manual"), optimizer


STILL = (
    without_a_call, constructed_again, constructed_again_and_deleted, replaced_before, replaced_after, wrapped, fused,
    with_replaced_parameters, resumed, one_of_several, after_one_seek, without_a_report_of_progress,
    *map(beside_fused, (torch.optim.AdamW, torch.optim.Adam, torch.optim.SGD)),
    beside_fused(torch.optim.SGD, lr=0.1, momentum=0.9), constructed_again_fused_and_deleted,
    beside_fused_of_a_moved_model,
)  # fmt: skip


@pytest.mark.parametrize("begin", STILL, ids=lambda value: value.__name__)
def test_a_run_without_an_update_whose_parameters_are_trained_is_reported(begin):
    scheduler, optimizer = begin()
    before = diagnosis_of(scheduler._run).unmoved()
    train(optimizer, 20)

    assert before is None
    assert diagnosis_of(scheduler._run).unmoved() is not None


def trained_by_the_other():
    first = sgd()
    second = sgd()
    scheduler = attach({"g": first, "d": second}, drive="g")
    train(second, TOTAL)
    return scheduler


def by_hand():
    scheduler, optimizer = without_a_call()
    train(optimizer, 20, scheduler.step)
    return scheduler


def sought_at_each_update():
    scheduler, optimizer = without_a_call()
    train(optimizer, 20, lambda: scheduler.seek(scheduler.t + 1))
    return scheduler


def moved_by_progress():
    scheduler, optimizer = without_a_report_of_progress()
    scheduler.report(progress=0.1)
    train(optimizer, 20)
    return scheduler


def moved_by_a_metric():
    optimizer = sgd()
    scheduler = attach(optimizer, "constant() * plateau('loss')", drive="manual")
    train(optimizer, 20, lambda: scheduler.observe(loss=1.0))
    return scheduler


def detached():
    scheduler, optimizer = without_a_call()
    train(optimizer, 20)
    scheduler.detach()
    return scheduler


def resumed_at_its_end():
    saved = sgd()
    attach(saved)
    train(saved, TOTAL)
    scheduler, optimizer = without_a_call()
    optimizer.load_state_dict(saved.state_dict())
    train(optimizer, 20)
    return scheduler


def evaluated():
    model = network()
    scheduler = attach(sgd(model))
    for _ in range(20):
        model(torch.ones(3)).sum().backward()
    return scheduler


def evaluated_with_an_embedding_that_scales_its_rows():
    model = torch.nn.Sequential(torch.nn.Embedding(5, 3, max_norm=0.5), torch.nn.Linear(3, 2))
    scheduler = attach(sgd(model))
    with torch.no_grad():
        for _ in range(20):
            model(torch.arange(5))
    return scheduler


def loaded_several_times():
    model = network()
    optimizer = torch.optim.AdamW(model.parameters())
    attach(optimizer)
    train(optimizer, 20)
    saved = copy.deepcopy((model.state_dict(), optimizer.state_dict()))
    again = network()
    scheduler = attach(optimizer := torch.optim.AdamW(again.parameters()))
    for _ in range(20):
        again.load_state_dict(saved[0])
        optimizer.load_state_dict(saved[1])
    return scheduler


def initialized_and_averaged():
    model = network()
    scheduler = attach(sgd(model))
    for layer in model:
        torch.nn.init.trunc_normal_(layer.weight)
        torch.nn.init.zeros_(layer.bias)
    averaged = torch.optim.swa_utils.AveragedModel(model)
    for _ in range(20):
        averaged.update_parameters(model)
    model.load_state_dict(averaged.module.state_dict())
    return scheduler


def frozen_beside_a_fused_optimizer():
    needs_fused_steps()
    model = network()
    scheduler = attach(sgd(model[1]))
    fused = torch.optim.AdamW(model.parameters(), fused=True)
    for _ in range(20):
        model[0](torch.ones(3)).sum().backward()
        fused.step()
    return scheduler


def beside_a_fused_optimizer_of_other_parameters():
    needs_fused_steps()
    scheduler = attach(sgd())
    train(torch.optim.AdamW(network().parameters(), fused=True), 20)
    return scheduler


def nearly_trained_by_a_fused_optimizer():
    needs_fused_steps()
    model = network()
    scheduler = attach(sgd(model))
    train(torch.optim.AdamW(model.parameters(), fused=True), ENOUGH - 1)
    return scheduler


def nearly_trained():
    scheduler, optimizer = without_a_call()
    train(optimizer, ENOUGH - 1)
    return scheduler


def followed():
    optimizer = sgd()
    scheduler = attach(optimizer)
    train(optimizer, 20)
    return scheduler


def parameters_without_counts():
    with torch.inference_mode():
        inference = torch.nn.Parameter(torch.ones(2))
    parameters = [inference, torch.nn.Parameter(torch.ones(2, device="meta")), torch.nn.UninitializedParameter()]
    return attach(torch.optim.SGD(parameters, lr=0.1))


SILENT = (
    trained_by_the_other, by_hand, sought_at_each_update, moved_by_progress, moved_by_a_metric, detached,
    resumed_at_its_end, evaluated, evaluated_with_an_embedding_that_scales_its_rows, loaded_several_times,
    initialized_and_averaged, nearly_trained, followed, parameters_without_counts, frozen_beside_a_fused_optimizer,
    beside_a_fused_optimizer_of_other_parameters, nearly_trained_by_a_fused_optimizer,
)  # fmt: skip


@pytest.mark.parametrize("make", SILENT, ids=lambda value: value.__name__)
def test_a_run_that_moves_or_does_not_train_is_not_reported(make):
    assert diagnosis_of(make()._run).unmoved() is None


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("write"), st.integers(1, 12)),
        st.tuples(st.sampled_from(["seek", "load", "copy", "update"]), st.just(0)),
    ),
    max_size=12,
)


@given(STEPS)
@example([("write", 12), ("load", 0)])
@example([("write", 12), ("seek", 0)])
def test_a_run_is_reported_exactly_after_ten_writes_since_it_came_to_its_position(steps):
    optimizer = sgd()
    scheduler = attach(optimizer, drive="manual")
    parameters = optimizer.param_groups[0]["params"]
    writes = 0
    has_moved = False
    for action, count in steps:
        if action == "write":
            with torch.no_grad():
                for _ in range(count):
                    for parameter in parameters[:2]:
                        parameter.add_(1)
            writes += count
        elif action == "update":
            scheduler.step()
            has_moved = True
        elif action == "seek":
            scheduler.seek(scheduler.t)
            writes = 0
        elif action == "load":
            optimizer.load_state_dict(optimizer.state_dict())
            writes = 0
        else:
            copy.deepcopy(scheduler)

        assert (diagnosis_of(scheduler._run).unmoved() is not None) == (writes >= ENOUGH and not has_moved)


def loop(scheduler, step):
    """Train until the Scheduler stops; return the iterations before its warnings, and the number of iterations."""
    warned = []
    iterations = 0
    while iterations < 5 * TOTAL:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            is_over = scheduler.should_stop
        warned += [iterations] * len(caught)
        if is_over:
            break
        step(iterations)
        iterations += 1
    return warned, iterations


@pytest.mark.parametrize(
    "begin", [begin for begin in STILL if "deleted" not in begin.__name__ and begin is not one_of_several]
)
def test_should_stop_warns_once_of_a_loop_that_would_not_end(begin):
    scheduler, optimizer = begin()
    warned, _ = loop(scheduler, lambda _: train(optimizer, 1))

    assert len(warned) == 1
    assert ENOUGH - 1 <= warned[0] <= ENOUGH


def test_should_stop_raises_the_warning_with_strict_and_the_position_stays():
    optimizer = sgd()
    scheduler = attach(optimizer, drive="manual", strict=True)

    with pytest.raises(ps.PlanWarning):
        loop(scheduler, lambda _: train(optimizer, 1))
    assert scheduler.t == 0


@pytest.mark.parametrize("drive", ["g", "manual"])
def test_a_loop_that_trains_another_optimizer_first_ends_in_silence(drive):
    first = sgd()
    second = sgd()
    scheduler = attach({"g": first, "d": second}, drive=drive)

    def step(iteration):
        train(second, 1)
        if iteration >= TOTAL:
            train(first, 1, scheduler.step)

    assert loop(scheduler, step) == ([], 2 * TOTAL)


def test_a_loop_that_accumulates_after_other_training_ends_in_silence():
    optimizer = sgd()
    earlier = torch.optim.SGD(optimizer.param_groups[0]["params"], lr=0.1)
    scheduler = attach(optimizer)
    train(earlier, 20)

    def step(iteration):
        if iteration % 16 == 15:
            train(optimizer, 1)

    warned, _ = loop(scheduler, step)

    assert warned == []


def test_a_loop_with_an_update_per_epoch_ends_in_silence():
    scheduler, optimizer = without_a_call()

    assert loop(scheduler, lambda _: (train(optimizer, 20), scheduler.step())) == ([], TOTAL)


def counted(drive):
    first = sgd()
    second = sgd()
    scheduler = attach({"g": first, "d": second}, drive=drive)
    train(second if drive == "optimizer" else first, 1, scheduler.step)
    return scheduler


def counted_alone(drive):
    optimizer = sgd()
    scheduler = attach(optimizer, drive=drive)
    train(optimizer, 1, scheduler.step)
    return scheduler


@pytest.mark.parametrize("make", [counted, counted_alone])
@pytest.mark.parametrize("drive", ["optimizer", "manual", "g"])
def test_a_run_keeps_nothing_of_the_parameters_after_its_first_update(make, drive):
    if (make, drive) != (counted_alone, "g"):
        assert diagnosis_of(make(drive)._run).training is None


def test_a_hook_of_the_user_for_all_optimizers_may_count_the_first_update():
    optimizer = sgd()
    scheduler = attach(optimizer, drive="manual")
    handles = [register_optimizer_step_post_hook(lambda *_: None) for _ in range(2)]
    handles.insert(1, register_optimizer_step_post_hook(lambda *_: scheduler.step()))
    train(optimizer, 3)
    for handle in handles:
        handle.remove()

    assert scheduler.t == 3


def loaded(drive="manual", updates=20, optimizer=torch.optim.SGD):
    """Return a run that has loaded a checkpoint, and its optimizer."""
    saved, resumed_optimizer = (optimizer(network().parameters(), lr=0.1) for _ in range(2))
    source = attach(saved, drive=drive)
    train(saved, updates, source.step if drive == "manual" else None)
    state = copy.deepcopy(saved.state_dict())
    scheduler = attach(resumed_optimizer, drive=drive)
    resumed_optimizer.load_state_dict(state)
    return scheduler, resumed_optimizer


def forward(scheduler, optimizer):
    for _ in range(10):
        scheduler.step()
    train(optimizer, 2, scheduler.step)


def one_step_first(scheduler, optimizer):
    scheduler.step()
    train(optimizer, 10, scheduler.step)


def never_seen(scheduler, optimizer):
    forward(scheduler, Wrapper(optimizer))


def sought(scheduler, optimizer):
    scheduler.seek(30)
    train(optimizer, 2, scheduler.step)


def replayed(scheduler, optimizer):
    """Replay steps that call no hook, and count in the optimizer's own state."""
    for _ in range(10):
        for state in optimizer.state.values():
            state["step"] += 1
        scheduler.step()
    train(optimizer, 2, scheduler.step)


@pytest.mark.parametrize(
    ("loop", "optimizer", "count"),
    [
        (forward, torch.optim.SGD, 1),
        (forward, torch.optim.AdamW, 1),
        (one_step_first, torch.optim.SGD, 0),
        (never_seen, torch.optim.SGD, 0),
        (sought, torch.optim.SGD, 0),
        (replayed, torch.optim.AdamW, 0),
    ],
)
@pytest.mark.parametrize("is_late", [False, True])
def test_a_scheduler_that_is_moved_forward_after_a_load_is_logged_once(loop, optimizer, count, is_late, caplog):
    scheduler, resumed_optimizer = loaded(optimizer=optimizer)
    if is_late:  # the Scheduler is constructed after the load
        scheduler = attach(resumed_optimizer, drive="manual")
    caplog.clear()
    loop(scheduler, resumed_optimizer)

    assert caplog.text.count("moved 10 updates") == count
    assert caplog.text.count("without a step") == count


def test_aliases_are_in_no_copy_and_hinder_neither_a_swap_nor_the_end_of_an_optimizer():
    model = network()
    optimizer = sgd(model)
    scheduler = attach(optimizer)
    size = len(pickle.dumps(scheduler))
    train(optimizer, 1)
    swapped = torch.nn.Parameter(torch.zeros(4))
    attached = attach(sgd(model))
    torch.utils.swap_tensors(model[0].bias, swapped)
    gone = weakref.ref(attached.optimizer)
    gc.disable()

    try:
        del attached
        assert gone() is None
    finally:
        gc.enable()
    assert abs(len(pickle.dumps(scheduler)) - size) < 100


PROGRAM = """
import gc, os, types, torch
import paramsched as ps

def sgd(model=None):
    return torch.optim.SGD((model or torch.nn.Linear(3, 2)).parameters(), lr=0.1)

def train(*optimizers, updates=30):
    for _ in range(updates):
        for optimizer in optimizers:
            for parameter in optimizer.param_groups[0]["params"]:
                parameter.grad = torch.ones_like(parameter)
            optimizer.step()

def still(**options):
    optimizer = sgd()
    scheduler = ps.Scheduler(optimizer, "cosine()", total=100, drive="manual", **options)
    train(optimizer)
    return optimizer, scheduler

def again():
    model = torch.nn.Linear(3, 2)
    ps.Scheduler(sgd(model), "cosine()", total=100)
    train(sgd(model))

def both(total=100, other=100):
    optimizers = sgd(), sgd()
    schedulers = [ps.Scheduler(one, "cosine()", total=n) for one, n in zip(optimizers, (total, other))]
    train(*optimizers)
    return schedulers
"""


HOOKS = """
from torch.optim.optimizer import _global_optimizer_post_hooks as hooks

optimizer, other = sgd(), sgd()
scheduler = ps.Scheduler(optimizer, "cosine()", total=1, drive=DRIVE)
second = ps.Scheduler(other, "cosine()", total=100)
numbers = [len(hooks)]
train(optimizer, updates=1)
scheduler.step()
numbers.append(len(hooks))
second.detach()
numbers.append(len(hooks))
assert numbers == [1, 1, 0], numbers
"""


@pytest.mark.parametrize("drive", ["optimizer", "manual"])
def test_torch_has_no_hook_when_no_run_waits_for_its_first_update(drive):
    code = PROGRAM + HOOKS.replace("DRIVE", repr(drive))
    ran = programs.run(["-c", code], env={"PYTHONPATH": ":".join(sys.path)})

    assert (ran.returncode, ran.stderr) == (0, "")


def numbers_in(lines):
    return lines.count("the plan is still at"), lines.count("the run ended")


@pytest.mark.parametrize(
    ("code", "lines"),
    [
        ("still(); gc.collect()", (1, 0)),
        ("still(strict=True)", (1, 0)),
        ("again(); gc.collect()", (1, 0)),
        ("both = still(); both[0].state_dict(); both[1].state_dict()", (1, 0)),
        ("still()[1].detach()", (0, 0)),
        ("[still() for _ in range(3)]", (1, 0)),  # one after another: the last one
        ("both()", (0, 2)),
        ("both(total=30)", (0, 1)),
        ("both(other=30)", (0, 1)),
        ("both()[0].detach()", (0, 1)),
        ("[both() for _ in range(3)]", (0, 2)),
        ("first = sgd(); ps.Scheduler(first, 'cosine()', total=100); still(); train(first)", (1, 1)),
        ("first = sgd(); ps.Scheduler(first, 'cosine()', total=100); train(first); still()", (1, 0)),
        # Another Scheduler of the same parameters that does not train.
        (
            "model = torch.nn.Linear(3, 2); optimizer = sgd(model); ps.Scheduler(optimizer, 'cosine()', total=30); "
            "kept = ps.Scheduler(sgd(model), 'cosine()', total=30); train(optimizer)",
            (0, 0),
        ),
        # Both were constructed again.
        (
            "model = torch.nn.Linear(3, 2); kept = ps.Scheduler(sgd(model), 'cosine()', total=30); optimizer = "
            "sgd(model); ps.Scheduler(optimizer, 'cosine()', total=30); train(optimizer)",
            (0, 0),
        ),
    ],
)
def test_the_normal_end_of_a_process_has_a_line_for_each_run_that_was_under_way(code, lines, tmp_path):
    assert numbers_in("\n".join(lines_logged(PROGRAM + code, tmp_path))) == lines


@pytest.mark.parametrize("end", ["os._exit(0) if os.fork() == 0 else os.wait()", "os.fork() and os.wait()"])
def test_a_process_logs_its_runs_when_it_ends_and_one_that_it_has_forked_logs_none(end):
    ran = programs.run(["-c", f"{PROGRAM}kept = still(); {end}"], env={"PYTHONPATH": ":".join(sys.path)})

    assert (ran.returncode, numbers_in(ran.stderr)) == (0, (1, 0))
