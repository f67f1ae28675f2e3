"""A plain torch loop with a plan. It calls only the constructor, and compares the used values with the planned ones.

python examples/plain_loop.py
"""

import torch

import paramsched as ps

plan = ps.Plan(
    lr=ps.warmup("5%") >> ps.cosine(to=0.01),
    weight_decay=ps.linear(1.0, 0.5),
    momentum=ps.linear(ps.absolute(0.85), ps.absolute(0.95), over="2 epochs"),
    total="10 epochs",
)


def main() -> None:
    """Fit a small network to a synthetic function, and compare used and planned values."""
    torch.manual_seed(0)
    inputs = torch.rand(512, 2) * 2 - 1
    data = torch.utils.data.TensorDataset(inputs, torch.sin(3 * inputs.sum(dim=1, keepdim=True)))
    loader = torch.utils.data.DataLoader(data, batch_size=32, shuffle=True)
    model = torch.nn.Sequential(torch.nn.Linear(2, 64), torch.nn.Tanh(), torch.nn.Linear(64, 1))
    optimizer = torch.optim.AdamW(
        [
            {"params": [p for p in model.parameters() if p.ndim > 1], "name": "decay"},
            {"params": [p for p in model.parameters() if p.ndim == 1], "name": "no_decay", "weight_decay": 0.0},
        ],
        lr=1e-2,
        weight_decay=0.1,
    )

    planned = ps.trace(plan, optimizer, steps_per_epoch=len(loader))
    used, keys = record(optimizer), planned.keys()
    ps.Scheduler(optimizer, plan, steps_per_epoch=len(loader))

    for _epoch in range(10):
        for x, y in loader:
            loss = torch.nn.functional.mse_loss(model(x), y)
            loss.backward()
            optimizer.step()  # the plan advances with the step: no scheduler.step()
            optimizer.zero_grad()

    exact = sum(row == {key: planned[key][t] for key in keys} for t, row in enumerate(used))
    print(f"loss {loss.item():.4f}, planned = used at {exact} of {planned.total} updates")


def record(optimizer: torch.optim.Optimizer) -> list[dict[tuple[str, str | int], float]]:
    """Record the values that every update uses, just before it."""
    rows: list[dict[tuple[str, str | int], float]] = []
    fields = {"lr": lambda g: g["lr"], "weight_decay": lambda g: g["weight_decay"], "momentum": lambda g: g["betas"][0]}

    def note(optimizer: torch.optim.Optimizer, *_: object) -> None:
        rows.append({(name, g["name"]): read(g) for name, read in fields.items() for g in optimizer.param_groups})

    optimizer.register_step_pre_hook(note)
    return rows


if __name__ == "__main__":
    main()
