"""Code from documents about torch's schedulers, custom classes and simulations, with only the import changed."""

# ruff: noqa: B007, B028, B905, N801  # the code is as printed

import math
import warnings
from functools import partial

import pytest
import torch
from torch import nn

from paramsched.compat.torch import (
    EPOCH_DEPRECATION_WARNING,
    SWALR,
    ChainedScheduler,
    ConstantLR,
    CosineAnnealingLR,
    CosineAnnealingWarmRestarts,
    CyclicLR,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    MultiplicativeLR,
    MultiStepLR,
    OneCycleLR,
    PolynomialLR,
    ReduceLROnPlateau,
    SequentialLR,
    StepLR,
    _LRScheduler,
)
from support.torch_cases import optimizer_with


def get_lr_scheduler(optim, scheduler, total_step):
    lrs = []
    for step in range(total_step):
        lr_current = optim.param_groups[0]["lr"]
        lrs.append(lr_current)
        if scheduler is not None:
            scheduler.step()
    return lrs


def get_lr_scheduler1(optim, scheduler, total_step):
    lrs = []
    for step in range(total_step):
        lr_current = optim.param_groups[0]["lr"]
        lrs.append(lr_current)
        if scheduler is not None:
            scheduler.step(lr_current)
    return lrs


AT = (0, 1, 5, 10, 11, 12, 20, 30, 40, 41, 60, 80, 99)
TABLE = {
    "cosine": (
        lambda o: CosineAnnealingLR(o, T_max=40, eta_min=0.2),
        "1 .998766933 .969551813 .882842712 .859779219 .835114101 .6 .317157288 .2 .201233067 .6 1 .631383638",
    ),
    "lambda, saw": (lambda o: LambdaLR(o, lambda s: s % 40 / 100.0), "0 .01 .05 .1 .11 .12 .2 .3 0 .01 .2 0 .19"),
    "lambda, line": (
        lambda o: LambdaLR(o, lr_lambda=lambda step: max(0, 1 - step / 100)),
        "1 .99 .95 .9 .89 .88 .8 .7 .6 .59 .4 .2 .01",
    ),
    "multiplicative": (
        lambda o: MultiplicativeLR(o, lambda step: 0.95),
        "1 .95 .773780937 .598736939 .568800092 .540360088 .358485922 .214638764 .128512157 .122086549 .046069799 "
        ".0165153744 .00623213602",
    ),
    "exponential": (
        lambda o: ExponentialLR(o, 0.95),
        "1 .95 .773780937 .598736939 .568800092 .540360088 .358485922 .214638764 .128512157 .122086549 .046069799 "
        ".0165153744 .00623213602",
    ),
    "step": (lambda o: StepLR(o, 30, 0.1), "1 1 1 1 1 1 1 .1 .1 .1 .01 .01 .001"),
    "multistep": (lambda o: MultiStepLR(o, [30, 80], 0.1), "1 1 1 1 1 1 1 .1 .1 .1 .1 .01 .01"),
    "constant": (ConstantLR, ".333333333 .333333333 1 1 1 1 1 1 1 1 1 1 1"),
    "linear": (LinearLR, ".333333333 .466666667 1 1 1 1 1 1 1 1 1 1 1"),
    "polynomial": (
        lambda o: PolynomialLR(o, 100, 0.9),
        "1 .990995483 .954885382 .909532576 .900432177 .891321546 .818052146 .725417847 .631445867 .621966238 "
        ".438383291 .234923789 .0158489319",
    ),
    "warm restarts": (
        lambda o: CosineAnnealingWarmRestarts(o, 10, 2, 0.1),
        "1 .977975432 .55 1 .994459753 .977975432 .55 1 .868198052 .842251622 .231801948 .96574579 .738396882",
    ),
    "cyclic": (
        lambda o: CyclicLR(o, 0.1, 1, 20),
        ".1 .145 .325 .55 .595 .64 1 .55 .1 .145 1 .1 .955",
    ),
    "cyclic, triangular2": (
        lambda o: CyclicLR(o, 0.1, 1, 20, mode="triangular2"),
        ".1 .145 .325 .55 .595 .64 1 .55 .1 .1225 .55 .1 .31375",
    ),
    "cyclic, exp_range": (
        lambda o: CyclicLR(o, 0.1, 1, 20, mode="exp_range", gamma=0.99),
        ".1 .14455 .313972761 .506971934 .543192436 .578647831 .836116244 .432865168 .1 .129802692 .592440978 .1 "
        ".41611884",
    ),
    "one cycle": (
        lambda o: OneCycleLR(o, 1, total_steps=100),
        ".04 .0428137806 .108708555 .295163948 .342333685 .391586398 .789369791 .999496535 .940298005 .92922468 "
        ".58928009 .171033953 4e-06",
    ),
    "one cycle, three phases": (
        lambda o: OneCycleLR(o, 1, total_steps=100, three_phase=True, anneal_strategy="linear", pct_start=0.4),
        ".04 .0646153846 .163076923 .286153846 .310769231 .335384615 .532307692 .778461538 .975384615 .950769231 "
        ".483076923 .0361908571 4e-06",
    ),
    "swa": (lambda o: SWALR(o, 0.05, 10), "1 .976751845 .525 .05 .05 .05 .05 .05 .05 .05 .05 .05 .05"),
    "sequential": (
        lambda o: SequentialLR(o, [LinearLR(o, 0.1, 1.0, 10), CosineAnnealingLR(o, 90)], [10]),
        ".1 .19 .55 1 .999695414 .998782025 .96984631 .883022222 .75 .734735781 .413175911 .116977778 .00030458649",
    ),
    "chained": (
        lambda o: ChainedScheduler([ConstantLR(o, 0.1, 20), ExponentialLR(o, 0.95)]),
        ".1 .095 .0773780937 .0598736939 .0568800092 .0540360088 .358485922 .214638764 .128512157 .122086549 "
        ".046069799 .0165153744 .00623213602",
    ),
}


@pytest.mark.parametrize("name", TABLE)
@pytest.mark.filterwarnings("ignore")
def test_the_simulation_records_the_documented_rates(name):
    build, numbers = TABLE[name]
    optim = optimizer_with([1.0])

    lrs = get_lr_scheduler(optim, build(optim), 100)

    assert [lrs[i] for i in AT] == pytest.approx([float(n) for n in numbers.split()], rel=5e-9, abs=1e-12)


@pytest.mark.filterwarnings("ignore")
def test_a_simulation_with_the_lr_as_metric_reduces_on_plateaus():
    optim = optimizer_with([1.0])

    lrs = get_lr_scheduler1(optim, ReduceLROnPlateau(optim), 100)

    drops = "1 1 1 1 1 .1 .1 .01 .001 .001 1e-05 1e-06 1e-08"
    assert [lrs[i] for i in AT] == pytest.approx([float(n) for n in drops.split()], rel=1e-9)


@pytest.mark.filterwarnings("ignore")
def test_plot_cosine_aneal_as_printed():
    model = nn.Linear(1, 1)
    initial_lr = 1.0
    total_step = 100
    optim = torch.optim.Adam([{"params": model.parameters(), "initial_lr": initial_lr}], lr=initial_lr)
    scheduler = CosineAnnealingLR(optim, T_max=40, eta_min=0.2)
    lrs = get_lr_scheduler(optim, scheduler, total_step)
    assert lrs[30] == pytest.approx(0.317157288)

    optim = torch.optim.Adam([{"params": model.parameters(), "initial_lr": initial_lr}], lr=initial_lr)
    scheduler = CosineAnnealingLR(optim, T_max=40, eta_min=0.2, last_epoch=10)
    lrs = get_lr_scheduler(optim, scheduler, total_step)
    phase = "1 .970092882 .834887286 .646957226 .609138335 .571787223 .316205677 .201233067 .340220781 "
    phase += ".364885899 .904162386 .859779219 .317157288"
    assert [lrs[i] for i in AT] == pytest.approx([float(n) for n in phase.split()], rel=5e-9)

    # if not re defined, the init lr will be lrs[-1]
    scheduler = CosineAnnealingLR(optim, T_max=40, eta_min=0.5, last_epoch=10)
    lrs = get_lr_scheduler(optim, scheduler, total_step)
    going_on = ".295837614 .303469999 .337974871 .385935183 .395586677 .405118792 .470343965 .500770667 .587637988 "
    going_on += ".603053687 .940101491 .912362012 .573223305"
    assert [lrs[i] for i in AT] == pytest.approx([float(n) for n in going_on.split()], rel=5e-9)


@pytest.mark.parametrize("verbose", [False, True, "deprecated"])
@pytest.mark.parametrize(
    "scheduler_class",
    [
        partial(LambdaLR, lr_lambda=lambda epoch: 0.95**epoch, last_epoch=-1),
        ReduceLROnPlateau,
        lambda optimizer, verbose: ChainedScheduler([LambdaLR(optimizer, lambda epoch: 1.0)], verbose=verbose),
        lambda optimizer, verbose: SequentialLR(optimizer, [LambdaLR(optimizer, lambda epoch: 1.0)], [], -1, verbose),
    ],
)
def test_verbose_is_accepted_as_the_document_writes_it(scheduler_class, verbose, capsys):
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        scheduler = scheduler_class(optimizer_with([1.0]), verbose=verbose)

    assert said == []
    assert scheduler.verbose is (verbose is True)
    printed = capsys.readouterr().out
    if verbose is True and isinstance(scheduler, LambdaLR):
        assert printed == "Adjusting learning rate of group 0 to 1.0000e+00.\n"
    else:
        assert printed == ""  # a plateau has written nothing yet, and the members of a composition print


def test_a_verbose_scheduler_prints_in_the_words_of_torch(capsys):
    optimizer = optimizer_with([0.1, 0.05])
    scheduler = StepLR(optimizer, 1, 0.5, verbose=True)
    optimizer.step()
    scheduler.step()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scheduler.step(3)

    assert capsys.readouterr().out.splitlines() == [
        "Adjusting learning rate of group 0 to 1.0000e-01.",
        "Adjusting learning rate of group 1 to 5.0000e-02.",
        "Adjusting learning rate of group 0 to 5.0000e-02.",
        "Adjusting learning rate of group 1 to 2.5000e-02.",
        "Epoch 00003: adjusting learning rate of group 0 to 1.2500e-02.",
        "Epoch 00003: adjusting learning rate of group 1 to 6.2500e-03.",
    ]


def test_verbose_warm_restarts_print_their_epochs_in_the_words_of_torch(capsys):
    scheduler = CosineAnnealingWarmRestarts(optimizer_with([0.1]), 2, verbose=True)
    scheduler.optimizer.step()
    scheduler.step()
    scheduler.step(2.5)

    assert [line.partition(": ")[0] for line in capsys.readouterr().out.splitlines()] == [
        "Epoch 00000",
        "Epoch 00001",
        "Epoch 2.50",
    ]


def test_a_verbose_plateau_prints_each_reduction_in_the_words_of_torch(capsys):
    scheduler = ReduceLROnPlateau(optimizer_with([0.1, 0.05]), patience=0, min_lr=[0.0, 0.05], verbose=True)
    for _ in range(2):
        scheduler.step(1.0)

    assert capsys.readouterr().out == "Epoch 00002: reducing learning rate of group 0 to 1.0000e-02.\n"


class Printed(_LRScheduler):
    """`step` of torch 1.x as printed in the document, with the StepLR it explains."""

    def __init__(self, optimizer, step_size, gamma=0.1, last_epoch=-1, verbose="deprecated"):
        self.step_size = step_size
        self.gamma = gamma
        super().__init__(optimizer, last_epoch, verbose)

    def step(self, epoch=None):
        if self._step_count == 1:
            if not hasattr(self.optimizer.step, "_with_counter"):
                warnings.warn("Seems like `optimizer.step()` has been overridden", UserWarning)
            elif self.optimizer._step_count < 1:
                warnings.warn("Detected call of `lr_scheduler.step()` before `optimizer.step()`. ", UserWarning)
        self._step_count += 1

        class _enable_get_lr_call:
            def __init__(self, o):
                self.o = o

            def __enter__(self):
                self.o._get_lr_called_within_step = True
                return self

            def __exit__(self, type, value, traceback):
                self.o._get_lr_called_within_step = False

        with _enable_get_lr_call(self):
            if epoch is None:
                self.last_epoch += 1
                values = self.get_lr()
            else:
                warnings.warn(EPOCH_DEPRECATION_WARNING, UserWarning)
                self.last_epoch = epoch
                if hasattr(self, "_get_closed_form_lr"):
                    values = self._get_closed_form_lr()
                else:
                    values = self.get_lr()

        for i, data in enumerate(zip(self.optimizer.param_groups, values)):
            param_group, lr = data
            param_group["lr"] = lr
            self.print_lr(self.verbose, i, lr, epoch)

        self._last_lr = [group["lr"] for group in self.optimizer.param_groups]

    def get_lr(self):
        if not self._get_lr_called_within_step:
            warnings.warn(
                "To get the last learning rate computed by the scheduler, please use `get_last_lr()`.", UserWarning
            )

        if (self.last_epoch == 0) or (self.last_epoch % self.step_size != 0):
            return [group["lr"] for group in self.optimizer.param_groups]
        return [group["lr"] * self.gamma for group in self.optimizer.param_groups]

    def _get_closed_form_lr(self):
        return [base_lr * self.gamma ** (self.last_epoch // self.step_size) for base_lr in self.base_lrs]


@pytest.mark.parametrize("verbose", [True, False])
def test_the_printed_step_runs_in_a_subclass_without_a_warning(capsys, verbose):
    optimizer = optimizer_with([1.0, 0.5])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scheduler = Printed(optimizer, 2, 0.5, verbose=verbose)
        for _ in range(5):
            optimizer.step()
            scheduler.step()

    assert scheduler.get_last_lr() == [group["lr"] for group in optimizer.param_groups] == [0.25, 0.125]
    printed = capsys.readouterr().out
    assert "Adjusting learning rate of group 1 to 1.2500e-01" in printed if verbose else not printed


class Warmup(_LRScheduler):
    """The second method of the document: a class that defines only `get_lr`."""

    def __init__(self, optimizer, multiplier, warmup_epoch, last_epoch=-1):
        self.multiplier = multiplier
        self.warmup_epoch = warmup_epoch
        super().__init__(optimizer, last_epoch)

    def get_lr(self):
        if self.last_epoch > self.warmup_epoch:
            return [
                base_lr * (1 + math.cos(math.pi * (self.last_epoch - self.warmup_epoch) / 10)) / 2
                for base_lr in self.base_lrs
            ]
        return [
            base_lr / self.multiplier * ((self.multiplier - 1.0) * self.last_epoch / self.warmup_epoch + 1.0)
            for base_lr in self.base_lrs
        ]


@pytest.mark.filterwarnings("ignore")
def test_a_class_that_defines_only_get_lr_is_a_complete_scheduler():
    optimizer = optimizer_with([1.0])
    scheduler = Warmup(optimizer, 10.0, 5)

    lrs = get_lr_scheduler(optimizer, scheduler, 10)

    assert lrs[:6] == pytest.approx([0.1, 0.28, 0.46, 0.64, 0.82, 1.0])
    again = Warmup(optimizer_with([1.0]), 10.0, 5)
    again.load_state_dict(scheduler.state_dict())
    scheduler.step()
    again.step()
    assert again.get_last_lr() == scheduler.get_last_lr()
