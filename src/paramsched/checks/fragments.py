"""What a sentence says about a line: the fragments to write, and the words for a group and for a time."""

from collections.abc import Container

from paramsched.checks.checked_line import CheckedLine, LinePart


def absolute_levels(line: CheckedLine, levels: Container[float]) -> str:
    """Return the arguments or numbers with which some written levels of a line are values.

    `to=absolute(1e-05)` for the end of a decay without a length, else `absolute(0.0003)` for each number. A `geometric`
    has two values or none, and a product at most one factor with values. 0 is the same value as multiple.
    """
    written = [
        (line_part, name, level)
        for line_part in line.parts
        for name, level in line_part.levels
        if level and level in levels
    ]
    parts = {id(line_part) for line_part, _, _ in written}
    if line.parts[0].kind in ("product", "chain") and len(parts) > 1:
        return "absolute(…) around the line"
    are_ends = {name for _, name, _ in written} == {"to"}
    fragments = list[str]()
    for line_part, _, level in written:
        if line.base is not None and line_part.kind == "geometric" and line_part.written.args["start"] is None:
            fragments.append(f"start=absolute({line.base!r})")
        fragments.append(_level_as_value(line_part, level, is_end=are_ends))
    return ", ".join(dict.fromkeys(fragments))


def _level_as_value(line_part: LinePart, level: float, *, is_end: bool) -> str:
    """Return the argument or the number with which a written level of a part is a value."""
    if line_part.kind == "table":
        return "absolute=True"
    if is_end and line_part.written.args.get("over") is None:
        return f"to=absolute({level!r})"
    return f"absolute({level!r})"


def whose(line: CheckedLine, base: float | None = None) -> str:
    """Return the words for the group of a base; empty if all groups have it.

    Args:
        line: the line.
        base: the base; None for the one that describes the line.
    """
    base = line.base if base is None else base
    if len(set(line.bases)) < 2:
        return ""
    return next((f" of group {label!r}" for label, other in line.groups if other == base), "")


def when(line: CheckedLine, time: int, *, of_all: bool = False) -> str:
    """Return a time of a run in words, with the length of the run if `of_all`."""
    run = line.run
    if not run.to_scale:
        return "a time that depends on steps_per_epoch"
    if run.is_real or (run.epoch is None and "updates" in run.units):
        return f"update {time}" + f" of {line.end}" * of_all
    if run.epoch is not None:
        return f"epoch {time / run.epoch:.3g}" + f" of {line.end / run.epoch:g}" * of_all
    return f"{time / line.end:.0%} of the run"


def unit_of_values(line: CheckedLine) -> str:
    """Return what follows a value of a line: nothing, or that it is a multiple of an unknown base."""
    return " × base" if line.base is None else ""
