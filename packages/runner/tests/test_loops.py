"""The loops of the Runner, with objects that only record what is called."""

import random
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.data import DataLoader

from paramsched_runner.runner.loops import (
    EpochBasedTrainLoop,
    EpochBatches,
    EvalLoop,
    IterBasedTrainLoop,
    TrainSettings,
    random_states_kept,
)
from support.examples import examples
from support.tables import table

BATCHES = 3
ACCELERATOR = SimpleNamespace(device=torch.device("cpu"))


class Recorded:
    """A Runner whose batches, validations and ends of epochs are recorded, each with the position after it."""

    def __init__(self, loader=range(BATCHES), stop_at=None, **settings):
        self.events = []
        self.hooks = []
        self.positions = []
        self.steppers = {}
        self.optim_wrapper = None
        self.model = SimpleNamespace(train=lambda: None)
        self.model_calls = SimpleNamespace(train=lambda data, _: {"data": data})
        self.val_loop = SimpleNamespace(run=self.validate)
        self.stop_at = stop_at
        settings = TrainSettings(**settings)
        loop_class = IterBasedTrainLoop if settings.max_epochs is None else EpochBasedTrainLoop
        self.train_loop = loop_class(self, EpochBatches(loader, ACCELERATOR), settings)

    def validate(self):
        loop = self.train_loop
        loop.position = replace(loop.position, validated=True)
        self.note(("validation", loop.iter if loop.by_iterations else loop.epoch))

    def start_epoch(self, batch):
        self.hooks.append(("start_epoch", batch))

    def call_hook(self, name, **arguments):
        loop = self.train_loop
        self.hooks.append((name, *arguments.values()))
        if name == "after_train_iter":
            self.note(("batch", loop.passes, arguments["batch_idx"], arguments["outputs"]["data"]))
            loop.stop_training |= loop.iter + 1 == self.stop_at
        if name == "after_train_epoch" and not loop.by_iterations:
            self.note(("end of epoch", loop.epoch))

    def note(self, event):
        self.events.append(event)
        self.positions.append(self.train_loop.position)

    def run(self):
        self.train_loop.run()
        return self


def validations(**settings):
    return [event[1] for event in Recorded(**settings).run().events if event[0] == "validation"]


@table(
    ("settings", "expected"),
    [
        ({"max_epochs": 5}, [1, 2, 3, 4, 5]),
        ({"max_epochs": 5, "val_interval": 2}, [2, 4, 5]),
        ({"max_epochs": 5, "val_interval": 2, "val_begin": 3}, [4, 5]),
        ({"max_epochs": 5, "val_begin": 2}, [2, 3, 4, 5]),
        ({"max_epochs": 9, "val_interval": 4, "dynamic_intervals": ((5, 2), (8, 1))}, [4, 6, 7, 8, 9]),
        ({"max_iters": 7}, [7]),
        ({"max_iters": 7, "val_interval": 3}, [3, 6, 7]),
        ({"max_iters": 7, "val_interval": 3, "val_begin": 4}, [6, 7]),
        ({"max_iters": 8, "val_interval": 4, "dynamic_intervals": ((6, 1),)}, [4, 5, 6, 7, 8]),
        ({"by_epoch": False, "max_iters": 2, "val_interval": 1}, [1, 2]),
        ({"max_iters": 2001}, [1000, 2000, 2001]),
    ],
)
def test_a_validation_runs_after_each_interval_and_at_the_end(settings, expected):
    assert validations(**settings) == expected
    assert Recorded(**settings).train_loop.validations == len(expected)


def test_the_lengths_of_a_loop_are_mmengines():
    by_epoch = Recorded(max_epochs=4).run().train_loop
    by_iteration = Recorded(max_iters=7).run().train_loop

    assert (by_epoch.max_epochs, by_epoch.max_iters, by_epoch.epoch, by_epoch.iter, by_epoch.passes) == (
        4,
        12,
        4,
        12,
        4,
    )
    assert (by_iteration.max_epochs, by_iteration.max_iters, by_iteration.epoch, by_iteration.iter) == (1, 7, 0, 7)
    assert by_iteration.passes == 2
    assert by_iteration.dataloader == range(BATCHES)


@examples(60)
@given(
    st.booleans(),
    st.integers(1, 8),
    st.integers(1, 4),
    st.integers(1, 4),
    st.lists(st.tuples(st.integers(1, 8), st.integers(1, 3)), max_size=2).map(sorted),
)
def test_a_run_that_resumes_at_any_moment_does_the_rest(by_epoch, length, val_interval, val_begin, intervals):
    settings = {"val_interval": val_interval, "val_begin": val_begin, "dynamic_intervals": tuple(intervals)}
    settings |= {"max_epochs": length} if by_epoch else {"max_iters": length}
    whole = Recorded(**settings).run()

    for done, position in enumerate(whole.positions, start=1):
        resumed = Recorded(**settings)
        resumed.train_loop.resume(position)

        assert resumed.run().events == whole.events[done:], position


def test_an_epoch_continues_after_its_first_batches():
    resumed = Recorded(max_epochs=2)
    resumed.train_loop.resume(replace(Recorded(max_epochs=2).run().positions[1]))
    resumed.run()

    assert [hook for hook in resumed.hooks if hook[0] == "start_epoch"] == [("start_epoch", 2), ("start_epoch", 0)]


@pytest.mark.parametrize("skip", [0, 2, 3])
def test_a_pass_may_begin_later_and_keeps_the_random_states(skip):
    passes = []

    class Loader(list):
        set_epoch = staticmethod(passes.append)

    batches = EpochBatches(Loader("abc"), ACCELERATOR)
    before = torch.get_rng_state()

    assert list(batches.batches(7, skip)) == list(enumerate("abc"))[skip:]
    assert passes == ([7] if skip < 3 else [])
    assert torch.equal(torch.get_rng_state(), before)


def states_of_numbers():
    """Return the states of all random generators."""
    return torch.get_rng_state().tolist(), str(np.random.get_state()), random.getstate()  # noqa: NPY002


class Drawing:
    """A dataset whose samples are random numbers."""

    def __len__(self):
        return 6

    def __getitem__(self, index):
        return index, torch.rand(1).item()


def test_skipped_batches_of_a_data_loader_draw_no_random_numbers():
    def skip_first_batches(loader, count):
        np.random.rand(), random.random()  # noqa: NPY002  # as a dataset may do
        return list(loader)[count:]

    accelerator = SimpleNamespace(device="cpu", skip_first_batches=skip_first_batches)
    batches = EpochBatches(DataLoader(Drawing(), batch_size=2), accelerator)
    before = states_of_numbers()

    actual = [(index, numbers.tolist()) for index, (numbers, _) in batches.batches(0, skip=1)]

    assert actual == [(1, [2, 3]), (2, [4, 5])]
    assert states_of_numbers() == before


def test_random_states_are_restored_after_an_error():
    before = states_of_numbers()

    with pytest.raises(ZeroDivisionError), random_states_kept():
        _ = torch.rand(1).item() / 0

    assert states_of_numbers() == before


def test_the_seed_reaches_accelerates_sampler_at_both_depths():
    inner = SimpleNamespace(initial_seed=0)
    outer = SimpleNamespace(initial_seed=0)
    plain = SimpleNamespace(sampler=SimpleNamespace())
    loaders = [
        SimpleNamespace(batch_sampler=SimpleNamespace(sampler=outer)),
        SimpleNamespace(batch_sampler=SimpleNamespace(batch_sampler=SimpleNamespace(sampler=inner))),
        SimpleNamespace(batch_sampler=plain),
        [],
    ]

    for loader in loaders:
        EpochBatches(loader, ACCELERATOR).seed(5)

    assert (inner.initial_seed, outer.initial_seed) == (5, 5)
    assert not vars(plain.sampler)


class Metric:
    def __init__(self, name):
        self.name = name
        self.seen = []

    def process(self, data_batch, data_samples):
        self.seen.append((data_batch, data_samples))

    def evaluate(self, size):
        return {self.name: len(self.seen) + size / 100}


@pytest.mark.parametrize("mode", ["val", "test"])
def test_an_evaluation_calls_hooks_and_every_metric(mode):
    runner = Recorded(max_epochs=1)
    modes = []
    metrics = [Metric("one"), Metric("two")]
    runner.model.eval = lambda: modes.append("eval")
    runner.accelerator = SimpleNamespace(autocast=torch.no_grad)
    runner.model_calls.predict = lambda data, called_as: (data.sum().item(), called_as)
    loop = EvalLoop(runner, EpochBatches(DataLoader(list(range(5)), batch_size=3), ACCELERATOR), metrics, mode)

    result = loop.run()

    assert result == {"one": 2.05, "two": 2.05}
    assert [seen for _, seen in metrics[1].seen] == [(3, mode), (7, mode)]
    assert [hook[0] for hook in runner.hooks] == [
        f"before_{mode}",
        f"before_{mode}_epoch",
        *[f"before_{mode}_iter", f"after_{mode}_iter"] * 2,
        f"after_{mode}_epoch",
        f"after_{mode}",
    ]
    assert runner.hooks[-2] == (f"after_{mode}_epoch", result)
    assert [hook[1] for hook in runner.hooks if hook[0] == f"after_{mode}_iter"] == [0, 1]
    assert modes == ["eval"]
    assert runner.train_loop.position.validated is (mode == "val")


class Numbered(list):
    """A loader that records the number of each pass, as Accelerate's loaders receive it."""

    def __init__(self, batches):
        super().__init__(batches)
        self.passes = []

    def set_epoch(self, number):
        self.passes.append(number)


@table(("settings", "passes"), [({"max_epochs": 3}, [0, 1, 2]), ({"max_iters": 5}, [0, 1, 2])])
def test_each_pass_over_the_loader_has_its_number(settings, passes):
    loader = Numbered("ab")

    Recorded(loader=loader, **settings).run()

    assert loader.passes == passes
