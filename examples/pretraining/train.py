"""Pretrain a tiny language model with a growing batch; plan.yaml contains the schedules of all its hyperparameters.

python examples/pretraining/train.py             train; if there is a run already, only print how to continue it
python examples/pretraining/train.py --resume    continue the run that was interrupted or killed
python examples/pretraining/train.py --restart   start over, even if there is a run already
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
from paramsched.errors import ParamschedError
from progress import EVALUATIONS, Progress
from saved_run import Damaged, Key, RunFolder, Series, ValuesLog

PYTHON = [os.path.relpath(sys.executable) if Path(sys.executable).is_relative_to(Path.cwd()) else sys.executable]
CHECKPOINT_EVERY = 10  # updates; after a kill at most so many are repeated, with the same results
FACTS = ps.RunFacts(sequence_length=LENGTH)  # with the plan's batch_size it defines the tokens of an update


def main() -> int:
    """Check the folder, then train. Exit code 2 means that nothing was done; the message has the command to type."""
    parser = argparse.ArgumentParser(description="Pretrain a tiny language model, driven by a plan file.")
    parser.add_argument("--plan", type=Path, default=Path(__file__).with_name("plan.yaml"))
    parser.add_argument("--output", type=Path, default=Path("runs/pretraining"), help="folder for what the run writes")
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument("--resume", action="store_true", help="continue the last run with its own plan")
    choice.add_argument("--restart", action="store_true", help="start over, even if there is a run already")
    options = parser.parse_args()

    folder = RunFolder(options.output)
    changed = [name for name in ("plan", "output") if getattr(options, name) != parser.get_default(name)]
    line = [*PYTHON, sys.argv[0], *(part for name in changed for part in (f"--{name}", str(getattr(options, name))))]
    resume, restart = shlex.join([*line, "--resume"]), shlex.join([*line, "--restart"])
    if options.resume and not folder.has_run:
        print(f"Nothing to resume in {folder.path}. To start a run:  {shlex.join(line)}", file=sys.stderr)
        return 2
    if folder.has_run and not (options.resume or options.restart):
        print(f"{folder.path} contains a run; it was not changed.", file=sys.stderr)
        print(f"To continue it:  {resume}\nTo start over:   {restart}", file=sys.stderr)
        return 2
    try:
        return train(ps.load(options.plan), folder, resume=options.resume)
    except (ParamschedError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    except Damaged as error:
        print(f"{error}. No file was changed.\nTo start over:  {restart}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"\nInterrupted. To continue:  {resume}", file=sys.stderr)
        return 130


def train(plan: ps.Plan, folder: RunFolder, *, resume: bool) -> int:
    """Train from the first update, or from the checkpoint in `folder`, to the last."""
    # Sums in the same order, so that an interrupted run ends with the same bits.
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(0)
    text, held_out, digest = help_text.load()
    model = LanguageModel()
    optimizer = adamw(model)

    state, kept = folder.read() if resume else (None, b"")
    if state is not None and state["text"] != digest:
        raise Damaged(f"{folder.checkpoint} belongs to a run with another text, the help of another Python version")
    # The run may have changed its plan, so the plan of the checkpoint is followed, and not that of the file.
    scheduler = ps.Scheduler(optimizer, plan, facts=FACTS, on_change="checkpoint")
    if state is not None:
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
    plan = scheduler.plan
    trace = ps.trace(plan, optimizer, facts=FACTS)
    progress = Progress(int(trace.amounts[-1]) // EVALUATIONS, []) if state is None else Progress(*state["progress"])
    if not resume:
        folder.clear()  # here, because an invalid plan has been rejected above

    print(show.text(trace))
    print(f"{'update':>8}{'tokens':>12}{'batch':>7}{'lr':>10}{'held-out loss':>15}", flush=True)
    log = ValuesLog(folder.values, kept=kept)
    while scheduler.t < trace.total:
        before = int(scheduler.amount)
        # The plan sets the number of sequences, and the consumed tokens select them.
        size = round(scheduler.value("batch_size"))
        tokens, following = text.read(before // LENGTH, size)
        model.loss(tokens, following).backward()
        used = log.write(optimizer, tokens=before, batch_size=len(tokens))
        optimizer.step()  # the plan advances with the step: no scheduler.step()
        optimizer.zero_grad()

        amount = int(scheduler.amount)
        if progress.evaluate(before, amount, lambda: held_out_loss(model, held_out)):
            row = f"{scheduler.t:>8,}{amount:>12,}{len(tokens):>7}{used['lr']:>10.3g}"
            print(f"{row}{progress.losses[-1]:>15.3f}", flush=True)
            if len(scheduler.history) == 1 and progress.is_time_to_cool_down:
                at, over = f"{amount} tokens", f"{amount // 4} tokens"
                print(f"The run cools down from here, over {over}.", flush=True)
                plan = plan.cooldown(at, over)
                trace = ps.trace(plan, optimizer, facts=FACTS)
                # It logs the difference between the plans.
                scheduler = ps.Scheduler(optimizer, plan, facts=FACTS)
        if scheduler.t % CHECKPOINT_EVERY == 0 or scheduler.t == trace.total:
            parts = {"model": model, "optimizer": optimizer, "scheduler": scheduler}
            states = {name: part.state_dict() for name, part in parts.items()}
            states |= {"text": digest, "progress": [progress.every, progress.losses]}
            folder.save(states, log)
    return report(folder, plan, trace, log.read(trace.keys(), [group["name"] for group in optimizer.param_groups]))


def held_out_loss(model: LanguageModel, held_out: tuple[torch.Tensor, torch.Tensor]) -> float:
    """Return the loss of the model on the held-out text."""
    with torch.no_grad():
        return model.loss(*held_out).item()


def report(folder: RunFolder, plan: ps.Plan, trace: ps.extend.Trace, used: dict[Key, Series]) -> int:
    """Compare the used with the planned values. Print the result and the commands that show the plan."""
    planned = {key: np.rint(trace[key]) if key[0] == "batch_size" else trace[key] for key in used}
    equal = int(np.all([planned[key] == values for key, (_, values) in used.items()], axis=0).sum())
    ps.dump(plan, folder.plan)
    folder.report.write_text(show.html(trace, log=used), encoding="utf-8")
    print(f"planned = used at {equal} of {trace.total} updates")
    print(folder.report)
    print(folder.values)
    picture = ["show", str(folder.plan), "--sequence-length", str(LENGTH), "-o", str(folder.path / "plan.svg")]
    print(f"To draw the final plan:        {shlex.join([*PYTHON, '-m', 'paramsched', *picture])}")
    return 0 if equal == trace.total else 1


if __name__ == "__main__":
    sys.exit(main())
