"""The files of the digits example: damaged files are named, no run restarts silently, commands can be pasted."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shlex
import shutil
import subprocess
import sys
from itertools import product
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from support.spread import every

EXAMPLE = Path(__file__).resolve().parents[3] / "examples" / "digits"
PLAN = "total: 1 epoch\nlr: linear(1, 0.1)\n"
MODULES = ("train", "folder", "checkpoint", "record", "digits", "model")


@pytest.fixture(scope="module")
def example():
    """The modules of the example, imported as its own process does."""
    threads = torch.get_num_threads()
    sys.path.insert(0, str(EXAMPLE))
    try:
        yield {name: __import__(name) for name in MODULES}
    finally:
        sys.path.remove(str(EXAMPLE))
        for name in MODULES:
            del sys.modules[name]
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(False)


@pytest.fixture
def run(example, tmp_path, monkeypatch, capsys):
    """Run the example with these arguments in this process; return its exit code and output."""
    plan = tmp_path / "plan.yaml"
    plan.write_text(PLAN)

    def start(output: Path, *arguments: str) -> tuple[int, str]:
        site = ["train.py", "--plan", str(plan), "--output", str(output), *arguments]
        monkeypatch.setattr(sys, "argv", site)
        capsys.readouterr()
        code = example["train"].main()
        return code, capsys.readouterr().err

    return start


class Stop(Exception):
    pass


@pytest.fixture(scope="module")
def first_part(example, tmp_path_factory):
    """The folder of a run that was stopped after 30 of 45 updates, for copies."""
    folder = tmp_path_factory.mktemp("stopped")
    save = example["checkpoint"].save
    plan = folder / "plan.yaml"
    plan.write_text(PLAN)

    def stop(file, updates, *rest):
        save(file, updates, *rest)
        if updates == 30:
            raise Stop

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["train.py", "--plan", str(plan), "--output", str(folder / "run")])
        patch.setattr(example["checkpoint"], "save", stop)
        with contextlib.suppress(Stop):
            example["train"].main()
    return folder / "run"


@pytest.fixture
def stopped(first_part, tmp_path):
    """The folder of a run that was stopped after 30 of 45 updates."""
    return shutil.copytree(first_part, tmp_path / "run")


def tree(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


KINDS = ["missing", "empty", "truncated", "bit flip", "another file's content"]


def spoil(file: Path, damage: str, place: float = 0.5) -> None:
    data = file.read_bytes()
    index = int(place * len(data))
    if damage == "missing":
        file.unlink()
    elif damage == "another file's content":
        file.write_bytes((file.parent / "plan.svg").read_bytes())
    else:
        flipped = data[:index] + bytes([data[index] ^ 1 << index % 8]) + data[index + 1 :]
        file.write_bytes({"empty": b"", "truncated": data[:index], "bit flip": flipped}[damage])


@pytest.mark.parametrize(("name", "damage"), every(2, product(["checkpoint.pt", "values.jsonl"], KINDS)))
def test_a_damaged_file_is_named_and_the_run_does_not_restart(run, stopped, name, damage):
    spoil(stopped / name, damage)
    before = tree(stopped)

    code, said = run(stopped, "--resume")

    assert code == 1
    assert said.startswith(f"{stopped / name} is ")
    assert "To start over:  make run ARGS=" in said
    assert tree(stopped) == before


@given(st.floats(0, 1, exclude_max=True), st.sampled_from(["truncated", "bit flip"]))
def test_a_damaged_checkpoint_is_never_read_as_another_state(example, tmp_path_factory, place, damage):
    file = tmp_path_factory.mktemp("spoiled") / "checkpoint.pt"
    model = torch.nn.Linear(8, 8)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    example["checkpoint"].save(file, 10, model, optimizer, optimizer, "")
    spoil(file, damage, place)

    with pytest.raises(example["folder"].Damaged, match=re.escape(str(file))):
        example["checkpoint"].read(file)


def test_a_checkpoint_without_a_checksum_resumes(run, stopped, tmp_path):
    whole = shutil.copytree(stopped, tmp_path / "whole")
    run(whole, "--resume")
    state = torch.load(stopped / "checkpoint.pt", weights_only=True)
    torch.save(
        {name: value for name, value in state.items() if name not in ("version", "log")}, stopped / "checkpoint.pt"
    )

    code, _ = run(stopped, "--resume")

    assert code == 0
    assert (stopped / "values.jsonl").read_bytes() == (whole / "values.jsonl").read_bytes()
    resumed, uninterrupted = (
        torch.load(folder / "checkpoint.pt", weights_only=True)["model"] for folder in (stopped, whole)
    )
    assert all(torch.equal(resumed[name], value) for name, value in uninterrupted.items())


ODD = ["a b", "it's", "a $b `c`", 'say "x"', "wow!", "back\\slash", "$(touch gone)", "ä/ö", "a#b", "a;b&c"]


@pytest.mark.parametrize("name", ODD)
def test_the_printed_command_keeps_its_arguments_through_two_shells_and_make(example, tmp_path, name):
    makefile = tmp_path / "Makefile"
    makefile.write_text("run:\n\t@printf '%s\\n' $(ARGS)\n")

    line = example["train"].command("--resume", "--output", name)
    # `make test` exports MAKEFLAGS, which would change the arguments and the output of the inner make.
    outside = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
    done = subprocess.run(["bash", "-c", line], cwd=tmp_path, env=outside, capture_output=True, text=True, check=True)
    got = done.stdout

    assert got.splitlines() == ["--resume", "--output", name]
    assert not (tmp_path / "gone").exists()


def test_the_printed_command_has_no_unnecessary_quotes(example):
    assert example["train"].command() == "make run"
    assert example["train"].command("--resume") == "make run ARGS=--resume"
    assert (
        example["train"].command("--resume", "--output", "runs/a b") == "make run ARGS=\"--resume --output 'runs/a b'\""
    )
    assert shlex.split(example["train"].command("--output", "x"))[2] == "ARGS=--output x"


def shown_at(columns: int) -> str:
    """Return the bar at this width, in the middle of a long run."""
    from tqdm import tqdm

    train = sys.modules["train"]
    values = {"loss": "0.123", "lr": "0.00253", "weight_decay": "0.05", "betas[0]": "0.862"}
    postfix = ", ".join(f"{name}={value}" for name, value in train.fitting(values, columns).items())
    return tqdm.format_meter(450, 900, 61, ncols=columns, bar_format=train.BAR, postfix=postfix)


@pytest.mark.parametrize("columns", [60, 80, 100, 120, 200])
def test_the_bar_has_ten_columns_and_integers_at_any_width(example, columns):
    bar = shown_at(columns)

    assert len(bar) <= columns
    assert len(bar.split("|")[1]) >= 8
    assert bar.endswith("]")
    assert "loss=0.123" in bar or columns < 80
    assert ("lr=0.00253" in bar) == (columns >= 80)
    assert ("betas[0]=0.862]" in bar) == (columns >= 120)
