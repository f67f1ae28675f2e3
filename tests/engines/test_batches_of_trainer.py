"""The Trainer trains the planned batches: their samples, their gradients, a resume, and two processes."""

import json
from itertools import chain, islice, product
from typing import Any

import pytest
import torch

import paramsched as ps
from engines.planned_batches import LENGTH, Killed, X
from paramsched.errors import InvalidArgument
from support.spread import spread
from support.torchrun import finished, torchrun

transformers = pytest.importorskip("transformers")
job = pytest.importorskip("engines.trainer_batches")

pytestmark = pytest.mark.filterwarnings("ignore")
RUNS = {"samples": "150 samples", "updates": 14, "open": "93 samples"}  # the lengths for 2.5 passes over 37 samples


def stepped(weight: float, lr: float, samples: list[int]) -> float:
    """Return the weight after an update on the mean over samples."""
    return weight - lr * sum(2 * x * (weight * x - 1) for x in X[samples].tolist()) / len(samples)


def reference(name: str) -> tuple[list[list[int]], float]:
    """Return the batches of a run in one process, and its last weight, from the trace."""
    facts = ps.RunFacts(total=None if job.PLANS[name].total else RUNS[name])
    trace = ps.trace(job.PLANS[name], {"lr": 0.1}, facts=facts)
    batches = list(ps.BatchSampler(job.PLANS[name], LENGTH, seed=7, facts=facts))
    left, weight = iter(batches), 3.0
    for t in range(trace.total):
        number = round(trace["accumulation"][t]) if ("accumulation", "") in trace.keys() else 1
        update = list(islice(left, number))
        assert {len(batch) for batch in update} == {round(trace["batch_size"][t])}
        samples = list(chain.from_iterable(update))
        weight = stepped(weight, trace["lr"][t], samples)
    return batches, weight


@pytest.mark.parametrize(
    ("name", "workers"), spread(product(RUNS, [0, 2]), *((name, 0) for name in RUNS), ("samples", 2))
)
def test_the_model_sees_the_planned_batches_and_steps_on_the_mean_over_each_update(name, workers, tmp_path):
    epochs = job.Epochs()
    trainer = job.trainer_of(
        tmp_path, job.PLANS[name], [epochs], num_train_epochs=2.5, dataloader_num_workers=workers,
        per_device_train_batch_size=3, accelerator_config={"split_batches": True},
    )  # fmt: skip

    trainer.train()

    batches, weight = reference(name)
    assert trainer.model.seen == batches
    assert trainer.model.w.item() == pytest.approx(weight, rel=1e-5)
    samples = sum(map(len, batches))
    assert trainer.state.epoch == samples / LENGTH
    assert sorted(epochs.epochs) == epochs.epochs
    assert trainer.state.global_step == trainer.state.max_steps == trainer.lr_scheduler.t == trainer.lr_scheduler.total


@pytest.mark.parametrize("name", RUNS)
def test_a_killed_run_resumes_without_a_sample_lost_or_repeated(name, tmp_path):
    first = job.trainer_of(tmp_path, job.PLANS[name], [job.Kill(8)], num_train_epochs=2.5)
    with pytest.raises(Killed):
        first.train()
    again = job.trainer_of(tmp_path, job.PLANS[name], num_train_epochs=2.5)

    again.train(resume_from_checkpoint=True)

    batches, weight = reference(name)
    saved = len(batches) - len(again.model.seen)
    assert again.model.seen == batches[saved:]
    assert first.model.seen[:saved] == batches[:saved]
    assert 0 < saved <= len(first.model.seen)
    assert again.model.w.item() == pytest.approx(weight, rel=1e-5)
    assert again.state.epoch == sum(map(len, batches)) / LENGTH


@pytest.mark.parametrize(
    ("name", "updates"), spread([("samples", 18), ("updates", 14), ("open", 12)], ("samples", 18), ("open", 12))
)
def test_max_steps_shortens_a_run_and_does_not_lengthen_it(name, updates, tmp_path):
    for most, trained in (5, 5), (100, updates):
        trainer = job.trainer_of(tmp_path, job.PLANS[name], max_steps=most, num_train_epochs=2.5)
        trainer.train()
        assert trainer.state.global_step == trained
    assert name != "open" or trainer.lr_scheduler.total == 12


def test_a_plan_without_a_total_ends_at_max_steps(tmp_path):
    trainer = job.trainer_of(tmp_path, job.PLANS["open"], max_steps=5)

    trainer.train()

    assert trainer.lr_scheduler.total == trainer.lr_scheduler.t == 5


def test_a_plan_in_samples_without_a_total_ends_with_the_passes_of_the_trainer(tmp_path):
    sizes = ps.Binding(ps.Target("batch_size", 4), "stairs(1, 3, 2, over='40 samples')")
    plan = ps.Plan(sizes, lr="linear()", clock="samples")
    trainer = job.trainer_of(tmp_path, plan, num_train_epochs=2.5)

    trainer.train()

    trace = ps.trace(plan, {"lr": 0.1}, total="93 samples")
    assert [row["learning_rate"] for row in trainer.state.log_history if "learning_rate" in row] == trace["lr"].tolist()


def test_a_second_training_begins_again(tmp_path):
    trainer = job.trainer_of(tmp_path, job.PLANS["samples"])
    trainer.train()
    first = trainer.model.seen[:]

    trainer.train()

    assert trainer.model.seen == first * 2


def test_the_seed_and_the_order_of_the_data_are_those_of_the_trainer(tmp_path):
    plan = job.PLANS["updates"]
    orders = []
    for options in ({"data_seed": None, "seed": 7}, {"data_seed": 8}, {"train_sampling_strategy": "sequential"}):
        trainer = job.trainer_of(tmp_path, plan, **options)
        trainer.train()
        orders.append(list(chain.from_iterable(trainer.model.seen))[:LENGTH])

    assert orders[0] == list(chain.from_iterable(reference("updates")[0]))[:LENGTH]
    assert orders[0] != orders[1]
    assert orders[2] == list(range(LENGTH))


def test_gradients_are_synchronized_in_the_last_batch_of_an_update_alone(tmp_path):
    class Recording(transformers.Trainer):
        def training_step(self, *args: Any, **keywords: Any) -> Any:
            synchronized.append(self.accelerator.sync_gradients)
            return super().training_step(*args, **keywords)

    synchronized: list[bool] = []
    trainer = job.trainer_of(tmp_path, job.PLANS["updates"], kind=Recording, num_train_epochs=2.5)
    trainer.train()

    numbers = map(round, ps.trace(job.PLANS["updates"], {"lr": 0.1})["accumulation"])
    assert synchronized == [one + 1 == number for number in numbers for one in range(number)]


class LooksAtTheLoader(transformers.TrainerCallback):
    trainer: Any

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.trainer.get_train_dataloader()


def test_another_loader_made_during_the_training_changes_nothing(tmp_path):
    callback = LooksAtTheLoader()
    callback.trainer = trainer = job.trainer_of(tmp_path, job.PLANS["updates"], [callback])

    trainer.train()

    assert trainer.model.seen == reference("updates")[0]


class OwnSampler(transformers.Trainer):
    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        return torch.utils.data.SequentialSampler(self.train_dataset)


def test_a_trainer_with_a_sampler_of_its_own_is_refused_in_train(tmp_path):
    trainer = job.trainer_of(tmp_path, job.PLANS["updates"], kind=OwnSampler)

    with pytest.raises(InvalidArgument, match="a sampler of its own"):
        trainer.train()


class Stream(list[Any]):
    __len__ = None  # type: ignore[assignment]


@pytest.mark.parametrize(
    ("options", "part"),
    [
        ({"save_strategy": "epoch"}, 'save_strategy="epoch"'),
        ({"eval_strategy": "epoch"}, 'eval_strategy="epoch"'),
        ({"logging_strategy": "epoch"}, 'logging_strategy="epoch"'),
        ({"accelerator_config": {"dispatch_batches": True}}, "dispatch_batches"),
        ({"gradient_accumulation_steps": 2}, "gradient_accumulation_steps=2"),
        ({"train_sampling_strategy": "group_by_length"}, "group_by_length"),
    ],
)
def test_arguments_that_cannot_be_combined_are_refused_in_train(options, part, tmp_path):
    trainer = job.trainer_of(tmp_path, job.PLANS["updates"], **options)

    with pytest.raises(InvalidArgument) as refusal:
        trainer.train()

    assert part in str(refusal.value)


def test_the_methods_of_the_trainer_return_what_its_own_return(tmp_path):
    trainer = job.trainer_of(tmp_path, job.PLANS["updates"], max_steps=2)

    output = trainer.train()

    assert output.global_step == 2
    assert output.metrics["train_loss"] == output.training_loss > 0
    assert trainer.create_scheduler(2) is trainer.lr_scheduler
    assert trainer.evaluate().keys() >= {"eval_runtime", "eval_samples_per_second"}
    assert [row["batch_size"] for row in trainer.state.log_history if "learning_rate" in row]


def test_a_data_set_without_a_length_is_refused_in_train(tmp_path):
    trainer = job.trainer_of(tmp_path, job.PLANS["updates"], max_steps=5)
    trainer.train_dataset = Stream(trainer.train_dataset)

    with pytest.raises(InvalidArgument, match="no length"):
        trainer.train()


def test_a_constant_accumulation_of_the_trainer_multiplies_a_planned_batch(tmp_path):
    plan = ps.Plan(ps.Binding(ps.Target("batch_size", 4), "stairs(1, 3, 2, over=8)"), lr="linear()", total=10)
    trainer = job.trainer_of(tmp_path, plan, [job.Kill(7)], gradient_accumulation_steps=2)
    with pytest.raises(Killed):
        trainer.train()
    again = job.trainer_of(tmp_path, plan, gradient_accumulation_steps=2)
    again.train(resume_from_checkpoint=True)

    expected = list(ps.BatchSampler(plan, LENGTH, seed=7, facts=ps.RunFacts(accumulation=2)))
    assert len(expected) == 20
    assert trainer.model.seen == expected[:14]
    assert again.model.seen == expected[12:]
    weight = 3.0
    for lr, *batches in zip(ps.trace(plan, {"lr": 0.1})["lr"], expected[::2], expected[1::2], strict=True):
        samples = list(chain.from_iterable(batches))
        weight = stepped(weight, lr, samples)
    assert again.model.w.item() == pytest.approx(weight, rel=1e-5)


@pytest.mark.long
@pytest.mark.parametrize("name", ["samples", "updates"])
def test_two_processes_share_each_batch_before_and_after_a_kill(name, tmp_path):
    launch = f"--standalone --nproc_per_node=2 {job.__file__} {tmp_path} {name}"
    for kill in (8, 0):
        finished(torchrun(f"{launch} {kill}", tmp_path))

    batches, weight = reference(name)
    (killed, killed_1), (whole, whole_1) = (
        [json.loads((tmp_path / f"{kind}-{rank}.json").read_text()) for rank in (0, 1)] for kind in ("killed", "whole")
    )
    before = [a + b for a, b in zip(killed["seen"], killed_1["seen"], strict=True)]
    after = [a + b for a, b in zip(whole["seen"], whole_1["seen"], strict=True)]
    saved = len(batches) - len(after)
    assert 0 < saved <= len(before)
    assert before == batches[: len(before)]
    assert after == batches[saved:]
    assert whole["w"] == whole_1["w"] == pytest.approx(weight, rel=1e-5)
