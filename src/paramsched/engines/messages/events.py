"""The problems that an engine causes in a run: metrics, amounts, other optimizers and schedulers, and other writes."""

from collections.abc import Collection, Iterable, Sequence
from typing import Final

from paramsched.base import codes
from paramsched.base.problem import Problem
from paramsched.base.words import did_you_mean
from paramsched.core.metrics.metric_rules import PlateauRule
from paramsched.errors import InvalidArgument, shown

NOT_MOVED: Final = (
    "The plan follows the step of the optimizer that the engine had at its start. Construct the optimizer once, and do "
    "not replace its step"
)
"""What to do if a plan has not moved in the run of an engine."""


# ---------------------------------------------------------------- metrics


def patience_beyond_run(call: str, rule: PlateauRule, evaluations: int) -> Problem:
    """Return the problem of a plateau with a patience that is not less than the number of evaluations."""
    message = f"its patience is not less than the number of evaluations in the run, {evaluations}"
    return _idle_plateau(call, rule, message, f"For example: patience={min(5, evaluations // 4)}")


def no_evaluation(call: str, rule: PlateauRule) -> Problem:
    """Return the problem of a plateau in a run without an evaluation."""
    return _idle_plateau(call, rule, "it never acts, because the run has no evaluation", "Evaluate during the run")


def _idle_plateau(call: str, rule: PlateauRule, message: str, advice: str) -> Problem:
    return Problem(code=codes.PATIENCE_BEYOND_RUN, found=message, site=f"{call}, {rule}", advice=advice)


def not_in_evaluation(call: str, missed: Sequence[str], names: Sequence[str]) -> Problem:
    """Return the problem of watched metrics that the first evaluation lacks.

    Args:
        call: the user's call.
        missed: the metrics.
        names: those of the evaluation.
    """
    message = f"the plan watches {', '.join(missed)}; the first evaluation has {', '.join(names) or 'no metric'}"
    near = did_you_mean(missed[0], names) if names else ""
    return Problem(code=codes.METRIC_NOT_LOGGED, found=message, site=call, advice=f"{near[:1].upper()}{near[1:]}")


def never_reported(call: str, missed: Sequence[str], reported: Collection[str]) -> Problem:
    """Return the problem of watched metrics that were never reported.

    Args:
        call: the user's call.
        missed: the metrics.
        reported: those that the engine has reported.
    """
    verb = "was" if len(missed) == 1 else "were"
    listed = ", ".join(sorted(reported)) or "none"
    message = f"the plan watches {', '.join(missed)}, which {verb} never reported; reported metrics: {listed}"
    advice = "Use one of these names in plateau(…)" if reported else "Evaluate during the run"
    return Problem(site=call, found=message, advice=advice)


def renamed_columns(call: str, names: Iterable[str]) -> Problem:
    """Return the problem of planned values whose names the engine uses in its log."""
    renamed = ", ".join(f"{name} as planned/{name}" for name in names)
    message = (
        f"the engine logs other values under the names of planned ones, which are logged under another name: {renamed}"
    )
    return Problem(site=call, found=message, advice="Rename the targets")


# ---------------------------------------------------------------- the amounts of batches


def other_amount(update: int, planned: float, unit: str, counted: float) -> Problem:
    """Return the problem of an update whose batches contain another amount than the plan schedules."""
    message = (
        f"the plan schedules {planned} {unit} for it, but the engine's batches contain {counted}; "
        "the plan's number is counted"
    )
    advice = "Draw batches of the planned sizes, as on the page how-to/growing-batch"
    return Problem(site=f"update {update}", found=message, advice=advice)


def samples_unknown(batch: object, sizes: Collection[int]) -> InvalidArgument:
    """Return the error for a batch whose parts have no common number of samples."""
    message = f"its tensors and lists have the lengths {sorted(sizes)}" if sizes else "it contains no tensor"
    site = f"the number of samples in a {type(batch).__name__}"
    return InvalidArgument(site, message, "Use amount_of=lambda batch: … in the call with the plan")


# ---------------------------------------------------------------- other optimizers and schedulers


def other_writer(site: str, name: str, field: object) -> Problem:
    """Return the problem of a scheduler that writes a field which the plan writes too."""
    message = (
        f"{name} also writes this optimizer. Remove it and its step(), because the plan writes the {field} of every "
        "update."
    )
    return Problem(site=site, found=message)


def other_optimizer(call: str, update: int, trained: object, planned: object) -> Problem:
    """Return the problem of an engine that trains another optimizer than that of the plan, from an update on."""
    message = (
        f"from update {update} on the engine trains another optimizer, {type(trained).__name__}, than the plan's "
        f"{type(planned).__name__}: no plan writes its values"
    )
    advice = f"Where it is constructed, write ps.Scheduler(optimizer, plan, t={update})"
    return Problem(site=call, found=message, advice=advice)


# ---------------------------------------------------------------- attributes that follow targets


def not_paths(call: str, paths: object) -> InvalidArgument:
    """Return the error for a value in place of the paths of attributes."""
    site = f"{call}(write={shown(paths)})"
    message = "expected a dict from names of targets to paths"
    return InvalidArgument(site, message, 'For example: write={"entropy_coef": "entropy_coef"}')


def unknown_target(site: str, target: str, targets: Sequence[str]) -> InvalidArgument:
    """Return the error for a name that is not a target of the plan."""
    return InvalidArgument(site, f"{target!r} is not a target of the plan; {did_you_mean(target, targets)}")


def path_twice(site: str) -> InvalidArgument:
    """Return the error for a path that is listed twice."""
    return InvalidArgument(site, "the path is listed twice")


def copied_argument(site: str, root: str, name: str, target: str, path: str) -> InvalidArgument:
    """Return the error for an argument of which the trainer has a copy.

    Args:
        site: the call.
        root: the name of the object that has the copy.
        name: the attribute of the copy.
        target: the name of the target.
        path: the path of the argument.
    """
    message = f"the {root} has a copy of this argument, {root}.{name}, which would keep its value"
    return InvalidArgument(site, message, f"Write write={{{target!r}: ({name!r}, {path!r})}}")


def no_attribute(site: str, owner: str, name: str, near: Collection[str]) -> InvalidArgument:
    """Return the error for a path with an attribute that does not exist; `near` are those of its owner."""
    message = f"{owner} has no attribute {name!r}"
    return InvalidArgument(site, f"{message}; {did_you_mean(name, near)}" if name and near else message)


def attribute_not_a_number(site: str, path: str, value: object) -> InvalidArgument:
    """Return the error for an attribute that is not a number."""
    return InvalidArgument(site, f"expected {path} to be a number, got {shown(value)}")


def attribute_not_writable(site: str, path: str, error: Exception) -> InvalidArgument:
    """Return the error for an attribute that cannot be written."""
    return InvalidArgument(site, f"{path} cannot be written: {error}")


def written_by_others(call: str, root: str, path: str, present: object, planned: object, target: str) -> Problem:
    """Return the problem of an attribute that other code has written too.

    Args:
        call: the user's call.
        root: the name of the object from which the path starts.
        path: the path.
        present: its value.
        planned: the value that the plan has written.
        target: the name of the target.
    """
    message = (
        f"{root}.{path} is {shown(present)}, but the plan has written {shown(planned)}. "
        f"The value of the target {target!r} is written before each update"
    )
    return Problem(site=call, found=message, advice=f"Delete the other write, or omit {path!r} in write=")
