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
from support.tables import table
from support.torch_cases import OPTIONS, ORIGINAL, OURS, built, optimizer_with, quiet_step, rates_of


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
    theirs = getattr(original, name, None) or importlib.import_module("torch.optim.swa_utils").SWALR
    ours = inspect.signature(getattr(drop_in, name)).parameters

    expected = inspect.signature(theirs).parameters
    assert list(ours)[: len(expected)] == list(expected), getattr(drop_in, name).__module__
    assert [ours[key].default for key in expected] == [parameter.default for parameter in expected.values()]


@each
def test_a_drop_in_is_an_instance_of_the_classes_of_torch_and_of_the_library(name):
    theirs = getattr(original, name, None) or importlib.import_module("torch.optim.swa_utils").SWALR
    scheduler = built(drop_in, name, optimizer())

    assert all(isinstance(scheduler, one) for one in (original.LRScheduler, drop_in.LRScheduler, theirs))
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
    state, file = scheduler.state_dict(), io.BytesIO()
    torch.save(state, file)
    file.seek(0)

    loaded = torch.load(file, weights_only=True)

    assert loaded.keys() == state.keys() == pickle.loads(pickle.dumps(state)).keys()
    assert "optimizer" not in state


@each
def test_a_pickled_scheduler_continues(name):
    scheduler = built(drop_in, name, optimizer())
    step(scheduler)
    twin = pickle.loads(pickle.dumps(scheduler))

    for _ in range(4):
        step(scheduler)
        step(twin)

    assert twin.get_last_lr() == scheduler.get_last_lr()


@each
def test_a_copy_continues_independently_without_a_warning(name):
    scheduler = built(drop_in, name, optimizer())
    step(scheduler)
    before = scheduler.get_last_lr()
    twin = copy.deepcopy(scheduler)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        step(twin)

    assert scheduler.get_last_lr() == before
    step(scheduler)
    assert twin.get_last_lr() == scheduler.get_last_lr()


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


def test_setting_last_epoch_sets_the_clock():
    o = optimizer()
    scheduler = drop_in.LambdaLR(o, half)
    scheduler.last_epoch = 6
    step(scheduler)

    assert scheduler.get_last_lr() == [0.5**7]


def test_calling_get_lr_directly_suggests_get_last_lr():
    scheduler = drop_in.StepLR(optimizer(), 2)

    with pytest.warns(UserWarning, match="please use `get_last_lr"):
        assert scheduler.get_lr() == [1.0]
    with pytest.raises(NotImplementedError, match="get_lr"):
        drop_in.LRScheduler(optimizer())


def test_stepping_in_the_wrong_order_causes_one_warning_at_the_users_line():
    scheduler = drop_in.StepLR(optimizer(), 2)

    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        scheduler.step()
        scheduler.step()

    assert [(w.filename, "before `optimizer.step" in str(w.message)) for w in said] == [(__file__, True)]


def test_an_overridden_get_lr_is_called():
    class Halved(drop_in.StepLR):
        def get_lr(self):
            return [lr / 2 for lr in super().get_lr()]

    o = optimizer()
    scheduler = Halved(o, 2, 0.1)
    step(scheduler)

    assert scheduler.get_last_lr() == [0.25]


def test_a_fractional_length_is_accepted():
    o = optimizer()
    scheduler = drop_in.CosineAnnealingLR(o, 12.5)
    for _ in range(30):
        step(scheduler)

    theirs = optimizer()
    other = original.CosineAnnealingLR(theirs, 12.5)
    for _ in range(30):
        theirs.step()
        other.step()
    assert scheduler.get_last_lr() == pytest.approx(other.get_last_lr(), rel=1e-12)


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


@pytest.mark.parametrize("mode", ["min", "max"])
def test_a_plateau_begins_with_the_attributes_of_torchs(mode):
    ours, theirs = (module.ReduceLROnPlateau(optimizer(), mode) for module in (drop_in, original))

    assert {name: value for name, value in vars(ours).items() if name in vars(theirs) and name != "optimizer"} == {
        name: value for name, value in vars(theirs).items() if name != "optimizer"
    }
    for _ in range(12):
        ours.step(1.0)
    assert ours.get_last_lr() != ours.base_lrs == [1.0]


def test_a_special_name_that_is_missing_is_missing_in_this_module():
    with pytest.raises(AttributeError, match=r"paramsched\.compat\.torch"):
        _ = drop_in.__wrapped__


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


def test_the_value_of_a_group_is_printed_with_its_epoch(capsys):
    scheduler = drop_in.StepLR(optimizer_with([0.1]), 2)

    scheduler.print_lr(True, 0, 0.1)
    scheduler.print_lr(True, 1, 0.05, 7)
    scheduler.print_lr(False, 1, 0.05, 7)

    first, second = capsys.readouterr().out.splitlines()
    assert first == "Adjusting learning rate of group 0 to 1.0000e-01."
    assert second == "Epoch 00007: adjusting learning rate of group 1 to 5.0000e-02."


@pytest.mark.parametrize("module", [original, drop_in], ids=["torch", "ours"])
def test_a_closed_form_that_is_set_on_a_scheduler_computes_a_requested_epoch(module):
    scheduler = module.LambdaLR(optimizer_with([0.1]), lambda t: 0.5**t)
    scheduler._get_closed_form_lr = lambda: [0.7]

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scheduler.step()
        assert rates_of(scheduler.optimizer) == [0.05]
        scheduler.step(3)

    assert rates_of(scheduler.optimizer) == [0.7]


def test_the_last_value_of_a_cycle_without_a_last_phase_is_its_peak_also_with_an_own_function():
    class Own(drop_in.OneCycleLR):
        def _anneal_func(self, start, end, pct):
            return (end - start) * pct + start

    own = Own(optimizer_with([0.1]), 0.5, total_steps=5, pct_start=1.0)
    plain = drop_in.OneCycleLR(optimizer_with([0.1]), 0.5, total_steps=5, pct_start=1.0, anneal_strategy="linear")
    values = []
    for _ in range(5):
        quiet_step(own)
        quiet_step(plain)
        values.append((own.get_last_lr(), plain.get_last_lr()))

    assert [one for one, _ in values] == [pytest.approx(other) for _, other in values]


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
        for module in (OURS, ORIGINAL):
            rates = [torch.tensor(0.4), 0.2]
            optimizer = torch.optim.SGD([{"params": [torch.zeros(1)], "lr": rate} for rate in rates], lr=0.1)
            scheduler = built(module, name, optimizer)
            for _ in range(steps):
                quiet_step(scheduler)
            found = getattr(scheduler, method, None)
            kinds.append(None if found is None else [type(value) for value in found()])
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

    (group,), (expected,) = loaded.optimizer.param_groups, saved.optimizer.param_groups
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
