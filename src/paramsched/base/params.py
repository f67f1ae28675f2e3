"""The arguments of functions that users call, as data: their kinds, limits and printed signatures."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from types import NoneType, UnionType
from typing import (
    Annotated,
    Any,
    Final,
    Literal,
    Never,
    TypeAlias,
    TypeVar,
    Union,
    Unpack,
    final,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

# The names and the attributes are those of annotated-types, whose own classes work as well: a marker is any object with
# one of the attributes `gt`, `ge`, `lt` and `le`.


@final
@dataclass(frozen=True, slots=True)
class Gt:
    """Greater than a number."""

    gt: float


@final
@dataclass(frozen=True, slots=True)
class Ge:
    """At least a number."""

    ge: float


@final
@dataclass(frozen=True, slots=True)
class Le:
    """At most a number."""

    le: float


@final
@dataclass(frozen=True, slots=True)
class Example:
    """A valid value, for the line "For example"."""

    example: Any


@final
@dataclass(frozen=True, slots=True)
class Doc:
    """A description in a few words, as on a help page."""

    doc: str


Positive: TypeAlias = Annotated[float, Gt(0)]
"""A number greater than 0."""
Share: TypeAlias = Annotated[float, Gt(0), Le(1)]
"""A number above 0 and at most 1."""
Count: TypeAlias = Annotated[int, Ge(1)]
"""An integer of at least 1."""


_Class = TypeVar("_Class", bound=type)

_KINDS: Final[dict[type, str]] = {}
_PLAIN: Final[dict[Any, str]] = {float: "number", int: "count", str: "text", bool: "bool"}


def argument_kind(name: str) -> Callable[[_Class], _Class]:
    """Return a class decorator: arguments annotated with the class, alone or in a union, are of this kind."""

    def keep(decorated: _Class) -> _Class:
        _KINDS[decorated] = name
        return decorated

    return keep


@final
@dataclass(frozen=True)
class Param:
    """A parameter of a function.

    Args:
        name: its name.
        kind: schedule, rule, level, length, curve, number, count, text, choice, list, pairs, bool or any. A union of
            several kinds is "any", and the function checks the value.
        default: the default; `inspect.Parameter.empty` if it is required.
        form: how it is passed, as in `inspect.Parameter.kind`.
        none: True if None is allowed.
        meta: the markers of its annotation, such as `Gt(0)`.
        choices: the allowed values of a choice.
        items: the items of a list: one for a list of any length, one for each place of a pair.
        members: the kinds in a union of several, without functions and arrays, which no file contains.
    """

    name: str
    kind: str
    default: Any = inspect.Parameter.empty
    form: Any = inspect.Parameter.POSITIONAL_OR_KEYWORD
    none: bool = False
    meta: tuple[Any, ...] = ()
    choices: tuple[Any, ...] = ()
    items: "tuple[Param, ...]" = ()
    members: "tuple[Param, ...]" = ()

    @cached_property
    def required(self) -> bool:
        """True if a call must pass the argument."""
        return self.default is inspect.Parameter.empty and not self.several and not self.free

    @cached_property
    def several(self) -> bool:
        """True for `*operands`."""
        return self.form is inspect.Parameter.VAR_POSITIONAL

    @cached_property
    def free(self) -> bool:
        """True for `**arguments`."""
        return self.form is inspect.Parameter.VAR_KEYWORD

    @cached_property
    def check(self) -> Any:
        """The function of the marker that checks a value; None if no marker does."""
        return self.marker("check")

    @cached_property
    def gt(self) -> float | None:
        """The number that a value must be greater than; None if no marker says so."""
        bound: float | None = self.marker("gt")
        return bound

    def marker(self, name: str) -> Any:
        """Return the attribute of the marker that has it, such as `ge` or `example`; None if no marker has it."""
        values = (getattr(marker, name, None) for marker in self.meta)
        return next((value for value in values if value is not None), None)


@lru_cache(maxsize=1024)
def params_of(function: Callable[..., Any]) -> Mapping[str, Param]:
    """Return the parameters of a function by name.

    >>> from paramsched.base.params import Gt
    >>> def step(every: int, gamma: Annotated[float, Gt(0)] = 0.1) -> None: ...
    >>> params_of(step)["gamma"].kind, params_of(step)["gamma"].meta, params_of(step)["every"].required
    ('number', (Gt(gt=0),), True)
    """
    annotations = getattr(function, "__annotations__", {})
    if hasattr(function, "__signature__") and annotations.keys() - {"return"}:  # to read: its annotations are texts
        signature = inspect.signature(function)
        hints = get_type_hints(function, include_extras=True)
        return {
            name: _param(name, hints.get(name, Any), parameter.default, parameter.kind)
            for name, parameter in signature.parameters.items()
        }
    try:
        signature = inspect.signature(function, eval_str=True)
    except ValueError:  # a builtin class has no signature
        return {}
    except (NameError, SyntaxError, TypeError, AttributeError):  # the annotation can only be read by a type checker
        signature = inspect.signature(function)
    return {
        name: _param(name, parameter.annotation, parameter.default, parameter.kind)
        for name, parameter in signature.parameters.items()
    }


def _param(
    name: str, annotation: Any, default: Any = inspect.Parameter.empty, form: Any = inspect.Parameter.KEYWORD_ONLY
) -> Param:
    members = [member for member in union_members(annotation) if member is not NoneType]
    none = default is None or NoneType in union_members(annotation)
    meta = get_args(annotation)[1:] if get_origin(annotation) is Annotated else ()
    registered = _registered_kind(members)
    if registered is not None:
        return Param(name, registered, default, form, none, meta)
    if len(members) == 2:  # a list or a NumPy array
        members = [member for member in members if not _is_array(member)]
    if len(members) == 1:
        kind, choices, items = _kind_of_one(name, members[0])
        return Param(name, kind, default, form, none, meta, choices, items)
    choices = tuple(choice for member in members if get_origin(member) is Literal for choice in get_args(member))
    inner = tuple(_param("", member) for member in members if not _is_array(member) and not _is_function(member))
    return Param(name, "any", default, form, none, meta, choices, (), inner)


def _registered_kind(members: Sequence[Any]) -> str | None:
    """Return the kind of the first registered class that is a base of a member of a union; None if there is none."""
    for base, kind in _KINDS.items():
        if any(_is_subclass(member, base) for member in members):
            return kind
    return None


def _kind_of_one(name: str, annotation: Any) -> tuple[str, tuple[Any, ...], tuple[Param, ...]]:
    """Return the kind, the choices and the items of an annotation that is not a union."""
    if get_origin(annotation) is Literal:
        return "choice", get_args(annotation), ()
    items = item_annotations(annotation)
    if items is None:
        return _PLAIN.get(annotation, "any"), (), ()
    if len(items) == 2 and items[1] is ...:
        item = _param(name, items[0])
        return ("pairs" if len(item.items) > 1 else "list"), (), (item,)
    return "list", (), tuple(_param(name, item) for item in items)


def _is_subclass(annotation: Any, base: type) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, base)


def _is_array(annotation: Any) -> bool:
    array_class = get_origin(annotation) or annotation
    return isinstance(array_class, type) and array_class.__module__ == "numpy"


def _is_function(annotation: Any) -> bool:
    return Callable in (annotation, get_origin(annotation))


def union_members(annotation: Any) -> tuple[Any, ...]:
    """Return the members of a union; an annotation that is not a union is its only member."""
    if isinstance(annotation, type):  # most annotations, of which each import asks a thousand times
        return (annotation,)
    if type(annotation).__name__ == "TypeAliasType":  # a `type` statement, Python 3.12 or newer
        return union_members(annotation.__value__)
    if get_origin(annotation) is Annotated:
        return union_members(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return tuple(inner for member in get_args(annotation) for inner in union_members(member))
    return (annotation,)


def item_annotations(annotation: Any) -> tuple[Any, ...] | None:
    """Return the item annotations of a list: one per item, or (item, ...) for any length; None if it is not a list."""
    origin = get_origin(annotation)
    arguments = get_args(annotation)
    if isinstance(origin, type) and issubclass(origin, tuple):
        return arguments
    if isinstance(origin, type) and len(arguments) == 1 and issubclass(origin, Sequence):
        return (*arguments, ...)
    return (Any, ...) if annotation in (list, tuple) else None


@cache
def params_of_record(record: type) -> Mapping[str, Param]:
    """Return the entries of a TypedDict by name, as keywords whose default is None.

    >>> from typing import TypedDict
    >>> from paramsched.base.params import Doc, Ge
    >>> class Facts(TypedDict, total=False):
    ...     batch_size: Annotated[int | None, Ge(1), Doc("Samples per batch.")]
    >>> batch_size = params_of_record(Facts)["batch_size"]
    >>> batch_size.kind, batch_size.marker("ge"), batch_size.marker("doc")
    ('count', 1, 'Samples per batch.')
    """
    hints = get_type_hints(record, include_extras=True)
    return {name: _param(name, annotation, None) for name, annotation in hints.items()}


def required_names(function: Callable[..., Any]) -> tuple[str, ...]:
    """Return the names of the arguments that a call must pass; of `*operands`, it must pass at least one."""
    return tuple(name for name, param in params_of(function).items() if param.required or param.several)


_NAMES: dict[str, frozenset[Any]] = {}
"""The short name of each union that arguments have, such as `Level`; the largest union first."""

_Function = TypeVar("_Function", bound=Callable[..., Any])


def short_name(name: str, union: Any) -> None:
    """Write a union by its name in every signature that is made later. The module that defines the union calls this."""
    _NAMES[name] = frozenset(union_members(union))
    for union_name in sorted(_NAMES, key=lambda union_name: -len(_NAMES[union_name])):
        _NAMES[union_name] = _NAMES.pop(union_name)


@final
class _Text(str):
    """An annotation that is shown without quotes."""

    __slots__ = ()
    __repr__ = str.__str__


def readable(function: _Function, of: Callable[..., Any] | None = None) -> _Function:
    """Give a function a signature to read; its annotations stay as they are. Arguments of type `Never` are left out.

    Args:
        function: the function or method, or a class.
        of: the `__init__` of the class.
    """
    signature = inspect.signature(of or function)
    parameters: list[inspect.Parameter] = []
    for parameter in signature.parameters.values():
        facts = next(iter(get_args(parameter.annotation)), None) if get_origin(parameter.annotation) is Unpack else None
        if parameter.annotation is Never:  # it is there to answer a call of a wrong form
            continue
        if parameter.name == "self":
            # A class is called without it. inspect removes it from the signature of a bound method.
            parameters += [] if of is not None else [parameter]
        elif facts is not None and is_typeddict(facts):
            parameters += [
                inspect.Parameter(name, parameter.KEYWORD_ONLY, default=None, annotation=_Text(annotation_text(hint)))
                for name, hint in get_type_hints(facts).items()
            ]
        else:
            parameters.append(parameter.replace(annotation=_Text(annotation_text(parameter.annotation))))
    returns = signature.empty if of is not None else _Text(annotation_text(signature.return_annotation))
    function.__signature__ = inspect.Signature(parameters, return_annotation=returns)  # type: ignore[attr-defined]  # inspect reads it
    return function


def annotation_text(annotation: Any) -> str:
    """Return the short text of an annotation.

    >>> annotation_text(int | None), annotation_text(Literal["a", "b"]), annotation_text(list[int])
    ('int | None', '"a" | "b"', 'list[int]')
    """
    if get_origin(annotation) is Annotated:
        return annotation_text(get_args(annotation)[0])
    if isinstance(annotation, str):
        return annotation
    members = list(union_members(annotation))
    words = list[str]()
    for name, union in _NAMES.items():
        if not union.isdisjoint(members) and union <= {*members}:
            words.append(name)
            members = [member for member in members if member not in union]
    words += [_text_of_one(member) for member in members if member not in (None, NoneType)]
    return " | ".join(words + ["None"] * any(member in (None, NoneType) for member in members))


def _text_of_one(annotation: Any) -> str:
    """Return the text of an annotation that is not a union."""
    if annotation is ...:
        return "..."
    if isinstance(annotation, list):  # the arguments of a Callable
        return f"[{', '.join(map(annotation_text, annotation))}]"
    arguments = get_args(annotation)
    if get_origin(annotation) is Literal:
        return " | ".join(f'"{choice}"' for choice in arguments)
    name = getattr(annotation, "__name__", None) or str(annotation).rpartition(".")[2]
    if not arguments:
        return name
    inner = (
        _text_of_one(each) if each is ... or isinstance(each, list) else annotation_text(each) for each in arguments
    )
    return f"{name}[{', '.join(inner)}]"
