"""The Schedule class, and the text of a schedule."""

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from importlib import import_module
from itertools import islice
from math import ceil
from operator import attrgetter, is_
from typing import TYPE_CHECKING, Any, Final, Literal, NoReturn, TypeAlias, TypeGuard, final, overload

from paramsched.base.params import Param, argument_kind, params_of
from paramsched.base.pickles import Reduced, pickle_of_rc5
from paramsched.base.words import printable, shown_fields, text_on_screen
from paramsched.core.calls.builders import SHAPES, example_call
from paramsched.core.calls.checked_calls import shortened
from paramsched.core.calls.lazy_imports import load_entry, notebook_display
from paramsched.core.calls.number_checks import is_real_number
from paramsched.core.curves.arrays import Floats
from paramsched.core.curves.curve import Curve, curve_of
from paramsched.core.schedules.level import AbsoluteValue
from paramsched.core.schedules.messages import combinations as messages
from paramsched.core.schedules.messages import evaluation
from paramsched.core.schedules.messages.combinations import FUNCTION_AS_SHAPE as FUNCTION_AS_SHAPE
from paramsched.core.schedules.messages.combinations import readings_of_number as readings_of_number
from paramsched.core.schedules.registry import BUILDER_OF_CLASS, combine_operands
from paramsched.core.schedules.span import IN_UPDATES, PlannedSchedule, Span, value_at
from paramsched.core.time.duration import Duration
from paramsched.errors import InvalidArgument, MissingFact, ParamschedError, Unresolved, shown

SEQUENCE, SUM, PRODUCT, NEGATIVE, POWER, CALL = range(6)  # precedences, in the order of Python's operators


def call_of_rule(value: Any) -> str:
    """Write a rule as a call of its builder, the registered function that returns it.

    A value whose class has no builder is written as `<…>`, which `parse` does not read.
    """
    if type(value) not in BUILDER_OF_CLASS:
        return f"<{shown_fields(value)}>"
    name, builder = BUILDER_OF_CLASS[type(value)]
    params = params_of(builder)
    return write_call(name, params, {key: getattr(value, key) for key in params})


def write_call(name: str, params: Mapping[str, Param], arguments: Mapping[str, Any], *, by_name: bool = False) -> str:
    """Write the shortest call of a function with `arguments`; `by_name` if each of them is written with its name.

    Arguments equal to their defaults are left out. The arguments after an omitted one are passed by keyword.
    """
    written: list[str] = []
    gap = by_name
    for key, param in params.items():
        argument = arguments[key]
        if param.several:
            written += [written_value(item) for item in argument]
            gap = True
            continue
        text = written_value(argument)  # written once, because writing it twice per level takes exponential time
        if argument is None or (not param.required and text == written_value(param.default)):
            gap = True
        else:
            keyword = gap or param.form is inspect.Parameter.KEYWORD_ONLY
            written.append(f"{key}={text}" if keyword else text)
    return f"{name}({', '.join(written)})"


def written_value(value: object) -> str:
    """Write a value as an argument in a line of text."""
    match value:
        case Duration():
            return value.written()
        case str():
            return '"' + printable(value.replace("\\", "\\\\").replace('"', '\\"')) + '"'
        case tuple() | list():
            return f"[{', '.join(written_value(item) for item in value)}]"
        case bool() | int() | float() | None | AbsoluteValue():
            return repr(value)
        case _:
            return str(value)


def short_line(value: object) -> str:
    """Shorten a schedule's text to 80 characters, for a message."""
    text = str(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def in_brackets(operand: Any, tightness: int) -> str:
    """Write an operand of an operator, in brackets if the precedence of the operand is lower than `tightness`."""
    return str(operand) if operand.shape.precedence >= tightness else f"({operand})"


_FEW: Final = 128  # operands of one chain; more are written in groups, because Python's tree of a chain is as deep


def chain_depth(count: int) -> int:
    """Return how much a chain of so many operands adds to the depth of a text: 1 for each 16, and for each group."""
    depth = (min(count, _FEW) - 1) // 16
    return depth if count <= _FEW else depth + 1 + chain_depth(-(-count // _FEW))


def chain_text(operands: Sequence[str], join: Callable[[Sequence[str]], str]) -> str:
    """Write the operands of an operator. Those of a long chain are in brackets by groups, which mean the same.

    >>> chain_text(["a", "b", "c"], " >> ".join)
    'a >> b >> c'
    """
    while len(operands) > _FEW:
        groups = [operands[begin : begin + _FEW] for begin in range(0, len(operands), _FEW)]
        operands = [f"({join(group)})" if len(group) > 1 else group[0] for group in groups]
    return join(operands)


Extent: TypeAlias = Literal["has", "fills", "open"]
"""A schedule has a length, fills the remaining time of the run or stage, or is open: without an end."""

_MAX_POINTS: Final = 250_000  # computing so many breakpoints takes half a second if they are fractions

MOST_NESTED: Final = 100
"""The largest depth of nested schedules, so that evaluating, printing, copying and saving do not overflow the stack."""


@final
@dataclass(frozen=True, eq=False)
class Shape:
    """The meaning of a name in a line: its arguments, and how a call of it is planned for a run.

    Args:
        name: the name in text; of an operator, a word for it.
        params: the arguments by name.
        plan: plans a call for a span.
        roles: the roles of the lengths among the arguments, by name (`LengthArgument`).
        precedence: how tightly its text binds, as an operand of an operator.
        affine: True if the value is A(t) * base + C(t), whatever its parts are; False if it is not, even if they are;
            or a function of the call; None if its parts decide.
        has_absolute: whether a call contains absolute values, or a function of the call; None if its levels and parts
            decide.
        extent: whether a call has a length, or a function of the call; None if its own length or its parts decide.
        length: the length of a call as written; None if its own length or those of its parts decide.
        measure: the exact length of a call that starts with a span; None if its own length or its parts decide.
        text: the text of a call; None for the shortest call.
        check: raises an error if arguments that are valid alone contradict each other.
        check_operands: the check of a shape that joins, of the call and of its operands before they are joined. An
            operand of the same shape has been checked.
        completed: fills arguments that depend on others, such as a length that is by default another one.
        joins: the argument with several schedules, in which a call of this shape is replaced by its own ones.
        open_levels: for each level that may be open, its value without a neighbor.
        function: the function of a user.
    """

    name: str
    params: Mapping[str, Param]
    plan: Callable[["Schedule", Span], PlannedSchedule]
    roles: Mapping[str, str] = field(default_factory=dict)
    precedence: int = CALL
    affine: bool | Callable[["Schedule"], bool] | None = None
    has_absolute: bool | Callable[["Schedule"], bool] | None = None
    extent: Extent | Callable[["Schedule"], Extent] | None = None
    length: Callable[["Schedule"], Duration | None] | None = None
    measure: Callable[["Schedule", Span], Fraction | None] | None = None
    text: Callable[["Schedule"], str] | None = None
    check: Callable[["Schedule"], None] | None = None
    check_operands: Callable[["Schedule", Sequence["Schedule"]], None] | None = None
    completed: Callable[[dict[str, Any]], dict[str, Any]] | None = None
    joins: str | None = None
    open_levels: Mapping[str, float] = field(default_factory=dict)
    function: Callable[..., Any] | None = None

    @cached_property
    def over(self) -> str | None:
        """The argument that is the length of the shape; None if it has none."""
        return next((name for name, role in self.roles.items() if role in ("fills", "open", "length")), None)

    @property
    def open_start(self) -> float | None:
        """The level of an open start without a stage before it; None if the shape has none."""
        return self.open_levels.get("start", self.open_levels.get("value"))

    def call(self, **args: Any) -> "Schedule":
        """Return a call with checked arguments, in the order of the signature."""
        if self.joins is not None:
            return self._call_joining(self.joins, args[self.joins])
        schedule = Schedule(self, args if self.completed is None else self.completed(args))
        if self.check is not None:
            self.check(schedule)
        return schedule

    def _call_joining(self, name: str, operands: Sequence["Schedule"]) -> "Schedule":
        """Return a call with the elements of each operand of this shape.

        Only the operands are asked, not all of their elements, because `a >> b >> …` joins as often as it has stages.
        """
        elements = [operand.args[name] if operand.shape is self else (operand,) for operand in operands]
        schedule = Schedule(self, {name: _concatenated(elements)})
        if len(schedule.args[name]) > len(operands):
            deepest = (operand.depth_of_parts if operand.shape is self else operand.depth for operand in operands)
            schedule.__dict__["depth_of_parts"] = max(deepest)
            schedule.__dict__["has_absolute"] = any(map(attrgetter("has_absolute"), operands))
        if self.check_operands is not None:
            self.check_operands(schedule, operands)
        return schedule

    @property
    def is_registered(self) -> bool:
        """True if the name means this shape; False after a cell of a notebook has defined another one."""
        return self.function is None or SHAPE_OF_BUILDER.get(SHAPES.get(self.name)) is self

    def __copy__(self) -> "Shape":
        return self

    def __deepcopy__(self, memo: object) -> "Shape":
        return self


SHAPE_OF_BUILDER: Final[dict[Any, Shape]] = {}
"""The shape of each function that builds its calls."""

OPERATORS: Final[dict[str, Shape]] = {}
"""The shapes without a function in text, such as those of operators, by name."""


def shape_of_name(name: str, module: str | None = None) -> Shape:
    """Return the shape of a name; for a function of a user, after its module is imported.

    Pickles of 1.0.0rc6 call it.
    """
    if module is not None and name not in SHAPES:
        import_module(module)
    shape = OPERATORS.get(name) or SHAPE_OF_BUILDER.get(SHAPES.get(name))
    if shape is None:
        raise messages.shape_is_not_defined(name, module)
    return shape


@argument_kind("schedule")
@final
@dataclass(frozen=True, eq=False, repr=False)
class Schedule:
    """How one hyperparameter changes: `schedule(t, base=1.0)`. A call of a shape with its arguments.

    `t` is the number of completed updates. A number in a schedule is a multiple of `base`. After its end a schedule
    holds its final value exactly.

    A schedule *has a length*, *fills* (takes the remaining time of the run or of its stage), or is *open* (has no end).

    Args:
        shape: the shape.
        args: all of its arguments by name, checked.
    """

    shape: Shape
    args: Mapping[str, Any]

    def __post_init__(self) -> None:
        if len(self.args) != len(self.shape.params):  # a pickle calls the class directly
            raise pickle_of_rc5(self.kind)

    @overload
    def __call__(self, t: float, base: float = 1.0) -> float: ...
    @overload
    def __call__(self, t: Floats, base: float = 1.0) -> Floats: ...
    @overload
    def __call__(self, t: Any, base: Any = 1.0) -> Any: ...
    def __call__(self, t: Any, base: Any = 1.0) -> Any:
        """Return the value used by update `t`, counted from 0.

        Args:
            t: number of completed updates, 0 or more: a number, or a NumPy array of any shape.
            base: the value that the numbers of the schedule multiply, such as the lr of a parameter group: a number,
                or an array that broadcasts with `t`.

        Returns:
            A float if both are numbers. Otherwise an array of the common shape, in the dtype of a floating `base`, else
            in float64.

        Raises:
            InvalidTime: a time is negative or not finite.
            InvalidArgument: `base` is not a finite real number, or an argument is no number or array, such as a
                tensor.
            Unresolved: a length is not in updates, or a stage has no length. Call `ps.resolve(schedule, total=10_000)`
                first.
        """
        return value_at(self, t, base)

    _repr_mimebundle_ = notebook_display

    # ---------------------------------------------------------------- the tree

    @property
    def kind(self) -> str:
        """The name of the shape, such as `anneal`, `sequence` or `product`."""
        return self.shape.name

    @cached_property
    def leaves(self) -> tuple[object, ...]:
        """The values of the arguments, with tuples flattened."""
        return tuple(_leaves_of(tuple(self.args.values())))

    @cached_property
    def _parts(self) -> "tuple[Schedule, ...]":
        return tuple([leaf for leaf in self.leaves if isinstance(leaf, Schedule)])

    def parts(self) -> "tuple[Schedule, ...]":
        """Return the schedules that this schedule is composed of."""
        return self._parts

    @cached_property
    def depth(self) -> int:
        """How deeply schedules are nested in this one; 1 if it contains no other schedule. Long chains count more."""
        joins = self.shape.joins
        depth_of_call = 1 if joins is None else 1 + chain_depth(len(self.args[joins]))
        return depth_of_call + self.depth_of_parts

    @cached_property
    def depth_of_parts(self) -> int:
        """The largest depth of a schedule in this one; 0 if it contains no other schedule."""
        return max(map(attrgetter("depth"), self._parts), default=0)

    def with_args(self, **changes: Any) -> "Schedule":
        """Return the schedule with other arguments, which are not checked alone."""
        return self.shape.call(**{**self.args, **changes})

    def changed(self, change: Callable[[Any], Any]) -> "Schedule":
        """Apply a function to each argument, and to each item of a list. Returns itself if all are kept."""
        arguments = {key: _changed(argument, change) for key, argument in self.args.items()}
        changes = {key: argument for key, argument in arguments.items() if argument is not self.args[key]}
        return self.with_args(**changes) if changes else self

    @cached_property
    def affine(self) -> bool:
        """True if the value is `A(t) * base + C(t)`."""
        is_affine = self.shape.affine
        if is_affine is not None:
            return is_affine(self) if callable(is_affine) else is_affine
        return all(map(attrgetter("affine"), self._parts))

    @cached_property
    def has_absolute(self) -> bool:
        """True if any level in the schedule is absolute."""
        declared = self.shape.has_absolute
        if declared is not None:
            return declared(self) if callable(declared) else declared
        return any(isinstance(leaf, AbsoluteValue) for leaf in self.leaves) or any(
            map(attrgetter("has_absolute"), self._parts)
        )

    @cached_property
    def has_likes(self) -> bool:
        """True if the schedule contains `like(…)`, which `resolve` replaces by the line that it follows."""
        return self.kind == "like" or any(map(attrgetter("has_likes"), self._parts))

    @property
    def metric_rules(self) -> tuple[Any, ...]:
        """The metric rules that the schedule is multiplied by; those in `absolute(…)` are applied for a base of 1."""
        if self.kind == "absolute":
            return self._parts[0].metric_rules
        return self.args["guides"] if self.kind == "guided" else ()

    @property
    def serializable(self) -> bool:
        """True if the text can be read back: every function has a registered name."""
        written = [leaf for leaf in self.leaves if isinstance(leaf, (Curve, Schedule))]
        return self.shape.is_registered and all(map(attrgetter("serializable"), written))

    # ---------------------------------------------------------------- lengths

    @cached_property
    def extent(self) -> Extent:
        """The extent: the schedule "has" a length, "fills" the remaining time, or is "open": without an end."""
        declared = self.shape.extent
        if declared is not None:
            return declared(self) if callable(declared) else declared
        if self.shape.over is not None:
            if self.args[self.shape.over] is not None:
                return "has"
            return "fills" if self.shape.roles[self.shape.over] == "fills" else "open"
        kinds = {schedule.extent for schedule in self._parts}
        return "fills" if "fills" in kinds else "has" if "has" in kinds else "open"

    @property
    def fills(self) -> bool:
        """True if the schedule takes the remaining time of the run or stage."""
        return self.extent == "fills"

    @property
    def has_length(self) -> bool:
        """True if the schedule has a length, even one that only run facts can convert to updates."""
        return self.extent == "has"

    @cached_property
    def length(self) -> Duration | None:
        """The length of the schedule; None if it takes the remaining time or has no end."""
        if self.extent != "has":
            return None
        if self.shape.length is not None:
            return self.shape.length(self)
        if self.shape.over is not None:
            length: Duration = self.args[self.shape.over]
            return length
        lengths = {schedule.length for schedule in self._parts if schedule.extent == "has"}
        if len(lengths) == 1:
            return lengths.pop()
        if all(length is not None and length.exact is not None for length in lengths):
            return Duration.of_updates(max(length.number for length in lengths if length is not None))
        raise evaluation.lengths_of_operands_differ(str(self))

    @property
    def known_length(self) -> Duration | None:
        """The length; None also if it is known only in a run, because operands have lengths in different units."""
        try:
            return self.length
        except Unresolved:
            return None

    def measure(self, span: Span) -> Fraction | None:
        """Return the exact length of the schedule if it starts with a span; None if it has none."""
        if self.extent != "has":
            return None
        if self.shape.measure is not None:
            return self.shape.measure(self, span)
        if self.shape.over is not None:
            return span.exact_length(self.args[self.shape.over])
        lengths = [schedule.measure(span) for schedule in self._parts]
        return max(length for length in lengths if length is not None)

    # ---------------------------------------------------------------- as planned

    def resolved_in(self, span: Span) -> "Schedule":
        """Return the schedule for a part of a run, with its lengths in counts and its stages connected."""
        planned = self.shape.plan(self, span)
        schedule: Schedule = planned.schedule
        schedule.__dict__.setdefault("planned", planned)
        return schedule

    @cached_property
    def planned(self) -> PlannedSchedule:
        """The schedule as planned without run facts: its lengths must be in updates.

        Raises:
            Unresolved: a length is not in updates, or a stage has no length.
            InvalidArgument: an open level is unknown, or could mean two things.
        """
        planned = None
        try:
            if not self.fills:
                planned = self.shape.plan(self, IN_UPDATES)
        except (MissingFact, Unresolved):
            pass
        if planned is None or [*_lengths_in(planned.schedule)] != [*_lengths_in(self)]:
            raise evaluation.not_in_updates(str(self))
        return planned

    @property
    def connected(self) -> "Schedule":
        """The schedule with each open level between its stages written, unless it is the level without a neighbor."""
        schedule: Schedule = self.planned.schedule
        return schedule

    @cached_property
    def is_resolved(self) -> bool:
        """True if every length is in updates, and every level is written or needs no neighbor."""
        try:
            counted = self.planned.schedule
            lengths = [*_other_runs_in(self)]
            return all(length.is_resolved for length in lengths) if lengths else counted == self
        except InvalidArgument:  # resolving raises it
            return False

    def breakpoints(self, until: int | None = None) -> tuple[int, ...]:
        """Return the sorted times at which the formula changes, including 0 and the end.

        Args:
            until: last time to include, in updates; by default the end of the schedule.

        Raises:
            Unresolved: a length is not in updates.
            InvalidArgument: the schedule has no end, so `until` is required.
        """
        planned = self.planned
        if until is None and planned.length is None:
            raise evaluation.breakpoints_without_end(str(self))
        end = ceil(planned.length) if until is None and planned.length is not None else until
        assert end is not None
        times = list(map(ceil, islice(planned.edges(0, end), _MAX_POINTS + 1)))
        if len(times) > _MAX_POINTS:
            raise evaluation.too_many_breakpoints(short_line(self), end, _MAX_POINTS)
        last = end if planned.length is None else min(end, ceil(planned.length))
        return tuple(sorted({0, last, *(time for time in times if 0 <= time <= end)}))

    # ---------------------------------------------------------------- operators and text

    def __rshift__(self, other: "Schedule | AbsoluteValue | str") -> "Schedule":
        return _combined_operands("sequence", self, _stage(other))

    def __rrshift__(self, other: str) -> "Schedule":
        return _combined_operands("sequence", _stage(other), self)

    def __mul__(self, other: "Schedule | float | AbsoluteValue") -> "Schedule":
        return _combined_operands("product", self, other)

    def __rmul__(self, other: float) -> "Schedule":
        return _combined_operands("product", other, self)

    def __add__(self, other: "Schedule | float | AbsoluteValue") -> "Schedule":
        return _combined_operands("sum", self, other)

    def __radd__(self, other: float | AbsoluteValue) -> "Schedule":
        return _combined_operands("sum", other, self)

    def __sub__(self, other: "Schedule | float | AbsoluteValue") -> "Schedule":
        return _combined_operands("difference", self, other)

    def __rsub__(self, other: float | AbsoluteValue) -> "Schedule":
        return _combined_operands("difference", other, self)

    def __truediv__(self, divisor: float) -> "Schedule":
        return _combined_operands("quotient", self, divisor)

    def __rtruediv__(self, number: float) -> "Schedule":
        return _combined_operands("reciprocal", number, self)

    def __pow__(self, exponent: float) -> "Schedule":
        return _combined_operands("power", self, exponent)

    def __neg__(self) -> "Schedule":
        return _combined_operands("negative", self)

    if not TYPE_CHECKING:  # hidden, so that type checkers reject these operators

        def _refuse_operator(self, other: object) -> NoReturn:
            """Reject `a | b`, which was meant to be `a >> b`."""
            second = str(other) if isinstance(other, Schedule) else shown(other)
            raise messages.joined_by_another_operator(short_line(self), second[:80])

        def _refuse_comparison(self, other: object) -> NoReturn:
            """Reject `a > b`, which was meant to be `a >> b`, and `max(b, a)`, which compares them."""
            if not isinstance(other, Schedule):
                self._refuse_operator(other)
            raise messages.schedules_compared(short_line(self), short_line(other))

        __or__ = __and__ = _refuse_operator
        __gt__ = __ge__ = _refuse_comparison

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        return isinstance(other, Schedule) and self.shape is other.shape and self.args == other.args

    @cached_property
    def _hash(self) -> int:
        return hash((self.kind, *self.args.values()))

    def __hash__(self) -> int:
        return self._hash

    def __reduce__(self) -> Reduced:
        reduced: Reduced = load_entry("pickles of schedules").reduced(self)
        return reduced

    def __copy__(self) -> "Schedule":
        return self

    def __deepcopy__(self, memo: object) -> "Schedule":
        return self

    @cached_property
    def _text(self) -> str:
        shape = self.shape
        return shape.text(self) if shape.text is not None else write_call(shape.name, shape.params, self.args)

    def __str__(self) -> str:
        """Return the one-line text, which `ps.parse` reads."""
        return self._text

    __repr__ = text_on_screen


def _combined_operands(name: str, *operands: object) -> Schedule:
    try:
        result: Schedule = combine_operands(name, *operands)  # or NotImplemented, which Python expects from an operator
    except ParamschedError as error:
        raise shortened(error)  # noqa: B904  # the same error
    return result


def _stage(operand: object) -> object:
    """Return an operand of `>>`; a text is the line of a schedule."""
    return _combined_operands("text", operand) if isinstance(operand, str) else operand


def _leaves_of(items: tuple[Any, ...]) -> Iterator[object]:
    for item in items:
        if isinstance(item, tuple):
            yield from _leaves_of(item)
        else:
            yield item


def _concatenated(tuples: list[tuple[Any, ...]]) -> tuple[Any, ...]:
    """Return the items of all tuples. Joined in pairs, because `+` of two tuples is the fastest copy of a long one."""
    while len(tuples) > 1:
        pairs = [first + second for first, second in zip(tuples[::2], tuples[1::2], strict=False)]
        tuples = pairs if len(tuples) % 2 == 0 else [*pairs, tuples[-1]]
    return tuples[0] if tuples else ()


def _changed(value: Any, change: Callable[[Any], Any]) -> Any:
    if isinstance(value, tuple):
        items = tuple(_changed(element, change) for element in value)
        return value if all(map(is_, items, value)) else items
    return change(value)


def _lengths_in(schedule: Schedule) -> Iterator[Duration]:
    """Yield the lengths in a schedule, without those of other runs for which a part is planned."""
    for name, value in schedule.args.items():
        for leaf in _leaves_of((value,)):
            if isinstance(leaf, Schedule):
                yield from _lengths_in(leaf)
            elif isinstance(leaf, Duration) and schedule.shape.roles.get(name) != "run":
                yield leaf


def _other_runs_in(schedule: Schedule) -> Iterator[Duration]:
    """Yield the lengths of other runs for which parts of a schedule are planned."""
    for name, role in schedule.shape.roles.items():
        if role == "run" and schedule.args[name] is not None:
            yield schedule.args[name]
    for inner in schedule.parts():
        yield from _other_runs_in(inner)


def schedules_inside(schedule: Schedule) -> Iterator[Schedule]:
    """Yield a schedule and every schedule inside it, recursively."""
    yield schedule
    for inner in schedule.parts():
        yield from schedules_inside(inner)


def parts_inside(value: Any) -> tuple[Any, ...]:
    """Return the schedules and the lengths in a schedule, recursively, without numbers and text."""
    return tuple(part for part in values_inside(value) if isinstance(part, (Schedule, Duration)))


def values_inside(value: Any) -> Iterator[Any]:
    """Yield a value and, if it is a tuple or a schedule, every value inside it, recursively."""
    yield value
    if isinstance(value, (tuple, Schedule)):
        for item in value.args.values() if isinstance(value, Schedule) else value:
            yield from values_inside(item)


def durations_in(value: Any) -> Iterator[Duration]:
    """Yield every length in a schedule; for a function, yield the length of one of its steps.

    >>> from paramsched.core.schedules.anneals import warmup
    >>> [str(length) for length in durations_in(warmup("5 epochs"))]
    ['5 epochs']
    """
    yield from lengths_among(values_inside(value))


def lengths_among(values: Iterable[Any]) -> Iterator[Duration]:
    """Yield the lengths that `durations_in` yields, of a schedule whose parts are known."""
    for value in values:
        if isinstance(value, Duration):
            yield value
        elif isinstance(value, Schedule) and value.shape.function is not None and "start" not in value.args:
            yield Duration.of("1 step")  # what a function of updates counts


def is_kind(value: object, *kinds: str) -> TypeGuard[Schedule]:
    """Return whether a value is a schedule of one of these kinds.

    >>> from paramsched.core.schedules.anneals import cosine
    >>> is_kind(cosine(), "anneal", "warmup"), is_kind(0.5, "anneal")
    (True, False)
    """
    return isinstance(value, Schedule) and value.kind in kinds


# ---------------------------------------------------------------- arguments that are schedules

_MOST_WRITTEN: Final = 10**40  # integers below it are written with all digits in a message


def schedule_of(value: object, site: str | Callable[[], str]) -> Schedule:
    """Return a schedule; or a finite number, `absolute(x)` or `0.5 + absolute(x)` as a constant.

    Args:
        site: the call that an error names, or a function that returns the call, if formatting it is expensive.
    """
    if isinstance(value, Schedule):
        if value.metric_rules:
            raise messages.rule_in_a_part(_text_of(site), value, value.metric_rules[0])
        if value.depth >= MOST_NESTED:
            raise messages.nested_too_deep(short_line(value), MOST_NESTED)
        return value
    if isinstance(value, AbsoluteValue) or is_real_number(value):
        level: Schedule = SHAPES["constant"](value)
        return level
    name = getattr(value, "__name__", "")
    if name in SHAPES and SHAPES[name] is value:
        raise messages.shape_without_call(_text_of(site), name, example_call(SHAPES[name], name))
    if callable(value) and not isinstance(value, type):
        raise messages.function_in_place_of_schedule(_text_of(site), value)
    raise messages.not_a_schedule(_text_of(site), value)


def _text_of(site: str | Callable[[], str]) -> str:
    return site() if callable(site) else site


def line_of(value: object, site: str | Callable[[], str]) -> Schedule:
    """Return the schedule of an entire line, as `schedule_of` does, but refuse a number other than 0 and 1.

    `weight_decay: 0.1` could be the value 0.1 or a tenth of base. 0 is the same as both, and 1 is
    `constant()`, because the value 1 beside a base is never meant.
    """
    schedule = schedule_of(value, site)
    if is_real_number(value) and value not in (0, 1):
        number: Any = value
        text = str(number) if isinstance(number, int) and abs(number) < _MOST_WRITTEN else repr(float(number))
        raise messages.number_alone(_text_of(site), text)
    return schedule


def curve_argument(name: str, curve: Any) -> Curve:
    """Check a curve argument. A schedule is rejected: it is callable too, but takes a time, not a progress."""
    if isinstance(curve, Schedule):
        raise messages.schedule_in_place_of_curve(name, curve)
    return curve_of(curve)
