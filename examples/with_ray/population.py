"""Population-based training with Ray Tune: a trial continues with the changed plan of a better trial."""

import tempfile
from pathlib import Path

import torch
from ray import tune
from ray.tune.schedulers import PopulationBasedTraining

import paramsched as ps

CURVE = ps.warmup(10) >> ps.cosine(to=0.1)


def trial(config):
    """Train a small model, and report each loss."""
    torch.manual_seed(0)
    x = torch.randn(64, 4)
    y = (x.sum(dim=1) > 0).long()
    model = torch.nn.Linear(4, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    factor = config["factor"]
    plan = ps.Plan(lr=factor * CURVE, total=60)
    if checkpoint := tune.get_checkpoint():
        with checkpoint.as_directory() as folder:
            saved = torch.load(Path(folder, "state.pt"))
        model.load_state_dict(saved["model"])
        optimizer.load_state_dict(saved["optimizer"])
        plan, t = ps.Plan.of_text(saved["plan"]), saved["t"]
        if saved["factor"] != factor:
            plan = plan.change(t, lr=factor * ps.skip(CURVE, t))
    scheduler = ps.Scheduler(optimizer, plan)

    while scheduler.t < 60:
        loss = torch.nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        if scheduler.t % 20 == 0:
            states = {
                "model": model.state_dict(),
                "optimizer": optimizer.state_dict(),
                "plan": plan.text,
                "factor": factor,
                "t": scheduler.t,
            }
            with tempfile.TemporaryDirectory() as folder:
                torch.save(states, Path(folder, "state.pt"))
                metrics = {"loss": loss.item(), "plan": str(plan)}
                checkpoint = tune.Checkpoint.from_directory(folder)
                tune.report(metrics, checkpoint=checkpoint)


if __name__ == "__main__":
    population = PopulationBasedTraining(
        perturbation_interval=1,  # reports
        hyperparam_mutations={"factor": tune.loguniform(0.1, 10)},
    )
    results = tune.Tuner(
        trial,
        param_space={"factor": tune.loguniform(0.1, 10)},
        tune_config=tune.TuneConfig(metric="loss", mode="min", num_samples=4, scheduler=population),
    ).fit()
    print(results.get_best_result().metrics["plan"])
