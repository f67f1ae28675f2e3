"""`paramsched resume` reads checkpoints without executing code from them, and finds the states that it needs."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import torch.distributed.checkpoint as dcp
from click.testing import CliRunner
from torch.optim import lr_scheduler as torchs

import paramsched as ps
from paramsched.cli import main
from paramsched.tools.audit import compare_with_plan, read_log, read_plan_history
from support import programs
from support.records import with_record
from support.several import probes
from support.updates import probe, run
from tools.records.dry_runs import resume, values

pytestmark = pytest.mark.filterwarnings("ignore")
PLAN = ps.Plan(lr="cosine()", total=100)


def states(updates=30, plan=PLAN):
    """Return the state of a run after some updates."""
    optimizer = probe()
    scheduler = ps.Scheduler(optimizer, plan)
    run(optimizer, updates)
    return {"optimizer": optimizer.state_dict(), "scheduler": scheduler.state_dict()}


class Evil:
    """An object whose pickle writes a file when it is loaded."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self):
        return Path.write_text, (self.marker, "executed")


def lightning(folder, entry):
    torch.save({"pytorch-lightning_version": "2.0", "states": states(), "entry": entry}, folder / "last.ckpt")
    return folder / "last.ckpt"


def file_of_torch(folder, entry):
    torch.save({**states(), "entry": entry}, folder / "last.pt")
    return folder / "last.pt"


def old_file_of_torch(folder, entry):
    torch.save({**states(), "entry": entry}, folder / "last.pt", _use_new_zipfile_serialization=False)
    return folder / "last.pt"


def folder_of(optimizer, scheduler, *more):
    def save(folder, entry, hostile="optimizer"):
        actual = states()
        actual[hostile] = {**actual[hostile], "entry": entry}
        torch.save(actual["optimizer"], folder / optimizer)
        torch.save(actual["scheduler"], folder / scheduler)
        for name in more:
            (folder / name).write_text('{"global_step": 30}')
        return folder

    return save


FORMATS = {
    "torch": file_of_torch,
    "torch before 1.6": old_file_of_torch,
    "lightning": lightning,
    "transformers": folder_of("optimizer.pt", "scheduler.pt", "trainer_state.json"),
    "accelerate": folder_of("optimizer.bin", "scheduler.bin"),
}


@pytest.mark.parametrize("options", [[], ["--history"]], ids=["the values", "the history"])
@pytest.mark.parametrize("name", FORMATS)
def test_no_code_of_a_hostile_checkpoint_is_executed(name, options, tmp_path):
    marker = tmp_path / "marker"
    (tmp_path / "run").mkdir()
    checkpoint = FORMATS[name](tmp_path / "run", Evil(marker))

    result = CliRunner().invoke(main, ["resume", str(checkpoint), *options])

    assert result.exit_code == 2
    assert "cannot" in result.output
    assert "weights_only" not in result.output
    assert "add_safe_globals" not in result.output
    assert not marker.exists()


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_is_read_by_each_command(name, tmp_path):
    (tmp_path / "run").mkdir()
    checkpoint = FORMATS[name](tmp_path / "run", 1)

    report = resume(checkpoint)

    assert (report["exit"], report["update"], report["format"]) == (0, 30, name.split()[0])
    assert values(report) == ps.trace(PLAN, {"lr": 0.1})["lr", 0][30:33].tolist()
    assert [str(one.plan) for one in read_plan_history(checkpoint)] == [str(PLAN)]
    assert compare_with_plan(read_log(checkpoint, ["lr"]), PLAN).first is None


def test_a_folder_of_torch_distributed_checkpoint_is_refused_with_the_line_that_converts_it(tmp_path, monkeypatch):
    dcp.save(states(), checkpoint_id=tmp_path / "a run")
    monkeypatch.chdir(tmp_path)

    refused = resume(Path("a run"))

    assert refused["exit"] == 2
    line = refused["text"].partition("Convert it: ")[2].split("\n")[0]
    subprocess.run([sys.executable, *shlex.split(line)[1:]], check=True, capture_output=True)
    report = resume(Path("checkpoint.pt"))
    assert (report["exit"], report["update"]) == (0, 30)
    assert values(report) == ps.trace(PLAN, {"lr": 0.1})["lr", 0][30:33].tolist()


# ---------------------------------------------------------------------- the states in a checkpoint


def test_a_missing_state_has_a_usage_error_with_the_option(tmp_path):
    file = tmp_path / "last.pt"
    for state, options, text in [
        ({"model": 1}, [], "no state of an optimizer"),
        ({"a": states(), "b": {"optimizer": states()["optimizer"]}}, [], "Write --optimizer a.optimizer"),
        ({"a": states(), "b": {"scheduler": states()["scheduler"]}}, [], "Write --scheduler a.scheduler"),
        (states(), ["--optimizer", "optimiser"], 'did you mean "optimizer"?'),
        (states(), ["--scheduler", "schedule"], 'did you mean "scheduler"?'),
        ({"optimizer": states()["optimizer"]}, ["--scheduler", "scheduler"], "no state of a ps.Scheduler"),
        ({"optimizer": {"param_groups": [{"lr": 0.1, "paramsched_t": 3}]}}, [], "Write --plan plan.yaml"),
        ({"optimizer": probe().state_dict()}, ["-p", "linear()", "--total", "9"], "For example: --at 1000"),
        ({**states(), "scheduler": with_record(states()["scheduler"], t=-1)}, [], "state: t is -1"),
        ({"optimizer": {"param_groups": [{"lr": 0.1, "paramsched_t": "x"}]}}, ["-p", "linear()"], "paramsched_t"),
        (states(), ["-p", "linear(over='2 epochs')"], "--steps-per-epoch 100"),
        (states(), ["-p", "missing.yaml"], "missing.yaml"),
        (states(), ["--on-change", "old"], "Write --on-change new"),
        (states(), ["--on-change", "new", "--on-change", "lr=checkpoint"], "or one of them for each field"),
    ]:  # fmt: skip
        torch.save(state, file)
        report = resume(file, *options)

        assert report["exit"] == 2, text
        assert text in report["text"]


def test_a_folder_that_is_not_a_checkpoint_is_a_usage_error(tmp_path):
    (tmp_path / "notes.txt").write_text("")

    assert "expected a folder with optimizer.pt, optimizer.bin" in resume(tmp_path)["text"]


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"global_step": "x"'])
def test_damaged_state_of_a_trainer_is_a_usage_error(text, tmp_path):
    folder = FORMATS["transformers"](tmp_path, 1)
    (folder / "trainer_state.json").write_text(text)

    assert "it contains no global_step" in resume(folder)["text"]


@pytest.mark.parametrize(
    "options", [["--optimizer", "b.optimizer"], ["--optimizer", "b.optimizer", "--scheduler", "b.scheduler"]]
)
def test_one_of_several_runs_is_chosen_by_its_paths(options, tmp_path):
    torch.save({"a": {"optimizer": states(20)["optimizer"]}, "b": states(30)}, tmp_path / "last.pt")

    report = resume(tmp_path / "last.pt", "--optimizer", "b.optimizer", *options)

    assert (report["update"], report["optimizer"], report["scheduler"]) == (30, "b.optimizer", "b.scheduler")


SEVERAL = ps.Plan(ps.Binding("lr", "linear()", groups="muon"), lr="cosine()", total=100)


def of_several(updates=30):
    optimizers = probes(["muon", "adamw"])
    scheduler = ps.Scheduler(optimizers, SEVERAL)
    for _ in range(updates):
        for one in optimizers.values():
            one.step()
    return {name: one.state_dict() for name, one in optimizers.items()}, scheduler.state_dict()


@pytest.mark.parametrize(
    ("shape", "paths"),
    [
        (lambda muon, adamw: {"adamw": adamw, "muon": muon}, ("muon", "adamw")),
        (lambda muon, adamw: {"optimizers": {"muon": muon, "adamw": adamw}}, ("optimizers.muon", "optimizers.adamw")),
        (lambda muon, adamw: {"optimizer_states": [muon, adamw]}, ("optimizer_states[0]", "optimizer_states[1]")),
        (lambda muon, adamw: {"other": adamw, "muon": muon}, ("muon", "other")),
        (lambda muon, adamw: {"a.muon": muon, "b.muon": adamw}, ("a.muon", "b.muon")),
    ],
)
def test_the_states_of_several_optimizers_are_found_by_name_else_by_order(shape, paths, tmp_path):
    optimizers, scheduler = of_several()
    torch.save({**shape(*optimizers.values()), "scheduler": scheduler}, tmp_path / "last.pt")
    shown = ps.trace(SEVERAL, {"muon": {"lr": 0.1}, "adamw": {"lr": 0.2}})

    report = resume(tmp_path / "last.pt")

    assert (report["exit"], report["optimizer"]) == (0, dict(zip(("muon", "adamw"), paths, strict=True)))
    for name in ("muon", "adamw"):
        assert values(report, group=f"{name}/0") == shown["lr", name][30:33].tolist()
    named = (f"--optimizer={name}={path}" for name, path in report["optimizer"].items())
    output = CliRunner().invoke(main, ["resume", str(tmp_path / "last.pt"), *named]).output
    assert f'optimizer muon "{paths[0]}"' in output


@pytest.mark.parametrize(("stated", "found"), [(40, []), (60, [("40", "60")])])
def test_a_plan_that_states_the_length_of_the_run_changes_nothing(tmp_path, stated, found):
    optimizer = probe()
    scheduler = ps.Scheduler(optimizer, "lr: cosine()", total=40)
    run(optimizer, 10)
    torch.save({"optimizer": optimizer.state_dict(), "scheduler": scheduler.state_dict()}, tmp_path / "last.pt")
    (tmp_path / "plan.yaml").write_text(f"lr: cosine()\ntotal: {stated}\n")

    report = resume(tmp_path / "last.pt", "--plan", tmp_path / "plan.yaml")

    assert [(one["before"], one["after"]) for one in report["changes"]] == found


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--optimizer", "moun=muon"], "the scheduler's state has the optimizers muon, adamw"),
        (["--optimizer", "muon=moun"], 'did you mean "muon"?'),
        ([], "it has no state of the optimizer adamw; known: other, third. For example: --optimizer adamw=other"),
    ],
)
def test_a_wrong_name_of_one_of_several_optimizers_is_a_usage_error(options, text, tmp_path):
    optimizers, scheduler = of_several()
    more = {"other": optimizers["adamw"], "third": optimizers["adamw"].copy()}
    torch.save({"muon": optimizers["muon"], **more, "scheduler": scheduler}, tmp_path / "last.pt")

    report = resume(tmp_path / "last.pt", *options)

    assert report["exit"] == 2
    assert text in report["text"]


# ---------------------------------------------------------------------- the position without paramsched


def adamw(updates):
    optimizer = torch.optim.AdamW(torch.nn.Linear(2, 2).parameters(), lr=0.1)
    scheduler = torchs.StepLR(optimizer, 10)
    for _ in range(updates):
        for one in optimizer.param_groups[0]["params"]:
            one.grad = torch.ones_like(one)
        optimizer.step()
    scheduler.last_epoch = 7
    return optimizer.state_dict(), scheduler.state_dict()


def optimizer():
    return torch.optim.SGD([torch.ones(1)], lr=0.1, momentum=0.9)


KINDS = {
    "StepLR": lambda value: torchs.StepLR(value, 3),
    "MultiStepLR": lambda value: torchs.MultiStepLR(value, [3]),
    "ConstantLR": torchs.ConstantLR,
    "LinearLR": torchs.LinearLR,
    "ExponentialLR": lambda value: torchs.ExponentialLR(value, 0.9),
    "PolynomialLR": torchs.PolynomialLR,
    "CosineAnnealingLR": lambda value: torchs.CosineAnnealingLR(value, 9),
    "CosineAnnealingWarmRestarts": lambda value: torchs.CosineAnnealingWarmRestarts(value, 9),
    "CyclicLR": lambda value: torchs.CyclicLR(value, 0.1, 1),
    "OneCycleLR": lambda value: torchs.OneCycleLR(value, 1, 9),
    "ReduceLROnPlateau": torchs.ReduceLROnPlateau,
    "LambdaLR": lambda value: torchs.LambdaLR(value, lambda t: 1.0),
    "SWALR": lambda value: torch.optim.swa_utils.SWALR(value, 0.01),
    "SequentialLR": lambda value: torchs.SequentialLR(value, [torchs.ConstantLR(value), torchs.LinearLR(value)], [2]),
    "ChainedScheduler": lambda value: torchs.ChainedScheduler([torchs.ConstantLR(value), torchs.LinearLR(value)]),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_scheduler_of_torch_is_listed_with_its_class_and_position(kind, tmp_path):
    made = optimizer()
    scheduler = KINDS[kind](made)
    for _ in range(3):
        made.step()
        scheduler.step(*([1.0] if kind == "ReduceLROnPlateau" else []))
    torch.save({**states(), "schedulers": [scheduler.state_dict()]}, tmp_path / "last.pt")

    assert resume(tmp_path / "last.pt")["ignored"] == [{"name": "schedulers[0]", "kind": kind, "update": 3}]
    output = CliRunner().invoke(main, ["resume", str(tmp_path / "last.pt")]).output
    assert f"will not act: schedulers[0] (torch's {kind}, at 3)" in output


def test_a_state_of_deepspeed_has_the_position_only(tmp_path):
    torch.save({"optimizer": optimizer().state_dict(), "lr_scheduler": {"last_batch_iteration": 6}}, tmp_path / "a.pt")

    report = resume(tmp_path / "a.pt", "--plan", "cosine(over=10)")

    assert report["update"] == 7
    assert report["ignored"] == [{"name": "lr_scheduler", "kind": "DeepSpeed", "update": 7}]
    assert "so a changed JSON acts at a resume" in report["problems"][1]["message"]
    output = CliRunner().invoke(main, ["resume", str(tmp_path / "a.pt"), "--plan", "cosine(over=10)"]).output
    assert "will not act: lr_scheduler (of DeepSpeed, at 7)" in output


def test_a_shape_of_a_user_is_imported_for_the_plan_of_a_checkpoint(tmp_path, monkeypatch):
    lines = "import paramsched as ps\n\n\n@ps.shape\ndef shape_of_a_module(t):\n    return 2 - t / 100\n"
    (tmp_path / "module_with_shape.py").write_text(lines)
    saving = (
        "import paramsched as ps, torch, module_with_shape\n"
        "parameter = torch.nn.Parameter(torch.ones(1))\n"
        "optimizer = torch.optim.SGD([parameter], lr=1.0)\n"
        "ps.Scheduler(optimizer, 'shape_of_a_module()', total=40)\n"
        "torch.save({'optimizer': optimizer.state_dict()}, 'a.pt')\n"
    )
    assert programs.run(["-c", saving], cwd=tmp_path).returncode == 0
    monkeypatch.chdir(tmp_path)

    without = resume(Path("a.pt"))
    assert without["exit"] == 2
    assert "--import" in without["text"]

    done = programs.run(["-m", "paramsched", "resume", "a.pt", "--import", "module_with_shape"], cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
