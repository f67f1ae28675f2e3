"""Search with Ray Tune: the text of a schedule is a parameter of the search space."""

import torch
from ray import tune

import paramsched as ps


def trial(config):
    """Train a small model, and report each loss."""
    torch.manual_seed(0)
    x = torch.randn(64, 4)
    y = (x.sum(dim=1) > 0).long()
    model = torch.nn.Linear(4, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=config["lr"])
    scheduler = ps.Scheduler(optimizer, ps.Plan(lr=config["schedule"], total=60))
    while scheduler.t < 60:
        loss = torch.nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        if scheduler.t % 10 == 0:
            tune.report({"loss": loss.item(), **scheduler.scalars()})


if __name__ == "__main__":
    schedules = ["linear()", 'warmup("5%") >> cosine(to=0.1)']
    results = tune.Tuner(
        trial,
        param_space={
            "lr": tune.grid_search([0.1, 1.0]),
            "schedule": tune.grid_search(schedules),
        },
        tune_config=tune.TuneConfig(metric="loss", mode="min"),
    ).fit()
    best = results.get_best_result()
    print(best.config, f"loss {best.metrics['loss']:.3f}")
