"""The facts above the first panel of a page."""

from collections.abc import Iterable, Mapping
from itertools import islice

from paramsched.base import VERSION
from paramsched.core.plan import Trace
from paramsched.show._axes import short_number
from paramsched.show._picture import format_groups
from paramsched.show.plan_curves import Curves, GroupLabel, PlansTogether, RunsOrLog, resumes_in, runs_of

_MOST_FIELDS = 8
_MOST_BASES = 4  # of one field


def facts_of_page(trace: Curves, log: RunsOrLog, other: Curves | None, more: Mapping[str, str]) -> dict[str, str]:
    """Return a dict from the name of each known fact to its text: version, command, bases, resumes, others.

    >>> from paramsched.show import curves_from_values
    >>> used = {("lr", 0): ([0, 1, 2, 1, 2], [0.1] * 5)}
    >>> facts = facts_of_page(curves_from_values({("lr", 0): [0.1] * 3}), used, None, {"command": "python train.py"})
    >>> list(facts), facts["resumed"]
    (['version', 'command', 'resumed'], 'at update 1, where the log goes back')
    """
    plans = list(trace.plans) if isinstance(trace, PlansTogether) else [("", trace)]
    plans += [] if other is None else [("other plan", other)]
    known = {"version": f"paramsched {VERSION}", "command": "", "bases": _bases(plans), "resumed": _resumes(log)}
    return {name: text for name, text in {**known, **more}.items() if text}


def _bases(plans: Iterable[tuple[str, Curves]]) -> str:
    """Return the known bases; with the names of the plans if these have different ones."""
    names_by_text: dict[str, list[str]] = {}
    for name, curves in plans:
        names_by_text.setdefault(_bases_of(curves), []).append(name)
    if len(names_by_text) == 1:
        return next(iter(names_by_text))
    return ". ".join(
        f"{', '.join(name or 'plan' for name in names)}: {text or 'unknown'}" for text, names in names_by_text.items()
    )


def _bases_of(curves: Curves) -> str:
    """Return the base of each field, `lr 0.1; weight_decay 0.05`; "" if none is known."""
    if not isinstance(curves, Trace):
        return ""
    groups_by_base: dict[str, dict[float, list[GroupLabel]]] = {}
    for field, group in curves.keys():
        base = curves.base(field, group)
        if base.value is not None and base.share != "none":
            groups_by_base.setdefault(field, {}).setdefault(base.value, []).append(group)
    texts = [_bases_of_field(field, bases) for field, bases in islice(groups_by_base.items(), _MOST_FIELDS)]
    return "; ".join([*texts, "…"] if len(groups_by_base) > _MOST_FIELDS else texts)


def _bases_of_field(field: str, groups_by_base: dict[float, list[GroupLabel]]) -> str:
    """Return the bases of a field: `lr 0.1 of group body, 0.2 of group head`."""
    if len(groups_by_base) == 1:
        return f"{field} {short_number(next(iter(groups_by_base)))}"
    texts = [
        f"{short_number(base)} of {format_groups(tuple(groups))}"
        for base, groups in islice(groups_by_base.items(), _MOST_BASES)
    ]
    return f"{field} {', '.join([*texts, '…'] if len(groups_by_base) > _MOST_BASES else texts)}"


def _resumes(log: RunsOrLog) -> str:
    """Return the updates to which the logs go back; "" if none does."""
    runs = runs_of(log)
    resumes = [(run.name, resumes_in(times for times, _ in run.used.values())) for run in runs]
    return "; ".join(f"{name}: {text}" if len(runs) > 1 else text for name, text in resumes if text)
