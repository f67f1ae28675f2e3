"""The tables of arguments against the signatures of the peers: names, and defaults."""

import inspect

import pytest

from paramsched.core.files.arguments import arguments_of, defaults_of

pytestmark = pytest.mark.heavy


def defaults_in(signature, *but):
    """Return the arguments of a peer with their defaults; a required argument has no default."""
    parameters = inspect.signature(signature).parameters
    return {name: one.default for name, one in parameters.items() if name not in but}


@pytest.mark.parametrize(
    "name",
    ["StepLR", "MultiStepLR", "ConstantLR", "LinearLR", "ExponentialLR", "PolynomialLR", "CosineAnnealingLR",
     "CosineAnnealingWarmRestarts", "CyclicLR", "OneCycleLR", "ReduceLROnPlateau", "SWALR"],
)  # fmt: skip
def test_dialect_drop_in_and_class_of_torch_have_the_same_arguments(name):
    import torch

    from paramsched.compat import torch as drop_in
    from paramsched.compat.torch.arguments import TABLES

    beside = ("optimizer", "last_epoch", "verbose")
    theirs = defaults_in(
        torch.optim.swa_utils.SWALR if name == "SWALR" else getattr(torch.optim.lr_scheduler, name), *beside
    )
    ours = defaults_in(getattr(drop_in, name), *beside)
    table = TABLES[name]

    places = f"the drop-in is in {getattr(drop_in, name).__module__}, the table in {table.__module__}"
    assert {one: ours[one] for one in theirs if one in ours} == theirs, places
    # `monitor` is of Lightning, `base_lrs` of a saved state.
    assert set(arguments_of(table)) - {"monitor", "base_lrs"} == set(theirs), places
    assert {one: ours[one] for one in defaults_of(table) if one in ours} == {
        one: default for one, default in defaults_of(table).items() if one in ours
    }


def test_the_tables_of_transformers_have_the_arguments_of_its_schedulers():
    transformers = pytest.importorskip("transformers")
    from transformers import optimization

    from paramsched.compat.transformers.arguments import SCHEDULERS

    of_run = ("self", "optimizer", "last_epoch", "num_warmup_steps", "num_training_steps", "kwargs")
    assert set(SCHEDULERS) == {one.value for one in transformers.SchedulerType}
    for name, table in SCHEDULERS.items():
        made = optimization.GreedyLR.__init__ if name == "greedy" else getattr(optimization, table.function)
        theirs = defaults_in(made, *of_run)
        if name != "reduce_lr_on_plateau":  # torch's class, by keywords
            assert set(arguments_of(table)) == set(theirs)
        ours = {one: default for one, default in defaults_of(table).items() if default is not None}
        assert {one: theirs[one] for one in ours if theirs.get(one) is not None} == {
            one: default for one, default in ours.items() if theirs.get(one) is not None
        }
