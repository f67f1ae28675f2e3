"""Rules that follow a metric: the direction, told by the metric's name, and their patience."""

import re
from collections.abc import Iterator
from fractions import Fraction
from typing import Final

from paramsched.config.checking import rules_of_runs as codes
from paramsched.config.checking.finding import Finding
from paramsched.feedback.greedy import Greedy
from paramsched.feedback.plateau import NewBob, Plateau
from paramsched.schedules import Schedule

_MORE_IS_BETTER: Final = frozenset(
    {
        *("acc", "accuracy", "top1", "top5", "map", "ap", "ap50", "ar", "iou", "miou", "dice", "f1", "fscore", "auc"),
        *("auroc", "roc", "bleu", "rouge", "psnr", "ssim", "precision", "recall", "reward", "return", "mrr", "ndcg"),
        *("pck", "kappa", "mcc", "r2"),
    }
)
_LESS_IS_BETTER: Final = frozenset(
    {"loss", "error", "err", "perplexity", "ppl", "wer", "cer", "mae", "mse", "rmse", "nll", "fid", "lpips", "epe"}
)
_WORDS: Final = re.compile(r"[A-Z]+(?![a-z])\d*|[A-Z]?[a-z]+\d*|\d+")


def check_metrics(schedule: Schedule, epochs: Fraction | None, path: str) -> Iterator[Finding]:
    """What is wrong with the rules of one line.

    Args:
        schedule: with its rules.
        epochs: how many the run has, where that is known.
        path: where it stands.
    """
    for rule in schedule.metric_rules:
        if isinstance(rule, (Plateau, Greedy, NewBob)):
            better = direction_of(rule.metric)
            if better is not None and better != rule.mode:
                found = f'{rule.metric} is better {"higher" if better == "max" else "lower"}, and mode is "{rule.mode}"'
                yield Finding(codes.WRONG_MODE, path, found, f'Write mode="{better}"')
        if isinstance(rule, (Plateau, Greedy)) and epochs is not None and rule.patience >= epochs:
            found = f"patience={rule.patience} waits longer than the run has epochs, {float(epochs):g}"
            yield Finding(codes.PATIENCE_BEYOND_RUN, path, found, "Wait for fewer: patience=5")


def direction_of(metric: str) -> str | None:
    """`"max"` for a metric that is better higher, `"min"` for one that is better lower; None where the name is silent.

    >>> direction_of("val/top1_accuracy"), direction_of("valLoss"), direction_of("coco/bbox_mAP"), direction_of("x")
    ('max', 'min', 'max', None)
    """
    words = {word.lower() for word in _WORDS.findall(metric.replace("mAP", "map").replace("mIoU", "miou"))}
    more, less = bool(words & _MORE_IS_BETTER), bool(words & _LESS_IS_BETTER)
    return None if more == less else "max" if more else "min"
