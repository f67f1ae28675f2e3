"""What the public methods of the drop-ins return, print and refuse, next to the classes of torch and MMEngine."""

import copy
import logging
import warnings

import mmengine.optim as originals_optim
import mmengine.optim.scheduler as originals
import pytest
import torch
from torch.optim import lr_scheduler

import paramsched.compat.torch as torch_ours
from paramsched.compat.gradual_warmup import GradualWarmupScheduler
from paramsched.compat.group_values import use_tensors
from paramsched.errors import InvalidArgument, StateError
from paramsched.mmengine import schedulers as ours
from paramsched.mmengine.schedulers.optimizers import inner_optimizer
from support.tables import table
from support.torch_cases import OPTIONS, built


def sgd(*lrs, **more):
    lrs = lrs or (0.1, 0.02)
    groups = [{"params": [torch.nn.Parameter(torch.ones(1))], "lr": lr} for lr in lrs]
    return torch.optim.SGD(groups, lr=0.1, **{"momentum": 0.9, **more})


def adam():
    return torch.optim.Adam([torch.nn.Parameter(torch.ones(1))], lr=0.1)


def steps(scheduler, count=1):
    for _ in range(count):
        scheduler.optimizer.step()
        scheduler.step()
    return scheduler


def rates(optimizer):
    return [float(group["lr"]) for group in optimizer.param_groups]


# ---------------------------------------------------------------------- torch

CLASSES = [*(name for name in OPTIONS if name != "SWALR"), "ReduceLROnPlateau"]


def stepped(scheduler, count):
    for step in range(count):
        scheduler.optimizer.step()
        scheduler.step(*([1.0 + step] if "Plateau" in type(scheduler).__name__ else []))
    return scheduler


@table("name", CLASSES)
@pytest.mark.filterwarnings("ignore")
def test_every_way_to_copy_returns_a_scheduler_that_continues_as_torchs(name):
    for way in (copy.copy, copy.deepcopy):
        theirs, mine = (way(stepped(built(module, name, sgd()), 3)) for module in (lr_scheduler, torch_ours))

        assert type(mine) is getattr(torch_ours, name)
        assert mine.last_epoch == theirs.last_epoch
        stepped(mine, 2), stepped(theirs, 2)
        assert rates(mine.optimizer) == pytest.approx(rates(theirs.optimizer), rel=1e-12)
        assert list(mine.get_last_lr()) == pytest.approx(list(theirs.get_last_lr()), rel=1e-12)


@table("name", [name for name in CLASSES if hasattr(getattr(lr_scheduler, name), "_get_closed_form_lr")])
@pytest.mark.filterwarnings("ignore")
def test_the_closed_form_is_that_of_torch(name):
    for count in (0, 1, 3, 7):
        theirs, mine = (stepped(built(module, name, sgd()), count) for module in (lr_scheduler, torch_ours))

        assert mine._get_closed_form_lr() == pytest.approx(theirs._get_closed_form_lr(), rel=1e-12)


def test_the_annealing_functions_of_a_cycle_are_those_of_torch():
    for name in ("_annealing_cos", "_annealing_linear"):
        for given in ((0.1, 0.7, 0.0), (0.1, 0.7, 0.3), (0.7, 0.1, 1.0)):
            mine, theirs = getattr(torch_ours.OneCycleLR, name), getattr(lr_scheduler.OneCycleLR, name)
            assert mine(*given) == pytest.approx(theirs(*given), rel=1e-15)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("mode", ["triangular", "triangular2", "exp_range"])
def test_the_scale_functions_of_a_cycle_are_those_of_torch(mode):
    found = []
    for module in (lr_scheduler, torch_ours):
        options = {"base_lr": 0.1, "max_lr": 0.5, "mode": mode, "gamma": 0.9}
        cycle = module.CyclicLR(sgd(), **options)
        found.append([cycle.scale_fn(x) for x in (1, 2, 3, 7)])

    assert found[1] == found[0]


def test_a_function_that_raises_leaves_all_groups_unchanged():
    def failing(t):
        if t == 2:
            raise ZeroDivisionError
        return 0.5

    for functions in ([lambda t: 0.5, failing], [failing, lambda t: 0.5]):
        scheduler = stepped(torch_ours.MultiplicativeLR(sgd(), functions), 1)
        before = rates(scheduler.optimizer)
        with pytest.raises(ZeroDivisionError):
            stepped(scheduler, 1)
        assert rates(scheduler.optimizer) == before == [0.05, 0.01]


def test_tensors_replace_numbers_in_every_group_also_an_empty_one():
    optimizer = torch.optim.Adam([{"params": [torch.nn.Parameter(torch.ones(1))]}, {"params": []}], lr=0.1)

    use_tensors(optimizer)
    use_tensors(optimizer, "betas", "weight_decay")

    for group in optimizer.param_groups:
        values = [group["lr"], *group["betas"], group["weight_decay"]]
        assert [type(one) for one in values] == [torch.Tensor] * 4
        assert [one.item() for one in values] == pytest.approx([0.1, 0.9, 0.999, 0.0])


@pytest.mark.parametrize("cycles", [True, False])
def test_an_earlier_epoch_restores_momentum_only_if_the_after_scheduler_cycles_it(cycles):
    optimizer = sgd(0.1)
    options = {"base_lr": 0.1, "max_lr": 0.4, "step_size_up": 3, "cycle_momentum": cycles}
    scheduler = GradualWarmupScheduler(
        optimizer, 1.0, 2, after_scheduler=torch_ours.CyclicLR(optimizer, **options), base_lr=0.1
    )
    steps(scheduler, 4)
    optimizer.param_groups[0]["momentum"] = 0.5
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scheduler.step(1)

    assert optimizer.param_groups[0]["momentum"] == (0.9 if cycles else 0.5)


@pytest.mark.parametrize("base", [0.4, [0.4, 0.4]])
def test_the_base_of_a_warmup_may_be_one_number_or_one_for_each_group(base):
    scheduler = GradualWarmupScheduler(sgd(), 2.0, 4, base_lr=base)

    assert rates(steps(scheduler, 2).optimizer) == pytest.approx([0.6, 0.6])
    assert rates(steps(scheduler, 6).optimizer) == pytest.approx([0.8, 0.8])
    assert scheduler.get_last_lr() == pytest.approx([0.8, 0.8])


@table("name", [name for name in CLASSES if "Plateau" not in name])
@pytest.mark.filterwarnings("ignore")
def test_the_values_of_get_lr_have_the_types_and_values_of_torch(name):
    found = []
    for module in (lr_scheduler, torch_ours):
        optimizer = sgd()
        optimizer.param_groups[0]["lr"] = torch.tensor(0.1)
        scheduler = built(module, name, optimizer)
        stepped(scheduler, 2)
        scheduler.last_epoch += 1
        values = scheduler.get_lr()
        found.append(([float(one) for one in values], [isinstance(one, torch.Tensor) for one in values]))

    assert found[1][0] == pytest.approx(found[0][0], rel=1e-6)  # float32
    assert found[1][1] == found[0][1]


# ---------------------------------------------------------------------- MMEngine


@table("verbose", [True, False])
@pytest.mark.parametrize("logged", [True, False])
def test_only_a_verbose_scheduler_reports_its_values_and_logs_them_if_there_is_a_handler(
    logged, verbose, capsys, caplog
):
    log = logging.getLogger("paramsched")
    level, found = log.level, []
    log.setLevel(logging.INFO if logged else logging.WARNING)
    caplog.clear()
    try:
        steps(ours.StepLR(sgd(), 2, verbose=verbose), 1)
        plateau = ours.ReduceOnPlateauLR(sgd(), patience=0, verbose=verbose)
        for loss in (1.0, 2.0):
            plateau.step({"loss": loss})
    finally:
        log.setLevel(level)
    printed = capsys.readouterr().out.splitlines()
    found = [*printed, *(record.getMessage() for record in caplog.records)]

    lines = [
        f"Adjusting parameter value of group {i} to {lr:.4e}." for _ in range(2) for i, lr in ((0, 0.1), (1, 0.02))
    ]
    lines += [f"Adjusting parameter value of group {i} to {lr:.4e} in epoch 1." for i, lr in ((0, 0.01), (1, 0.002))]
    assert found == (lines if verbose else [])
    assert bool(printed) is (verbose and not logged)


def lengthy(**more):
    return {"epoch_length": 10, "begin": 1, "end": 3, **more}


CONVERTED = {
    "ConstantParamScheduler": {"factor": 0.5},
    "CosineAnnealingParamScheduler": {"T_max": 2, "eta_min": 0.01},
    "CosineRestartParamScheduler": {"periods": [1, 1], "restart_weights": [1, 0.5], "eta_min": 0.0},
    "LinearParamScheduler": {"start_factor": 0.2},
    "MultiStepParamScheduler": {"milestones": [1], "gamma": 0.5},
    "PolyParamScheduler": {"power": 2.0},
    "StepParamScheduler": {"step_size": 1, "gamma": 0.5},
}


@table("name", CONVERTED)
def test_arguments_in_epochs_become_iterations_as_in_mmengine(name):
    rows = []
    for library in (originals, ours):
        build = getattr(library, name).build_iter_from_epoch
        scheduler = build(sgd(), "lr", **lengthy(**copy.deepcopy(CONVERTED[name])))
        assert scheduler.by_epoch is False
        rows.append([(rates(steps(scheduler).optimizer), scheduler.last_step) for _ in range(35)])

    torch.testing.assert_close(rows[1], rows[0], rtol=1e-9, atol=1e-12)


@table(
    ("build", "kind", "said"),
    [
        (lambda: ours.StepLR.build_iter_from_epoch(sgd(), epoch_length=9), TypeError, "pass step_size by keyword"),
        (lambda: ours.StepLR.build_iter_from_epoch(sgd(), 3, epoch_length=9), TypeError, "pass step_size by keyword"),
        (
            lambda: ours.StepParamScheduler.build_iter_from_epoch(sgd(), "lr", 3, epoch_length=9),
            TypeError,
            "pass step_size by keyword",
        ),
        (
            lambda: ours.StepLR.build_iter_from_epoch(sgd(), step_size=1, epoch_length=9, by_epoch=False),
            AssertionError,
            "Omit by_epoch",
        ),
        *(
            (
                lambda length=length: ours.StepLR.build_iter_from_epoch(sgd(), step_size=1, epoch_length=length),
                AssertionError,
                "must be a positive integer",
            )
            for length in (None, 0, -1)
        ),
        (lambda: ours.StepLR(3, 1), TypeError, "should be an Optimizer, but got int"),
        (lambda: ours.StepLR(sgd(), 1, begin=3, end=3), ValueError, "got begin=3, end=3"),
        (lambda: ours._ParamScheduler(sgd(), "lr", begin=3, end=3), ValueError, "end=4"),
        *((lambda at=at: ours.StepLR(sgd(), 1, last_step=at), AssertionError, "last_step") for at in (-2, True, 1.0)),
        *(
            (lambda last=last: ours._ParamScheduler(sgd(), "lr", last_step=last), AssertionError, "at least -1")
            for last in (-2, True, 1.0)
        ),
        (lambda: ours.StepLR(sgd(), 1, last_step=3), KeyError, "'initial_lr' is not specified in param_groups[0]"),
        (lambda: ours.StepParamScheduler(adam(), "betas", 1), TypeError, "which is not a number"),
        (lambda: ours.StepMomentum(torch.optim.Adagrad([torch.ones(1)]), 1), ValueError, "must support momentum"),
        (lambda: ours._ParamScheduler(sgd(), "lr"), NotImplementedError, "has no _get_value()"),
        (lambda: ours.ReduceOnPlateauLR(sgd(), min_value=[0.1]), ValueError, "expected 2 min_values, got 1"),
        (lambda: ours.ReduceOnPlateauLR(sgd()).step([1.0]), TypeError, "metrics type should be dict"),
        (lambda: ours.OneCycleLR(sgd(), [0.1], 9), ValueError, "expected 2 values for max_lr, got 1"),
        (lambda: ours.OneCycleParamScheduler(sgd(), "momentum", 0.1, 9), AssertionError, "only works for learning"),
        (lambda: ours.OptimWrapper(3), TypeError, "expected a torch optimizer, got int"),
        *(
            (lambda counts=counts: ours.OptimWrapper(sgd(), counts), ValueError, "expected an integer of at least 1")
            for counts in (0, True, 1.5)
        ),
        (lambda: ours.OptimWrapper(sgd(), clip_grad=3), TypeError, "expected a dict"),
        (lambda: ours.OptimWrapper(sgd(), clip_grad={}), ValueError, "'max_norm'"),
        (lambda: ours.OptimWrapper(sgd(), clip_grad={"type": "value"}), ValueError, "'clip_value'"),
        (lambda: ours.OptimWrapper(sgd(), clip_grad={"type": "x", "max_norm": 1}), ValueError, "'norm' or 'value'"),
        (lambda: ours.build_param_scheduler({"a": None}, {"a": sgd(), "b": sgd()}), KeyError, "no entry for 'b'"),
        (
            lambda: ours.build_param_scheduler({"type": "LinearLR", "convert_to_iter_based": True}, sgd()),
            ValueError,
            "needs the number of batches per epoch",
        ),
        (lambda: ours.restore([], [], on_change="newer"), InvalidArgument, "unknown policy"),
        (lambda: ours.restore({"a": []}, []), StateError, "the states of schedulers for a, got a list"),
        (lambda: ours.restore({"a": []}, {"b": []}), StateError, "the states of schedulers for a, got b"),
    ],
)  # fmt: skip
def test_a_wrong_argument_raises_the_error_that_names_it(build, kind, said):
    with pytest.raises(kind) as refusal:
        build()

    assert isinstance(refusal.value, kind)
    assert said in str(refusal.value)


def without(state, key):
    return {name: value for name, value in state.items() if name != key}


@table(
    ("change", "said"),
    [
        (lambda state: None, "expected a state, got NoneType"),
        (lambda state: [*state], "expected a state, got list"),
        (lambda state: state | {"_class": "LinearLR"}, "this is the state of LinearLR"),
        (lambda state: state | {"param_name": "momentum"}, "of a scheduler of 'momentum', not of 'lr'"),
        (lambda state: without(state, "last_step"), "the state lacks last_step"),
        (lambda state: without(state, "_global_step"), "the state lacks _global_step"),
        (lambda state: without(without(state, "gamma"), "step_size"), "the state lacks step_size, gamma"),
    ],
)
def test_a_state_that_does_not_fit_is_refused_and_changes_nothing(change, said):
    state = steps(ours.StepLR(sgd(), 2), 3).state_dict()
    for load in (lambda one, found: one.load_state_dict(found), lambda one, found: ours.restore([one], [found])):
        scheduler = ours.StepLR(sgd(), 2)
        before = scheduler.state_dict()
        with pytest.raises(StateError) as refusal:
            load(scheduler, change(state))
        assert said in str(refusal.value)
        assert scheduler.state_dict() == before


def test_the_states_of_several_optimizers_are_restored_by_name():
    def build():
        config = {"a": {"type": "StepLR", "step_size": 2}, "b": {"type": "LinearLR", "end": 9}}
        return ours.build_param_scheduler(config, {name: sgd() for name in "ab"}, epoch_length=1, max_epochs=9)

    first, second = build(), build()
    for name, count in (("a", 3), ("b", 5)):
        steps(first[name][0], count)

    found = ours.restore(second, {name: [one.state_dict() for one in many] for name, many in first.items()})

    assert found == ()
    assert {name: many[0].last_step for name, many in second.items()} == {"a": 3, "b": 5}


def test_a_new_config_of_epochs_and_iterations_needs_the_length_of_an_epoch(caplog):
    def run(start, epochs, iterations, length=4):
        optimizer = sgd(0.1)
        config = [
            {"type": "LinearLR", "start_factor": start, "by_epoch": False, "end": 10},
            {"type": "StepLR", "step_size": 1, "gamma": 0.5, "end": 9},
        ]
        built = ours.build_param_scheduler(config, optimizer, epoch_length=length, max_epochs=9)
        for iteration in range(iterations):
            optimizer.step()
            built[0].step()
            if iteration % length == length - 1 and iteration // length < epochs:
                built[1].step()
        return built, rates(optimizer)[0]

    old, before = run(0.5, 2, 9)
    states = [one.state_dict() for one in old]
    _, expected = run(0.2, 2, 9)
    for length, value in ((4, expected), (None, before)):
        new, _ = run(0.2, 0, 0)
        new[0].optimizer.param_groups[0]["lr"] = before
        caplog.clear()
        ours.restore(new, states, epoch_length=length)
        assert rates(new[0].optimizer) == [pytest.approx(value)]
        assert ("pass epoch_length to compute it" in caplog.text) is (length is None)


def test_plateaus_that_observed_nothing_are_named_and_other_schedulers_are_not():
    seen, unseen = ours.ReduceOnPlateauLR(sgd()), ours.ReduceOnPlateauLR(sgd(), monitor="acc", rule="greater")
    seen.step({"loss": 1.0})

    (line,) = ours.unmeasured([ours.StepLR(sgd(), 1), seen, ours.LinearLR(sgd()), unseen])

    assert line.startswith("[3] ReduceOnPlateauLR never received 'acc'")


def test_all_current_values_are_reported_by_field():
    optimizer = sgd()
    schedulers = [ours.StepLR(optimizer, 1), ours.LinearMomentum(optimizer, start_factor=0.5)]

    assert ours.scheduled_values(schedulers) == {"lr": [0.1, 0.02], "momentum": [0.45, 0.45]}
    assert ours.scheduled_values([ours.StepLR(ours.OptimWrapper(sgd()), 1)]) == {"lr": [0.1, 0.02]}


@table("iteration", [0, 99, 100, 399, 400])
def test_the_position_in_periods_is_that_of_mmengine(iteration):
    found = [
        library.CosineRestartParamScheduler.get_position_from_periods(iteration, [100, 200, 300, 400])
        for library in (originals, ours)
    ]

    assert found[1] == found[0]


@pytest.mark.parametrize("wrapped", [True, False])
@pytest.mark.parametrize("peak", [0.5, [0.5, 0.2]])
def test_a_late_group_follows_the_cycle_of_the_last_group(peak, wrapped):
    optimizer = sgd()
    scheduler = ours.OneCycleLR(ours.OptimWrapper(optimizer) if wrapped else optimizer, peak, 12)
    steps(scheduler, 3)
    optimizer.add_param_group({"params": [torch.nn.Parameter(torch.ones(1))], "lr": 0.7})

    steps(scheduler, 2)

    last, late = optimizer.param_groups[1:]
    assert {key: late[key] for key in ("lr", "initial_lr", "max_lr", "min_lr")} == {
        key: last[key] for key in ("lr", "initial_lr", "max_lr", "min_lr")
    }
    assert scheduler.get_last_value()[:3] == rates(optimizer)


def test_a_late_group_of_a_plateau_has_the_last_minimum():
    optimizer = sgd()
    plateau = ours.ReduceOnPlateauLR(optimizer, patience=0, min_value=[0.05, 0.001], factor=0.1)
    plateau.step({"loss": 1.0})
    optimizer.add_param_group({"params": [torch.nn.Parameter(torch.ones(1))], "lr": 0.004})
    for _ in range(3):
        plateau.step({"loss": 1.0})

    assert rates(optimizer) == [0.05, 0.001, 0.001]


class Around:
    """A wrapper of an optimizer, or of itself."""

    def __init__(self, optimizer=None):
        self.optimizer = self if optimizer is None else optimizer
        self.param_groups = [] if optimizer is None else optimizer.param_groups


def test_the_optimizer_inside_wrappers_is_found():
    optimizer = sgd()

    assert inner_optimizer(optimizer) is optimizer
    assert inner_optimizer(Around(Around(ours.OptimWrapper(optimizer)))) is optimizer
    assert inner_optimizer(Around()) is None
    assert inner_optimizer(3) is None


@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_changed_step_of_the_optimizer_warns_as_in_mmengine(count):
    found = []
    for library in (originals, ours):
        optimizer = sgd()
        scheduler = library.StepLR(optimizer, 2)
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            for _ in range(count):
                optimizer.step()
            optimizer.step = lambda: None
            steps(scheduler, 2)
        found.append([str(one.message).partition(". ")[0] for one in seen if "optimizer.step" in str(one.message)])

    assert found[1] == found[0]


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("clip", [None, {"max_norm": 0.1}, {"type": "value", "clip_value": 0.1}])
def test_the_values_and_the_state_of_a_wrapper_are_those_of_mmengines(groups, clip):
    found = []
    for library in (originals_optim, ours):
        torch.manual_seed(0)
        optimizer = sgd(*[0.1, 0.02][:groups])
        wrapper = library.OptimWrapper(optimizer, clip_grad=None if clip is None else dict(clip))
        for _ in range(3):
            loss = sum((one["params"][0] ** 2).sum() for one in optimizer.param_groups)
            wrapper.update_params(loss, step_kwargs={"closure": None}, zero_kwargs={"set_to_none": False})
        state = wrapper.state_dict()
        found.append(
            [
                wrapper.get_lr(),
                wrapper.get_momentum(),
                [one["params"][0].item() for one in optimizer.param_groups],
                [one["params"][0].grad.item() for one in optimizer.param_groups],
                wrapper.inner_count,
                sorted(state),
            ]
        )

    assert found[1][0] == found[0][0]
    assert found[1][1]["momentum"] == found[0][1]["momentum"]
    assert found[1][2:] == found[0][2:]


def test_the_value_of_an_epoch_follows_an_attribute_that_was_set():
    scheduler = steps(torch_ours.StepLR(sgd(), 4), 2)
    assert scheduler.value(4) == pytest.approx([0.01, 0.002])

    scheduler.gamma = 0.5

    assert scheduler.value(4) == pytest.approx([0.05, 0.01])


def test_the_gamma_of_an_exponential_cycle_must_be_a_number():
    with pytest.raises(ValueError, match="gamma"):
        torch_ours.CyclicLR(sgd(), 0.01, 0.1, mode="exp_range", gamma="fast")
