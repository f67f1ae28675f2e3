"""The errors of lengths, run facts and clocks: one function for each mistake, which returns the error."""

from collections.abc import Iterable, Sequence
from typing import Any

from paramsched.base.codes import UNKNOWN_NAME
from paramsched.base.words import did_you_mean, limit_text, shortened_text
from paramsched.core.calls.messages.numbers import number_to_write
from paramsched.errors import CallSite, InvalidArgument, MissingFact, StateError, Unresolved, shown

_NEGATIVE = "a length must not be negative"
_RESOLVE_IT = "For example: ps.resolve(schedule, total=10_000)"
_UNITS_LISTED = "steps, epochs, %, samples, tokens, frames, batches"


# ---------------------------------------------------------------- lengths


def expected_terms(value: object) -> InvalidArgument:
    """Return the error for a `Duration` that was constructed of something other than its terms."""
    message = "expected pairs of unit and amount; Duration.of reads text"
    return InvalidArgument(f"Duration({shown(value)})", message, example='ps.Duration.of("5%")')


def not_in_whole_updates(length: str) -> Unresolved:
    """Return the error for a length that is used as an integer number of updates, and is none."""
    return Unresolved(f'length "{length}"', "not an integer number of updates yet", _RESOLVE_IT)


def not_in_updates(length: str) -> Unresolved:
    """Return the error for a length that is used as a number of updates, and has another unit."""
    return Unresolved(f'length "{length}"', "not in updates yet", _RESOLVE_IT)


def removed_unit(unit: str, amount: object) -> StateError:
    """Return the error for a pickle of a length in a unit that was removed."""
    return StateError(f"pickle of a length: {unit} are no longer read; 1.0.0rc6 does, got {amount} {unit}")


def not_a_list_of_lengths(value: object) -> InvalidArgument:
    """Return the error for a value in place of a list of lengths."""
    return InvalidArgument(shown(value), "expected a list of lengths", example='["10 epochs"]')


def length_too_long(updates: int, most: int, refused: object) -> InvalidArgument:
    """Return the error for a length of more updates than a clock counts."""
    message = f"a length must be at most {limit_text(most)} updates"
    return InvalidArgument(f"length {shown(updates)}", message, example='"100%"', refused=refused)


def negative_length(length: str, positive: str, refused: object) -> InvalidArgument:
    """Return the error for a length below 0, with the same length above 0."""
    return InvalidArgument(f"length {length}", _NEGATIVE, example=positive, refused=refused)


def not_whole_updates(number: float, example: str) -> InvalidArgument:
    """Return the error for a number that is not an integer in place of a length."""
    message = "expected an integer number of updates or text with a unit"
    return InvalidArgument(f"length {shown(number)}", message, example=example, refused=number)


def not_a_length(value: object) -> InvalidArgument:
    """Return the error for a value that is neither a number nor text in place of a length."""
    message = f"expected an integer number of updates or text with a unit, got {type(value).__name__}"
    return InvalidArgument(f"length {shown(value)}", message, example="500", refused=value)


# ---------------------------------------------------------------- the text of a length


def text_too_long(text: str) -> InvalidArgument:
    """Return the error for a text that has more characters than a length."""
    return _unreadable(text, f"a text of {len(text)} characters is too long for a length")


def until_twice(text: str) -> InvalidArgument:
    """Return the error for a text that begins with `until until`."""
    return _unreadable(text, '"until" is written twice')


def negative_number(text: str) -> InvalidArgument:
    """Return the error for a number below 0, as text without a unit."""
    return _unreadable(text, _NEGATIVE)


def unit_is_missing(text: str, example: str) -> InvalidArgument:
    """Return the error for a number without a unit, with a length that is probably meant."""
    return _unreadable(text, "expected a unit after the number", example=example)


def expected_number_with_unit(text: str, meant: str | None = None) -> InvalidArgument:
    """Return the error for a part that is not a number with a unit, with the length that is meant, if it is known."""
    return _unreadable(text, "expected a number with a unit", advice=f'Write "{meant}"' if meant else "")


def unknown_unit(text: str, unit: str, meant: str | None) -> InvalidArgument:
    """Return the error for an unknown unit, with the length that is meant, if it is known."""
    if meant is None:
        message = f'unknown unit "{unit}"; expected one of {_UNITS_LISTED}'
        return _unreadable(text, message, code=UNKNOWN_NAME)
    return _unreadable(text, f'unknown unit "{unit}"', advice=f'Write "{meant}"', code=UNKNOWN_NAME)


def amount_too_large(text: str, most: int) -> InvalidArgument:
    """Return the error for an amount that is larger than a clock counts."""
    return _unreadable(text, f"an amount must be at most {limit_text(most)}")


def amount_too_small(text: str, least: float) -> InvalidArgument:
    """Return the error for an amount that is nearly 0."""
    return _unreadable(text, f"an amount must be 0 or at least {limit_text(least)}")


def text_is_empty(text: str) -> InvalidArgument:
    """Return the error for a text without a length."""
    return _unreadable(text, "the text is empty")


def _unreadable(
    text: str, message: str, *, advice: str = "", example: str = '"5%"', code: str | None = None
) -> InvalidArgument:
    site = f'length "{shortened_text(text)}"'
    return InvalidArgument(site, message, advice, example=example, refused=text, code=code)


# ---------------------------------------------------------------- run facts


def sizes_of_epoch_differ(steps: int, batches: int, accumulation: int, updates: int) -> InvalidArgument:
    """Return the error for a number of updates per epoch that the number of batches contradicts."""
    arguments = f"{steps}, batches_per_epoch={batches}, accumulation={accumulation}"
    message = f"{batches} batches are {updates} updates, not {steps}"
    advice = "Pass only one of steps_per_epoch and batches_per_epoch"
    return InvalidArgument(CallSite("RunFacts", "steps_per_epoch", arguments), message, advice)


def total_without_limit(total: object) -> InvalidArgument:
    """Return the error for a total of 0 or -1, which means "no limit" in other programs."""
    advice = "Omit total if the length is unknown, or write the number of updates: total=10_000"
    return _invalid_total(shown(total), "a run must have at least 1 update", advice)


def total_without_updates(total: str) -> InvalidArgument:
    """Return the error for a total that is rounded to no update."""
    return _invalid_total(f'"{total}"', "a run must have at least 1 update", "For example: total=1")


def total_is_not_a_length(error: InvalidArgument, total: object) -> InvalidArgument:
    """Return the error for a length that cannot be read as the total."""
    site = CallSite("RunFacts", "total", shown(total))
    if "%" in error.problem.advice:  # "5%" is no total
        return error.changed(site=site, example="total=10_000")
    return error.changed(site=site)


def total_is_an_end(total: str) -> InvalidArgument:
    """Return the error for a total with `until`."""
    message = "the length of a run does not take `until`"
    return _invalid_total(f'"{total}"', message, 'For example: total="90 epochs"')


def total_in_percent(total: str) -> InvalidArgument:
    """Return the error for a total in percent of itself."""
    message = "a percentage is a share of the total, so it cannot specify the total"
    return _invalid_total(f'"{total}"', message, "For example: total=10000")


def total_too_long(total: object, updates: int, most: int) -> InvalidArgument:
    """Return the error for a total of more updates than a clock counts."""
    message = f"a run must have at most {limit_text(most)} updates, got {updates:.3g}"
    return _invalid_total(f'"{total}"', message, "Use a smaller total")


def _invalid_total(total: str, message: str, advice: str) -> InvalidArgument:
    return InvalidArgument(CallSite("RunFacts", "total", total), message, advice)


def expected_length_of_loader(name: str, loader: object) -> InvalidArgument:
    """Return the error for a loader in place of its length."""
    message = f"expected an integer, got {type(loader).__name__}"
    return InvalidArgument(CallSite("RunFacts", name), message, f"For example: {name}=len(loader)")


def not_a_count(name: str, value: object, least: int, most: int, sample: object) -> InvalidArgument:
    """Return the error for a run fact that must be an integer in a range."""
    message = f"expected an integer from {least} to {limit_text(most)}"
    return _invalid_fact(name, value, message, number_to_write(value, name, "count"), sample)


def not_an_amount(name: str, value: object, above: float, most: int, sample: object) -> InvalidArgument:
    """Return the error for a run fact that must be a number in a range."""
    message = f"expected a number greater than {above} and at most {limit_text(most)}"
    return _invalid_fact(name, value, message, number_to_write(value, name), sample)


def _invalid_fact(name: str, value: object, message: str, advice: str, sample: object) -> InvalidArgument:
    site = CallSite("RunFacts", name, shown(value))
    return InvalidArgument(site, message, advice, example=f"{name}={sample}")


def missing_fact(
    site: str | CallSite, quantity: str, fact: str, example: str, known_facts: Sequence[str]
) -> MissingFact:
    """Return the error for a unit that no known run fact converts."""
    message = f"{quantity} is unknown"
    if known_facts:
        message += f"; these are known: {', '.join(known_facts)}"
    return MissingFact(site, message, fact=fact, example=example)


def total_counts_updates(error: MissingFact, quantity: str, total: int | None) -> MissingFact:
    """Return the error for a total that equals the epochs of the plan, so that it probably counts epochs, too."""
    message = f"total={total} counts updates, so omit it; {quantity} is unknown"
    return MissingFact(error.problem.site, message, fact=error.fact, example="len(loader)")


def size_of_epoch_for_total(error: MissingFact, quantity: str, size: int, total: int | None) -> MissingFact:
    """Return the error for an unknown size of an epoch, with the size that makes the plan as long as the total."""
    message = f"{quantity} is unknown; with {size} of them it is the total, {total}"
    return MissingFact(error.problem.site, message, fact=error.fact, example=str(size))


def missing_fact_of_call(name: str, arguments: Iterable[str], error: MissingFact) -> MissingFact:
    """Return the error for a run fact that a call lacks, with the call that has it."""
    module = "" if name.startswith(("ps.", "plan.")) else "ps."
    call = f"{module}{name}({', '.join([*arguments, f'{error.fact}={error.example}'])})"
    site = f"{name}(total=…)"
    message = error.problem.found
    return MissingFact(site, message, f"For example: {call}", fact=error.fact, example=error.example)


def facts_twice(name: str, keywords: Iterable[str]) -> InvalidArgument:
    """Return the error for a call with run facts as keywords and as one object."""
    site = f"{name}(facts=…, {', '.join(keywords)}=…)"
    return InvalidArgument(site, "run facts are passed twice", "Pass all of them in RunFacts")


def total_in_place_of_facts(name: str, total: int) -> InvalidArgument:
    """Return the error for a number of updates in place of the run facts."""
    return _not_run_facts(name, total, f"Write total={total}")


def not_run_facts(name: str, value: object) -> InvalidArgument:
    """Return the error for another object in place of the run facts."""
    return _not_run_facts(name, value, "For example: facts=ps.RunFacts(steps_per_epoch=100)")


def _not_run_facts(name: str, value: object, advice: str) -> InvalidArgument:
    message = "not RunFacts; the run facts must be known at this call"
    return InvalidArgument(CallSite(name, "facts", shown(value)), message, advice)


# ---------------------------------------------------------------- clocks


def unknown_clock(site: str | CallSite, name: str, clocks: Sequence[str], synonyms: Iterable[str]) -> InvalidArgument:
    """Return the error for the name of a clock that is unknown; `synonyms` are further names of samples."""
    same = " and ".join(synonyms)
    message = f'unknown clock "{name[:60]}"; {did_you_mean(name, clocks)}'
    return _invalid_clock(site, f"{message} ({same} are samples)" if same else message)


def not_the_name_of_a_clock(site: str | CallSite, value: Any) -> InvalidArgument:
    """Return the error for a value that is not text in place of a clock."""
    return _invalid_clock(site, f"expected the name of one clock for all fields, got {type(value).__name__}")


def _invalid_clock(site: str | CallSite, message: str) -> InvalidArgument:
    example = f'{site.argument}="tokens"' if isinstance(site, CallSite) else "tokens"
    return InvalidArgument(site, message, example=example)
