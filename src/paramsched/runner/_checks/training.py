"""Checks of `train_cfg`, `auto_scale_lr`, `randomness`, and of what says how much a batch is."""

from collections.abc import Mapping
from typing import Any, Final

from paramsched.config.faults import Faults, entry_path, short_json
from paramsched.near_names import did_you_mean
from paramsched.runner._checks.entries import check_names, check_switch, check_whole_number, is_whole_number
from paramsched.runner._train_cfg import COUNTS_EPOCHS, counts_epochs

_TRAIN_KEYS: Final = ("type", "by_epoch", "max_epochs", "max_iters", "val_begin", "val_interval", "dynamic_intervals")
_MOST_SEED: Final = 2**32 - 1  # NumPy takes no larger one


def check_train_cfg(given: Mapping[str, Any], faults: Faults) -> None:
    """Check the loop: what it counts, how long it is, and when it validates."""
    config, path = given["train_cfg"], entry_path("train_cfg")
    if config is None or not check_names(config, _TRAIN_KEYS, path, faults):
        return
    loop = config.get("type")
    is_known = isinstance(loop, str) and loop in COUNTS_EPOCHS
    if loop is not None and not is_known:
        faults.add(f"{path}.type", f"{short_json(loop)}; {did_you_mean(short_json(loop), COUNTS_EPOCHS)}")
    by_epoch = counts_epochs(config)
    if not check_switch(by_epoch, f"{path}.by_epoch", faults):
        return
    if "by_epoch" in config and is_known and by_epoch != COUNTS_EPOCHS[loop]:
        found = f"{by_epoch}, and type={loop!r} says {not by_epoch}"
        faults.add(f"{path}.by_epoch", found, "Leave one of them out")
    why = f"with type={loop!r}" if is_known and "by_epoch" not in config else f"with by_epoch={by_epoch}"
    counted, other = ("max_epochs", "max_iters") if by_epoch else ("max_iters", "max_epochs")
    if counted not in config:
        instead = f"Write train_cfg=dict(by_epoch={by_epoch}, {counted}=12)"
        faults.add(f"{path}.{counted}", "it is missing", instead)
    if other in config:
        faults.add(f"{path}.{other}", f"{why} the length is {counted}", f"Leave {other} out")
    for name in (counted, "val_begin", "val_interval"):
        check_whole_number(config, name, 1, path, faults)
    later = config.get("dynamic_intervals")
    if later is not None and not _are_pairs(later):
        faults.add(f"{path}.dynamic_intervals", f"{short_json(later)} is no list of pairs", "Write [(10, 1)]")


def _are_pairs(value: Any) -> bool:
    """Whether it is a list of pairs of whole numbers."""
    return isinstance(value, (list, tuple)) and all(
        isinstance(pair, (list, tuple)) and len(pair) == 2 and all(map(is_whole_number, pair)) for pair in value
    )


def check_auto_scale(given: Mapping[str, Any], faults: Faults) -> None:
    """Check `auto_scale_lr`."""
    config, path = given["auto_scale_lr"], entry_path("auto_scale_lr")
    if config is None or not check_names(config, ("base_batch_size", "enable"), path, faults):
        return
    check_switch(config.get("enable", False), f"{path}.enable", faults)
    if "base_batch_size" not in config:
        faults.add(f"{path}.base_batch_size", "it is missing", "Write base_batch_size=256")
    check_whole_number(config, "base_batch_size", 1, path, faults)


def check_randomness(given: Mapping[str, Any], faults: Faults) -> None:
    """Check `randomness`."""
    config, path = given["randomness"], entry_path("randomness")
    if config is None or not check_names(config, ("seed", "diff_rank_seed", "deterministic"), path, faults):
        return
    seed = config.get("seed")
    if seed is not None:
        check_whole_number(config, "seed", 0, path, faults)
        if is_whole_number(seed) and seed > _MOST_SEED:
            faults.add(
                f"{path}.seed", f"{short_json(seed)} is more than NumPy takes", f"Write seed={_MOST_SEED}, or less"
            )
    for name in ("diff_rank_seed", "deterministic"):
        if name in config:
            check_switch(config[name], f"{path}.{name}", faults)


def check_amounts(given: Mapping[str, Any], faults: Faults) -> None:
    """Check what says how much a batch is: `tokens_per_sample` or `amount_of`."""
    path, amount_of = entry_path("amount_of"), given["amount_of"]
    if given["tokens_per_sample"] is not None:
        check_whole_number(given, "tokens_per_sample", 1, entry_path(), faults)
    if amount_of is None:
        return
    if not callable(amount_of):
        faults.add(path, f"{short_json(amount_of)} is no function", "Write amount_of=lambda batch: batch[0].numel()")
    elif given["tokens_per_sample"] is not None:
        faults.add(path, "tokens_per_sample counts a batch too", "Leave one of them out")
