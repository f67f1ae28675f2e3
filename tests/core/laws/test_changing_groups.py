"""Groups that are added, removed and moved, between copies, checkpoints and seeks: each parameter has its value.

The model knows the base of each parameter and the updates of its optimizer, and nothing of groups.
"""

import copy
import io
import pickle
import random

import pytest
import torch

import paramsched as ps
from support.spread import every

END = 400
LINES = ["linear()", "cosine(to=0.1)", "warmup(7) >> cosine()", "step(9, 0.5)", "restarts(cosine(to=0.2), 13)"]
OPERATIONS = (
    *["step"] * 6, "step of one optimizer", "add", "remove", "reorder", "remove the first", "external write", "seek",
    "copy", "pickle", "save and load", "take over",
)  # fmt: skip
BETWEEN_STEPS = {"step", "reorder", "copy", "pickle", "save and load"}
"""The operations that may follow the step of one of several optimizers."""


class Model:
    """A run of one or several optimizers, and what it should use."""

    def __init__(self, seed: int) -> None:
        draw = self.draw = random.Random(seed)
        self.is_tensor, is_several = draw.random() < 1 / 3, draw.random() < 1 / 2
        self.drive = draw.choice(["optimizer", "manual", *["a"] * is_several])
        self.clock = draw.choice(["updates", "updates", "tokens"])
        line = draw.choice(LINES if self.clock == "updates" else LINES[:2])  # the others have lengths in updates
        lines = {"lr": line, "momentum": "linear(1, 0.5)"}
        self.planned = {name: ps.resolve(ps.parse(one), ps.Calendar(total=END)) for name, one in lines.items()}
        self.plan = ps.Plan(**lines, clock=self.clock, horizon=END if self.clock == "updates" else f"{END} tokens")
        self.t, self.bases, self.written = 0, {}, {}
        self.has_late, self.ahead = False, ""
        self.optimizers = {
            name: self.optimizer([self.group() for _ in range(draw.choice([1, 2, 3]))])
            for name in "abc"[: draw.choice([2, 3]) if is_several else 1]
        }
        self.attach()

    # ---------------------------------------------------------------- what a run contains

    def group(self, number=None):
        number = len(self.bases) if number is None else number
        base = self.bases.setdefault(number, self.draw.choice([0.1, 0.02, 0.5]))
        parameter = torch.nn.Parameter(torch.ones(1))
        return {"params": [parameter], "number": number, "lr": torch.tensor(base) if self.is_tensor else base}

    def optimizer(self, groups):
        return torch.optim.AdamW(groups, lr=0.3, betas=(0.9, 0.99), foreach=False if self.is_tensor else None)

    def attach(self):
        given = self.optimizers if len(self.optimizers) > 1 else self.optimizers["a"]
        self.scheduler = ps.Scheduler(given, self.plan, drive=self.drive)

    def check(self):
        for name, optimizer in self.optimizers.items():
            t = self.t + (name == self.ahead)
            lr, momentum = (float(self.planned[field](t)) for field in ("lr", "momentum"))
            for one in () if self.has_late else optimizer.param_groups:  # a late group has its value after one step
                expected = self.written.get(one["number"], self.bases[one["number"]] * lr)
                rounding = 1e-6 if self.is_tensor else 1e-12  # the tensors are of single precision
                assert float(one["lr"]) == pytest.approx(expected, rel=rounding, abs=1e-15)
                assert one["betas"][0] == pytest.approx(0.9 * momentum, rel=1e-12)

    # ---------------------------------------------------------------- operations

    def start_update(self):
        if self.clock == "tokens" and not self.ahead:
            self.scheduler.consumed(tokens=1)

    def step(self):
        self.start_update()
        for each in [self.scheduler] if self.drive == "manual" else self.optimizers.values():
            if not self.ahead or each is not self.optimizers[self.ahead]:
                each.step()
        self.t, self.written, self.has_late, self.ahead = self.t + 1, {}, False, ""

    def happen(self, operation):
        name = self.draw.choice([*self.optimizers])
        groups = self.optimizers[name].param_groups
        if self.ahead and operation not in BETWEEN_STEPS:
            return
        match operation:
            case "step":
                self.step()
            case "step of one optimizer" if self.drive == "optimizer" and len(self.optimizers) > 1 > self.has_late:
                self.start_update()
                self.optimizers[name].step()
                self.ahead = name
            case "add":
                self.optimizers[name].add_param_group(self.group())
                self.has_late = True
            case "remove" | "remove the first" if len(groups) > 1:
                groups.pop(0 if operation != "remove" else self.draw.randrange(len(groups)))
            case "reorder":
                self.draw.shuffle(groups)
            case "external write" if not self.has_late:
                one = self.draw.choice(groups)
                if self.is_tensor:
                    one["lr"].fill_(0.77)
                else:
                    one["lr"] = 0.77
                self.written = {one["number"]: 0.77}
                self.check()
                self.step()
            case "seek" if self.clock == "updates":
                self.t, self.has_late = self.draw.randrange(60), False
                self.scheduler.seek(self.t)
            case "copy":
                self.optimizers, self.scheduler = copy.deepcopy((self.optimizers, self.scheduler))
            case "pickle":
                self.optimizers, self.scheduler = pickle.loads(pickle.dumps((self.optimizers, self.scheduler)))
            case "save and load" | "take over" if self.has_late:
                self.step()
            case "take over":
                self.attach()
            case "save and load":
                self.save_and_load()

    def save_and_load(self):
        file = io.BytesIO()
        torch.save(({n: one.state_dict() for n, one in self.optimizers.items()}, self.scheduler.state_dict()), file)
        file.seek(0)
        saved, state = torch.load(file, weights_only=False)
        numbers = {
            name: [one["number"] for one in optimizer.param_groups] for name, optimizer in self.optimizers.items()
        }
        self.optimizers = {name: self.optimizer([*map(self.group, mine)]) for name, mine in numbers.items()}
        loads = [lambda: [one.load_state_dict(saved[name]) for name, one in self.optimizers.items()]]
        if self.draw.random() < 1 / 2:
            loads.pop()()  # before the Scheduler is constructed
        self.attach()
        loads.append(lambda: self.scheduler.load_state_dict(state))
        self.draw.shuffle(loads)
        for load in loads:
            load()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("seed", every(20, range(400)))
def test_each_parameter_has_its_planned_value_whatever_happens_to_the_groups(seed):
    model = Model(seed)
    for _ in range(40):
        model.happen(model.draw.choice(OPERATIONS))
        model.check()
