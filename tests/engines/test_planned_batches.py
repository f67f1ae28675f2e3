"""The batches of a plan in a Trainer: shards, the length of the run, and positions, with a stand-in for the Trainer."""

from types import SimpleNamespace

import pytest
import torch

import paramsched as ps
from paramsched.engines.engine_facts import EngineFacts, PlanOptions
from paramsched.engines.planned_batches import PlannedBatches, refuse_other_batches
from paramsched.errors import InvalidArgument

LENGTH = 37
SIZE = ps.Binding(ps.Target("batch_size", 4), "stairs(1, 3, 2, over=8)")  # 4, 8 and 12
OPEN = ps.Plan(SIZE, lr="linear()")
CLOSED = ps.Plan(SIZE, ps.Binding(ps.Target("accumulation", 1), "stairs(1, 3, 2, over=10)"), lr="linear()", horizon=14)


def planned(plan=CLOSED, *, shards=1, options=None, step=0, **arguments):
    args = {
        "max_steps": -1, "num_train_epochs": 3, "seed": 1, "data_seed": 7, "process_index": 0, "world_size": shards,
        "ignore_data_skip": False, "gradient_accumulation_steps": 1, **arguments,
    }  # fmt: skip
    trainer = SimpleNamespace(
        args=SimpleNamespace(**args), train_dataset=range(LENGTH), state=SimpleNamespace(global_step=step)
    )
    known = EngineFacts(call="planned", processes=shards, accumulation=args["gradient_accumulation_steps"], why={})
    return PlannedBatches(trainer, plan, known, options or PlanOptions())


@pytest.mark.parametrize("copies", [1, 2])
def test_the_shards_of_all_processes_are_the_batches_of_one(copies):
    whole = list(planned())

    parts = [list(planned(shards=2, world_size=2 * copies, process_index=one)) for one in range(2 * copies)]

    assert all(parts[one] == parts[one // copies * copies] for one in range(2 * copies))
    together = [a + b for a, b in zip(parts[0], parts[copies], strict=True)]
    assert [sorted(one) for one in together] == [sorted(one) for one in whole]


@pytest.mark.parametrize(("seed", "data_seed"), [(1, 7), (7, None), (3, 7)])
def test_the_seed_of_the_data_takes_precedence(seed, data_seed):
    assert list(planned(seed=seed, data_seed=data_seed)) == list(planned())
    assert list(planned(seed=seed, data_seed=8)) != list(planned())


def test_the_order_may_be_sequential():
    batches = list(planned(train_sampling_strategy="sequential"))

    assert batches[:2] == [[0, 1, 2, 3], [4, 5, 6, 7]]
    assert list(planned(train_sampling_strategy="random")) == list(planned()) != batches


@pytest.mark.parametrize(
    ("plan", "arguments", "updates"),
    [
        (CLOSED, {}, 14),
        (CLOSED, {"max_steps": 5}, 5),
        (CLOSED, {"max_steps": 50}, 14),
        (CLOSED, {"num_train_epochs": 1}, 14),
        (OPEN, {"num_train_epochs": 1}, 7),  # six updates have 36 samples or fewer
        (OPEN, {"num_train_epochs": 1, "max_steps": 4}, 4),
        (OPEN, {"num_train_epochs": 1, "max_steps": 40}, 7),
    ],
)
def test_the_length_of_the_run_is_that_of_the_plan_or_of_the_epochs(plan, arguments, updates):
    found = planned(plan, **arguments)

    sizes = [size * accumulation for _, size, accumulation in found.sampler.updates()][: found.updates]
    assert found.updates == updates
    assert found.samples == sum(sizes)
    if updates == 7:
        assert sum(sizes) >= LENGTH > sum(sizes[:-1])
    assert len(found) == found.updates
    values = found.training_values((3, 10, 11, 12, "kept", 5, 6))
    assert values == (1, found.updates, LENGTH, found.samples, "kept", len(found), found.updates)


def test_the_facts_of_the_user_determine_the_length():
    options = PlanOptions(calendar=ps.Calendar(total=3))

    assert planned(OPEN, options=options).updates == 3
    assert planned(OPEN, options=PlanOptions()).updates > 3


def test_a_constant_accumulation_multiplies_the_batches_of_the_loader():
    found = planned(OPEN, num_train_epochs=1, gradient_accumulation_steps=2)

    assert len(found) == 2 * found.updates
    assert found.samples == sum(size * count for _, size, count in list(found.sampler.updates())[: found.updates])


@pytest.mark.parametrize(("ignores", "empty"), [(False, 6), (True, 0)])
def test_the_batches_of_earlier_updates_are_empty_unless_the_trainer_ignores_them(ignores, empty):
    found = planned(step=3, gradient_accumulation_steps=2, plan=OPEN, ignore_data_skip=ignores)

    batches = list(found)

    assert batches[:empty] == [[]] * empty
    assert all(batches[empty:])


def test_passes_count_the_samples_of_each_update():
    found = planned()
    found.begin()
    rows = [size * accumulation for _, size, accumulation in found.sampler.updates()]
    passes = []
    for _ in rows:
        assert found.next_accumulation() >= 1
        passes.append(found.passes)

    assert passes == pytest.approx([sum(rows[: count + 1]) / LENGTH for count in range(len(rows))])
    assert found.next_accumulation() == 0
    assert found.passes == passes[-1]


class Stream(torch.utils.data.IterableDataset):
    def __iter__(self):
        return iter(range(9))


@pytest.mark.parametrize(
    ("plan", "arguments", "data", "found"),
    [
        (CLOSED, {}, range(9), None),
        (OPEN, {"gradient_accumulation_steps": 2}, range(9), None),
        (CLOSED, {"gradient_accumulation_steps": 2}, range(9), r"gradient_accumulation_steps=2.*Omit gradient_acc"),
        (CLOSED, {"save_strategy": "epoch"}, range(9), r'save_strategy="epoch".*Omit save_strategy'),
        (CLOSED, {"eval_strategy": "epoch"}, range(9), r"Omit eval_strategy"),
        (CLOSED, {"logging_strategy": "epoch"}, range(9), r"Omit logging_strategy"),
        (CLOSED, {"train_sampling_strategy": "group_by_length"}, range(9), r"Omit train_sampling_strategy"),
        (CLOSED, {"train_sampling_strategy": "sequential"}, range(9), None),
        (CLOSED, {"dispatch_batches": True}, range(9), r"Omit accelerator_config"),
        (CLOSED, {"dispatch_batches": False}, range(9), None),
        (CLOSED, {}, Stream(), r"no length.*Omit the targets batch_size and accumulation"),
        (CLOSED, {}, iter(()), r"no length.*Omit the targets batch_size and accumulation"),
    ],
)
def test_arguments_that_would_change_the_batches_are_refused(plan, arguments, data, found):
    given = {"gradient_accumulation_steps": 1, "dispatch_batches": None} | arguments
    config = SimpleNamespace(dispatch_batches=given.pop("dispatch_batches"))
    trainer = SimpleNamespace(args=SimpleNamespace(accelerator_config=config, **given), train_dataset=data)

    if found is None:
        refuse_other_batches(trainer, plan)
    else:
        with pytest.raises(InvalidArgument, match=found):
            refuse_other_batches(trainer, plan)
