"""Pretrain a tiny language model: its batch grows while it trains, and plan.yaml drives every number of it.

python examples/pretraining/train.py             train; if a run is there, only say how to go on
python examples/pretraining/train.py --resume    go on where the last run was interrupted or killed
python examples/pretraining/train.py --restart   start over, whatever is there
"""

import argparse
import os
import shlex
import sys
from pathlib import Path

import numpy as np
import torch

import help_text
import paramsched as ps
from help_text import LENGTH
from language_model import LanguageModel, adamw
from paramsched import show
from paramsched.errors import FolderInUse, ParamschedError
from progress import LOOKS, Progress
from saved_run import Damaged, Key, RunFolder, Series, ValuesLog

PYTHON = [os.path.relpath(sys.executable) if Path(sys.executable).is_relative_to(Path.cwd()) else sys.executable]
CHECKPOINT_EVERY = 10  # updates: a kill loses at most so many, and they happen again in the same way
CALENDAR = ps.Calendar(sequence_length=LENGTH)  # with the batch_size of the plan: how many tokens an update takes


def main() -> int:
    """Decide what to do with the folder, then train. Exit code 2: nothing was done, the message says what to type."""
    parser = argparse.ArgumentParser(description="Pretrain a tiny language model, driven by a plan file.")
    parser.add_argument("--plan", type=Path, default=Path(__file__).with_name("plan.yaml"))
    parser.add_argument("--output", type=Path, default=Path("runs/pretraining"), help="folder for what the run writes")
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument("--resume", action="store_true", help="go on where the last run stopped, by its own plan")
    choice.add_argument("--restart", action="store_true", help="start over, whatever is there")
    site = parser.parse_args()

    folder = RunFolder(site.output)
    changed = [name for name in ("plan", "output") if getattr(site, name) != parser.get_default(name)]
    line = [*PYTHON, sys.argv[0], *(part for name in changed for part in (f"--{name}", str(getattr(site, name))))]
    go_on, start_over = shlex.join([*line, "--resume"]), shlex.join([*line, "--restart"])
    if site.resume and not folder.has_run:
        print(f"Nothing to resume in {folder.path}. To start a run:  {shlex.join(line)}", file=sys.stderr)
        return 2
    if folder.has_run and not (site.resume or site.restart):
        print(f"A run is in {folder.path}; it was left as it is.", file=sys.stderr)
        print(f"To go on with it:  {go_on}\nTo start over:     {start_over}", file=sys.stderr)
        return 2
    try:
        with folder.locked():
            return train(ps.load(site.plan), folder, resume=site.resume)
    except (ParamschedError, OSError) as refusal:
        print(refusal, file=sys.stderr)
        return 2 if isinstance(refusal, FolderInUse) else 1
    except Damaged as refusal:
        print(f"{refusal}. Nothing was changed.\nTo start over:  {start_over}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"\nInterrupted. To continue:  {go_on}", file=sys.stderr)
        return 130


def train(plan: ps.Plan, folder: RunFolder, *, resume: bool) -> int:
    """Run the plan from its first update, or from the checkpoint in `folder`, to its last."""
    # The same sums in the same order, however often the run is interrupted.
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(0)
    text, held_out, digest = help_text.load()
    model = LanguageModel()
    optimizer = adamw(model)

    state, kept = folder.read() if resume else (None, b"")
    if state is not None:
        if state["text"] != digest:
            raise Damaged(f"{folder.checkpoint} is of a run on another text: the help of another Python")
        plan = ps.Plan.of_text(state["scheduler"]["plan"])  # in force then, perhaps no longer that of the file
    trace = ps.trace(plan, optimizer, CALENDAR)
    scheduler = ps.Scheduler(optimizer, plan, calendar=CALENDAR)
    progress = Progress(int(trace.amounts[-1]) // LOOKS, [])
    if state is not None:
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        scheduler.load_state_dict(state["scheduler"])
        progress = Progress(*state["progress"])
    if not resume:
        folder.clear()  # here, where all that can be wrong with a plan has been told

    print(show.text(trace))
    print(f"{'update':>8}{'tokens':>12}{'batch':>7}{'lr':>10}{'held-out loss':>15}", flush=True)
    log = ValuesLog(folder.values, kept=kept)
    while scheduler.t < trace.total:
        before = scheduler.amount
        # The plan sets the number of sequences, and the consumed tokens select them.
        size = round(scheduler.value("batch_size"))
        tokens, following = text.read(before // LENGTH, size)
        model.loss(tokens, following).backward()
        used = log.write(optimizer, tokens=before, batch_size=len(tokens))
        optimizer.step()  # the plan advances with the step: no scheduler.step()
        optimizer.zero_grad()

        amount = scheduler.amount
        if progress.look(before, amount, lambda: held_out_loss(model, held_out)):
            row = f"{scheduler.t:>8,}{amount:>12,}{len(tokens):>7}{used['lr']:>10.3g}"
            print(f"{row}{progress.losses[-1]:>15.3f}", flush=True)
            if len(scheduler.history) == 1 and progress.is_time_to_cool_down:
                at, over = f"{amount} tokens", f"{amount // 4} tokens"
                print(f"The run cools down from here, over {over}.", flush=True)
                plan = plan.cooldown(at, over)
                trace = ps.trace(plan, optimizer, CALENDAR)
                # It logs the difference between the plans.
                scheduler = ps.Scheduler(optimizer, plan, calendar=CALENDAR)
        if scheduler.t % CHECKPOINT_EVERY == 0 or scheduler.t == trace.total:
            parts = {"model": model, "optimizer": optimizer, "scheduler": scheduler}
            states = {name: part.state_dict() for name, part in parts.items()}
            states |= {"text": digest, "progress": [progress.every, progress.losses]}
            folder.save(states, log)
    return report(folder, plan, trace, log.read(trace.keys(), [group["name"] for group in optimizer.param_groups]))


def held_out_loss(model: LanguageModel, held_out: tuple[torch.Tensor, torch.Tensor]) -> float:
    """Return how badly the model foresees text that it is never trained on."""
    with torch.no_grad():
        return model.loss(*held_out).item()


def report(folder: RunFolder, plan: ps.Plan, trace: ps.Trace, used: dict[Key, Series]) -> int:
    """Compare what was used with what was planned, and say how to see it."""
    planned = {key: np.rint(trace[key]) if key[0] == "batch_size" else trace[key] for key in used}
    agreeing = int(np.all([planned[key] == values for key, (_, values) in used.items()], axis=0).sum())
    ps.dump(plan, folder.plan)
    folder.report.write_text(show.html(trace, log=used), encoding="utf-8")
    print(f"planned = used at {agreeing} of {trace.total} updates")
    print(folder.report)
    print(folder.values)
    drawn = ["plot", str(folder.plan), "--sequence-length", str(LENGTH), "-o", str(folder.path / "plan.svg")]
    print(f"To draw the plan as it was in the end:  {shlex.join([*PYTHON, '-m', 'paramsched', *drawn])}")
    told = ["history", str(folder.checkpoint)]
    print(f"To see how it came to be:               {shlex.join([*PYTHON, '-m', 'paramsched', *told])}")
    return 0 if agreeing == trace.total else 1


if __name__ == "__main__":
    sys.exit(main())
