"""The plan of a Scheduler before it is resolved, and the file that it comes from."""

import logging
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, final

from paramsched.core.base.problem import Advice, Option
from paramsched.core.plan import Plan
from paramsched.core.plan.binding import UPDATES
from paramsched.core.plan.forms import FORMS, PlanLike, PublishedPlan, is_path, is_plan_text, plan_of, published_plan
from paramsched.core.plan.note import Note
from paramsched.core.plan.optimizers import refuse_several_plans
from paramsched.core.runs.recipe_plan import differing_bases, log_differing_bases, with_number_of_recipe
from paramsched.core.scheduler.group_keys import Group
from paramsched.core.scheduler.messages import WORLD, Processes
from paramsched.core.scheduler.run_state import ResolvedPlan, with_horizon
from paramsched.core.time import Calendar, Duration, DurationLike
from paramsched.core.time.deadline import DeadlineLike
from paramsched.errors import ConfigError, InvalidArgument, MissingFact, PlanError, Unresolved, shown

if TYPE_CHECKING:
    from paramsched.core.files.plan_files import PlanText
    from paramsched.core.runs.rank_messages import RankMessages

log = logging.getLogger("paramsched")

_MOST_UPDATES: Final = 1024  # between two looks, if the interval is in seconds


@final
@dataclass(frozen=True, slots=True)
class Interval:
    """The time between two looks: a number of updates, or seconds, which the measured rate turns into updates."""

    updates: int | None = None
    seconds: float = 0.0

    @staticmethod
    def of(watch: Any) -> "Interval":
        """Return the interval that the argument `watch` of a Scheduler means.

        >>> Interval.of(True), Interval.of(100)
        (Interval(updates=None, seconds=10.0), Interval(updates=100, seconds=0.0))
        """
        try:
            length = Duration.of("10 s" if watch is True else watch)
            ((unit, amount),) = length.terms
            if unit == "seconds" and not length.until:
                return Interval(seconds=float(amount))
            if unit == "updates" and not length.until and amount.denominator == 1:
                return Interval(updates=int(amount))
        except (InvalidArgument, ValueError):  # not a length, or not in one unit
            pass
        found = 'expected True, a number of updates of at least 1, or a time such as "30 s"'
        raise InvalidArgument(f"Scheduler(…, watch={shown(watch)})", found, 'For example: watch="30 s"')

    @property
    def first(self) -> int:
        """The number of updates before the first look."""
        return self.updates or 1

    def following(self, last: int, rate: float) -> int:
        """Return the number of updates until the look after the next one.

        Args:
            last: the number of updates until the next look.
            rate: the measured number of updates per second.
        """
        if self.updates is not None:
            return self.updates
        return max(1, min(round(self.seconds * rate), 2 * last, _MOST_UPDATES))


@final
class WatchedFile:
    """A plan file whose content may change.

    Args:
        text: the content from which the plan was read.
    """

    def __init__(self, text: "PlanText") -> None:
        path = Path(text.name).absolute()  # the program may change its working directory
        self._file, self.text = replace(text, name=str(path)), replace(text, folder=path.parent)
        self._handled = text.text
        self._seen: str | None = text.text  # by the last look; None if there was no file
        self._reported: set[int] = set()  # the hashes of contents whose problems were logged

    def look(self) -> "PlanText | None":
        """Return the content if it has changed and two looks in a row have found it.

        A file that is being written is often a valid plan with lines missing, so one look is not enough.
        """
        problem, seen = None, self._seen
        try:
            found = self._file.read().text
        except OSError as error:
            self._seen = None
            if seen is not None:
                log.warning("the watched plan file cannot be read, so the run keeps its plan: %s", error)
            return None
        except ConfigError as error:  # too large, or not UTF-8
            found, problem = str(error), error
        self._seen = found
        if found != seen or found == self._handled:
            return None
        self._handled = found
        if problem is not None:
            self.report(problem)
            return None
        return replace(self.text, text=found)

    def report(self, problem: Exception) -> None:
        """Log why the content cannot be followed, once for each content."""
        if hash(self._handled) not in self._reported:
            self._reported.add(hash(self._handled))
            log.warning("the run cannot follow %s, so it keeps its plan:\n%s", self.text.name, problem)


@final
@dataclass(frozen=True, slots=True)
class PlanSource:
    """The plan of a Scheduler, and the file that it was read from.

    Args:
        plan: the plan.
        note: the note of its file.
        file: the file; None if the plan was not passed as a path.
        interval: the time between two looks at the file; None if it is not watched.
        engine_total: the length of the run in an engine, which applies if a plan has no horizon.
        messages: those of rank 0 about a watched file, if there are several processes.
        published: the recipe, if the plan was passed as one.
        counted_by: the call that counts the batches of an engine, for messages, with `{}` for its arguments.
        warns_of_metrics: True if an engine warns about metrics that were never reported.
        checked_later: True if an engine refuses stages that do not fit into its deadline, when its training begins.
        until: the horizon in seconds of a dry run with an unknown deadline.
        code_groups: the groups of each optimizer before an engine loaded a checkpoint; None if they are unknown.
        processes: the processes that train together.
        deadline: the deadline of the run facts as the user wrote it, for messages; None if it is not known.
    """

    plan: Plan
    note: Note | None = None
    file: WatchedFile | None = None
    interval: Interval | None = None
    engine_total: DurationLike | None = None
    messages: "RankMessages | None" = None
    published: PublishedPlan | None = None
    counted_by: str = ""
    warns_of_metrics: bool = False
    checked_later: bool = False
    until: float | None = None
    code_groups: Mapping[str, list[Group]] | None = None
    processes: Processes = WORLD
    deadline: DeadlineLike | None = None

    @staticmethod
    def of(
        given: "PlanLike | PlanSource",
        watch: Any = False,
        call: str = "Scheduler",
        names: Collection[str] = (),
        processes: Processes = WORLD,
    ) -> "PlanSource":
        """Return a plan with its source; read it if it is a file, a text or a mapping.

        Args:
            given, watch: the arguments of a Scheduler.
            call: the call, for messages.
            names: the names of the optimizers, if there are several.
            processes: the processes that train together.
        """
        if isinstance(given, PlanSource):
            return replace(given, processes=processes)
        refuse_several_plans(call, given, names)
        interval = None if watch is False else Interval.of(watch)
        if isinstance(given, Plan) and interval is None:
            return PlanSource(given, processes=processes)
        from paramsched.core.files.plan_files import open_plan  # imports YAML

        if is_path(given):
            return PlanSource._of_file(open_plan(given, read=False), interval, call, watch, processes)
        if interval is not None and isinstance(given, FORMS):
            raise _not_a_watched_file(call, watch)
        if isinstance(given, Mapping) or is_plan_text(given):  # it may have a note
            loaded = open_plan(given).loaded()
            return PlanSource(loaded.plan, loaded.note, processes=processes)
        return PlanSource(plan_of(given, call), published=published_plan(given), processes=processes)

    @staticmethod
    def _of_file(
        file: "PlanText", interval: Interval | None, call: str, watch: Any, processes: Processes
    ) -> "PlanSource":
        if interval is None:
            text = file.read()
            loaded = text.loaded()
            return PlanSource(loaded.plan, loaded.note, WatchedFile(text), processes=processes)
        if file.syntax is None:
            raise _not_a_watched_file(call, watch)
        messages = messages_about_file(processes)
        text = file.read() if messages is None else _read_by_rank_0(file, messages)
        loaded = text.loaded()
        return PlanSource(loaded.plan, loaded.note, WatchedFile(text), interval, messages=messages, processes=processes)

    @contextmanager
    def attaching(
        self, recipe: PublishedPlan, calendar: Calendar, optimizers: Mapping[str, Any]
    ) -> "Iterator[PlanSource]":
        """Apply the rules of recipes to the attaching of a plan. Yield the source that is attached."""
        plan = self.plan if calendar.total is None else with_horizon(self.plan, None)
        source = replace(self, plan=plan)
        try:
            differences = differing_bases(recipe, plan, source.facts_for(plan, calendar), optimizers)
            yield source
        except MissingFact as refusal:
            raise with_number_of_recipe(refusal, recipe) from None
        log_differing_bases(recipe, differences, self.processes)

    def facts_for(self, plan: Plan, calendar: Calendar) -> Calendar:
        """Return the run facts that resolve a plan, which may be a later one of the file."""
        if self.engine_total is None:
            return calendar
        return replace(calendar, total=self.engine_total if plan.horizon is None else None)


def _not_a_watched_file(call: str, watch: Any) -> InvalidArgument:
    found = "only the path of a plan file can be watched"
    instead = f'Pass "plan.yaml" in place of the plan, and keep watch={watch!r}'
    return InvalidArgument(f"{call}(…, watch={watch!r})", found, instead)


def messages_about_file(processes: Processes) -> "RankMessages | None":
    """Return the messages in which rank 0 sends the text of a plan file; None if this process trains alone."""
    if not processes.several:
        return None
    from paramsched.core.runs.rank_messages import RankMessages

    return RankMessages.of(processes, "the plan file")


def _read_by_rank_0(file: "PlanText", messages: "RankMessages") -> "PlanText":
    """Return the text of a file that rank 0 reads for all ranks."""
    if not messages.is_sender:
        text, problem = messages.first()
        if text is None:
            raise ConfigError(file.name, [f"rank {messages.ranks.first} cannot read it: {problem}"])
        return replace(file, text=text)
    try:
        read = file.read()
    except (ConfigError, OSError) as error:
        messages.send([None, str(error)])
        raise
    messages.send([read.text, None])
    return read


def with_location(refusal: PlanError, text: "PlanText") -> PlanError:
    """Return the error with its line in the file."""
    from paramsched.core.base.diagnostic import Diagnostic

    if not refusal.path:
        return refusal
    (fault,) = text.placed([Diagnostic(refusal.path, refusal.found, at_key=True)])
    return refusal.changed(site=f"{fault.location(text.name)}: {refusal.path}")


@final
@dataclass(frozen=True, slots=True)
class Resolver:
    """Resolves plans with the run facts.

    Args:
        source: the plan of the Scheduler and its file.
        calendar: the run facts.
        names: the names of several optimizers.
        call: the start of the call that passes the run facts, for messages; "" for the constructor.
    """

    source: PlanSource
    calendar: Calendar
    names: tuple[str, ...]
    call: str

    def resolved(self, plan: Plan, note: Note | None) -> ResolvedPlan:
        """Resolve a plan; if a run fact is missing, the error suggests the argument of the call."""
        facts = self.source.facts_for(plan, self.calendar)
        try:
            return ResolvedPlan(plan, plan.resolve(facts, self.names), facts, note=note)
        except MissingFact as error:
            raise self._advised(error) from None
        except Unresolved as error:
            raise self._with_total(error) if plan.clock == UPDATES else error from None

    def _with_total(self, error: Unresolved) -> Unresolved:
        """Suggest `total`, because a plan that is one line of text has no horizon to add to."""
        example = f"For example: {self.call or self._constructor}total=10_000)"
        return error.changed(instead=Advice(Option("total", "10_000", python=example), is_example=True))

    @property
    def _constructor(self) -> str:
        optimizers = '{"muon": muon, "adamw": adamw}' if self.names else "optimizer"
        return f"ps.Scheduler({optimizers}, plan, "

    def _advised(self, error: MissingFact) -> MissingFact:
        fact, found, call = f"{error.fact}={error.example}", error.found, self.call or self._constructor
        if not self.call:
            later = f'{call}calendar="later"), and scheduler.set_facts({fact}) before the first update'
            found += f"; to pass it later, write {later}"
        site = error.call or error.site
        return MissingFact(site, found, f"For example: {call}{fact})", fact=error.fact, example=error.example)

    def other_plan(self, in_force: ResolvedPlan, plan: Plan, note: Note | None) -> ResolvedPlan:
        """Return another plan for a run, resolved for the horizon in force."""
        if not in_force.is_of_one_start:
            return self.resolved(plan, note)
        from paramsched.core.runs.deadline import with_other_plan

        return with_other_plan(in_force, plan, note)
