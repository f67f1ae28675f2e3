"""The errors and warnings of torch: the same class and the same start of the message."""

import ast
import inspect
import math
import traceback
import warnings
from types import SimpleNamespace

import pytest
import torch
from torch.optim import lr_scheduler, swa_utils

from support.tables import table
from support.torch_cases import OPTIONS, ORIGINAL, OURS, built

MODULES = {lr_scheduler.__file__: lr_scheduler, swa_utils.__file__: swa_utils}


def sgd(groups=1, **options):
    parts = [{"params": [torch.nn.Parameter(torch.zeros(1))]} for _ in range(groups)]
    return torch.optim.SGD(parts, lr=0.1, **({"momentum": 0.9} | options))


def without_momentum():
    return torch.optim.Adagrad([torch.nn.Parameter(torch.zeros(1))], lr=0.1)


def two_optimizers(m, kind):
    one, other = sgd(), sgd()
    members = [m.StepLR(one, 3), m.StepLR(other, 3)]
    return m.SequentialLR(one, members, [2]) if kind == "sequence" else m.ChainedScheduler(members, optimizer=one)


def beyond(m):
    scheduler = m.OneCycleLR(sgd(), 1.0, total_steps=3)
    for _ in range(4):
        scheduler.optimizer.step()
        scheduler.step()


def another_anneal(m):
    scheduler = m.OneCycleLR(sgd(), 1.0, total_steps=3)
    scheduler._anneal_func_type = "square"
    scheduler.optimizer.step()
    scheduler.step()


def late_plateau(m):
    o = sgd(2)
    scheduler = m.ReduceLROnPlateau(o, min_lr=[0.0, 0.0], patience=0)
    o.add_param_group({"params": [torch.nn.Parameter(torch.zeros(1))]})
    for metric in (1.0, 2.0):
        scheduler.step(metric)


ERRORS = {
    "no optimizer": lambda m: m.StepLR([], 3),
    "no optimizer, plateau": lambda m: m.ReduceLROnPlateau([]),
    "no optimizer, cyclic": lambda m: m.CyclicLR([], 0.1, 0.5),
    "no optimizer, one cycle": lambda m: m.OneCycleLR([], 0.1, 10),
    "no initial_lr": lambda m: m.StepLR(sgd(), 3, last_epoch=2),
    "no get_lr": lambda m: m.LRScheduler(sgd()),
    "list of another length": lambda m: m.CyclicLR(sgd(2), [0.1], 0.5),
    "lambdas of another length": lambda m: m.LambdaLR(sgd(2), [abs]),
    "factors of another length": lambda m: m.MultiplicativeLR(sgd(2), [abs]),
    "no function": lambda m: m.MultiplicativeLR(sgd(), 0.5),
    "constant factor": lambda m: m.ConstantLR(sgd(), factor=2.0),
    "start factor": lambda m: m.LinearLR(sgd(), start_factor=0.0),
    "start factor above 1": lambda m: m.LinearLR(sgd(), start_factor=1.5),
    "end factor": lambda m: m.LinearLR(sgd(), end_factor=2.0),
    "empty sequence": lambda m: m.SequentialLR(sgd(), [], []),
    "sequence of objects": lambda m: m.SequentialLR(sgd(), [object()], []),
    "sequence with a plateau": lambda m: m.SequentialLR(o := sgd(), [m.ReduceLROnPlateau(o)], []),
    "sequence of two optimizers": lambda m: two_optimizers(m, "sequence"),
    "milestones": lambda m: m.SequentialLR(o := sgd(), [m.StepLR(o, 3)], [4]),
    "empty chain": lambda m: m.ChainedScheduler([]),
    "chain of objects": lambda m: m.ChainedScheduler([object()], optimizer=sgd()),
    "chain with a plateau": lambda m: m.ChainedScheduler([m.ReduceLROnPlateau(sgd())]),
    "chain of two optimizers": lambda m: two_optimizers(m, "chain"),
    "plateau factor": lambda m: m.ReduceLROnPlateau(sgd(), factor=1.0),
    "min_lr of another length": lambda m: m.ReduceLROnPlateau(sgd(2), min_lr=[0.0]),
    "late group of a plateau": late_plateau,
    "plateau mode": lambda m: m.ReduceLROnPlateau(sgd(), mode="least"),
    "plateau threshold_mode": lambda m: m.ReduceLROnPlateau(sgd(), threshold_mode="some"),
    "cyclic mode": lambda m: m.CyclicLR(sgd(), 0.1, 0.5, mode="square"),
    "cyclic without momentum": lambda m: m.CyclicLR(without_momentum(), 0.1, 0.5),
    "T_0": lambda m: m.CosineAnnealingWarmRestarts(sgd(), 0),
    "T_mult": lambda m: m.CosineAnnealingWarmRestarts(sgd(), 10, 0),
    "eta_min": lambda m: m.CosineAnnealingWarmRestarts(sgd(), 10, eta_min="0"),
    "negative epoch": lambda m: m.CosineAnnealingWarmRestarts(sgd(), 10).step(-1),
    "total_steps": lambda m: m.OneCycleLR(sgd(), 0.1, total_steps=0),
    "epochs": lambda m: m.OneCycleLR(sgd(), 0.1, epochs=0, steps_per_epoch=5),
    "steps_per_epoch": lambda m: m.OneCycleLR(sgd(), 0.1, epochs=5, steps_per_epoch=1.5),
    "no length": lambda m: m.OneCycleLR(sgd(), 0.1),
    "pct_start": lambda m: m.OneCycleLR(sgd(), 0.1, total_steps=9, pct_start=2.0),
    "anneal_strategy": lambda m: m.OneCycleLR(sgd(), 0.1, total_steps=9, anneal_strategy="square"),
    "one cycle without momentum": lambda m: m.OneCycleLR(without_momentum(), 0.1, total_steps=9),
    "another anneal": another_anneal,
    "beyond the end": beyond,
    "swa strategy": lambda m: m.SWALR(sgd(), 0.1, anneal_strategy="square"),
    "swa epochs": lambda m: m.SWALR(sgd(), 0.1, anneal_epochs=-1),
    "swa_lr of another length": lambda m: m.SWALR(sgd(2), [0.1]),
}


def stepped_first(m):
    m.StepLR(sgd(), 3).step()


def overridden(m):
    o = sgd()
    scheduler = m.StepLR(o, 3)
    o.step = lambda: None
    scheduler.step()


def by_epoch(m):
    scheduler = m.StepLR(sgd(), 3)
    scheduler.optimizer.step()
    scheduler.step(4)


def plateau_by_epoch(m):
    m.ReduceLROnPlateau(sgd()).step(1.0, 4)


WARNINGS = {
    "stepped first": stepped_first,
    "overridden": overridden,
    "by epoch": by_epoch,
    "plateau by epoch": plateau_by_epoch,
    "asked from outside": lambda m: m.StepLR(sgd(), 3).get_lr(),
    "swalr asked from outside": lambda m: m.SWALR(sgd(), 0.1).get_lr(),
}


def error_of(provoke, module):
    with pytest.raises(Exception) as caught:  # noqa: PT011  # because the test compares the message
        provoke(module)
    return caught.value


def message_of(error):
    return error.args[0] if error.args else ""


def without_addresses(text):
    return text.split(" object at ")[0]


@table("name", ERRORS)
@pytest.mark.filterwarnings("ignore")
def test_the_drop_in_raises_the_same_error_with_the_same_start(name):
    theirs, ours = error_of(ERRORS[name], ORIGINAL), error_of(ERRORS[name], OURS)

    assert isinstance(ours, type(theirs))
    first_line = without_addresses(message_of(theirs)).splitlines()[0:1] or [""]
    assert message_of(ours).startswith(first_line[0].removesuffix("."))
    assert str(ours).strip("'\"").startswith(first_line[0])


@table("name", WARNINGS)
def test_the_drop_in_issues_a_warning_with_the_same_start(name):
    heard = []
    for module in (ORIGINAL, OURS):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            WARNINGS[name](module)
        heard.append(caught)

    for theirs, ours in zip(*heard, strict=True):
        assert issubclass(ours.category, theirs.category)  # PlanWarning is a UserWarning
        assert str(ours.message).startswith(str(theirs.message).split(" See more")[0])


@pytest.mark.filterwarnings("ignore")
def test_the_table_has_every_error_that_torch_raises():
    raised = {
        (name, node.lineno)
        for name, module in MODULES.items()
        for part in ast.parse(inspect.getsource(module)).body
        if isinstance(part, ast.ClassDef | ast.FunctionDef) and (module is lr_scheduler or part.name == "SWALR")
        for node in ast.walk(part)
        if isinstance(node, ast.Raise)
    }
    seen = set()
    for provoke in ERRORS.values():
        where = traceback.extract_tb(error_of(provoke, ORIGINAL).__traceback__)[-1]
        seen.add((where.filename, where.lineno))

    assert raised - seen == set()


def test_a_subclass_that_matches_a_message_of_torch_finds_it():
    heard = SimpleNamespace(texts=[])

    class GoesOn(OURS.OneCycleLR):
        def get_lr(self):
            try:
                return super().get_lr()
            except ValueError as error:
                heard.texts.append(error.args[0])
                return self.get_last_lr()

    scheduler = GoesOn(sgd(), 1.0, total_steps=3)
    for _ in range(5):
        scheduler.optimizer.step()
        scheduler.step()

    assert [text[:19] for text in heard.texts] == ["Tried to step 4 tim", "Tried to step 5 tim"]
    assert scheduler.last_epoch == 5


@pytest.mark.parametrize("groups", [[{}], [{}, {}]])
def test_the_advised_line_for_a_state_without_initial_lr_resumes_with_the_base_of_the_code(groups):
    optimizer = torch.optim.SGD([{"params": [torch.nn.Parameter(torch.ones(1))], **one} for one in groups], lr=0.1)
    saved = optimizer.state_dict()
    for one in saved["param_groups"]:
        one["lr"] = 0.05
    optimizer.load_state_dict(saved)
    with pytest.raises(KeyError) as refused:
        OURS.CosineAnnealingLR(optimizer, 20, last_epoch=9)

    exec(refused.value.args[0].partition("each group: ")[2], {"optimizer": optimizer})

    assert OURS.CosineAnnealingLR(optimizer, 20, last_epoch=9).base_lrs == [0.1 for _ in groups]


SITUATIONS = {
    "the scheduler first": ("scheduler",),
    "the optimizer first": ("optimizer", "scheduler", "scheduler"),
    "twice": ("scheduler", "scheduler"),
    "a step was replaced": ("replace", "scheduler"),
    "a scaler skipped the step": ("infinite", "scheduler"),
    "a finite gradient": ("finite", "scheduler"),
    "a sparse gradient": ("sparse", "scheduler"),
    "a scaler skipped the step of a sparse gradient": ("sparse infinite", "scheduler"),
    "an epoch": ("optimizer", "epoch", "scheduler"),
    "an epoch first": ("epoch",),
}


def happened(module, name, situation):
    """Return the warnings of a situation, without addresses of pages, and the rates after each event."""
    parameter = torch.nn.Parameter(torch.zeros(2))
    optimizer = torch.optim.SGD([parameter], lr=0.4, momentum=0.9)
    rates = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        scheduler = built(module, name, optimizer)
        for event in situation:
            if event == "optimizer":
                optimizer.step()
            elif event == "scheduler":
                scheduler.step()
            elif event == "epoch":
                scheduler.step(3)
            elif event == "replace":
                optimizer.step = lambda: None
            else:
                gradient = torch.tensor([1.0, math.inf if "infinite" in event else 2.0])
                parameter.grad = gradient.to_sparse() if "sparse" in event else gradient
            rates.append(optimizer.param_groups[0]["lr"])
    return [str(one.message)[:40] for one in caught], rates


@pytest.mark.parametrize("name", OPTIONS)
def test_a_step_warns_as_in_torch(name, subtests):
    for situation, events in SITUATIONS.items():
        (said, rates), (expected, planned) = (happened(m, name, events) for m in (OURS, ORIGINAL))
        if name == "CosineAnnealingWarmRestarts":  # torch's has no check of the order
            expected = [one for one in happened(ORIGINAL, "StepLR", events)[0] if "epoch" not in one]
        with subtests.test(situation=situation):
            assert said == ([] if "infinite" in events[0] else expected)  # torch does not look at the gradients
            assert rates == pytest.approx(planned, rel=1e-12) or "epoch" in events


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", OPTIONS)
def test_a_method_that_is_set_on_a_subclass_counts_until_it_is_deleted(name):
    def run(module):
        optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.4, momentum=0.9)
        made = built(module, name, optimizer)
        own = type("Own", (type(made),), {})
        made.__class__ = own
        rates = []
        for t in range(6):
            if t == 2:
                own.get_lr = lambda self: [0.01 * group["lr"] for group in self.optimizer.param_groups]
                own._get_closed_form_lr = lambda self: [0.02]
            if t == 4:
                del own.get_lr, own._get_closed_form_lr
            optimizer.step()
            made.step()
            rates.append(optimizer.param_groups[0]["lr"])
        return rates

    assert run(OURS)[:5] == pytest.approx(run(ORIGINAL)[:5], rel=1e-9)
