"""Code from documents about torch's schedulers, custom classes and simulations, with only the import changed."""

# ruff: noqa: B028, B905, N801  # the code is as printed

import warnings
from functools import partial

import pytest

from paramsched.compat.torch import (
    EPOCH_DEPRECATION_WARNING,
    ChainedScheduler,
    LambdaLR,
    ReduceLROnPlateau,
    SequentialLR,
    _LRScheduler,
)
from support.torch_cases import optimizer_with


@pytest.mark.parametrize("verbose", [False, True, "deprecated"])
@pytest.mark.parametrize(
    "kind",
    [
        partial(LambdaLR, lr_lambda=lambda epoch: 0.95**epoch, last_epoch=-1),
        ReduceLROnPlateau,
        lambda optimizer, verbose: ChainedScheduler([LambdaLR(optimizer, lambda epoch: 1.0)], verbose=verbose),
        lambda optimizer, verbose: SequentialLR(optimizer, [LambdaLR(optimizer, lambda epoch: 1.0)], [], -1, verbose),
    ],
)
def test_verbose_is_accepted_as_the_document_writes_it(kind, verbose, capsys):
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        scheduler = kind(optimizer_with([1.0]), verbose=verbose)

    assert [w.category for w in said] == ([] if verbose == "deprecated" else [DeprecationWarning])
    assert scheduler.verbose is (verbose is True)
    assert capsys.readouterr().out == ""


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
    with pytest.warns(DeprecationWarning, match="verbose"):
        scheduler = Printed(optimizer, 2, 0.5, verbose=verbose)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(5):
            optimizer.step()
            scheduler.step()

    assert scheduler.get_last_lr() == [group["lr"] for group in optimizer.param_groups] == [0.25, 0.125]
    printed = capsys.readouterr().out
    assert "adjusting learning rate of group 1 to 1.2500e-01" in printed if verbose else not printed
