"""Changing a plan from a given time on."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, final

from paramsched.core.calls.number_checks import finite_number
from paramsched.core.metrics.metric_rules import MetricRule
from paramsched.core.plan.binding import Binding, Target, replace_schedule, selector_text
from paramsched.core.plan.likes import name_followed, replace_likes, target_names
from paramsched.core.plan.messages import changes as messages
from paramsched.core.plan.run_amounts import PLANNED_SIZES
from paramsched.core.schedules.anneals import anneal
from paramsched.core.schedules.combinators import guided, without_rules
from paramsched.core.schedules.level import Level
from paramsched.core.schedules.schedule import Schedule
from paramsched.core.schedules.sequence import constant_at, in_order, open_start, stages_of, started_at
from paramsched.core.schedules.windows import depends_on_total, skip, take
from paramsched.core.time.duration import PROGRESS, Duration
from paramsched.core.time.run_facts import UPDATES, ClockName
from paramsched.errors import CallSite, UnknownField


@final
@dataclass(frozen=True, slots=True)
class PlanLines:
    """The bindings (lines), the total and the clock of a plan to change, as written."""

    bindings: tuple[Binding, ...]
    total: Duration | None
    clock: ClockName

    def changed(
        self, at: Duration, total: Duration | None, lines: Sequence[Binding], fields: Mapping[str, Binding]
    ) -> list[Binding]:
        """Return the lines of the changed plan.

        Args:
            at: the time of the change.
            total: the total of the changed plan.
            lines: the new schedules of single lines.
            fields: a dict from field name to a binding with the new schedule for those lines of the field that are not
                in `lines`.
        """
        if not lines and not fields and total == self.total:
            raise messages.nothing_changes(at)
        when = at if total == self.total else self.without_percent(messages.call_of_change(at), at)
        if lines or fields:
            end = end_reached(when, total)
            if end is not None:
                raise messages.changed_after_the_end(when, end)
        self._refuse_changed_size("change", (*(line.name for line in lines), *fields))
        indices = [self._line_of(line) for line in lines]
        new = {index: binding.schedule for name, binding in fields.items() for index in self._lines_of_field(name)}
        new |= {index: line.schedule for line, index in zip(lines, indices, strict=True) if index is not None}
        changed = [
            self._followed(binding, new[index], at, when, total) if index in new else self._continued(binding, total)
            for index, binding in enumerate(self.bindings)
        ]
        # A group that followed the default before gets a line of its own.
        added = [line for line, index in zip(lines, indices, strict=True) if index is None]
        for line in added:
            earlier = replace_schedule(line, self._default_line(line).schedule)
            changed.append(self._followed(earlier, line.schedule, at, when, total))
        return changed

    def _continued(self, line: Binding, total: Duration | None) -> Binding:
        """Return a line that continues as planned, even if the total changes."""
        old, rules = self._kept(line, total)
        planned = self._planned_for(line, old, total)
        if planned is not None:
            old = take(old, planned, planned)
        return replace_schedule(line, _with_rules(old, rules)) if rules or planned is not None else line

    def scaled(self, at: Duration, factors: Mapping[str, float]) -> list[Binding]:
        """Return the lines of the plan, with some fields multiplied by factors from the time `at` on."""
        if not factors:
            raise messages.nothing_is_scaled(at)
        end = end_reached(at, self.total)
        if end is not None:
            raise messages.scaled_after_the_end(at, end)
        self._refuse_changed_size("scale", factors)
        checked = {name: finite_number(CallSite("scale", name), factor) for name, factor in factors.items()}
        lines = list(self.bindings)
        for name, factor in checked.items():
            for index in self._lines_of_field(name):
                old, rules = _without_rules(lines[index].schedule)
                lines[index] = replace_schedule(lines[index], _with_rules(_scaled_from(old, at, factor), rules))
        return lines

    def without_percent(self, call: str, length: Duration) -> Duration:
        """Replace the percent in a length by the corresponding length of the plan's own total."""
        share = sum(amount for unit, amount in length.terms if unit == "percent")
        if not share:
            return length
        if self.total is None:
            raise messages.percent_without_total(call)
        rest = Duration(tuple((unit, amount) for unit, amount in length.terms if unit != "percent"))
        return rest + Duration(tuple((unit, amount * share / 100) for unit, amount in self.total.terms))

    def _refuse_changed_size(self, method: str, names: Iterable[str]) -> None:
        """Raise if a change of a size, such as `batch_size`, would change past values of another line.

        A run of 1M samples has fewer updates with larger batches, so a cosine by updates would have other past values.
        """
        size = next((name for name in names if name in PLANNED_SIZES), None)
        if size is None or self.total is None or self.clock == PROGRESS:
            return
        if all((unit in ("updates", "epochs")) == (self.clock == UPDATES) for unit, _ in self.total.terms):
            return
        for line in self.bindings:
            if depends_on_total(_without_rules(line.schedule)[0]):
                raise messages.size_changes_the_past(method, size, line.name, line.schedule, self.total, self.clock)

    def _line_of(self, binding: Binding) -> int | None:
        """Return the index of the line that a binding replaces; None if its groups have followed the default line."""
        for index, line in enumerate(self.bindings):
            if line.name != binding.name or isinstance(line.field, Target) != isinstance(binding.field, Target):
                continue
            if isinstance(line.field, Target) and isinstance(binding.field, Target):
                planned = line.field.initial
                if planned != binding.field.initial:
                    raise messages.another_initial_value(binding.name, planned, binding.field.initial)
            if line.groups == binding.groups:
                if binding.optional and not line.optional:
                    raise messages.line_is_not_optional(binding.name, selector_text(line.groups))
                return index
        self._default_line(binding)
        return None

    def _default_line(self, binding: Binding) -> Binding:
        """Return the default line of a field, for groups without their own line."""
        same_name = [line for line in self.bindings if line.name == binding.name]
        if not same_name:
            raise self._unknown_field(binding.name)
        lines = [line for line in same_name if not isinstance(line.field, Target)]
        if not lines:
            raise messages.target_is_not_a_field(binding.name)
        if isinstance(binding.field, Target):
            raise messages.field_is_not_a_target(binding.name)
        default = next((line for line in lines if line.groups is None), None)
        if default is None:
            groups = None if binding.groups is None else selector_text(binding.groups)
            selectors = [selector_text(line.groups) for line in lines]
            raise messages.no_line_to_replace(binding.name, groups, selectors)
        return default

    def _lines_of_field(self, name: str) -> list[int]:
        indices = [index for index, line in enumerate(self.bindings) if line.name == name]
        if not indices:
            raise self._unknown_field(name)
        return [index for index in indices if not isinstance(self.bindings[index].field, Target)] or indices

    def _unknown_field(self, name: str) -> UnknownField:
        return messages.unknown_field(name, [line.name for line in self.bindings])

    def _followed(self, line: Binding, new: Schedule, at: Duration, when: Duration, total: Duration | None) -> Binding:
        """Return a line with a new schedule from a time on.

        Args:
            at: the time as passed.
            when: the time without percent if the total changes. Lines on the clock of progress use `at`.
        """
        at = at if self.clock == PROGRESS else when
        old, rules = self._kept(line, total)
        bare, more = _without_rules(new)
        if at.terms:
            targets = target_names(self.bindings)  # a followed target keeps the time of the run
            bare = replace_likes(bare, lambda like: skip(like, at) if name_followed(like) in targets else like)
        past = bare
        if at.terms:
            past = take(old, at, self._planned_for(line, old, total))
            # With a `geometric` from base to an absolute value, the level is known only in a constant.
            if old.has_absolute and not old.affine and constant_at(old, old, at) is None:
                run = self.total if depends_on_total(old) else None
                level = skip(take(old, at, run), at)
                is_fixed = run is not None or not depends_on_total(old)
                call = messages.call_of_change(at, line.name)
                bare = in_order(_after_level(level, stages_of(bare), call, is_fixed=is_fixed))
            past = past >> bare
        return replace_schedule(line, _with_rules(past, (*rules, *more)))

    def _kept(self, line: Binding, total: Duration | None) -> tuple[Schedule, tuple[MetricRule[Any], ...]]:
        """Return the schedule and the rules of a line; with another total, a rule keeps the time when it begins."""
        schedule, rules = _without_rules(line.schedule)
        if total == self.total or self.clock == PROGRESS:
            return schedule, rules
        return schedule, tuple(map(self._kept_rule, rules))

    def _kept_rule(self, rule: MetricRule[Any]) -> MetricRule[Any]:
        if rule.begin is None:
            return rule
        return replace(rule, after=self.without_percent(str(rule), rule.begin))

    def _planned_for(self, line: Binding, schedule: Schedule, total: Duration | None) -> Duration | None:
        """Return the old total if a line must keep it when the total changes; None if the line does not need it."""
        if total == self.total or self.clock == PROGRESS or not depends_on_total(schedule):
            return None
        if self.total is None:
            raise messages.planned_without_total(total, line.name, schedule)
        return self.total


def _after_level(level: Schedule, stages: Sequence[Schedule], call: str, *, is_fixed: bool) -> tuple[Schedule, ...]:
    """Return stages whose first one begins at a level that is another number for each base.

    Args:
        level: the value of the past at the time of the change, which it holds.
        stages: the stages from then on.
        call: the call, for an error.
        is_fixed: False if the level has that value only in a stage that begins at the change.

    Raises:
        PlanError: the first stage is open, and neither constant nor a change along a curve to a level.
    """
    first, *later = stages
    if open_start(first) is None:
        return tuple(stages)
    over = first.args["over"]
    is_counted = over is None or not over.until  # "until" counts from the start of a sequence
    if first.kind == "constant" and is_counted and (over is None or is_fixed or not later):
        held = level if over is None else take(level, over)
        return held, *(_after_level(level, later, call, is_fixed=is_fixed) if later else ())
    if first.kind != "anneal" or not is_counted:
        raise messages.level_is_unknown(call, first)
    to: Level = first.args["to"]
    if later and open_start(later[0]) is not None:
        later[0] = started_at(later[0], to)
    along = partial(anneal, over=over, curve=first.args["curve"], index=first.args["index"])
    fall = level * along(1.0, 0.0)
    return fall if to == 0 else fall + along(0.0, to), *later


def _scaled_from(schedule: Schedule, at: Duration, factor: float) -> Schedule:
    """Return a schedule that is multiplied by a factor from the time `at` on.

    After an earlier change, only the last stage is divided. Otherwise each call would double the text.
    """
    *done, last = stages_of(schedule)
    ended = in_order(done).known_length if done else None
    if ended is not None and done[-1].kind == "take" and at.is_resolved and ended.is_resolved:
        rest = at.updates - ended.updates
        # An open level belongs to the boundary, so that stage is not taken out of its sequence.
        if rest > 0 and open_start(last) is None:
            return in_order((*done, take(last, rest), factor * skip(last, rest)))
    return take(schedule, at) >> factor * skip(schedule, at) if at.terms else factor * schedule


def _without_rules(schedule: Schedule) -> tuple[Schedule, tuple[MetricRule[Any], ...]]:
    return without_rules(schedule), schedule.metric_rules if schedule.kind == "guided" else ()


def _with_rules(schedule: Schedule, rules: tuple[MetricRule[Any], ...]) -> Schedule:
    return guided(schedule, dict.fromkeys(rules)) if rules else schedule


def end_reached(at: Duration, total: Duration | None, *, or_at: bool = True) -> Duration | None:
    """Return the end of the run if a time is after it, or (`or_at`) at it.

    Returns None for an earlier time, and for one in another unit.
    """
    end = Duration.of("100%") if [unit for unit, _ in at.terms] == ["percent"] else total
    if end is not None and is_later(at, end, or_at=or_at):
        return end
    return None


def is_later(time: Duration, other: Duration, *, or_at: bool = False) -> bool:
    """Return whether a time is after (`or_at`: at or after) another one; False for times in different units."""
    if [unit for unit, _ in time.terms] != [unit for unit, _ in other.terms] or len(time.terms) != 1:
        return False
    ((_, count),) = time.terms
    ((_, other_count),) = other.terms
    return count >= other_count if or_at else count > other_count
