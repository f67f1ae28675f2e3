"""Train with Ray Train; after the death of a worker, all workers continue from the last reported checkpoint."""

import tempfile
from pathlib import Path

import ray.train
import ray.train.torch
import torch

import paramsched as ps

BATCH = 8  # samples per worker and update
SAMPLES = 8_000  # in the entire run


def train(config):
    """Train in one worker."""
    context = ray.train.get_context()
    rank, workers = context.get_world_rank(), context.get_world_size()
    torch.manual_seed(0)
    device = ray.train.torch.get_device()
    model = ray.train.torch.prepare_model(torch.nn.Linear(4, 1))
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1)
    scheduler = ps.Scheduler(optimizer, config["plan"], batch_size=BATCH * workers)
    parts = {"model": model, "optimizer": optimizer}
    if last := ray.train.get_checkpoint():
        with last.as_directory() as folder:
            saved = torch.load(Path(folder, "state.pt"), map_location="cpu")
        for name, part in parts.items():
            part.load_state_dict(saved[name])  # the optimizer's continues the plan
    first = scheduler.amount
    print(f"worker {rank} of {workers}, from sample {first} on", flush=True)

    inputs = torch.randn(1000, 4, device=device)
    outputs = inputs.sum(dim=1, keepdim=True)
    while scheduler.amount < SAMPLES:
        end = scheduler.amount + BATCH * workers
        mine = torch.arange(scheduler.amount + rank, end, workers) % len(inputs)
        loss = torch.nn.functional.mse_loss(model(inputs[mine]), outputs[mine])
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        if scheduler.t % 50 == 0:
            with tempfile.TemporaryDirectory() as folder:
                checkpoint = None
                if rank == 0:
                    states = {name: part.state_dict() for name, part in parts.items()}
                    torch.save(states, Path(folder, "state.pt"))
                    checkpoint = ray.train.Checkpoint.from_directory(folder)
                metrics = {"loss": loss.item(), **scheduler.scalars()}
                ray.train.report(metrics, checkpoint=checkpoint)


if __name__ == "__main__":
    lr, total = 'warmup("10%") >> cosine(to=0.1)', f"{SAMPLES} samples"
    result = ray.train.torch.TorchTrainer(
        train,
        train_loop_config={"plan": ps.Plan(lr=lr, clock="samples", total=total)},
        scaling_config=ray.train.ScalingConfig(num_workers=2),
        run_config=ray.train.RunConfig(
            storage_path=str(Path("ray").resolve()),
            failure_config=ray.train.FailureConfig(max_failures=3),
        ),
    ).fit()
    print(result.metrics)
