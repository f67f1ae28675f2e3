"""Restoring MMEngine's schedulers: which arguments apply, which values are written, what is refused."""

import copy
import logging
from functools import partial

import pytest
import torch

from paramsched.errors import InvalidArgument, PlanChanged, StateError
from paramsched.mmengine import schedulers
from paramsched.mmengine.schedulers import (
    LinearParamScheduler,
    OptimWrapper,
    ReduceOnPlateauLR,
    StepLR,
    _ParamScheduler,
    build_param_scheduler,
    restore,
    scheduled_values,
    unmeasured,
)
from support.tables import table

pytestmark = pytest.mark.filterwarnings("ignore")
LENGTH = 4


def sgd(*lrs):
    groups = [{"params": [torch.nn.Parameter(torch.ones(1))], "lr": lr} for lr in lrs or (0.5, 0.2)]
    return torch.optim.SGD(groups, lr=0.1, momentum=0.9, weight_decay=0.01)


class Run:
    """Schedulers that are stepped after each batch or epoch."""

    def __init__(self, config, epochs=9, optimizer=None):
        self.optimizer = optimizer or sgd()
        self.schedulers = build_param_scheduler(config, self.optimizer, epoch_length=LENGTH, max_epochs=epochs)
        self.batches = 0

    def train(self, batches):
        for _ in range(batches):
            self.optimizer.step()
            self.batches += 1
            for scheduler in self.schedulers:
                if not scheduler.by_epoch or self.batches % LENGTH == 0:
                    scheduler.step()
        return self

    @property
    def values(self):
        names = ("lr", "momentum", "weight_decay")
        return [group[name] for group in self.optimizer.param_groups for name in names]

    @property
    def saved(self):
        return copy.deepcopy(([scheduler.state_dict() for scheduler in self.schedulers], self.optimizer.state_dict()))


def step(**options):
    return {"type": "StepLR", "step_size": 2, "gamma": 0.5, "by_epoch": True, **options}


def cosine(**options):
    return {"type": "CosineAnnealingLR", "eta_min": 0.01, "by_epoch": False, **options}


def warmup(**options):
    return {"type": "LinearLR", "start_factor": 0.1, "by_epoch": False, "end": 10, **options}


def momentum(**options):
    return {"type": "LinearMomentum", "start_factor": 0.5, "by_epoch": False, "end": 30, **options}


CHANGES = [
    ([step()], [step(gamma=0.1)]),
    ([step()], [step(step_size=3)]),
    ([cosine(end=36)], [cosine(end=50)]),
    ([cosine(T_max=36)], [cosine(T_max=30, eta_min=0.1)]),
    ([{**cosine(T_max=9), "by_epoch": True}], [{**cosine(T_max=5), "by_epoch": True}]),
    ([warmup(), step()], [warmup(end=20), step()]),
    ([warmup(), cosine(begin=10, end=36)], [warmup(end=8), cosine(begin=8, end=36)]),
    ([step(), momentum()], [step(), momentum(start_factor=0.25)]),
    ([step(begin=1)], [step(begin=3)]),
    ([{"type": "OneCycleLR", "eta_max": 1.0, "total_steps": 40, "by_epoch": False}],) * 2,
    tuple(
        [{"type": "OneCycleLR", "eta_max": [peak, 0.5], "total_steps": 40, "by_epoch": False}] for peak in (1.0, 0.3)
    ),
    ([{"type": "PolyLR", "power": 2.0, "by_epoch": False}], [{"type": "PolyLR", "power": 1.0, "by_epoch": False}]),
    ([{"type": "MultiStepLR", "milestones": [2, 5]}], [{"type": "MultiStepLR", "milestones": [3, 4], "gamma": 0.5}]),
]


@table(("old", "new"), [pair for pair in CHANGES if pair[0] != pair[1]])
def test_a_difference_may_be_an_error_and_changes_nothing(old, new):
    states, _ = Run(old).train(6).saved
    second = Run(new)
    before = second.values, second.saved

    with pytest.raises(PlanChanged, match=r"in the checkpoint, .* now"):
        restore(second.schedulers, states, on_change="error")
    assert (second.values, second.saved) == before


def test_each_difference_is_a_line_with_its_place(caplog):
    states, _ = Run([warmup(), step()]).saved
    second = Run([warmup(), step(gamma=0.1, step_size=3)])

    with caplog.at_level(logging.WARNING, "paramsched"):
        lines = restore(second.schedulers, states, epoch_length=LENGTH)

    assert set(lines) == {
        "[1] StepLR step_size: 2 in the checkpoint, 3 now",
        "[1] StepLR gamma: 0.5 in the checkpoint, 0.1 now",
    }
    assert caplog.text.count("(using the new value)") == 2
    assert restore(Run([warmup(), step()]).schedulers, states) == ()


def test_a_run_that_mmengine_continued_at_a_step_goes_on_from_there():
    original = pytest.importorskip("mmengine.optim.scheduler")
    optimizer = sgd()
    for group in optimizer.param_groups:
        group["initial_lr"] = group["lr"]
    reference = original.StepLR(optimizer, 2, last_step=3)
    reference.step()
    resumed = sgd()
    drop_in = StepLR(resumed, 2)
    resumed.load_state_dict(copy.deepcopy(optimizer.state_dict()))

    restore([drop_in], [reference.state_dict()])

    for _ in range(4):
        assert drop_in.last_step == reference.last_step
        assert [group["lr"] for group in resumed.param_groups] == [group["lr"] for group in optimizer.param_groups]
        reference.step()
        drop_in.step()


@pytest.mark.parametrize("name", ["ReduceOnPlateauLR", "ReduceOnPlateauMomentum", "ReduceOnPlateauParamScheduler"])
@pytest.mark.parametrize(
    "load", [lambda value, state: value.load_state_dict(state), lambda value, state: restore([value], [state])]
)
def test_a_plateau_that_mmengine_continued_keeps_the_values_that_mmengine_wrote(name, load):
    original = pytest.importorskip("mmengine.optim.scheduler")
    entry = "momentum" if "Momentum" in name else "lr"
    field = {"param_name": "lr"} if name.endswith("ParamScheduler") else {}

    def reduced(library, saved=None):
        optimizer = sgd()
        scheduler = getattr(library, name)(optimizer, monitor="loss", factor=0.5, patience=0, **field)
        if saved is not None:
            optimizer.load_state_dict(saved[0])
            scheduler.load_state_dict(saved[1])
        for _ in range(2):  # validations without a counted epoch
            scheduler.step({"loss": 1.0})
        return copy.deepcopy((optimizer.state_dict(), scheduler.state_dict()))

    of_optimizer, state = reduced(original, reduced(schedulers))
    resumed = sgd()
    resumed.load_state_dict(of_optimizer)

    load(getattr(schedulers, name)(resumed, monitor="loss", factor=0.5, patience=0, **field), state)

    assert [group[entry] for group in resumed.param_groups] == [group[entry] for group in of_optimizer["param_groups"]]


def closed(**options):
    return {"type": "ReduceOnPlateauLR", "monitor": "loss", "patience": 0, "begin": 0, "end": 1, **options}


REDUCING = {"type": "ReduceOnPlateauLR", "monitor": "loss", "patience": 0, "factor": 0.25}


@table(
    "config",
    [
        [closed(), REDUCING],
        [REDUCING, closed()],
        [step(), REDUCING],
        [closed(), {**REDUCING, "type": "ReduceOnPlateauParamScheduler", "param_name": "lr"}, closed()],
        [{**config, "type": "ReduceOnPlateauMomentum"} for config in (closed(), REDUCING)],
    ],
)
def test_a_list_with_a_plateau_that_mmengine_continued_keeps_the_values_that_mmengine_wrote(config):
    """MMEngine reduces the values in a validation, which changes the state of only one scheduler of the list."""
    original = pytest.importorskip("mmengine.optim.scheduler")
    first = Run(config).train(2 * LENGTH)
    there = sgd()
    for scheduler in first.schedulers[::-1]:
        if isinstance(scheduler, schedulers.ReduceOnPlateauParamScheduler):
            scheduler.step({"loss": 1.0})
    states, optimizer = first.saved
    continued = []
    for entries_of_config, state in zip(config, states, strict=True):
        options = dict(entries_of_config)
        continued.append(getattr(original, options.pop("type"))(there, **options))
        continued[-1].load_state_dict(state)
    there.load_state_dict(optimizer)
    for scheduler in continued:
        if hasattr(scheduler, "monitor"):
            scheduler.step({"loss": 1.0})
    states, optimizer = copy.deepcopy(([scheduler.state_dict() for scheduler in continued], there.state_dict()))

    def by_hand(run, order):
        for index in order:
            run.schedulers[index].load_state_dict(states[index])

    assert optimizer["param_groups"] != first.optimizer.state_dict()["param_groups"]
    order = range(len(config))
    for load in (partial(by_hand, order=order), partial(by_hand, order=order[::-1]), None):
        resumed = Run(config)
        resumed.optimizer.load_state_dict(copy.deepcopy(optimizer))
        load(resumed) if load else restore(resumed.schedulers, states)
        entries = ("lr", "momentum")
        assert [[group[entry] for entry in entries] for group in resumed.optimizer.param_groups] == [
            [group[entry] for entry in entries] for group in optimizer["param_groups"]
        ]


def test_a_scheduler_that_loads_again_does_not_undo_its_first_load():
    original = pytest.importorskip("mmengine.optim.scheduler")
    first = Run([REDUCING])
    there = sgd()
    reference = original.ReduceOnPlateauLR(there, monitor="loss", patience=0, factor=0.25)
    (state,), _ = first.saved
    reference.load_state_dict(copy.deepcopy(state))
    reference.step({"loss": 1.0})  # it changes the counts, and not the values
    resumed = Run([REDUCING], optimizer=sgd(0.9, 0.8))

    resumed.schedulers[0].load_state_dict(state)
    resumed.schedulers[0].load_state_dict(reference.state_dict())

    assert [group["lr"] for group in resumed.optimizer.param_groups] == [0.5, 0.2]


def test_a_restored_scheduler_reports_the_values_of_its_new_arguments():
    states, optimizer = Run([step()]).train(18).saved
    second = Run([step(gamma=0.1)])
    second.optimizer.load_state_dict(optimizer)

    restore(second.schedulers, states)

    assert second.schedulers[0].get_last_value() == [group["lr"] for group in second.optimizer.param_groups]


def test_the_other_arguments_of_a_cycle_are_compared_too():
    def cycle(**options):
        return {"type": "OneCycleLR", "eta_max": 1.0, "total_steps": 40, "by_epoch": False, **options}

    states, _ = Run([cycle()]).train(5).saved

    lines = restore(Run([cycle(three_phase=True, pct_start=0.2)]).schedulers, states)

    assert {line.partition(":")[0] for line in lines} == {"[0] OneCycleLR pct_start", "[0] OneCycleLR three_phase"}


class Counting(_ParamScheduler):
    """A user's class that counts its steps on its own."""

    count = 0

    def _get_value(self):
        self.count += 1
        return [base * 0.5**self.count for base in self.base_values]


@pytest.mark.parametrize("policy", ["new", "checkpoint"])
def test_a_users_class_keeps_its_own_count_and_the_arguments_of_the_policy(policy):
    states, optimizer = Run([{"type": Counting, "param_name": "lr", "end": 5}]).train(8).saved
    second = Run([{"type": Counting, "param_name": "lr", "end": 7}])
    second.optimizer.load_state_dict(optimizer)

    restore(second.schedulers, states, on_change=policy)

    assert (second.schedulers[0].count, second.schedulers[0].end) == (3, 7 if policy == "new" else 5)


@pytest.mark.parametrize("policy", ["new", "checkpoint"])
def test_a_window_that_changes_leaves_the_count_of_a_scheduler_without_a_formula(policy):
    plateau = {"type": "ReduceOnPlateauLR", "monitor": "loss"}
    for config in ({"type": Counting, "param_name": "lr"}, plateau):
        first = Run([config])
        for _ in range(3):
            first.schedulers[0].step(*([{"loss": 1.0}] if config is plateau else []))
        count = first.schedulers[0].last_step
        second = Run([{**config, "begin": 2}])

        restore(second.schedulers, first.saved[0], on_change=policy)

        assert (second.schedulers[0].last_step, second.schedulers[0].begin) == (count, 2 if policy == "new" else 0)


def test_a_line_names_the_value_that_is_used(caplog):
    states, _ = Run([step()]).saved
    second = Run([step(gamma=0.1)])

    with caplog.at_level(logging.WARNING, "paramsched"):
        lines = restore(second.schedulers, states, on_change="checkpoint")

    assert [record.message for record in caplog.records] == [f"{lines[0]} (using the checkpoint's value)"]


class Halving(LinearParamScheduler):
    """A user's class without a formula for its values."""

    def _get_value(self):
        return [value / 2 for value in super()._get_value()]


def test_an_unchanged_scheduler_without_a_formula_is_restored_without_a_message(caplog):
    original = pytest.importorskip("mmengine.optim.scheduler")

    for scheduler_class in (
        ReduceOnPlateauLR,
        partial(Halving, param_name="lr"),
        partial(original.StepLR, step_size=2),
    ):
        assert restore([scheduler_class(sgd())], [scheduler_class(sgd()).state_dict()]) == ()
    assert caplog.text == ""


@table(
    ("passed", "batches", "is_known"),
    [(None, 8, True), (None, 9, False), (LENGTH, 9, True), (None, 3, False)],
)
def test_the_length_of_an_epoch_is_found_from_the_steps_if_possible(passed, batches, is_known, caplog):
    states, optimizer = Run([warmup(end=20), step()]).train(batches).saved
    second = Run([warmup(start_factor=0.2, end=20), step()])
    second.optimizer.load_state_dict(optimizer)
    caplog.clear()

    restore(second.schedulers, states, epoch_length=passed)

    assert ("pass epoch_length" in caplog.text) is not is_known
    planned = Run([warmup(start_factor=0.2, end=20), step()]).train(batches)
    assert (second.values == pytest.approx(planned.values)) is is_known


def test_values_without_a_formula_stay_unchanged(caplog):
    plateau = {"type": "ReduceOnPlateauLR", "monitor": "loss", "patience": 0, "factor": 0.5}
    first = Run([step(), plateau])
    for loss in (1.0, 2.0):
        first.schedulers[1].step()
        first.schedulers[1].step({"loss": loss})
    states, optimizer = first.saved
    second = Run([step(gamma=0.1), {**plateau, "factor": 0.1}])
    second.optimizer.load_state_dict(optimizer)

    restore(second.schedulers, states, epoch_length=LENGTH)

    assert "no formula for it is known" in caplog.text
    assert second.values == first.values
    drop_in = vars(second.schedulers[1])
    reference = vars(first.schedulers[1])
    assert all(drop_in[name] == reference[name] for name in ("best", "num_bad_epochs", "last_metric", "last_step"))
    assert drop_in["factor"] == 0.1
    caplog.clear()
    resumed = StepLR(second.optimizer, 2, last_step=3)
    restore([resumed], [StepLR(sgd(), 3).state_dict()], epoch_length=LENGTH)
    assert "no formula for it is known" in caplog.text


def test_a_changed_scheduler_beside_one_of_mmengine_leaves_the_value(caplog):
    original = pytest.importorskip("mmengine.optim.scheduler")

    def build(gamma):
        optimizer = sgd()
        return [StepLR(optimizer, 2, gamma), original.ExponentialLR(optimizer, 0.9)]

    saved = build(0.5)
    resumed = build(0.1)
    before = [group["lr"] for group in resumed[0].optimizer.param_groups]

    restore(resumed, [scheduler.state_dict() for scheduler in saved])

    assert "no formula for it is known" in caplog.text
    assert [group["lr"] for group in resumed[0].optimizer.param_groups] == before


@table(
    ("schedulers", "states", "said"),
    [
        ([step()], [], "1 schedulers .StepLR., but the checkpoint has 0 states"),
        ([step()], None, "no list of states"),
        ([step()], [3], "expected a state, got int"),
        ([step()], [None], "expected a state, got NoneType"),
        ([step(), momentum()], [step()], "2 schedulers"),
        ([step()], [cosine()], "this is the state of CosineAnnealingLR"),
        ([{"type": "StepParamScheduler", "param_name": "weight_decay", "step_size": 2}],) * 2 + ("",),
    ],
)
def test_states_that_do_not_fit_change_nothing(schedulers, states, said):
    second = Run(schedulers)
    before = second.values, second.saved
    if isinstance(states, list):
        states = [Run([state]).saved[0][0] if isinstance(state, dict) else state for state in states]
    if not said:  # another field
        states[0]["param_name"] = "lr"
        said = "of a scheduler of 'lr', not of 'weight_decay'"

    with pytest.raises(StateError, match=said):
        restore(second.schedulers, states)
    assert (second.values, second.saved) == before


def test_schedulers_of_several_optimizers_are_restored_by_name():
    names = ("g", "d")
    configs = {"g": [step()], "d": [cosine()]}
    optimizers = {name: sgd() for name in names}
    built = build_param_scheduler(configs, optimizers, epoch_length=LENGTH, max_epochs=9)
    states = {name: [element.state_dict() for element in many] for name, many in built.items()}
    for state in (state for many in states.values() for state in many):
        state["eta_min" if "eta_min" in state else "gamma"] = 0.3

    lines = restore(built, states, on_change="checkpoint", epoch_length=LENGTH)

    assert [line.split(":")[0] for line in lines] == ["g", "d"]
    assert (built["g"][0].gamma, built["d"][0].eta_min) == (0.3, 0.3)
    for wrong in ({"g": states["g"]}, {**states, "x": []}, [states["g"]]):
        with pytest.raises(StateError, match="expected the states of schedulers for g, d"):
            restore(built, wrong)
    with pytest.raises(InvalidArgument, match="unknown policy"):
        restore(built, states, on_change="old")


@table("lost", ["last_step", "_global_step", "gamma", "step_size"])
def test_a_state_without_an_entry_is_refused(lost):
    scheduler = StepLR(sgd(), 2)
    state = StepLR(sgd(), 2).state_dict()
    del state[lost]

    with pytest.raises(StateError, match=f"the state lacks {lost}; it belongs to another class"):
        scheduler.load_state_dict(state)
    with pytest.raises(StateError, match=f"the state lacks {lost}"):
        restore([scheduler], [state])


def test_scheduled_values_have_every_group_of_every_field():
    optimizer = sgd()
    wrapper = OptimWrapper(optimizer)
    schedulers = build_param_scheduler([step(), momentum()], wrapper, epoch_length=LENGTH, max_epochs=9)

    assert scheduled_values(schedulers) == {"lr": [0.5, 0.2], "momentum": [0.45, 0.45]}
    assert scheduled_values([LinearParamScheduler(optimizer, "weight_decay", start_factor=0.5, end=3)]) == {
        "weight_decay": [0.005, 0.005]
    }
    assert scheduled_values([]) == {}


def test_a_plateau_without_metrics_is_reported():
    optimizer = sgd()
    plateaus = [ReduceOnPlateauLR(optimizer, monitor=name) for name in ("loss", "acc")]
    schedulers = [StepLR(optimizer, 2), *plateaus]

    first, second = unmeasured(schedulers)
    assert first.startswith("[1] ReduceOnPlateauLR never received 'loss'")
    assert "'acc'" in second
    plateaus[0].step({"loss": 1.0})
    assert [line[:3] for line in unmeasured(schedulers)] == ["[2]"]
    plateaus[0].last_metric = None  # as a state of MMEngine's class, which has ticks but no metric
    assert [line[:3] for line in unmeasured(schedulers)] == ["[1]", "[2]"]


def test_a_plateau_of_mmengine_without_metrics_is_reported():
    plateau = pytest.importorskip("mmengine.optim.scheduler").ReduceOnPlateauLR(sgd())

    (line,) = unmeasured([plateau])
    plateau.step({"loss": 1.0})

    assert line.startswith("[0] ReduceOnPlateauLR never received 'loss'")
    assert unmeasured([plateau]) == []


class WithoutBase(StepLR):
    """A user's class that does not construct its base, and has no field."""

    def __init__(self, optimizer):
        self.optimizer = optimizer


class PlateauWithoutBase(ReduceOnPlateauLR):
    """The same for a plateau."""

    def __init__(self, optimizer):
        self.optimizer = optimizer


def test_classes_without_their_base_have_no_scheduled_values_and_no_metric():
    assert scheduled_values([WithoutBase(sgd())]) == {}
    assert unmeasured([WithoutBase(sgd()), PlateauWithoutBase(sgd())]) == []


@table("by_name", [False, True])
def test_one_scheduler_and_its_state_are_answered_with_lists(by_name):
    def new():
        return StepLR(sgd(), step_size=2)

    scheduler = new()
    state = new().state_dict()
    with pytest.raises(InvalidArgument) as refused:
        restore({"g": scheduler}, {"g": state}) if by_name else restore(scheduler, state)

    line = refused.value.problem.advice.removeprefix("For example: ")
    assert eval(line, {"restore": restore, "scheduler": scheduler, "state": state}) == ()


def test_a_loaded_momentum_is_written_into_the_betas_of_adam():
    def started():
        optimizer = torch.optim.Adam([torch.nn.Parameter(torch.ones(1))], betas=(0.8, 0.99))
        return optimizer, schedulers.LinearMomentum(optimizer, start_factor=0.5, end=4, by_epoch=False)

    optimizer, scheduler = started()
    for _ in range(2):
        optimizer.step()
        scheduler.step()
    later, loaded = started()

    loaded.load_state_dict(scheduler.state_dict())

    assert later.param_groups[0]["betas"] == optimizer.param_groups[0]["betas"] == (0.6666666666666666, 0.99)
