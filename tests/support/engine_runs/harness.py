"""The training task of the engines, the record of the values of each update, and runs in two processes.

Each module of this package trains in one engine: `train(case) -> Run`. It computes the expected total from batches,
epochs and accumulation, so that the run facts of an adapter are tested too.
"""

import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, Sampler

import paramsched as ps
from paramsched.core.plan import counted_plan
from support.ports import free_port
from support.programs import Program

SAMPLES = 72
BATCH = 4
EPOCHS = 3
PER_BATCH = "PARAMSCHED_PER_BATCH"
"""If set to 1, one `scheduler.step()` per batch replaces the hooks; the tests must then fail."""

PLAN = ps.Plan(
    ps.Binding("betas[0]", ps.absolute(ps.linear(0.85, 0.95, over="60%"))),
    ps.Binding("lr", ps.constant(0.5) * (ps.warmup("20%") >> ps.cosine(to=0.01)), groups="bias"),
    lr=ps.warmup("10%") >> ps.cosine(to=0.1),
    weight_decay=ps.linear(1.0, 0.5),
)

BY_TOKENS = ps.Plan(
    ps.Binding("betas[0]", ps.absolute(ps.linear(0.85, 0.95, over="200 tokens"))),
    ps.Binding("lr", ps.warmup("60 tokens") >> ps.cosine(to=0.01, over="200 tokens"), groups="bias"),
    lr=ps.warmup("30 tokens") >> ps.cosine(to=0.1, over="280 tokens"),
    weight_decay=ps.linear(1.0, 0.5, over="300 tokens"),
    clock="tokens",
)
"""A plan whose amounts are the tokens of the batches (`tokens_in`), which are unknown in advance."""

RAMP = ps.Plan(
    ps.Binding("betas[0]", ps.linear(ps.absolute(0.85), ps.absolute(0.95), over="60%")),
    ps.Binding("lr", ps.warmup("20 samples") >> ps.cosine(to=0.01), groups="bias"),
    ps.Binding(ps.Target("batch_size", initial=1), ps.stairs(2, 8, rises=3, over="36 samples")),
    lr=ps.warmup("10%") >> ps.cosine(to=0.1),
    weight_decay=ps.linear(1.0, 0.5),
    clock="samples",
    total="68 samples",
)
"""A plan whose batches grow from 2 to 8 samples, in a run of one epoch."""


@dataclass(frozen=True)
class Case:
    """A configuration of a training run.

    `overflow`: one update in each epoch has infinite gradients, so that a GradScaler skips it. `clock`: "updates",
    "tokens" (`BY_TOKENS`), or "ramp" (`RAMP`).
    """

    engine: str
    accumulation: int = 1
    overflow: bool = False
    variant: str = ""
    clock: str = "updates"


@dataclass(frozen=True)
class Run:
    """The values that the updates used, in order, and the planned values of the entire run.

    `amounts`: the tokens (or samples, for a ramp) of each update that the model of this process received.
    """

    used: list[list[float]]
    planned: list[list[float]]
    expected: int
    amounts: list[int]

    @property
    def update_count(self) -> int:
        return len(self.used)

    @property
    def exact(self) -> int:
        return sum(used == planned for used, planned in zip(self.used, self.planned, strict=False))


class Tiny(torch.nn.Module):
    """A linear layer that counts the batches, tokens and samples it receives."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layer = torch.nn.Linear(2, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.training and torch.is_grad_enabled():
            _Stepping.batch()
            Seen.tokens += tokens_in(x)
            Seen.samples += len(x)
        return self.layer(x)


def plan_of(case: Case) -> ps.Plan:
    """Return the plan of a case."""
    return {"updates": PLAN, "tokens": BY_TOKENS, "ramp": RAMP}[case.clock]


def tokens_of_batch(batch: Any) -> int:
    """Return the tokens of a batch, which is a pair or a dict. Used as `amount_of`."""
    return tokens_in(batch["x"] if isinstance(batch, Mapping) else batch[0])


class Growing(Sampler[list[int]]):
    """The batches of a ramp, with the planned size of the update that uses them.

    A loader that reads `scheduler.value("batch_size")` would be late in engines that prefetch a batch.
    """

    batch_size = None
    drop_last = False
    sampler = None  # engines read these attributes

    def __init__(self) -> None:
        sizes = ps.trace(RAMP, BASES)["batch_size", ""].astype(int).tolist()
        ends = np.cumsum(sizes).tolist()
        self.batches = [list(range(end - size, end)) for end, size in zip(ends, sizes, strict=True)]

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[list[int]]:
        return iter(self.batches)


def loader_of(case: Case, data: Dataset[Any], **keywords: Any) -> DataLoader[Any]:
    """Return the loader of a case."""
    if case.clock == "ramp":
        return DataLoader(data, batch_sampler=Growing())
    return DataLoader(data, BATCH, **keywords)


def epochs_of(case: Case) -> int:
    return 1 if case.clock == "ramp" else EPOCHS


class Seen:
    """The amounts that the model has received since the last update."""

    tokens = samples = 0


def tokens_in(x: torch.Tensor) -> int:
    """Return the tokens of a batch: a sample has one or two."""
    return len(x) + int((x[:, 0] > 0).sum())


class Numbers(Dataset[Any]):
    """Points and their sums; with `overflow` the target `at` is infinite."""

    def __init__(self, overflow: bool = False, samples: int = SAMPLES, overflow_index: int = 7) -> None:
        self.x = torch.randn(samples, 2, generator=torch.Generator().manual_seed(1))
        self.y = self.x.sum(1, keepdim=True)
        if overflow:
            self.y[overflow_index] = float("inf")

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        return self.x[index], self.y[index]


def optimizer_of(model: torch.nn.Module, **keywords: Any) -> torch.optim.Optimizer:
    """Return AdamW with two named groups, one of which has its own lr."""
    weights = [p for n, p in model.named_parameters() if n.endswith("weight")]
    biases = [p for n, p in model.named_parameters() if n.endswith("bias")]
    groups = [{"params": weights, "name": "weight"}, {"params": biases, "name": "bias", "lr": 0.02}]
    return torch.optim.AdamW(groups, lr=0.1, weight_decay=0.01, **keywords)


def optimizers_of(model: torch.nn.Module, *, two: bool = True) -> dict[str, torch.optim.Optimizer]:
    """Return two optimizers, each with one of the groups of `optimizer_of`; or only its optimizer."""
    whole = optimizer_of(model)
    if not two:
        return {"": whole}
    kept = ("params", "name", "lr", "weight_decay")
    groups = [{key: group[key] for key in kept} for group in whole.param_groups]
    return {f"{group['name']}s": torch.optim.AdamW([group]) for group in groups}


BASES = [
    {"name": "weight", "lr": 0.1, "weight_decay": 0.01, "betas": (0.9, 0.999)},
    {"name": "bias", "lr": 0.02, "weight_decay": 0.01, "betas": (0.9, 0.999)},
]


def planned(total: int, plan: ps.Plan = PLAN) -> list[list[float]]:
    """Return the planned values of each update of a run, group by group."""
    return rows_of(ps.trace(plan, BASES, total=total))


def rows_of(shown: ps.extend.Trace) -> list[list[float]]:
    """Return the values of each update of a trace, group by group."""
    columns = [shown[field, group] for group in ("weight", "bias") for field in ("lr", "weight_decay", "betas[0]")]
    return [list(row) for row in zip(*(column.tolist() for column in columns), strict=True)]


class Used(list[list[float]]):
    """The values that each update used; `amounts` contains its tokens and samples in this process."""

    def __init__(self) -> None:
        super().__init__()
        self.amounts: list[tuple[int, int]] = []


def recorded(first: torch.optim.Optimizer, *more: torch.optim.Optimizer) -> Used:
    """Return a list that records the values of each update when the optimizer uses them, without skipped steps.

    Of several optimizers, the first one steps first in each update.
    """
    used = Used()
    Seen.tokens = Seen.samples = 0

    def skips(inner: Any) -> bool:
        return float(getattr(inner, "found_inf", None) or 0) != 0

    def before_step(inner: Any, args: Any, keywords: Any) -> None:
        if not skips(inner):
            if inner is first:
                used.append([])
            used[-1] += [v for g in inner.param_groups for v in (float(g["lr"]), g["weight_decay"], g["betas"][0])]

    def after_step(inner: Any, args: Any, keywords: Any) -> None:  # because Lightning runs the model inside the step
        if not skips(inner):
            used.amounts.append((Seen.tokens, Seen.samples))
            Seen.tokens = Seen.samples = 0

    for optimizer in (first, *more):
        optimizer.register_step_pre_hook(before_step)
    first.register_step_post_hook(after_step)
    return used


def updates(batches: int, case: Case, *, epochs: int = EPOCHS, whole: bool = True) -> int:
    """Return the number of updates. With `whole`, the last window of an epoch may be short; else it continues."""
    if whole:
        return epochs * -(-batches // case.accumulation)
    return epochs * batches // case.accumulation


def result(used: Used, case: Case, total: int, epochs: int = EPOCHS) -> Run:
    """Return the run of a case with `total` accumulation windows."""
    update_count = total - epochs if case.overflow else total
    if case.clock == "tokens":
        amounts = [tokens for tokens, _ in used.amounts]
        return Run(list(used), planned_by_tokens(amounts), update_count, amounts)
    if case.clock == "ramp":
        shown = ps.trace(RAMP, BASES)
        samples = [samples for _, samples in used.amounts]
        sizes = shown["batch_size", ""].tolist()
        pairs = zip(rows_of(shown), samples, sizes, strict=True)
        return Run(list(used), [row if seen == size else [] for row, seen, size in pairs], len(sizes), samples)
    return Run(list(used), planned(total), update_count, [])


def in_one(first: Used, second: Used) -> list[list[float]]:
    """Return the values of `BY_TOKENS` for a run in two parts, given the tokens of its updates."""
    return planned_by_tokens([tokens for tokens, _ in first.amounts + second.amounts])


def together(first: Run, second: Run) -> Run:
    """Return the run of two processes, whose planned values depend on the tokens of both."""
    if not first.amounts:
        return first
    amounts = [sum(both) for both in zip(first.amounts, second.amounts, strict=True)]
    return replace(first, planned=planned_by_tokens(amounts), amounts=amounts)


def planned_by_tokens(amounts: list[int]) -> list[list[float]]:
    """Return the values of `BY_TOKENS` for updates with these token counts, summed over all processes."""
    before = np.cumsum([0, *amounts])[:-1]
    counted = counted_plan(BY_TOKENS.resolve())
    columns = []
    for group, base in zip(("weight", "bias"), BASES, strict=True):
        for field in ("lr", "weight_decay", "betas[0]"):
            of_field = [binding for binding in counted.bindings if binding.name == field]
            binding = next((binding for binding in of_field if binding.groups == group), of_field[0])
            value = base["betas"][0] if field == "betas[0]" else base[field]
            columns.append(binding.schedule(before, value).tolist())
    return [list(row) for row in zip(*columns, strict=True)]


def batches_of_a_process() -> int:
    """Return the number of batches of one process in an epoch."""
    return SAMPLES // BATCH // world_size()


_LAUNCHED = {name: os.environ[name] for name in ("WORLD_SIZE", "RANK", "LOCAL_RANK") if name in os.environ}


def world_size() -> int:
    return int(_LAUNCHED.get("WORLD_SIZE", "1"))


def scaler() -> torch.amp.GradScaler:
    """Return a scaler for the CPU that skips a step only if a gradient is infinite."""
    return torch.amp.GradScaler("cpu", init_scale=16.0)


# ---------------------------------------------------------------- wrong stepping, to test that it is detected


class _Stepping:
    """Schedulers that are stepped once per batch while `on` is true."""

    on = False
    started = False
    schedulers: ClassVar[list[ps.Scheduler]] = []

    @classmethod
    def batch(cls) -> None:
        """Step the schedulers for the previous batch, because a new batch starts."""
        if cls.on and cls.started:
            for scheduler in cls.schedulers:
                _step(scheduler)
        cls.started = True


_step = ps.Scheduler.step


@contextmanager
def stepped_per_batch() -> Iterator[None]:
    """Give every Scheduler `drive="manual"` and call its `step()` after each batch; calls of the engine do nothing."""
    init = ps.Scheduler.__init__

    def manual(self: ps.Scheduler, *args: Any, **keywords: Any) -> None:
        init(self, *args, **(keywords | {"drive": "manual"}))
        _Stepping.schedulers.append(self)

    _Stepping.on = True
    _Stepping.started = False
    _Stepping.schedulers = []
    ps.Scheduler.__init__ = manual  # type: ignore[method-assign]
    ps.Scheduler.step = lambda self, *args, **keywords: None  # type: ignore[method-assign]
    try:
        yield
    finally:
        _Stepping.on = False
        ps.Scheduler.__init__ = init  # type: ignore[method-assign]
        ps.Scheduler.step = _step  # type: ignore[method-assign]


# ---------------------------------------------------------------- running


def run(case: Case) -> Run:
    """Train once, in this process."""
    os.environ.update(_LAUNCHED)  # because Lightning removes these at its end
    train = import_module(f"support.engine_runs.{case.engine}").train
    if os.environ.get(PER_BATCH) == "1":
        with stepped_per_batch():
            return train(case)
    return train(case)


def run_in_two(cases: list[Case]) -> list[list[Run]]:
    """Train each case in two processes (gloo). Return the two runs of each case."""
    root = Path(__file__).parents[3]
    with tempfile.TemporaryDirectory() as folder:
        order = Path(folder, "cases.json")
        order.write_text(json.dumps([asdict(case) for case in cases]), encoding="utf-8")
        shared = os.environ | {
            "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port()),
            "OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true",
            "PYTHONPATH": f"{root / 'src'}{os.pathsep}{root / 'tests'}",
        }  # fmt: skip
        command = ["-m", "support.engine_runs", folder]
        started = [
            Program(command, env=shared | {"RANK": str(rank), "LOCAL_RANK": str(rank)}, cwd=folder) for rank in range(2)
        ]
        try:
            outputs = ["".join(process.communicate(timeout=300)) for process in started]
        finally:
            for process in started:
                process.kill()
        assert [process.returncode for process in started] == [0, 0], "\n".join(text[-3000:] for text in outputs)
        ranks = [json.loads(Path(folder, f"{rank}.json").read_text(encoding="utf-8")) for rank in range(2)]
    return [[Run(**fields) for fields in both] for both in zip(*ranks, strict=True)]
