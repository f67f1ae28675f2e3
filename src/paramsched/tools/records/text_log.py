"""Text logs: the learning rate and the update of each line that has the shape of a known program."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any

_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_RATE = re.compile(
    rf"(?<![A-Za-z])(?:lr|learning[ _-]?rate)(?:_?\d+(?=\s*[:=]))?[\"']?\s*[:=]?\s*"
    rf"(?P<rates>\[[^\[\]]*\]|[\"']?{_NUMBER})(?![\d.])",
    re.IGNORECASE,
)
_LOSS = re.compile(rf"(?<![A-Za-z_])(?:lm |train[_ ])?loss[\"']?\s*[:=]?\s*[\"']?(?P<loss>{_NUMBER})", re.IGNORECASE)
_OF = r"\s*(?P<step>\d+)\s*/\s*(?P<total>\d+)"
_SHAPES = {
    # MMEngine, and MMCV before it: the iteration of an epoch, or of the run
    "epoch": re.compile(rf"Epoch\s*(?:\(train\))?\s*\[\s*(?P<epoch>\d+)\]\s*\[{_OF}\]"),
    "iter": re.compile(rf"Iter\s*(?:\(train\))?\s*\[{_OF}\]"),
    # Megatron-LM
    "iteration": re.compile(rf"\biteration\s+{_OF}\s*\|"),
    # DeepSpeed
    "deepspeed": re.compile(r"\[Rank \d+\]\s*step=(?P<step>\d+),\s*skipped="),
    # nanoGPT and others: the name of a counter and its number
    "step": re.compile(
        r"(?<![A-Za-z_])(?:global[_ ])?(?:step|iter|iteration|update)s?[\"']?\s*[:=]?\s*[\[(]?\s*"
        r"(?P<step>\d+)(?:\s*/\s*(?P<total>\d+))?(?![\d.])",
        re.IGNORECASE,
    ),
    # the dicts that transformers' Trainer prints, which count epochs in fractions
    "dict": re.compile(r"\{\s*[\"'](?:loss|train_loss|learning_rate|grad_norm)[\"']\s*:"),
}
_BAR = re.compile(r"%\|.*\|\s*(?P<step>\d+)/(?P<total>\d+) \[")
_FROM_ONE = {"epoch", "iter", "iteration", "deepspeed"}
_FEWEST = 2


def rows_of_text(lines: Iterable[str]) -> Iterator[dict[str, Any]]:
    """Yield the rows of a text log: its counter, its learning rates and its loss, from the lines of one shape.

    Lines of JSON, and lines with a rate in another shape than most, are no rows.
    """
    found, bar = list[tuple[tuple[str, str], dict[str, Any]]](), dict[str, Any]()
    for line in lines:
        if (progress := _BAR.search(line)) is not None:
            bar = {"current_steps": int(progress["step"]), "total_steps": int(progress["total"])}
        if (shape := _shape(line)) is not None:
            words = "".join(re.findall("[A-Za-z]+", _SHAPES[shape].split(line, maxsplit=1)[0]))
            found.append(((shape, words), _row(line, shape) | (bar if shape == "dict" else {})))
    # Settings that a program prints once may have a rate and a number of steps too.
    often = Counter(key for key, _ in found)
    shapes = Counter(shape for (shape, _), _ in found)
    usual = next((shape for shape, _ in shapes.most_common(1)), "")
    rows = [row for (shape, words), row in found if shape == usual and often[shape, words] >= _FEWEST]
    # A progress bar counts the updates of the dicts that are printed below it, unless it was printed less often.
    steps = [row.get("current_steps", -1) for row in rows] if usual == "dict" else []
    late = len({after - before for before, after in pairwise(steps)}) > 1 or len(steps) < _FEWEST
    yield from ({name: one for name, one in row.items() if name not in bar} if steps and late else row for row in rows)


def _shape(line: str) -> str | None:
    """Return the shape of a line with a learning rate; None for another line."""
    if _RATE.search(line) is None or _is_json(line):
        return None
    return next((name for name, pattern in _SHAPES.items() if pattern.search(line)), None)


def _is_json(line: str) -> bool:
    try:
        return line.lstrip().startswith("{") and isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _row(line: str, shape: str) -> dict[str, Any]:
    """Return the cells of a line."""
    found, rate = _SHAPES[shape].search(line), _RATE.search(line)
    assert found is not None
    assert rate is not None
    cells = found.groupdict()
    row: dict[str, Any] = {}
    if cells.get("step") is not None:
        step, total = int(cells["step"]), cells.get("total")
        if cells.get("epoch") is not None:
            step += (int(cells["epoch"]) - 1) * int(total or 0)
        elif total is not None:
            row["total_steps"] = int(total)
        row["current_steps" if shape in _FROM_ONE else "step"] = step
    rates = re.findall(_NUMBER, rate["rates"])
    row |= {"lr": rates[0]} if len(set(rates)) == 1 else {f"lr/{place}": one for place, one in enumerate(rates)}
    if (loss := _LOSS.search(line)) is not None:
        row["loss"] = loss["loss"]
    return row
