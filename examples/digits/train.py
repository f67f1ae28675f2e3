"""Train a small network on handwritten digits, with every hyperparameter driven by plan.yaml.

make run                    train; if an unfinished run is there, only say how to go on
make run ARGS=--resume      go on where the last run was interrupted or killed
make run ARGS=--restart     start over, whatever is there
"""

import argparse
import sys
from pathlib import Path

from folder import Folder

CHECKPOINT_EVERY = 10  # updates: a kill loses at most so many, and they happen again in the same way


def main() -> int:
    """Decide what to do with the folder, then train. Exit code 2: nothing was done, the message says what to type."""
    parser = argparse.ArgumentParser(description="Train on handwritten digits, driven by a plan file.")
    parser.add_argument("--plan", type=Path, default=Path(__file__).with_name("plan.yaml"))
    parser.add_argument("--output", type=Path, default=Path("runs/digits"), help="folder for what the run writes")
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument("--resume", action="store_true", help="go on where the last run stopped")
    choice.add_argument("--restart", action="store_true", help="start over, whatever is there")
    asked = parser.parse_args()
    if not asked.plan.exists():
        parser.error(f"--plan {asked.plan}: no such file")

    folder = Folder(asked.output)
    changed = [name for name in ("plan", "output") if getattr(asked, name) != parser.get_default(name)]
    paths = [f"--{name} {getattr(asked, name)}" for name in changed]
    go_on, start_over = command("--resume", *paths), command("--restart", *paths)
    if asked.resume and not folder.has_run:
        print(f"Nothing to resume in {folder.path}. To start a run:  {command(*paths)}", file=sys.stderr)
        return 2
    if folder.is_unfinished and not (asked.resume or asked.restart):
        print(f"An unfinished run is in {folder.path}; it was left as it is.", file=sys.stderr)
        print(f"To continue it:  {go_on}\nTo start over:   {start_over}", file=sys.stderr)
        return 2
    if not asked.resume:
        folder.begin()
    try:
        return train(asked.plan, folder)
    except KeyboardInterrupt:
        print(f"\nInterrupted. To continue:  {go_on}", file=sys.stderr)
        return 130


def command(*arguments: str) -> str:
    """Return the line to type."""
    joined = " ".join(arguments)
    quoted = f'"{joined}"' if " " in joined else joined
    return f"make run ARGS={quoted}" if joined else "make run"


def train(plan_file: Path, folder: Folder) -> int:
    """Run the plan from its first update, or from the checkpoint in `folder`, to its last."""
    # Here, not at the top: they take seconds, and what main says needs none of them.
    import torch
    from torch.nn.functional import cross_entropy
    from tqdm import tqdm

    import checkpoint
    import digits
    import model as models
    import paramsched as ps
    import record
    from paramsched import show

    # The same sums in the same order, however often the run is interrupted.
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(0)

    batches, test_images, test_labels = digits.load()
    model = models.network()
    optimizer = models.adamw(model)

    try:
        plan = ps.load(plan_file)
        trace = ps.trace(plan, optimizer, ps.Calendar(steps_per_epoch=len(batches)))
        scheduler = ps.Scheduler(optimizer, plan, steps_per_epoch=len(batches))
    except ps.errors.ParamschedError as problem:
        print(problem, file=sys.stderr)
        folder.refuse()
        return 1
    if folder.is_starting:
        folder.clear()
    print(show.text(trace), flush=True)
    folder.plan.write_text(show.svg(trace), encoding="utf-8")

    start = 0
    if folder.checkpoint.exists():
        start = checkpoint.load(folder.checkpoint, model, optimizer, scheduler)
    keys = trace.keys()
    used = record.Record(folder.values, tuple(dict.fromkeys(field for field, _ in keys)), lines=start)
    used.watch(optimizer)

    with tqdm(total=trace.total, initial=start, unit="update", dynamic_ncols=True) as bar:
        for t in range(start, trace.total):
            images, labels = batches.at(t)
            loss = cross_entropy(model(images), labels)
            loss.backward()
            optimizer.step()  # the plan has moved; there is nothing to call
            optimizer.zero_grad()

            done = t + 1
            if done % CHECKPOINT_EVERY == 0 or done == trace.total:
                used.flush()  # before the checkpoint, which must never be ahead of the log
                checkpoint.save(folder.checkpoint, done, model, optimizer, scheduler)
            shown = {field: f"{value:.3g}" for field, value in used.latest[0].items()}
            bar.set_postfix({"loss": f"{loss.item():.3f}"} | shown, refresh=False)
            bar.update()

    model.eval()
    with torch.no_grad():
        accuracy = (model(test_images).argmax(dim=1) == test_labels).double().mean().item()

    log = record.read(folder.values, keys, [group["name"] for group in optimizer.param_groups])
    agreeing = record.agreeing(trace, log)
    folder.report.write_text(show.html(trace, log=log), encoding="utf-8")
    folder.finish()

    print(f"accuracy {accuracy:.1%} on {len(test_labels)} held-out digits")
    print(f"planned = used at {agreeing} of {trace.total} updates")
    for file in (folder.report, folder.plan, folder.values):
        print(file)
    return 0 if agreeing == trace.total else 1


if __name__ == "__main__":
    sys.exit(main())
