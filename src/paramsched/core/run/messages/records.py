"""The errors of the record of a run: in the state of a Scheduler, and in the groups of an optimizer."""

from collections.abc import Iterable, Mapping

from paramsched.base.words import names_listed
from paramsched.core.groups.fields import RECORD
from paramsched.errors import StateError, shown

# ---------------------------------------------------------------- the state of a Scheduler


def state_is_not_a_dict(state: object) -> StateError:
    """Return the error for a value in place of the state of a Scheduler."""
    return _not_a_state(type(state).__name__)


def state_of_optimizer(state: Mapping[object, object]) -> StateError:
    """Return the error for the state of an optimizer in place of that of a Scheduler."""
    advice = "Write optimizer.load_state_dict(state), which continues the plan too"
    return _not_a_state(f"{_keys_of(state)}. {advice}")


def state_is_an_entry(checkpoint: Mapping[object, object], entry: object) -> StateError:
    """Return the error for a checkpoint of which an entry is the state of a Scheduler."""
    return _not_a_state(f"{_keys_of(checkpoint)}. Write load_state_dict(checkpoint[{shown(entry)}])")


def state_of_no_scheduler(state: Mapping[object, object]) -> StateError:
    """Return the error for another dict in place of the state of a Scheduler."""
    advice = "If the run has completed n updates without a plan, call scheduler.seek(n)"
    return _not_a_state(f"{_keys_of(state)}. {advice}")


def _not_a_state(got: str) -> StateError:
    return StateError(f"expected the dict that scheduler.state_dict() returns, got {got}")


def _keys_of(state: Mapping[object, object]) -> str:
    return f"a dict with the keys: {names_listed(sorted(map(str, state)))}" if state else "an empty dict"


def entry_is_not_a_record(text: object) -> StateError:
    """Return the error for a text in a state that is not a record."""
    return _invalid(RECORD, text, "not the record of a run")


# ---------------------------------------------------------------- the keys of a record


def not_a_record(data: object) -> StateError:
    """Return the error for a value in place of a record."""
    return StateError(f"state: {shown(data)} is not the record of a run")


def version_is_not_an_integer(version: object) -> StateError:
    """Return the error for an invalid version of a record."""
    return StateError(f"state: version is {version!r}, not an integer")


def other_version(version: int, read: int) -> StateError:
    """Return the error for a record of another version; `read` is the one that this library reads."""
    instead = "continue with the paramsched that wrote it" if version < read else "update it"
    return StateError(f"state of version {version}; this paramsched reads version {read}: {instead}")


def keys_are_missing(keys: Iterable[str]) -> StateError:
    """Return the error for a record that lacks some keys."""
    return StateError(f"state is truncated: {', '.join(sorted(keys))} missing")


def unknown_keys(keys: Iterable[object]) -> StateError:
    """Return the error for a record with unknown keys."""
    return StateError(f"state has unknown keys: {', '.join(sorted(map(str, keys)))}")


def not_a_mapping(name: str, value: object) -> StateError:
    """Return the error for a value in place of a mapping in a record."""
    return _invalid(name, value, "not a mapping")


def _invalid(name: str, value: object, expected: str) -> StateError:
    return StateError(f"state: {name} is {shown(value)}, {expected}")


# ---------------------------------------------------------------- the plan of a record


def text_is_not_a_plan(text: object) -> StateError:
    """Return the error for a damaged plan."""
    return _invalid("plan", text, "not the text of a plan: the checkpoint is damaged")


def history_ends_with_other_plan() -> StateError:
    """Return the error for a history whose last plan is not that of the record."""
    return StateError("state: the last plan of history differs from the plan of the state")


def no_longer_read(removed: str) -> StateError:
    """Return the error for a plan with a part that 1.0.0rc6 had, and that this version lacks."""
    return StateError(f"state: its plan has {removed}, which this version no longer reads; 1.0.0rc6 does")


def facts_are_invalid(error: Exception) -> StateError:
    """Return the error for invalid run facts."""
    return StateError(f"state: facts: {error}")


def facts_do_not_resolve(error: Exception) -> StateError:
    """Return the error for run facts with which the plan cannot be resolved."""
    return StateError(f"state: facts do not resolve its plan: {error}")


def rules_are_of_other_plan(rules: Iterable[str], of_plan: Iterable[str]) -> StateError:
    """Return the error for the states of other metric rules than those of the plan."""
    return StateError(f"state: rules is that of {sorted(rules)}, but the rules of its plan are {sorted(of_plan)}")


# ---------------------------------------------------------------- the numbers of a record


def not_an_amount(name: str, amount: object) -> StateError:
    """Return the error for an amount that is not one."""
    return _invalid(name, amount, "not a number of at least 0")


def amount_without_clock(name: str, amount: object) -> StateError:
    """Return the error for an amount in the record of a plan that counts updates."""
    return _invalid(name, amount, "but the clock of its plan counts updates")


def measured_is_not_a_bool(value: object) -> StateError:
    """Return the error for an invalid entry `measured`."""
    return _invalid("measured", value, "not True or False")


def reported_without_amount() -> StateError:
    """Return the error for reported consumption without an amount."""
    return StateError("state: reported_amount has a value, but amount is None")


def not_a_count_below(name: str, value: object, most: int) -> StateError:
    """Return the error for a value that is not an integer of at least 0 and below a limit."""
    return _invalid(name, value, f"expected an integer from 0 to {most - 1}")


def counts_of_other_optimizers(names: Iterable[str]) -> StateError:
    """Return the error for counts of optimizers that the record does not have."""
    return StateError(f"state: counts is that of {shown(list(names))}, not of some of the optimizers")


def counts_do_not_match(counts: Mapping[str, object], t: int) -> StateError:
    """Return the error for counts of other updates than the one before `t`."""
    return StateError(f"state: counts is {shown(counts)} at update {t}")


def external_is_not_a_list(names: object) -> StateError:
    """Return the error for an invalid list of fields."""
    return _invalid("external", names, "not a list of fields")


def optimizers_are_not_names(names: object) -> StateError:
    """Return the error for an invalid list of optimizers."""
    return _invalid("optimizers", names, "not a list of names")


def sizes_do_not_match(sizes: int, optimizers: int) -> StateError:
    """Return the error for a number of groups that is missing for some optimizers."""
    return StateError(f"state: {sizes} numbers of groups for {optimizers} optimizers")


def values_do_not_match(key: str, field: str, values: int, groups: int) -> StateError:
    """Return the error for a field that has another number of values than there are groups."""
    return StateError(f"state: {key}[{field!r}] has {values} values for {groups} groups")


def no_number(key: str, field: str) -> StateError:
    """Return the error for a field without a number."""
    return StateError(f"state: {key}[{field!r}] has no number")


def not_finite(place: str, number: object) -> StateError:
    """Return the error for a number at a place of a record that is not finite."""
    return StateError(f"state: {place} has {shown(number)}, which is not a finite number")


# ---------------------------------------------------------------- the history of a record


def history_is_not_a_list(data: object) -> StateError:
    """Return the error for a value in place of a history."""
    return _invalid("history", data, "not a list of [update, amount, plan]")


def not_an_entry(index: int, entry: object) -> StateError:
    """Return the error for a value in place of an entry of a history."""
    return _invalid(f"history[{index}]", entry, "not [update, amount, plan]")


def update_does_not_increase(index: int, update: object) -> StateError:
    """Return the error for an entry whose update is not after that of the previous one."""
    return StateError(f"state: history[{index}] has update {shown(update)}, which is not after the previous one")


def amount_of_entry(index: int, amount: object) -> StateError:
    """Return the error for an entry with an invalid amount."""
    return StateError(f"state: history[{index}] has amount {shown(amount)}, not a number of at least 0")


def plan_of_entry(index: int, plan: object) -> StateError:
    """Return the error for an entry whose plan is not a text."""
    return StateError(f"state: the plan of history[{index}] is a {type(plan).__name__}, not a str")


def details_of_entry(index: int, details: object) -> StateError:
    """Return the error for an entry with unknown details."""
    return StateError(f"state: history[{index}] has {shown(details)}, not bases")


# ---------------------------------------------------------------- the entries of groups


def count_of_group(index: int, entry: str, count: object) -> StateError:
    """Return the error for an invalid count in a group, in the entry with this name."""
    return StateError(f"param_groups[{index}][{entry!r}] is {shown(count)}, not a number of updates")


def record_of_group(index: int, record: object) -> StateError:
    """Return the error for a damaged record in a group."""
    place = _record_in(index)
    return StateError(f"{place} is {shown(record)}, not the record of a run: the checkpoint is damaged")


def base_of_group(index: int, base: object) -> StateError:
    """Return the error for an invalid base in the record of a group."""
    return StateError(f"{_record_in(index)} has the base {shown(base)}, not a finite number")


def _record_in(index: int) -> str:
    return f"param_groups[{index}][{RECORD!r}]"


def other_record(count: object) -> StateError:
    """Return the error for groups with a count and the record of another update."""
    return StateError(
        f"the groups have the count {shown(count)} and the record of another update: other code "
        "wrote a part of a checkpoint into them. Call optimizer.load_state_dict(state), or construct the "
        "Scheduler after the load"
    )
