"""Train a small network on handwritten digits, with every hyperparameter driven by plan.yaml.

make run                    train; if there is an unfinished run, only print how to continue it
make run ARGS=--resume      continue the run that was interrupted or killed
make run ARGS=--restart     start over, even if there is an unfinished run
"""

import argparse
import re
import shlex
import sys
from pathlib import Path
from typing import Any

from folder import Damaged, Folder

CHECKPOINT_EVERY = 10  # updates; after a kill at most so many are repeated, with the same results
BAR = "{percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} [{elapsed}<{remaining}{postfix}]"


def main() -> int:
    """Check the folder, then train. Exit code 2 means that nothing was done; the message has the command to type."""
    parser = argparse.ArgumentParser(description="Train on handwritten digits, driven by a plan file.")
    parser.add_argument("--plan", type=Path, default=Path(__file__).with_name("plan.yaml"))
    parser.add_argument("--output", type=Path, default=Path("runs/digits"), help="folder for what the run writes")
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument("--resume", action="store_true", help="continue the last run")
    choice.add_argument("--restart", action="store_true", help="start over, even if there is an unfinished run")
    options = parser.parse_args()
    if not options.plan.exists():
        parser.error(f"--plan {options.plan}: no such file")

    folder = Folder(options.output)
    changed = [name for name in ("plan", "output") if getattr(options, name) != parser.get_default(name)]
    paths = [part for name in changed for part in (f"--{name}", str(getattr(options, name)))]
    resume, restart = command("--resume", *paths), command("--restart", *paths)
    if options.resume and not folder.has_run:
        print(f"Nothing to resume in {folder.path}. To start a run:  {command(*paths)}", file=sys.stderr)
        return 2
    if folder.is_unfinished and not (options.resume or options.restart):
        print(f"{folder.path} contains an unfinished run; it was not changed.", file=sys.stderr)
        print(f"To continue it:  {resume}\nTo start over:   {restart}", file=sys.stderr)
        return 2
    try:
        if not options.resume:
            folder.begin()
        return train(options.plan, folder)
    except Damaged as refusal:
        print(f"{refusal}. Nothing was changed.\nTo start over:  {restart}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"\nInterrupted. To continue:  {resume}", file=sys.stderr)
        return 130


def command(*arguments: str) -> str:
    """Return the line to type, quoted for the shell that reads it, for make, and for the shell that make starts."""
    joined = shlex.join(arguments).replace("$", "$$")
    if re.search(r'["`$\\!]', joined):
        return f"make run ARGS={shlex.quote(joined)}"
    return f'make run ARGS="{joined}"' if " " in joined else f"make run ARGS={joined}" if joined else "make run"


def fitting(shown: dict[str, str], columns: int | None) -> dict[str, str]:
    """Return the first of these values that fit next to a bar of ten columns; all of them if the width is unknown."""
    room = 1000 if columns is None else columns - 45  # the bar, its counts and its times
    widths = [len(f", {name}={value}") for name, value in shown.items()]
    return {name: value for index, (name, value) in enumerate(shown.items()) if sum(widths[: index + 1]) <= room}


def train(plan_file: Path, folder: Folder) -> int:
    """Train from the first update, or from the checkpoint in `folder`, to the last."""
    # Imported here because they take seconds, and the messages of `main` do not need them.
    import torch
    from torch.nn.functional import cross_entropy
    from tqdm import tqdm

    import checkpoint
    import digits
    import model as models
    import paramsched as ps
    import record
    from paramsched import show

    # Sums in the same order, so that an interrupted run ends with the same bits.
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(0)

    batches, test_images, test_labels = digits.load()
    model = models.network()
    optimizer = models.adamw(model)

    state, kept = None, b""
    try:
        plan = ps.load(plan_file)
        trace = ps.trace(plan, optimizer, steps_per_epoch=len(batches))
        scheduler = ps.Scheduler(optimizer, plan, steps_per_epoch=len(batches))
        if not folder.is_starting:
            state, kept = last_checkpoint(folder)
        if state is not None:
            checkpoint.load(state, model, optimizer, scheduler)
    except ps.errors.ParamschedError as problem:
        print(problem, file=sys.stderr)
        folder.refuse()
        return 1
    if folder.is_starting:
        folder.clear()
    print(show.text(trace), flush=True)
    folder.plan.write_text(show.svg(trace), encoding="utf-8")

    start = 0 if state is None else state["updates"]
    keys = trace.keys()
    used = record.Record(folder.values, tuple(dict.fromkeys(field for field, _ in keys)), kept=kept)
    used.watch(optimizer)

    def accuracy() -> float:
        """Return the share of the held-out digits that are classified correctly."""
        model.eval()
        with torch.no_grad():
            correct = (model(test_images).argmax(dim=1) == test_labels).double().mean().item()
        model.train()
        return correct

    progress = {"total": trace.total, "initial": start, "dynamic_ncols": True}
    with tqdm(bar_format=BAR, **progress) as bar:
        for t in range(start, trace.total):
            images, labels = batches.at(t)
            loss = cross_entropy(model(images), labels)
            loss.backward()
            optimizer.step()  # the plan advances with the step: no scheduler.step()
            optimizer.zero_grad()

            done = t + 1
            epoch_ends = done % len(batches) == 0 or done == trace.total
            metrics = {"accuracy": accuracy()} if epoch_ends else {}
            used.write(loss=loss.item(), **metrics)
            if done % CHECKPOINT_EVERY == 0 or done == trace.total:
                log = used.flush()  # first, so that no checkpoint is ahead of the log
                checkpoint.save(folder.checkpoint, done, model, optimizer, scheduler, log)
            shown = {field: f"{value:.3g}" for field, value in used.latest[0].items()}
            shown = {"loss": f"{loss.item():.3f}"} | shown
            shown = fitting(shown, bar.format_dict["ncols"])
            bar.set_postfix(shown, refresh=False)
            bar.update()

    run = record.read(folder.values, keys, [group["name"] for group in optimizer.param_groups])
    agreeing = record.agreeing(trace, run.used)
    facts = {"command": command(*sys.argv[1:]), "resumed": f"at update {start}" if start else ""}
    folder.report.write_text(show.html(trace, title=plan_file.name, log=run, facts=facts), encoding="utf-8")
    folder.finish()

    print(f"accuracy {accuracy():.1%} on {len(test_labels)} held-out digits")
    print(f"planned = used at {agreeing} of {trace.total} updates")
    for file in (folder.report, folder.plan, folder.values):
        print(file)
    return 0 if agreeing == trace.total else 1


def last_checkpoint(folder: Folder) -> tuple[dict[str, Any] | None, bytes]:
    """Return the checkpoint in the folder, if there is one, and the log up to it. Nothing is changed."""
    import checkpoint
    import record

    if folder.checkpoint.exists():
        state = checkpoint.read(folder.checkpoint)
        return state, record.first_lines(folder.values, state["updates"], state.get("log"))
    updates = len(folder.values.read_bytes().splitlines()) if folder.values.exists() else 0
    if updates > CHECKPOINT_EVERY:  # so many updates include a checkpoint
        raise Damaged(f"{folder.checkpoint} is missing, and {folder.values} has {updates} updates")
    return None, b""


if __name__ == "__main__":
    sys.exit(main())
