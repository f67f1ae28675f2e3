"""On a GPU a resumed run makes the same updates, bit for bit, also if its file is loaded onto the CPU first."""

import pytest
import torch

import paramsched as ps

PLAN = ps.Plan(lr="warmup(5) >> cosine(to=0.1)", weight_decay="linear(1, 0.5)", total=40)
STOP = 17
END = 40
OPTIONS = {
    "float lr": lambda device: {"lr": 0.1},
    "fused": lambda device: {"lr": 0.1, "fused": True},
    "tensor lr": lambda device: {"lr": torch.tensor(0.1, device=device)},
    "capturable": lambda device: {"lr": torch.tensor(0.1, device=device), "capturable": device == "cuda"},
}


class Run:
    """A model, its optimizer and its plan."""

    def __init__(self, device, options):
        torch.manual_seed(0)
        self.device = device
        self.model = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.Tanh(), torch.nn.Linear(16, 1)).to(device)
        bias = [parameter for parameter in self.model.parameters() if parameter.ndim == 1]
        rest = [parameter for parameter in self.model.parameters() if parameter.ndim > 1]
        groups = [{"params": rest, "name": "rest"}, {"params": bias, "name": "bias", "weight_decay": 0.0}]
        self.optimizer = torch.optim.AdamW(groups, **OPTIONS[options](device))
        self.scheduler = ps.Scheduler(self.optimizer, PLAN)

    def train(self, updates):
        """Train on batches that depend on the update only; return the lr of each update."""
        used = []
        for t in updates:
            batch = torch.randn(4, 8, generator=torch.Generator().manual_seed(t)).to(self.device)
            self.model(batch).square().mean().backward()
            used.append(float(self.optimizer.param_groups[0]["lr"]))
            self.optimizer.step()
            self.optimizer.zero_grad()
        return used

    def parts(self):
        return {"model": self.model, "optimizer": self.optimizer, "scheduler": self.scheduler}

    def weights(self):
        return [parameter.detach().cpu() for parameter in self.model.parameters()]


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("onto", ["cpu", "device"])
@pytest.mark.parametrize(
    "saved", [("model", "optimizer", "scheduler"), ("model", "optimizer")], ids=["all", "optimizer"]
)
def test_a_resumed_run_equals_one_without_a_pause(device, options, onto, saved, tmp_path):
    whole = Run(device, options)
    planned = whole.train(range(END))
    first = Run(device, options)
    used = first.train(range(STOP))
    torch.save(
        {name: component.state_dict() for name, component in first.parts().items() if name in saved},
        tmp_path / "run.pt",
    )

    again = Run(device, options)
    for name, state in torch.load(tmp_path / "run.pt", map_location="cpu" if onto == "cpu" else device).items():
        again.parts()[name].load_state_dict(state)
    used += again.train(range(STOP, END))

    assert used == planned
    assert again.scheduler.t == END
    for weight, resumed_weight in zip(whole.weights(), again.weights(), strict=True):
        assert torch.equal(weight, resumed_weight)
