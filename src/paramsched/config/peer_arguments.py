"""The arguments of calls of other libraries, as a config says them, and what a plan says in such values."""

import math
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import accumulate
from typing import Any, Final, NoReturn, final

from paramsched.base.codes import NOT_IN_SCRIPT, REFUSED_VALUE, UNUSED_SETTING, WRONG_TYPE
from paramsched.base.diagnostic import Diagnostic, child_path
from paramsched.base.user_warnings import warn_user
from paramsched.config.command_lines import is_unknown
from paramsched.config.faults import Faults, short_json
from paramsched.errors import ConfigError, InvalidArgument, PlanError
from paramsched.feedback.base import Guided
from paramsched.feedback.plateau import Plateau
from paramsched.plan import Plan, resolve
from paramsched.schedules import Absolute, Anneal, Constant, Level, Schedule, absolute, constant, take
from paramsched.time import Calendar, Duration, DurationLike

# Products and ratios of numbers as they are written: a tenth of 0.1 is 0.01, where floats say a little more.


def product_as_written(first: float, second: float) -> float:
    """The float nearest to the product of two decimal numbers.

    >>> product_as_written(0.1, 0.1), 0.1 * 0.1
    (0.01, 0.010000000000000002)
    """
    try:
        return float(Fraction(repr(first)) * Fraction(repr(second)))
    except OverflowError:
        return first * second


def ratio_as_written(first: float, second: float) -> float:
    """The float nearest to the ratio of two decimal numbers; the second is not 0.

    >>> ratio_as_written(0.01, 0.1), 0.01 / 0.1
    (0.1, 0.09999999999999999)
    """
    try:
        return float(Fraction(repr(first)) / Fraction(repr(second)))
    except OverflowError:
        return first / second


def rest_as_written(share: float) -> float:
    """What a share leaves of 1.

    >>> rest_as_written(0.9), 1 - 0.9
    (0.1, 0.09999999999999998)
    """
    return float(1 - Fraction(repr(share)))


_HELD: Final = "a schedule that holds its first value"


def level_of_value(value: float) -> Level:
    """A value as a level; 0 is the same in any unit."""
    return absolute(value) if value else 0.0


def value_of_level(level: Level) -> float | None:
    """A level as the value that it stands for; None for a multiple of base."""
    if isinstance(level, Absolute):
        return level.value
    return 0.0 if level == 0 else None


@final
@dataclass(frozen=True, slots=True)
class ReadingNotes:
    """What is noted while a config is read.

    Args:
        faults: what keeps it from being a plan.
        cautions: what it says and hardly means.
        base: lr's own value; levels are multiples of it. None: they are values as they stand.
    """

    faults: Faults
    cautions: list[str] = field(default_factory=list)
    base: float | None = None

    def level(self, value: float) -> Level:
        """A value of the other library as a level; 0 is the same in any unit.

        >>> ReadingNotes(Faults()).level(0.01), ReadingNotes(Faults(), base=0.1).level(0.01)
        (absolute(0.01), 0.1)
        """
        return level_of_value(value) if self.base is None else ratio_as_written(value, self.base)

    def scaled(self, value: float, schedule: Schedule) -> Schedule:
        """A schedule of multiples that begins at a value."""
        if value == 0:
            return constant(0.0)
        return schedule if value == self.base else constant(self.level(value)) * schedule


@final
@dataclass(frozen=True, slots=True)
class ReadEntry:
    """A scheduler whose arguments were read.

    Args:
        arguments: its table.
        path: the location of the arguments.
        wrong: the arguments that have another value in place of one that is wrong or missing.
    """

    name: str
    path: str
    arguments: Any
    notes: ReadingNotes
    wrong: Set[str]

    def refuse(self, name: str, found: str, instead: str, *others: str, code: str = REFUSED_VALUE) -> None:
        """Note a problem of an argument, and of others with it, unless one of them has a problem of its own."""
        if not self.wrong & {name, *others}:
            self.notes.faults.add(child_path(self.path, name), found, instead, code=code)

    def warn_held(self, name: str, length: float) -> None:
        """Note that a length of nothing holds the first value for good, which is hardly meant."""
        place = child_path(self.path, name)
        self.notes.cautions.append(f"{place}: {self.name} with {name} {length:g} is {_HELD}")


def is_count(value: Any, least: int = 0) -> bool:
    """Whether value is a whole number from `least` on."""
    return is_plain_number(value) and value == int(value) and value >= least


def no_number_in_words(value: Any, least: float = -math.inf, above: float = -math.inf) -> str:
    """What is said of a value that is no number in its range.

    >>> no_number_in_words("x", least=0), no_number_in_words(0, above=0)
    ('"x" is no number from 0 on', '0 is no number above 0')
    """
    bound = f" above {above:g}" if above > -math.inf else f" from {least:g} on" if least > -math.inf else ""
    return f"{short_json(value)} is no number{bound}"


def is_plain_number(value: Any) -> bool:
    """Whether value is a finite number, and no bool."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= sys.float_info.max


def arguments_beside(
    data: Mapping[str, Any],
    path: str,
    name_keys: Iterable[str],
    argument_keys: Iterable[str],
    others: Iterable[str] = (),
) -> tuple[Any, str]:
    """The arguments that stand beside a name, or behind a key of their own, and where.

    Args:
        data: what has the name behind one of `name_keys`.
        path: where it stands.
        name_keys, argument_keys: behind which a name, and arguments, may stand.
        others: what is neither.
    """
    for key in argument_keys:
        if key in data:
            return ({} if data[key] is None else data[key]), child_path(path, key)
    named = next(key for key in name_keys if isinstance(data.get(key), str))
    return {key: value for key, value in data.items() if key != named and key not in others}, path


def numbers_by_field(data: Mapping[str, Any], *same: str, **named: str) -> dict[str, Any]:
    """The numbers among an optimizer's arguments, by field.

    Args:
        same: names that are those of fields.
        named: other names, by field.

    >>> numbers_by_field({"lr": 1, "epsilon": 0.1, "momentum": None}, "lr", "momentum", eps="epsilon")
    {'lr': 1.0, 'eps': 0.1}
    """
    names = {**dict(zip(same, same, strict=True)), **named}
    return {field: float(data[name]) for field, name in names.items() if is_plain_number(data.get(name))}


def values_of_optimizer(optimizer: Any) -> dict[str, Any]:
    """The numbers of an optimizer in a config, by field; its arguments may be in a mapping of their own."""
    inner = [one for one in optimizer.values() if isinstance(one, Mapping)] if isinstance(optimizer, Mapping) else []
    if len(inner) == 1 and (len(optimizer) == 1 or "init_args" in optimizer):
        optimizer = inner[0]
    if not isinstance(optimizer, Mapping):
        return {}
    found = numbers_by_field(optimizer, "lr", "weight_decay", "momentum")
    betas = optimizer.get("betas")
    if isinstance(betas, (list, tuple)) and betas and all(map(is_plain_number, betas)):
        found["betas"] = tuple(map(float, betas))
    return found


def given_rate(base: float | Mapping[str, float] | None) -> float | None:
    """lr's own value, where a caller gave it."""
    return base.get("lr") if isinstance(base, Mapping) else base


def base_of_lr(base: float | Mapping[str, float] | None) -> float | None:
    """The same as what levels are multiples of, which 0 is not."""
    return float(given_rate(base) or 0.0) or None


@final
@dataclass(frozen=True, slots=True)
class PeerWords:
    """Says parts of a plan in the words of one library, or refuses."""

    library: str

    def refuse(self, what: object, why: str, instead: str = "") -> NoReturn:
        refusal = PlanError(f"{self.library} cannot say {what}", why, instead)
        raise refusal if instead else refusal.changed(format="yaml")

    def schedule_of_lr(self, plan: Plan) -> Schedule:
        """What lr of all groups follows, in a plan that schedules nothing else."""
        if not schedules_lr_alone(plan):
            self.refuse(plan.bindings[0], "it schedules lr, of all groups alike, and nothing else")
        return plan.bindings[0].schedule

    def updates(self, length: Duration) -> int:
        """A length as whole updates.

        >>> PeerWords("optax").updates(Duration.of("2k steps"))
        2000
        """
        terms = length.terms
        if not terms:
            return 0
        if len(terms) != 1 or terms[0][0] != "updates" or terms[0][1].denominator != 1:
            self.refuse(length, "it is no whole number of updates; ps.resolve(plan, calendar) makes it one")
        return int(terms[0][1])

    def period(self, length: Duration) -> int | float:
        """A length in updates that need not be whole."""
        updates = length.exact
        if updates is None:
            return self.updates(length)
        return int(updates) if updates.denominator == 1 else float(updates)

    def steps_of(self, schedule: Anneal, size: int | None) -> int:
        """The updates of a descent, which may take the time it is given."""
        if schedule.index != "t/n":
            self.refuse(schedule, 'its schedules follow index="t/n"')
        steps = size if schedule.over is None else self.updates(schedule.over)
        if steps is None:
            self.refuse(schedule, "it takes the time it is given, and nothing says how much")
        return steps

    def value(self, level: Level) -> float:
        """A level as a value."""
        value = value_of_level(level)
        if value is None:
            self.refuse(level, "its values stand as they are, and this is a multiple of base", "Write absolute(0.1)")
        return value

    def schedule_and_rule(self, plan: Plan) -> tuple[Schedule | None, Plateau | None]:
        """What lr of all groups follows, and the plateau that multiplies into it; None for base as it is."""
        if not schedules_lr_alone(plan) or plan.clock != "updates":
            self.refuse(plan, "its schedules are of lr in all groups, by updates")
        whole = plan.bindings[0].schedule
        rules = whole.metric_rules
        if len(rules) > 1 or not all(isinstance(one, Plateau) for one in rules):
            self.refuse(whole, "of rules that react to a metric it has one plateau")
        rule = next((one for one in rules if isinstance(one, Plateau)), None)
        if not isinstance(whole, Guided):
            return whole, rule
        return (None if whole.schedule == constant() else whole.schedule), rule

    def stage_sizes(self, stages: Sequence[Schedule], total: int | None) -> list[int | None]:
        """How many updates each stage takes; None for a last one that goes on.

        Args:
            total: the updates they have together, where that is known.
        """
        sizes = [None if stage.length is None else self.updates(stage.length) for stage in stages]
        rest = None if total is None else total - sum(size or 0 for size in sizes)
        if None in sizes[:-1] or (sizes[-1] is None and stages[-1].fills):
            if rest is None or rest < 0 or sizes.count(None) > 1:
                self.refuse(stages[sizes.index(None)], "it takes the time it is given, and nothing says how much")
            return [rest if size is None else size for size in sizes]
        return sizes


def updates_with_accumulation(accumulation: Any, path: str, calendar: Calendar, faults: Faults) -> int | None:
    """The updates of an epoch where a config accumulates batches; the accumulation of the calendar takes precedence.

    Args:
        accumulation: as it is written.
        path: of its entry.
    """
    if is_unknown(accumulation):
        if calendar.batches_per_epoch is not None and calendar.accumulation is None:
            found = f"{accumulation} is not known, and batches count as updates; give the accumulation"
            warn_user(Diagnostic(path, found, code=NOT_IN_SCRIPT))
        return calendar.updates_per_epoch
    if not is_count(accumulation, 1):
        found = f"{short_json(accumulation)} is no whole number from 1 on"
        faults.add(path, found, f"Write {path.rpartition('.')[2]}: 4", code=WRONG_TYPE)
        return calendar.updates_per_epoch
    if calendar.accumulation is not None and calendar.accumulation != accumulation:
        found = f"it is {accumulation}, and the accumulation that was given, {calendar.accumulation}, is used"
        warn_user(Diagnostic(path, found, code=UNUSED_SETTING))
    if calendar.batches_per_epoch is None or calendar.accumulation is not None:
        return calendar.updates_per_epoch
    return -(-calendar.batches_per_epoch // int(accumulation))


def accumulation_fact(value: Any) -> Calendar | None:
    """The accumulation of a config as a fact of its run."""
    return Calendar(accumulation=int(value)) if is_count(value, 1) else None


def schedules_lr_alone(plan: Plan) -> bool:
    """Whether a plan has one line, for lr of all groups."""
    binding = plan.bindings[0]
    return len(plan.bindings) == 1 and binding.name == "lr" and binding.groups is None


def is_read_as(written: Any, plan: Plan, to_plan: Callable[[Any], Plan], *runs: Calendar) -> bool:
    """Whether what was written is read as a plan, or as the same once its lengths are resolved in each of some runs."""
    try:
        back = to_plan(written)
        return back == plan or (bool(runs) and all(resolve(back, run) == resolve(plan, run) for run in runs))
    except (ConfigError, InvalidArgument):
        return False


def begins_of_stages(sizes: Sequence[int | None]) -> list[int]:
    """When each stage but the first begins, where each takes so many updates.

    >>> begins_of_stages([5, 20, None])
    [5, 25]
    """
    return list(accumulate(size or 0 for size in sizes[:-1]))


def cut_to_length(schedule: Schedule, length: DurationLike) -> Schedule:
    """A stage that takes just so long: cut, or held from its own end on.

    >>> from paramsched.schedules import cosine
    >>> print(cut_to_length(constant(0.5), 10), cut_to_length(cosine(over=10), 10), cut_to_length(cosine(over=10), 5))
    constant(0.5, 10) cosine(over=10) take(cosine(over=10), 5)
    """
    if isinstance(schedule, Constant):
        return constant(schedule.value, length)
    return schedule if schedule.length == Duration.of(length) else take(schedule, length)
