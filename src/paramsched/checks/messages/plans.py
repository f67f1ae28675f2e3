"""The problems of a plan, of the length of its run and of the names of its fields, and the errors of `ps.check`."""

from collections.abc import Sequence

from paramsched.base import codes
from paramsched.base.codes import rules_by_code
from paramsched.base.problem import Problem
from paramsched.base.words import TOTAL, did_you_mean
from paramsched.checks.answer import updates_text
from paramsched.core.time.duration import Duration
from paramsched.errors import InvalidArgument, InvalidCall, shown

# ---------------------------------------------------------------- the run


def shorter_than_an_epoch(total: Duration, epoch: int) -> Problem:
    """Return the problem of a total below one epoch, which was probably meant in epochs."""
    message = f"total={total} is {updates_text(total.updates)}, less than one epoch of {epoch}"
    after = f"{message}: after update {total} the last values are kept"
    return Problem(TOTAL, after, f'For {total} epochs write total="{total} epochs"', code=codes.UPDATES_FOR_EPOCHS)


def updates_for_amount(total: Duration, clock: str) -> Problem:
    """Return the problem of a total in updates of a plan whose clock counts samples or tokens."""
    message = f"expected a length in {clock}, got {total}, which counts updates"
    return Problem(TOTAL, message, f'Write "{Duration.of(f"{total} {clock}")}"', code=codes.UPDATES_FOR_AMOUNT)


def total_of_one_update(total: Duration) -> Problem:
    """Return the problem of a total in another unit that one update takes."""
    message = f"total={total} is one update, so the run has no schedule"
    return Problem(TOTAL, message, "Write a longer total, such as 10B tokens", code=codes.ONE_UPDATE)


def accumulation_unused(epoch: int, accumulation: int) -> Problem:
    """Return the problem of an epoch that is given in updates, in a plan of which nothing uses the accumulation."""
    message = (
        f"steps_per_epoch={epoch} counts updates, so an epoch has {updates_text(epoch)} of {accumulation} batches: "
        f"{epoch * accumulation} batches; accumulation={accumulation} changes nothing in this plan"
    )
    advice = f"If an epoch has {epoch} batches write batches_per_epoch={epoch}; if not, omit accumulation"
    return Problem(TOTAL, message, advice, code=codes.ACCUMULATION_UNUSED)


# ---------------------------------------------------------------- the names of fields


def misspelled_field(path: str, name: str, field: str) -> Problem:
    """Return the problem of a name that is like that of a field."""
    return _name_of_no_field(path, f'torch\'s optimizers have no field "{name}"', f'Did you mean "{field}"?')


def pair_of_numbers(path: str) -> Problem:
    """Return the problem of betas, which are two fields."""
    return _name_of_no_field(path, '"betas" is a pair of numbers', "For example: betas[0]")


def unknown_field(path: str, name: str) -> Problem:
    """Return the problem of a name of no field of torch's optimizers."""
    message = f'torch\'s optimizers have no field "{name}"; a group without it raises an error'
    target = f"{{{name}: {{initial: 1.0, schedule: cosine()}}}}"
    advice = f"Use the name of an optimizer field; or, outside the optimizer, targets: {target}"
    return _name_of_no_field(path, message, advice)


def _name_of_no_field(path: str, message: str, advice: str) -> Problem:
    return Problem(path, message, advice, code=codes.OTHERS_NAME, at_key=True)


def no_betas(path: str, fields: Sequence[str]) -> Problem:
    """Return the problem of betas that are planned for a group with other fields."""
    message = f"the optimizer has no betas; it has {', '.join(fields)}"
    advice = "Remove it, or write betas under targets if it is outside the optimizer"
    return Problem(path, message, advice, code=codes.NO_SUCH_FIELD)


def momentum_and_betas(path: str) -> Problem:
    """Return the problem of a field that is scheduled under two names."""
    message = "momentum means betas[0] if a group has betas, and betas[0] is scheduled too"
    return Problem(path, message, "Schedule only one of them", code=codes.SAID_TWICE, at_key=True)


# ---------------------------------------------------------------- lines


def not_in_percent(path: str, length: Duration) -> Problem:
    """Return the problem of a length with a unit in a plan whose clock is the progress of the run."""
    message = f'the length "{length}" must be in percent, because the clock is the progress of the run'
    return Problem(path, message, 'For example: "5%"', code=codes.REFUSED_VALUE)


def first_update_is_zero() -> str:
    """Return the note about a short warmup that begins at 0."""
    return 'the lr of the first update is 0. To begin the warmup above 0 write index="(t+1)/n"'


# ---------------------------------------------------------------- the arguments of `ps.check`


def unknown_rule(name: str) -> InvalidArgument:
    """Return the error for a name that is neither a code nor a name of a rule."""
    names = [text for rule in rules_by_code().values() for text in (rule.code, rule.name)]
    near = did_you_mean(name, names) if len(name) > 5 else "codes are PS101, PS205 and so on"
    code = f"PS{name}"
    example = code if code in rules_by_code() else "PS205"
    return InvalidArgument(f'check rule "{name}"', f"unknown rule; {near}", example=example)


def not_codes(selection: object) -> InvalidArgument:
    """Return the error for a value in place of codes."""
    return InvalidArgument(f"ignore={shown(selection)}", "expected codes", 'For example: ignore="PS201"')


def bases_and_groups() -> InvalidCall:
    """Return the error for bases that are passed twice."""
    message = "expected bases or groups, got both"
    return InvalidCall("ps.check(plan, …)", message, example='bases={"lr": 0.1}')
