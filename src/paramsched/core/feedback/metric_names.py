"""Recognize the names of metrics."""

import re
from typing import Final

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
_ANY: Final = _MORE_IS_BETTER | _LESS_IS_BETTER | {"score", "metric", "kl", "elbo", "norm"}
_NO_METRIC: Final = {"scale", "weight", "lr"}  # `loss_scale` is not a loss
_SPLIT: Final = re.compile(r"[A-Z]+(?![a-z])\d*|[A-Z]?[a-z]+\d*|\d+")


def metric_word(name: str) -> str:
    """Return the word in the name of a log's column that names a metric; an empty string if no word does.

    >>> metric_word("val/loss_epoch"), metric_word("Top1"), metric_word("epoch"), metric_word("loss_scale")
    ('loss', 'top1', '', '')
    """
    words = _name_parts(name)
    return "" if _NO_METRIC & set(words) else next((word for word in reversed(words) if word in _ANY), "")


def _name_parts(metric: str) -> list[str]:
    return [word.lower() for word in _SPLIT.findall(metric.replace("mAP", "map").replace("mIoU", "miou"))]
