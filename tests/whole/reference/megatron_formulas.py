"""The values of Megatron's `OptimizerParamScheduler` for a command line, as in Megatron-LM d98e8a64."""

import argparse
import math
import shlex
from bisect import bisect_right

FALLING = {
    "linear": lambda share: 1 - share,
    "cosine": lambda share: (math.cos(math.pi * share) + 1) / 2,
    "exponential": lambda share: 2 * 0.5**share - 1,
    "minus_sqrt": lambda share: 1 - math.sqrt(share),
}
"""What remains of the distance to the last rate, by decay style."""


def arguments_of(options: str) -> argparse.Namespace:
    """Return the arguments of a command line of Megatron-LM, with its defaults."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    for name, default in (("lr-decay-style", "linear"), ("lr-wsd-decay-style", "exponential")):
        parser.add_argument(f"--{name}", default=default)
    for name in ("lr", "min-lr", "lr-warmup-init", "lr-warmup-fraction", "start-weight-decay", "end-weight-decay"):
        parser.add_argument(f"--{name}", type=float, default=0.0)
    for name in ("train-iters", "train-samples", "lr-decay-iters", "lr-warmup-iters", "lr-warmup-samples"):
        parser.add_argument(f"--{name}", type=int, default=0)
    parser.add_argument("--lr-wsd-decay-iters", type=int)
    parser.add_argument("--seq-length", type=int)
    parser.add_argument("--step-batch-size-schedule", default="")
    parser.add_argument("--weight-decay-incr-style", default="constant")
    return parser.parse_args(shlex.split(options))


def lr_of(args: argparse.Namespace, count: int) -> float:
    """Return the lr after a number of iterations, or of samples with `--train-samples`."""
    decay = args.train_samples or args.lr_decay_iters or args.train_iters
    warmup = args.lr_warmup_fraction * decay or args.lr_warmup_samples or args.lr_warmup_iters
    if warmup > 0 and count <= warmup:
        return args.lr_warmup_init + (args.lr - args.lr_warmup_init) * count / warmup
    style = args.lr_decay_style
    lowest = args.min_lr
    if style == "constant":
        return args.lr
    if count > decay:
        return lowest
    if style == "inverse-square-root":
        return max(lowest, args.lr * math.sqrt(max(warmup, 1)) / math.sqrt(max(count, 1)))
    first = warmup
    if style == "WSD":
        style = args.lr_wsd_decay_style
        first = decay - args.lr_wsd_decay_iters
    return lowest + (args.lr - lowest) * FALLING[style](max(0.0, (count - first) / (decay - first)))


def weight_decay_of(args: argparse.Namespace, count: int) -> float:
    """Return the weight decay after a number of iterations, with `--weight-decay-incr-style linear`."""
    return args.start_weight_decay + (args.end_weight_decay - args.start_weight_decay) * count / args.train_iters


def samples_and_batch_sizes(args: argparse.Namespace) -> list[tuple[int, int]]:
    """Return the samples before each iteration and its batch size, with `--step-batch-size-schedule`."""
    entries = [entry.split(":") for entry in args.step_batch_size_schedule.split(",")]
    tokens = [int(float(first.replace("M", "e6"))) for first, _ in entries]
    starts = [count // args.seq_length for count in tokens]
    rows = []
    samples = 0
    while samples < args.train_samples:
        size = int(entries[bisect_right(starts, samples) - 1][1])
        rows.append((samples, size))
        samples += size
    return rows
