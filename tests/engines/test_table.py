"""Every engine runs a real training; the values of every update equal the plan bit for bit."""

import itertools
import os
from pathlib import Path

import pytest

from support.engine_runs.harness import PER_BATCH, Case, Run, run, run_in_two, stepped_per_batch, together

WIRINGS = [
    ("plain", "", "plain torch"),
    ("plain", "fused", "plain torch, fused"),
    ("plain", "two", "plain torch, two optimizers"),
    ("plain", "swa", "torch.optim.swa_utils"),
    ("plain", "zero", "ZeroRedundancyOptimizer"),
    ("plain", "fsdp1", "FSDP1 (FullyShardedDataParallel)"),
    ("plain", "fsdp", "FSDP2 (fully_shard)"),
    ("plain", "tensor", "tensor parallelism (parallelize_module)"),
    ("plain", "pipeline", "pipeline parallelism (Schedule1F1B)"),
    ("accelerate", "", "Accelerate"),
    ("accelerate", "prepared", "Accelerate, scheduler prepared and stepped"),
    ("accelerate", "split_batches", "Accelerate, split_batches"),
    ("accelerate", "two", "Accelerate, two optimizers"),
    ("deepspeed", "", "DeepSpeed ZeRO 2, lr_scheduler="),
    ("deepspeed", "by hand", "DeepSpeed ZeRO 1, scheduler.step()"),
    ("deepspeed", "stage 0", "DeepSpeed ZeRO 0, lr_scheduler="),
    ("deepspeed", "stage 3", "DeepSpeed ZeRO 3, lr_scheduler="),
    ("deepspeed", "trainer", "DeepSpeed ZeRO 2, Hugging Face Trainer"),
    ("deepspeed", "accelerate", "DeepSpeed ZeRO 1, Accelerate"),
    ("lightning", "", "Lightning, PlanCallback"),
    ("lightning", "step", "Lightning, interval step"),
    ("lightning", "epoch", "Lightning, interval epoch"),
    ("lightning", "unsaid", "Lightning, scheduler not returned"),
    ("lightning", "manual", "Lightning, manual optimization"),
    ("lightning", "two", "Lightning, two optimizers"),
    ("lightning", "sharded", "Lightning, ModelParallelStrategy"),
    ("transformers", "", "Hugging Face Trainer, planned"),
    ("transformers", "pair", "Hugging Face Trainer, optimizers="),
    ("transformers", "two", "Hugging Face Trainer, two optimizers"),
    ("ignite", "", "Ignite"),
    ("ignite", "wrapped", "Ignite, LRScheduler handler"),
    ("skorch", "", "skorch, initialize and partial_fit"),
    ("skorch", "fit", "skorch, fit with a callback"),
    ("skorch", "accelerate", "skorch, AccelerateMixin"),
    ("mmengine", "", "MMEngine Runner, Scheduler on its OptimWrapper"),
    ("pytorch_accelerated", "", "pytorch-accelerated"),
    ("pytorch_accelerated", "function", "pytorch-accelerated, own function"),
]
# Wirings whose batches are counted, by the engine or by the loop; other wirings differ only in that.
COUNTED = [(engine, "") for engine in dict.fromkeys(engine for engine, _, _ in WIRINGS)]
COUNTED += [("plain", "two"), ("accelerate", "two"), ("deepspeed", "trainer")]
ONLY_IN_TWO = {("plain", variant) for variant in ("zero", "fsdp1", "fsdp", "tensor", "pipeline")}
ONLY_IN_TWO |= {
    ("lightning", "sharded"),
    *((engine, variant) for engine, variant, _ in WIRINGS if engine == "deepspeed"),
}
ONLY_IN_ONE = {("skorch", ""), ("skorch", "fit")}
WITHOUT_SCALER = ONLY_IN_ONE | ONLY_IN_TWO
IN_ONE = [wiring for wiring in WIRINGS if wiring[:2] not in ONLY_IN_TWO]
IN_TWO = [wiring for wiring in WIRINGS if wiring[:2] not in ONLY_IN_ONE]
# `make test` runs another wiring of these engines; each of these trains for seconds.
LONG = {
    ("accelerate", "prepared"),
    ("accelerate", "split_batches"),
    ("transformers", "pair"),
    ("transformers", "two"),
    ("pytorch_accelerated", "function"),
}
# A wrong step is detected in each engine, and with skipped steps in one.
LONG_STEPS = {(engine, True) for engine, _, _ in WIRINGS if engine != "plain"}
IN_TWO_ALWAYS = {wiring[:2] for wiring in IN_TWO if wiring[:2] == ("accelerate", "")}
PAGE = Path(__file__).with_name("table.md")
WRITES = os.environ.get("PARAMSCHED_ENGINE_TABLE") == "1"

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning", "ignore::DeprecationWarning")


def cases(engine: str, variant: str, processes: int) -> dict[str, Case]:
    """By column."""
    skips = [False] if (engine, variant) in WITHOUT_SCALER else [False, True]
    columns = {f"{n}{', skip' * skip}": Case(engine, n, skip, variant) for skip in skips for n in (1, 4)}
    if (engine, variant) in COUNTED:
        columns |= {f"tokens{', skip' * skip}": Case(engine, 4, skip, variant, "tokens") for skip in skips}
        if processes == 1 and engine != "pytorch_accelerated":  # its Trainer trains batches of one size
            columns["ramp"] = Case(engine, 1, False, variant, "ramp")
    return columns


COLUMNS = ["1", "4", "1, skip", "4, skip", "tokens", "tokens, skip", "ramp"]
# A run with skipped steps contains what the same run without them does. So `make test` trains one of each kind.
BRIEF = ["1", "4, skip", "tokens, skip", "ramp"]
EXTENTS = [
    pytest.param("brief", marks=pytest.mark.skipif(WRITES, reason="the table needs all columns")),
    pytest.param("whole", marks=pytest.mark.long),
]


def wanted(columns: dict[str, Case], extent: str) -> dict[str, Case]:
    """Return the cases to train: all of them, or those of `BRIEF`."""
    brief = {column: case for column, case in columns.items() if column in BRIEF}
    if "4, skip" not in columns:
        brief |= {column: case for column, case in columns.items() if column in ("4", "tokens")}
    return columns if extent == "whole" else brief


def cells(runs: dict[str, Run]) -> dict[str, str]:
    return {column: f"{run.exact} / {run.update_count}" for column, run in runs.items()}


def check(name: str, processes: int, runs: dict[str, Run], extent: str, add_row) -> None:
    actual = cells(runs)
    row = f"| {name} | {processes} | " + " | ".join(actual.get(column, "–") for column in COLUMNS) + " |"
    if extent == "whole":
        add_row(row)

    assert {c: (run.exact, run.update_count) for c, run in runs.items()} == {
        c: (run.expected, run.expected) for c, run in runs.items()
    }
    if not WRITES:
        page = [line.strip("|").split("|") for line in PAGE.read_text(encoding="utf-8").splitlines()]
        rows = [[cell.strip() for cell in line[2:]] for line in page if line[:2] == [f" {name} ", f" {processes} "]]
        columns = COLUMNS if extent == "whole" else [*actual]
        shown = [
            {column: cell for column, cell in zip(COLUMNS, line, strict=True) if column in columns} for line in rows
        ]
        assert shown == [{column: actual.get(column, "–") for column in columns}], (
            f"add to tests/engines/table.md:\n{row}"
        )


@pytest.mark.parametrize("extent", EXTENTS)
@pytest.mark.parametrize(
    ("engine", "variant", "name"),
    [pytest.param(*wiring, id=wiring[2], marks=pytest.mark.long if wiring[:2] in LONG else ()) for wiring in IN_ONE],
)
def test_every_update_of_one_process_uses_the_planned_values(engine, variant, name, extent, add_row, capfd):
    pytest.importorskip(engine if engine != "plain" else "torch")

    runs = {column: run(case) for column, case in wanted(cases(engine, variant, 1), extent).items()}

    check(name, 1, runs, extent, add_row)


@pytest.mark.parametrize("extent", EXTENTS)
@pytest.mark.parametrize(
    ("engine", "is_long"),
    [
        pytest.param(engine, is_long, marks=pytest.mark.long if is_long else (), id=engine + ", others" * is_long)
        for engine, is_long in dict.fromkeys((wiring[0], wiring[:2] not in IN_TWO_ALWAYS) for wiring in IN_TWO)
    ],
)
def test_every_update_of_two_processes_uses_the_planned_values(engine, is_long, extent, add_row):
    pytest.importorskip(engine if engine != "plain" else "torch")
    wirings = [
        (wiring[1], wiring[2]) for wiring in IN_TWO if (wiring[0], wiring[:2] not in IN_TWO_ALWAYS) == (engine, is_long)
    ]
    ways = {name: wanted(cases(engine, variant, 2), extent) for variant, name in wirings}

    both = iter(
        run_in_two([case for way in ways.values() for case in way.values()])
    )  # one pair of processes for all of them

    runs = {name: {column: next(both) for column in way} for name, way in ways.items()}
    assert all(first.used == second.used for pairs in runs.values() for first, second in pairs.values())
    for name, pairs in runs.items():
        joint = {column: together(*pair) for column, pair in pairs.items()}
        check(name, 2, joint, extent, add_row)


@pytest.mark.skipif(WRITES, reason="the page is being written")
def test_the_page_has_exactly_one_row_for_each_wiring():
    page, _ = PAGE.read_text(encoding="utf-8").split("## Resumed")
    rows = [line for line in page.splitlines() if line.startswith("| ")][1:]

    names = {(line.split(" | ")[0].removeprefix("| "), line.split(" | ")[1]) for line in rows}
    expected = {(name, n) for n, ways in (("1", IN_ONE), ("2", IN_TWO)) for _, _, name in ways}
    assert (names, len(rows)) == (expected, len(expected))


@pytest.mark.skipif(os.environ.get(PER_BATCH) == "1", reason="it is switched on already")
@pytest.mark.parametrize(
    ("engine", "overflow"),
    [
        pytest.param(*case, marks=pytest.mark.long if case in LONG_STEPS else ())
        for case in itertools.product(sorted({engine for engine, _, _ in WIRINGS}), (False, True))
    ],
)
def test_a_scheduler_stepped_per_batch_is_detected(engine, overflow, capfd):
    pytest.importorskip(engine if engine != "plain" else "torch")
    variant = "accelerate" if engine == "skorch" else ""
    case = Case(engine, 1 if overflow else 4, overflow, variant)

    with stepped_per_batch():
        wrong = run(case)

    assert wrong.update_count == wrong.expected
    assert wrong.exact < wrong.update_count
