"""The attributes and behavior of every drop-in that engines, torch's compositions and user subclasses need."""

import copy
import gc
import importlib
import io
import pickle
import warnings
import weakref

import pytest
import torch
from torch.optim import lr_scheduler as original

import paramsched.compat.torch as drop_in
from paramsched.compat.group_values import use_tensors
from support.tables import table
from support.torch_cases import DROP_IN, OPTIONS, TORCH, built, optimizer_with, quiet_step, rates_of


def optimizer(lr=1.0, groups=1):
    parts = [{"params": [torch.nn.Parameter(torch.zeros(1))]} for _ in range(groups)]
    return torch.optim.SGD(parts, lr=lr, momentum=0.9)


def half(t):
    return 0.5**t


EVERY = [*OPTIONS, "ReduceLROnPlateau", "SequentialLR", "ChainedScheduler"]
each = pytest.mark.parametrize("name", EVERY)


def step(scheduler):
    scheduler.optimizer.step()
    scheduler.step(*([1.0] if isinstance(scheduler, original.ReduceLROnPlateau) else []))


def test_every_name_of_torchs_module_has_a_drop_in():
    names = {*original.__all__, "SWALR", "EPOCH_DEPRECATION_WARNING", "_LRScheduler"}

    assert all(hasattr(drop_in, name) for name in names)
    assert {*EVERY} == {*original.__all__, "SWALR"} - {"LRScheduler"}


@each
def test_signatures_start_with_torchs_parameters(name):
    inspect = importlib.import_module("inspect")
    of_torch = getattr(original, name, None) or importlib.import_module("torch.optim.swa_utils").SWALR
    actual = inspect.signature(getattr(drop_in, name)).parameters

    expected = inspect.signature(of_torch).parameters
    assert list(actual)[: len(expected)] == list(expected), getattr(drop_in, name).__module__
    assert [actual[key].default for key in expected] == [parameter.default for parameter in expected.values()]


@each
def test_a_drop_in_is_an_instance_of_the_classes_of_torch_and_of_the_library(name):
    expected = getattr(original, name, None) or importlib.import_module("torch.optim.swa_utils").SWALR
    scheduler = built(drop_in, name, optimizer())

    assert all(
        isinstance(scheduler, base_class) for base_class in (original.LRScheduler, drop_in.LRScheduler, expected)
    )
    assert isinstance(scheduler, getattr(drop_in, name))
    assert isinstance(scheduler, original.ReduceLROnPlateau) == (name == "ReduceLROnPlateau")


@each
def test_a_drop_in_has_the_attributes_that_engines_read(name):
    scheduler = built(drop_in, name, optimizer())
    step(scheduler)

    assert len(scheduler.base_lrs) == len(scheduler.get_last_lr()) == len(scheduler._last_lr) == 1
    assert (scheduler.last_epoch, scheduler._step_count) == (1, 2)
    assert hasattr(scheduler.optimizer.step, "_wrapped_by_lr_sched") == (name != "ReduceLROnPlateau")


@each
def test_anything_but_an_optimizer_is_a_type_error(name):
    if name in ("SequentialLR", "ChainedScheduler"):
        pytest.skip("it has its members' optimizer")

    with pytest.raises(TypeError, match="list is not an Optimizer"):
        built(drop_in, name, [])


@each
def test_the_state_is_plain_data(name):
    scheduler = built(drop_in, name, optimizer(torch.tensor(1.0), groups=2))
    step(scheduler)
    state = scheduler.state_dict()
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)

    loaded = torch.load(file, weights_only=True)

    assert loaded.keys() == state.keys() == pickle.loads(pickle.dumps(state)).keys()
    assert "optimizer" not in state


@each
def test_scheduler_and_optimizer_are_freed_without_the_cycle_collector(name):
    gc.disable()
    try:
        held = optimizer()
        scheduler = built(drop_in, name, held)
        step(scheduler)
        refs = weakref.ref(scheduler), weakref.ref(held)
        del scheduler, held
    finally:
        gc.enable()

    assert [ref() for ref in refs] == [None, None]


@each
def test_torchs_compositions_accept_a_drop_in(name):
    if name == "ReduceLROnPlateau":
        pytest.skip("torch refuses it")
    rows = []
    for last in (lambda o: original.StepLR(o, 2), lambda o: drop_in.StepLR(o, 2)):
        o = optimizer()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            outer = original.SequentialLR(o, [built(drop_in, name, o), last(o)], [3])
            rows.append([outer.get_last_lr()[0], *[outer.step() or outer.get_last_lr()[0] for _ in range(6)]])

    assert rows[0] == pytest.approx(rows[1], rel=1e-12)


def test_stepping_in_the_wrong_order_causes_one_warning_at_the_users_line():
    scheduler = drop_in.StepLR(optimizer(), 2)

    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        scheduler.step()
        scheduler.step()

    assert [(w.filename, "before `optimizer.step" in str(w.message)) for w in said] == [(__file__, True)]


CLOSED = [name for name in EVERY if hasattr(getattr(drop_in, name), "_get_closed_form_lr")]


@table("name", [*CLOSED, "CosineAnnealingWarmRestarts"])
def test_value_returns_the_lr_that_a_run_uses(name):
    o = optimizer()
    scheduler = built(drop_in, name, o)
    rates = []
    for _ in range(8):
        rates.append(scheduler.get_last_lr())
        step(scheduler)

    ahead = built(drop_in, name, optimizer())
    before = ahead.get_last_lr()
    assert [ahead.value(t) for t in range(8)] == [pytest.approx(row, rel=1e-12) for row in rates]
    assert ahead.get_last_lr() == before


def test_a_class_without_a_closed_form_has_no_value_of_an_epoch():
    with pytest.raises(NotImplementedError, match="SWALR has no closed form; step the scheduler to epoch 3"):
        built(drop_in, "SWALR", optimizer()).value(3)


def test_a_step_calls_the_users_function_of_a_cycle_once_for_the_rate_and_momentum():
    calls = []
    scheduler = drop_in.CyclicLR(optimizer_with([0.1]), 0.01, 0.1, 4, scale_fn=lambda x: calls.append(x) or 0.5)
    calls.clear()

    for _ in range(3):
        quiet_step(scheduler)

    assert len(calls) == 3


def test_groups_that_share_a_tensor_are_reduced_once_each_by_a_plateau():
    shared = torch.tensor(0.4, dtype=torch.float64)
    optimizer = torch.optim.SGD([{"params": [torch.zeros(1)], "lr": shared} for _ in range(2)], lr=0.1)
    scheduler = drop_in.ReduceLROnPlateau(optimizer, factor=0.5, patience=0)

    for _ in range(2):
        scheduler.step(1.0)

    assert rates_of(optimizer) == [0.2, 0.2]


def test_a_copy_between_the_steps_of_optimizer_and_scheduler_does_not_warn_of_their_order():
    scheduler = drop_in.StepLR(optimizer_with([0.1]), 2)
    scheduler.optimizer.step()
    copied = copy.deepcopy(scheduler)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        copied.step()


def test_the_optimizer_counts_its_steps_for_the_schedulers_of_older_releases_of_torch():
    optimizer = optimizer_with([0.1])
    drop_in.StepLR(optimizer, 2)
    assert (optimizer._step_count, optimizer.step._with_counter) == (0, True)

    optimizer.step()
    optimizer.step()

    assert optimizer._step_count == 2


@pytest.mark.filterwarnings("ignore")
@table("name", [name for name in OPTIONS if "Cyc" not in name])
@pytest.mark.parametrize("steps", [0, 2])
def test_the_values_that_a_method_returns_have_the_types_of_the_groups_as_in_torch(name, steps):
    for method in ("get_lr", "_get_closed_form_lr"):
        kinds = []
        for module in (DROP_IN, TORCH):
            rates = [torch.tensor(0.4), 0.2]
            optimizer = torch.optim.SGD([{"params": [torch.zeros(1)], "lr": rate} for rate in rates], lr=0.1)
            scheduler = built(module, name, optimizer)
            for _ in range(steps):
                quiet_step(scheduler)
            actual = getattr(scheduler, method, None)
            kinds.append(None if actual is None else [type(value) for value in actual()])
        assert kinds[1] in (None, kinds[0])


def test_a_plateau_returns_the_values_of_the_groups():
    scheduler = drop_in.ReduceLROnPlateau(optimizer_with([0.4, 0.2]))

    assert scheduler.get_lr() == [0.4, 0.2]


def test_a_method_that_is_deleted_from_a_class_no_longer_hides_the_momenta_of_a_state_of_torch():
    class Own(drop_in.OneCycleLR):
        def get_lr(self):
            return super().get_lr()

    del Own.get_lr
    saved = original.OneCycleLR(optimizer(), 0.4, total_steps=9)
    for _ in range(4):
        quiet_step(saved)
    loaded = Own(optimizer(), 0.4, total_steps=9)

    loaded.load_state_dict(saved.state_dict())

    (group,) = loaded.optimizer.param_groups
    (expected,) = saved.optimizer.param_groups
    assert group["momentum"] == pytest.approx(expected["momentum"])
    assert group["momentum"] != 0.9


class Detached(drop_in.StepLR):
    """A user's class that is saved without its optimizer."""

    def __getstate__(self):
        return {key: value for key, value in super().__getstate__().items() if key != "optimizer"}


def test_a_scheduler_that_is_pickled_without_its_optimizer_continues_with_another_one():
    scheduler = Detached(optimizer(), 2, 0.5)
    quiet_step(scheduler)

    twin = pickle.loads(pickle.dumps(scheduler))
    twin.optimizer = optimizer()
    quiet_step(twin)

    assert rates_of(twin.optimizer) == [0.5]


def sgd(*lrs):
    groups = [{"params": [torch.nn.Parameter(torch.ones(1))], "lr": lr} for lr in lrs or (0.1, 0.02)]
    return torch.optim.SGD(groups, lr=0.1, momentum=0.9)


def stepped(scheduler, count):
    for step in range(count):
        scheduler.optimizer.step()
        scheduler.step(*([1.0 + step] if "Plateau" in type(scheduler).__name__ else []))
    return scheduler


def rates_before(scheduler, count, writes=None):
    """Return the first lr before each step, at which `writes` may replace it."""
    rates = []
    optimizer = scheduler.optimizer
    for step in range(count):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.param_groups[0]["lr"] = (writes or {}).get(step, rates[-1])
        optimizer.step()
        scheduler.step()
    return rates


@table("name", [name for name in EVERY if name != "SWALR"])
@pytest.mark.filterwarnings("ignore")
def test_every_way_to_copy_returns_a_scheduler_that_continues_as_torchs(name):
    for way in (copy.copy, copy.deepcopy):
        expected, actual = (way(stepped(built(module, name, sgd()), 3)) for module in (original, drop_in))

        assert type(actual) is getattr(drop_in, name)
        if name != "ChainedScheduler":  # torch's has none
            assert actual.last_epoch == expected.last_epoch
        stepped(actual, 2), stepped(expected, 2)
        assert rates_of(actual.optimizer) == pytest.approx(rates_of(expected.optimizer), rel=1e-12)
        assert list(actual.get_last_lr()) == pytest.approx(list(expected.get_last_lr()), rel=1e-12)


def test_the_annealing_functions_of_a_cycle_are_those_of_torch():
    for name in ("_annealing_cos", "_annealing_linear"):
        for arguments in ((0.1, 0.7, 0.0), (0.1, 0.7, 0.3), (0.7, 0.1, 1.0)):
            actual = getattr(drop_in.OneCycleLR, name)
            expected = getattr(original.OneCycleLR, name)
            assert actual(*arguments) == pytest.approx(expected(*arguments), rel=1e-15)


def test_a_function_that_raises_leaves_all_groups_unchanged():
    def failing(t):
        if t == 2:
            raise ZeroDivisionError
        return 0.5

    for functions in ([lambda t: 0.5, failing], [failing, lambda t: 0.5]):
        scheduler = stepped(drop_in.MultiplicativeLR(sgd(), functions), 1)
        before = rates_of(scheduler.optimizer)
        with pytest.raises(ZeroDivisionError):
            stepped(scheduler, 1)
        assert rates_of(scheduler.optimizer) == before == [0.05, 0.01]


def test_tensors_replace_numbers_in_every_group_also_an_empty_one():
    optimizer = torch.optim.Adam([{"params": [torch.nn.Parameter(torch.ones(1))]}, {"params": []}], lr=0.1)

    use_tensors(optimizer)
    use_tensors(optimizer, "betas", "weight_decay")

    for group in optimizer.param_groups:
        values = [group["lr"], *group["betas"], group["weight_decay"]]
        assert [type(value) for value in values] == [torch.Tensor] * 4
        assert [value.item() for value in values] == pytest.approx([0.1, 0.9, 0.999, 0.0])


def test_the_value_of_an_epoch_follows_an_attribute_that_was_set():
    scheduler = stepped(drop_in.StepLR(sgd(), 4), 2)
    assert scheduler.value(4) == pytest.approx([0.01, 0.002])

    scheduler.gamma = 0.5

    assert scheduler.value(4) == pytest.approx([0.05, 0.01])


def test_the_gamma_of_an_exponential_cycle_must_be_a_number():
    with pytest.raises(ValueError, match="gamma"):
        drop_in.CyclicLR(sgd(), 0.01, 0.1, mode="exp_range", gamma="fast")


@table(
    ("writes", "expected"),
    [
        ({}, [0, 0, 0, 1, 1, 1]),
        ({0: 0.25}, [0, 0.25, 0.25, 1, 1, 1]),
        ({1: 0.25}, [0, 0, 0.25, 1, 1, 1]),
        ({3: 0.25}, [0, 0, 0, 1, 0.25, 0.25]),
    ],
)
def test_a_constant_factor_of_0_returns_to_base(writes, expected):
    assert rates_before(drop_in.ConstantLR(sgd(1.0), 0.0, 3), 6, writes) == pytest.approx(expected)


def test_steps_to_an_epoch_warn_once():
    optimizer = sgd()
    chain = drop_in.ChainedScheduler([drop_in.StepLR(optimizer, 2), drop_in.ExponentialLR(optimizer, 0.5)])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        chain.step(3)

    assert [str(warning.message)[:13] for warning in caught] == ["The epoch par"]


class OwnAnneal(drop_in.OneCycleLR):
    def _anneal_func(self, start, end, pct):
        return super()._anneal_func(start, end, pct)


@pytest.mark.parametrize("three_phase", [False, True])
@pytest.mark.parametrize("share", [0.1, 0.3, 0.45])
def test_a_short_cycle_has_the_values_of_torch(share, three_phase):
    for steps in range(2, 12):
        actual = []
        for scheduler_class in (original.OneCycleLR, drop_in.OneCycleLR, OwnAnneal):
            options = {"total_steps": steps, "pct_start": share, "three_phase": three_phase}
            try:
                scheduler = scheduler_class(sgd(1.0), 0.5, **options)
                actual.append([*rates_before(scheduler, steps - 1), scheduler.optimizer.param_groups[0]["momentum"]])
            except ZeroDivisionError:  # row 16 of docs/reference/divergences.md
                break
        for rates in actual[1:]:
            assert rates == pytest.approx(actual[0]), options
    short = OwnAnneal(sgd(1.0, 0.5), 0.5, total_steps=1)
    assert short.get_last_lr() == pytest.approx([2e-6, 2e-6])
    assert [group["momentum"] for group in short.optimizer.param_groups] == [0.95, 0.95]


def test_the_module_has_the_other_names_of_torchs():
    assert drop_in.Counter is original.Counter
    with pytest.raises(AttributeError, match="no attribute '__x__'"):
        _ = drop_in.__x__
    with pytest.raises(AttributeError):
        _ = drop_in.no_name
