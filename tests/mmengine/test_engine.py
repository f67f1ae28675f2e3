"""Plans and the drop-in classes inside MMEngine's own Runner: planned equals used, checkpoints resume."""

# ruff: noqa: C408  # the configs are written as MMEngine's users write them

import json
from pickle import UnpicklingError
from types import SimpleNamespace

import numpy as np
import pytest
import torch

pytest.importorskip("mmengine")

from mmengine.hooks import Hook
from mmengine.logging import HistoryBuffer
from mmengine.optim import OptimWrapper
from mmengine.registry import HOOKS, PARAM_SCHEDULERS

import paramsched as ps
from paramsched.errors import MissingFact
from paramsched.mmengine import engine as engine
from support.mmengine_runs import BATCHES, EPOCHS, Runs, Toy, sgd

pytestmark = pytest.mark.package("engines")


@pytest.fixture
def run(tmp_path):
    """Run MMEngine's Runner; return the values each iteration used and the Runner."""
    runs = Runs(tmp_path)
    yield runs
    runs.close()


def named(config):
    return [{**element, "type": f"paramsched.{element['type']}"} for element in config]


PLAN = ps.Plan(lr="warmup(4) >> cosine(to=0.1)", momentum="linear(1.0, 0.5)")


WARMUP = dict(type="LinearLR", start_factor=0.1, by_epoch=False, end=8)
MOMENTUM = dict(type="StepMomentum", step_size=2, gamma=0.5)
OF_LR = dict(type="PlanScheduler", plan="linear()", convert_to_iter_based=True)


@pytest.mark.parametrize(
    ("config", "hooks", "named"),
    [
        ([WARMUP, OF_LR], [], ["LinearLR"]),
        ([WARMUP, OF_LR], [dict(type="ValuesHook")], ["LinearLR"]),
        ([OF_LR, {**WARMUP, "type": "PolyLR"}], [dict(type="ValuesHook")], ["PolyLR"]),
        ([OF_LR, {**WARMUP, "type": "paramsched.LinearLR"}], [dict(type="AmountHook")], ["LinearLR"]),
        ([OF_LR, MOMENTUM], [dict(type="ValuesHook")], []),
        ([MOMENTUM, OF_LR], [], []),
        ([MOMENTUM, {**OF_LR, "plan": {"momentum": "linear()"}}], [], ["momentum"]),
    ],
)
def test_a_scheduler_of_mmengine_beside_a_plan_is_reported_once_before_the_first_update(
    run, config, hooks, named, monkeypatch
):
    engine.register()
    config = [{name: value for name, value in element.items() if element["type"] != "PolyLR" or name != "start_factor"}
              for element in config]  # fmt: skip
    reported = []
    monkeypatch.setattr(
        "paramsched.core.run.processes.warn_user", lambda problem: reported.append((problem, len(used)))
    )
    used = []

    class Count(Hook):
        priority = "VERY_LOW"

        def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
            used.append(batch_idx)

    run(config, hooks=[*map(HOOKS.build, hooks), Count()])

    assert [(problem.site, count) for problem, count in reported] == [("param_scheduler", 0)] * len(named)
    assert all(name in problem.found for (problem, _), name in zip(reported, named, strict=True))


def test_an_initial_value_without_a_scheduler_of_mmengine_is_accepted():
    optimizer = sgd(Toy())
    optimizer.param_groups[0]["initial_lr"] = 0.1  # as a scheduler of torch leaves it

    scheduler = engine.PlanScheduler(OptimWrapper(optimizer), ps.Plan(lr="linear()"), total=9, strict=True)

    assert scheduler.get_last_value() == [0.1, 0.01]


def test_a_strict_plan_refuses_a_scheduler_of_mmengine_beside_it(run):
    engine.register()

    with pytest.raises(ps.PlanWarning):
        run([WARMUP, {**OF_LR, "strict": True}])


@pytest.mark.parametrize("counts", [1, 4])
def test_a_plan_uses_its_traced_values(run, counts):
    total = BATCHES * EPOCHS // counts
    trace = ps.trace(PLAN, sgd(Toy()), total=total)

    actual, _ = run(lambda wrapper: engine.PlanScheduler(wrapper, PLAN, total=total), counts=counts)

    planned = np.array([trace[field, group] for field in ("lr", "momentum") for group in (0, 1)]).T
    np.testing.assert_array_equal(actual, np.repeat(planned, counts, axis=0))


def test_an_optimizer_that_a_hook_replaces_is_reported_with_the_values_hook(run):
    class Replace(Hook):
        priority = "VERY_LOW"

        def before_train_epoch(self, runner):
            if runner.epoch == 1:
                runner.optim_wrapper.optimizer = torch.optim.SGD(runner.model.parameters(), lr=0.5, momentum=0.9)

    def scheduler(wrapper):
        return engine.PlanScheduler(wrapper, PLAN, total=BATCHES * 6, strict=True)

    with pytest.raises(ps.PlanWarning, match=r"trains another optimizer, SGD"):
        run(scheduler, hooks=[Replace(), engine.ValuesHook()], epochs=6)


def test_a_plan_in_a_config_uses_the_length_of_the_run(run):
    engine.register()
    config = dict(type="PlanScheduler", plan="lr: every(linear(1.0, 0.0), 'epoch')\n", convert_to_iter_based=True)

    actual, runner = run(config)

    assert actual[::BATCHES, 0] == pytest.approx([0.1, 0.075, 0.05, 0.025])
    assert runner.param_schedulers[0].scheduler.facts.total_updates == BATCHES * EPOCHS


@pytest.mark.parametrize(
    ("counts", "plan", "lengths", "expected"),
    [
        (5, "cosine()", {"epoch_length": 6, "end": 4}, [0.1 * (1 + np.cos(np.pi * t / 5)) / 2 for t in range(6)]),
        (6, "cosine()", {"epoch_length": 6, "end": 4}, [0.1 * (1 + np.cos(np.pi * t / 4)) / 2 for t in range(5)]),
        (3, "linear(over='2 epochs')", {"epoch_length": 6}, [0.1, 0.075, 0.05, 0.025, 0.0]),
    ],
)
@pytest.mark.filterwarnings("ignore:the plan is over")
def test_a_plan_counts_the_updates_of_accumulated_batches(counts, plan, lengths, expected):
    wrapper = OptimWrapper(sgd(Toy()), accumulative_counts=counts)

    scheduler = engine.PlanScheduler.build_iter_from_epoch(wrapper, plan, **lengths)

    used = []
    for _ in expected:
        used.append(scheduler.get_last_value()[0])
        scheduler.scheduler.optimizer.step()
    assert used == pytest.approx(expected, abs=1e-15)


@pytest.mark.parametrize(
    ("plan", "lengths", "reason", "line"),
    [
        ("cosine()", {}, "the config needs convert_to_iter_based=True", "total=10_000"),
        ("cosine()", {"end": 4}, "the config needs convert_to_iter_based=True", "total=10_000"),
        ("cosine()", {"epoch_length": 6}, r"its argument end \(epochs\) is unknown", "total=10_000"),
        ("cosine()", {"epoch_length": 6, "end": 10**9}, r"its argument end \(epochs\) is unknown", "total=10_000"),
        ("cosine(over='2 epochs')", {"end": 4}, "the config needs convert_to_iter_based=True", "batches_per_epoch=100"),
        (
            "cosine(over='2 epochs')",
            {"epoch_length": 6, "end": 4},
            "an epoch of 6 batches is not a multiple of the accumulation of 4",
            "batches_per_epoch=100",
        ),
        ("cosine(over='9 tokens')", {}, "PlanScheduler does not provide tokens_per_step", "tokens_per_step=4096"),
    ],
)
@pytest.mark.filterwarnings("ignore:cosine.* takes 833.333% of the total")
def test_a_missing_fact_has_a_reason_and_a_line_that_works(plan, lengths, reason, line):
    wrapper = OptimWrapper(sgd(Toy()), accumulative_counts=4)

    with pytest.raises(MissingFact, match=rf"{reason}. For example: PlanScheduler\(..., {line}\)$"):
        engine.PlanScheduler(wrapper, plan, **lengths)

    name, number = line.split("=")
    engine.PlanScheduler(wrapper, plan, **lengths, **{name: int(number)})


def test_a_plateau_in_a_plan_observes_the_validation(run):
    plan = ps.Plan(lr="constant() * plateau('acc', mode='max', factor=0.5, patience=0)")

    actual, _ = run(lambda wrapper: engine.PlanScheduler(wrapper, plan, total=24), validate=True)

    assert actual[::BATCHES, 0] == pytest.approx([0.1, 0.1, 0.05, 0.025])


def test_checkpoints_are_allowed_again_after_another_library_removed_numpys_entries():
    rebuild = np.empty(0).__reduce__()[0]
    engine.register()
    with torch.serialization.safe_globals([rebuild]):  # as in the Trainer of transformers
        pass
    assert rebuild not in torch.serialization.get_safe_globals()

    engine.register()

    assert rebuild in torch.serialization.get_safe_globals()


@pytest.mark.parametrize("how", ["classes", "plan"])
def test_a_run_resumes_from_mmengines_own_checkpoint(run, how):
    engine.register()

    def schedulers(wrapper):
        if how == "plan":
            return engine.PlanScheduler(wrapper, PLAN, total=BATCHES * EPOCHS)
        return [
            engine.LinearLR(wrapper, start_factor=0.1, by_epoch=False, end=8),
            engine.CosineAnnealingLR(wrapper, T_max=EPOCHS, begin=1, end=EPOCHS),
        ]

    whole, _ = run(schedulers)
    run(schedulers, epochs=2, folder="cut")
    rest, _ = run(schedulers, folder="cut", resume=True)

    np.testing.assert_array_equal(rest, whole[2 * BATCHES :])


BY_SAMPLES = ps.Plan(lr="linear(1.0, 0.0, over='48 samples')", clock="samples")
OF_TWO = 0.1 * (1 - 2 * np.arange(BATCHES * EPOCHS) / 48)  # the lr before each batch of two samples


@pytest.mark.parametrize("hook", [dict(type="AmountHook"), None], ids=["by config", "by object"])
def test_a_plan_in_samples_counts_the_batches_and_resumes_from_a_checkpoint(run, hook, check_resumed):
    engine.register()

    def cut(epochs, **more):
        hooks = [hook or engine.AmountHook()]
        return run(
            lambda value: engine.PlanScheduler(value, BY_SAMPLES), epochs=epochs, hooks=hooks, folder="cut", **more
        )

    first, _ = cut(2)
    rest, runner = cut(EPOCHS, resume=True)

    used = np.concatenate([first, rest])[:, 0]
    planned = ps.trace(BY_SAMPLES, sgd(Toy()), batch_size=2, total=24)["lr", 0]
    check_resumed("MMEngine Runner, AmountHook", used.tolist(), planned.tolist(), 24)
    assert used == pytest.approx(OF_TWO, rel=1e-15)
    assert runner.param_schedulers[0].scheduler.amount == 48


def test_the_sample_count_of_a_list_is_its_length(run):
    scheduler = engine.PlanScheduler(sgd(Toy()), BY_SAMPLES)
    hook = engine.AmountHook(scheduler.scheduler)
    hook.before_train(SimpleNamespace(param_schedulers=None, world_size=1))
    wrapper = SimpleNamespace(should_sync=lambda: True)

    images = {"inputs": [torch.zeros(3, 8, 8), torch.zeros(3, 8, 8)], "data_samples": ["a", "b"]}
    hook.before_train_iter(SimpleNamespace(optim_wrapper=wrapper), 0, images)
    scheduler.scheduler.optimizer.step()

    assert scheduler.scheduler.amount == 2
    assert scheduler.get_last_value() == list(scheduler.scheduler._values().values())


def test_every_group_is_logged(run, tmp_path):
    run(lambda wrapper: engine.PlanScheduler(wrapper, PLAN, total=BATCHES * EPOCHS), hooks=[engine.ValuesHook()])

    (file,) = (tmp_path / "run").glob("*/vis_data/scalars.json")
    row = json.loads(file.read_text().splitlines()[-1])
    assert {"lr/0", "lr/1", "momentum/0", "momentum/1"} <= set(row)


@pytest.mark.parametrize(
    ("lists", "expected"),
    [
        (None, {}),
        ("plan moments", {"lr/0": 0.05, "lr/1": 0.005, "momentum/0": 0.9, "momentum/1": 0.9}),
        (
            {"x": "plan", "y": "moments rates"},
            {"x.lr/0": 0.05, "x.lr/1": 0.005, "x.momentum/0": 0.45, "x.momentum/1": 0.45}
            | {"y.momentum/0": 0.9, "y.momentum/1": 0.9, "y.lr/0": 0.02, "y.lr/1": 0.002},
        ),
    ],
)
def test_the_hook_logs_plans_and_drop_in_classes_of_each_optimizer(lists, expected):
    schedulers = {
        "plan": engine.PlanScheduler(sgd(Toy()), ps.Plan(lr="constant(0.5)", momentum="constant(0.5)"), total=9),
        "moments": engine.StepMomentum(sgd(Toy()), step_size=2),
        "rates": engine.ConstantLR(sgd(Toy()), factor=0.2),
        None: None,
    }
    logged = {}
    hub = SimpleNamespace(update_scalar=logged.__setitem__)
    runner = SimpleNamespace(message_hub=hub, param_schedulers=None, optim_wrapper=None)
    if isinstance(lists, dict):
        runner.param_schedulers = {name: [schedulers[key] for key in keys.split()] for name, keys in lists.items()}
    elif lists:
        runner.param_schedulers = [schedulers[key] for key in lists.split()]

    engine.ValuesHook().before_train_iter(runner, 0)

    assert logged == pytest.approx({f"train/{name}": value for name, value in expected.items()})


@pytest.mark.parametrize("force", [False, True])
def test_mmengines_names_are_replaced_only_if_requested(force, monkeypatch):
    monkeypatch.setattr(PARAM_SCHEDULERS, "_module_dict", dict(PARAM_SCHEDULERS._module_dict))
    before = PARAM_SCHEDULERS.get("StepLR")

    engine.register(force=force)
    engine.register(force=force)  # once more, as in a notebook

    assert PARAM_SCHEDULERS.get("StepLR") is (engine.StepLR if force else before)
    assert PARAM_SCHEDULERS.get("paramsched.StepLR") is engine.StepLR
    assert PARAM_SCHEDULERS.get("PlanScheduler") is engine.PlanScheduler
    assert [HOOKS.get(name) for name in ("ValuesHook", "AmountHook")] == [
        engine.ValuesHook,
        engine.AmountHook,
    ]


@pytest.mark.parametrize(("owner", "name"), [(HistoryBuffer, "__init__"), (np.ndarray, "mean"), (HistoryBuffer, "max")])
def test_a_checkpoint_may_name_only_the_methods_of_a_history(owner, name, tmp_path):
    class Named:
        def __reduce__(self):
            return getattr, (owner, name)

    engine.allow_checkpoints()
    torch.save({"method": Named()}, tmp_path / "named.pth")
    if name == "max":
        assert torch.load(tmp_path / "named.pth", weights_only=True) == {"method": HistoryBuffer.max}
    else:
        with pytest.raises(UnpicklingError, match="is not a part of a history of logged values"):
            torch.load(tmp_path / "named.pth", weights_only=True)


@pytest.mark.parametrize("case", ["plan", "own", "both"])
@pytest.mark.parametrize("several", [False, True], ids=["a wrapper", "a dict of wrappers"])
def test_the_amount_hook_finds_every_scheduler(case, several):
    plan, passed = (engine.PlanScheduler(sgd(Toy()), BY_SAMPLES) for _ in range(2))
    hook = engine.AmountHook(None if case == "plan" else passed.scheduler)
    hook.before_train(SimpleNamespace(param_schedulers={"x": [] if case == "own" else [plan]}, world_size=1))
    counted = {"plan": [plan], "own": [passed], "both": [plan, passed]}[case]

    for ends in (False, True):  # a dict of wrappers has no should_sync
        wrapper = SimpleNamespace() if several else SimpleNamespace(should_sync=lambda ends=ends: ends)
        hook.before_train_iter(SimpleNamespace(optim_wrapper=wrapper), 0, torch.zeros(3, 2))
    for scheduler in counted:
        scheduler.scheduler.optimizer.step()

    assert [scheduler.scheduler.amount for scheduler in counted] == [6] * len(counted)


def test_a_plan_scheduler_allows_checkpoints_and_continues_from_its_state():
    torch.serialization.clear_safe_globals()
    first = engine.PlanScheduler(sgd(Toy()), PLAN, total=9)
    assert HistoryBuffer in torch.serialization.get_safe_globals()
    first.scheduler.seek(5)

    again = engine.PlanScheduler(sgd(Toy()), PLAN, total=9)
    again.load_state_dict(first.state_dict())

    assert again.scheduler.t == 5
    assert again.get_last_value() == first.get_last_value()


@pytest.mark.parametrize(("unit", "arguments"), [("tokens", "tokens_per_sample=1024"), ("samples", "")])
def test_a_missing_count_suggests_the_hook(run, unit, arguments):
    plan = ps.Plan(lr=ps.linear(over=f"600 {unit}"), clock=unit)

    with pytest.raises(MissingFact) as error:
        run(lambda wrapper: engine.PlanScheduler(wrapper, plan))
    assert str(error.value).endswith(f"For example: Runner(…, custom_hooks=[AmountHook({arguments})])")
