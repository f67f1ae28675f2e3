"""What an adapter reads from its engine: data shards of several processes, and the lengths of epochs and runs."""

from types import SimpleNamespace

import pytest
import torch

import paramsched as ps
from paramsched.engines import accelerate, lightning, pytorch_accelerated, transformers
from paramsched.engines.engine_facts import PlanOptions
from paramsched.engines.reporting import BatchAmounts

BY_SAMPLES = ps.Plan(lr="cosine()", clock="samples", horizon="1000 samples")


def optimizer():
    return torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)


def counted(amounts_of):
    """Return the samples of an update whose two batches in this process have 3 and 2 samples."""
    stepped = optimizer()
    scheduler = ps.Scheduler(stepped, BY_SAMPLES)
    amounts = amounts_of(scheduler)
    amounts.count_batch(torch.zeros(3, 2), ends_update=False)
    amounts.count_batch({"x": torch.zeros(2, 2)}, ends_update=True)
    stepped.step()
    return scheduler.amount


def accelerator(**given):
    """Return an Accelerator of eight processes, all of which have the same batch."""
    return SimpleNamespace(
        num_processes=8, device="cpu", reduce=lambda amount, reduction: {"sum": 8 * amount}[reduction], **given
    )


@pytest.mark.parametrize(("copies", "samples"), [(None, 40), (1, 40), (2, 20), (8, 5)])
def test_a_shard_on_several_processes_is_counted_once(copies, samples):
    parallelism = {} if copies is None else {"parallelism_config": SimpleNamespace(non_data_parallel_size=copies)}
    engine = accelerator(**parallelism)

    assert counted(lambda scheduler: accelerate.batch_amounts(engine, scheduler, PlanOptions())) == samples
    count = accelerate.batch_counter
    engine.sync_gradients = True
    stepped = optimizer()
    scheduler = ps.Scheduler(stepped, BY_SAMPLES)
    count(engine, scheduler, amount_of=len)([1, 2, 3])
    stepped.step()
    assert scheduler.amount == 3 * samples // 5


@pytest.mark.parametrize(("replicas", "samples"), [(8, 40), (4, 20), (1, 5)])
def test_lightning_counts_a_shard_once(replicas, samples):
    strategy = SimpleNamespace(root_device="cpu", reduce=lambda amount, reduce_op: {"sum": 8 * amount}[reduce_op])
    trainer = SimpleNamespace(distributed_sampler_kwargs={"num_replicas": replicas}, world_size=8, strategy=strategy)

    def amounts(scheduler):
        return BatchAmounts(
            scheduler, PlanOptions(), lightning._replicas(trainer), lambda one: lightning._sum_by_trainer(trainer, one)
        )

    assert counted(amounts) == samples
    trainer.distributed_sampler_kwargs = None
    assert lightning._replicas(trainer) == 1


@pytest.mark.parametrize(
    ("sizes", "replicas"),
    [({}, 8), ({"tp": 2}, 4), ({"tp": 2, "cp": 2}, 2), ({"sp": 4}, 2), ({"tp": 16}, 1)],
)
def test_the_trainer_divides_its_processes_by_those_with_the_same_batch(sizes, replicas):
    methods = {f"get_{kind}_size": lambda size=size: size for kind, size in sizes.items()}
    trainer = SimpleNamespace(args=SimpleNamespace(world_size=8), **methods)

    assert transformers._replicas(trainer) == replicas


@pytest.mark.parametrize(("batches", "updates", "accumulation"), [(10, 10, 1), (10, 4, 3), (10, 1, 10), (7, 4, 2)])
def test_the_accumulation_of_pytorch_accelerated_follows_from_its_updates(batches, updates, accumulation):
    made = pytorch_accelerated._attach_to(
        optimizer(), plan='warmup("1 epoch") >> cosine()', options=PlanOptions(), epochs=3, steps_per_epoch=updates,
        batches=batches,
    )  # fmt: skip

    assert (made.calendar.accumulation, made.total) == (accumulation, 3 * updates)
    assert str(made.plan.resolve(made.calendar).bindings[0].schedule).startswith(f"warmup({updates}) >> ")


class Loader:
    """A prepared loader of ten batches."""

    def __init__(self, **given):
        vars(self).update(given)

    def __len__(self):
        return 10


@pytest.mark.parametrize(
    ("accumulation", "whole", "epochs", "total"),
    [(1, True, 3, 30), (4, True, 3, 9), (4, False, 3, 7), (4, True, None, None), (1, True, 0, None)],
)
def test_the_length_of_a_run_of_accelerate(accumulation, whole, epochs, total):
    pytest.importorskip("accelerate")
    engine = SimpleNamespace(
        num_processes=1,
        gradient_accumulation_steps=accumulation,
        gradient_state=SimpleNamespace(sync_with_dataloader=whole),
    )
    if epochs == 0:
        with pytest.raises(ps.errors.InvalidArgument, match="epochs"):
            accelerate.facts(engine, Loader(), epochs=epochs)
        return

    found = accelerate.facts(engine, Loader(), epochs=epochs)

    assert (found.total, found.batches, found.whole, found.batch_size) == (total, 10, whole, None)
    assert accelerate.facts(engine, iter(()), epochs=3).total is None


@pytest.mark.parametrize(("total", "size"), [(None, 4), (8, 4), (16, 8), (7, 4)])
def test_a_loader_that_splits_its_batches_has_the_size_of_a_part(total, size):
    data_loader = pytest.importorskip("accelerate.data_loader")
    loader_of = type("Prepared", (Loader, data_loader.DataLoaderStateMixin), {})
    engine = SimpleNamespace(
        num_processes=2, gradient_accumulation_steps=1, gradient_state=SimpleNamespace(sync_with_dataloader=True)
    )
    given = {"batch_size": 4} if total is None else {"batch_size": 4, "total_batch_size": total}

    assert accelerate.facts(engine, loader_of(**given)).batch_size == size
    with pytest.raises(ps.errors.InvalidArgument, match="all 2 processes together"):
        accelerate.facts(engine, Loader(**given))


@pytest.mark.parametrize("copies", [1, 2])
def test_the_shards_of_accelerate_divide_the_batches_of_one_process(copies):
    size = ps.Binding(ps.Target("batch_size", 4), "stairs(1, 3, 2, over=8)")
    plan, registered, parts = ps.Plan(size, lr="linear()", horizon=9), [], []
    for rank in range(2 * copies):
        sampler = ps.BatchSampler(plan, 37, seed=7)
        loader = torch.utils.data.DataLoader(range(37), batch_sampler=sampler)
        engine = SimpleNamespace(
            num_processes=2 * copies,
            process_index=rank,
            gradient_accumulation_steps=1,
            prepare_scheduler=registered.append,
            parallelism_config=SimpleNamespace(non_data_parallel_size=copies),
        )
        made = accelerate.scheduler(engine, optimizer(), plan, loader)
        assert registered[-1] is made
        parts.append(list(sampler))

    whole = list(ps.BatchSampler(plan, 37, seed=7))
    assert all(parts[rank] == parts[rank // copies * copies] for rank in range(2 * copies))
    assert [sorted(a + b) for a, b in zip(parts[0], parts[copies], strict=True)] == [sorted(one) for one in whole]
    loader.batch_sampler.batch_sampler = sampler  # as after accelerator.prepare(loader)
    with pytest.raises(ps.errors.InvalidArgument, match="prepare divides them again"):
        accelerate.scheduler(engine, optimizer(), plan, loader)
