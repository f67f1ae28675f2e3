"""Methods of torch's schedulers that other code sets: the drop-ins call them as torch's classes do."""

import inspect
import re
from functools import partial

import pytest
import torch

from support.torch_cases import OPTIONS, ORIGINAL, OURS, built

pytestmark = pytest.mark.filterwarnings("ignore")

CASES = ["LRScheduler", *OPTIONS, "ReduceLROnPlateau", "SequentialLR", "ChainedScheduler"]


def case_of(module, name, optimizer):
    if name == "LRScheduler":
        methods = {"get_lr": lambda scheduler: [0.1 * base for base in scheduler.base_lrs]}
        return type("Own", (module.LRScheduler,), methods)(optimizer)
    return built(module, name, optimizer)


def write(scheduler, value):
    for group in scheduler.optimizer.param_groups:
        group["lr"] = value
    scheduler._last_lr = [group["lr"] for group in scheduler.optimizer.param_groups]


def own_step(self, *arguments):
    self.last_epoch = getattr(self, "last_epoch", 0) + 1  # torch's ChainedScheduler has none
    write(self, 0.05 + 0.01 * self.last_epoch)


def own_reduction(self, epoch):
    self.optimizer.param_groups[0]["lr"] *= 0.7


def own_reset(self):
    self.best, self.cooldown_counter, self.num_bad_epochs = 0.5, 0, 0


def own_mode(self, mode, threshold, threshold_mode):
    self.mode, self.threshold, self.threshold_mode, self.mode_worse = mode, 0.3, threshold_mode, float("inf")


def own_scale_function(self):
    self._scale_fn_ref = quarter


def quarter(x):
    return 0.25


METHODS = {
    "get_lr": lambda self: [0.02 + 0.001 * self.last_epoch] * len(self.optimizer.param_groups),
    "_get_closed_form_lr": lambda self: [0.3 + 0.001 * self.last_epoch] * len(self.optimizer.param_groups),
    "step": own_step,
    "_initial_step": lambda self: write(self, 0.07) or setattr(self, "_step_count", 1),
    "_update_lr": own_step,
    "_reduce_lr": own_reduction,
    "_is_better": lambda self, a, best: False,
    "_reset": own_reset,
    "_init_is_better": own_mode,
    "scale_fn": lambda self, x: 0.5 / (1 + x),
    "_init_scale_fn": own_scale_function,
    "_anneal_func": lambda self, start, end, pct: start + (end - start) * pct**2 / 2,  # each phase ends with a jump
}
STATIC = {
    "_exp_range_scale_fn": lambda gamma, x: 0.5,
    "_triangular_scale_fn": lambda x: 0.5,
    "_triangular2_scale_fn": lambda x: 0.5,
    "_annealing_cos": lambda start, end, pct: start + (end - start) * pct**3,
    "_annealing_linear": lambda start, end, pct: start + (end - start) * pct**3,
}
# torch looks these up once, in the constructor, so that setting them later has no effect there.
READ_ONCE = {"_initial_step", "_init_scale_fn", "_init_is_better", "_reset"} | {n for n in STATIC if "scale" in n}
# The drop-ins compute these values differently (docs/reference/divergences.md, torch 5, 8 and 40).
NOT_CALLED_HERE = {"recursive_undo", "_get_initial_lr", "_set_anneal_func", "_linear_anneal", "_cosine_anneal"}
OTHER_START = {("CosineAnnealingLR", "_initial_step"), ("SWALR", "_initial_step")}


def called_through_self(kind):
    """Return the names of the methods that torch's class calls on itself, from its constructor and its step."""
    found, sources = set(), [inspect.getsource(base.__init__) for base in kind.__mro__[:-1]]
    sources.append(inspect.getsource(kind.step))
    while sources:
        names = set(re.findall(r"self\.(\w+)", sources.pop())) - found
        methods = {name: getattr(kind, name, None) for name in names}
        called = {name: method for name, method in methods.items() if inspect.isfunction(method)}
        found |= set(called)
        sources += map(inspect.getsource, called.values())
    return found | {"step"}


PAIRS = [
    (name, method)
    for name in CASES
    for method in sorted(called_through_self(getattr(ORIGINAL, name)) - NOT_CALLED_HERE)
    if (name, method) not in OTHER_START | {("LRScheduler", "get_lr")}
]
PLACES = ["object", "class", "class of a built scheduler", "subclass"]


def test_every_method_that_torch_calls_has_a_replacement_here():
    assert {method for _, method in PAIRS} <= set(METHODS) | set(STATIC)


def run(name, method, place, module, monkeypatch):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1, momentum=0.9)
    function = METHODS.get(method) or STATIC[method]
    on_class = function if method in METHODS else staticmethod(function)
    kind = getattr(module, name)
    with monkeypatch.context() as patch:
        if place == "class":
            patch.setattr(kind, method, on_class, raising=False)
        classes = module if place != "subclass" else subclassed(module, name, {method: on_class})
        scheduler = case_of(classes, name, optimizer)
        if place == "class of a built scheduler":
            patch.setattr(kind, method, on_class, raising=False)
        elif place == "object":
            setattr(scheduler, method, partial(function, scheduler) if method in METHODS else function)
        rows = [optimizer.param_groups[0]["lr"]]
        for step in range(12):
            optimizer.step()
            try:
                if name == "ReduceLROnPlateau":
                    scheduler.step(1.0 - 0.1 * (step % 3))
                elif step == 8 and method == "_get_closed_form_lr" and "Sched" not in name and "Seq" not in name:
                    scheduler.step(8)
                else:
                    scheduler.step()
            except TypeError:
                rows.append("TypeError")
            rows += [optimizer.param_groups[0]["lr"], optimizer.param_groups[0]["momentum"]]
        return rows


def subclassed(module, name, methods):
    class Module:
        def __getattr__(self, wanted):
            kind = getattr(module, wanted)
            return type("Sub", (kind,), methods) if wanted == name else kind

    return Module()


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(("name", "method"), PAIRS)
def test_a_method_that_other_code_sets_is_called(name, method, place, monkeypatch):
    if method in READ_ONCE and place in ("object", "class of a built scheduler"):
        pytest.skip("torch looks it up once, in the constructor")

    theirs = run(name, method, place, ORIGINAL, monkeypatch)

    assert run(name, method, place, OURS, monkeypatch) == pytest.approx(theirs, rel=1e-9)
