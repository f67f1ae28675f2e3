"""TrainerPlaceholderValues: placeholders for numbers that only a Trainer knows, and their replacement."""

import ast
import operator
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from functools import partial
from math import isfinite
from numbers import Real
from operator import attrgetter
from typing import Any, NoReturn, TypeAlias, TypeGuard, final

from paramsched.base.pickles import Reduced, pickled, restores
from paramsched.core.calls.number_checks import finite_number, whole_number
from paramsched.errors import AssertedArgument, InvalidArgument

_OPERATIONS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
}
_Operator: TypeAlias = Callable[[Any, object], "Expression"]


_PUBLIC_NAME = "compat.pytorch_accelerated.TrainerPlaceholderValues"  # of the classes of this module, in pickles


def _operators(sign: str) -> tuple[_Operator, _Operator]:
    """Return the two methods of an operator, such as `__add__` and `__radd__`."""

    def expression(left: object, right: object) -> "Expression":
        first = _operand_text(left)
        second = _operand_text(right)
        if first is None or second is None:
            return NotImplemented  # type: ignore[no-any-return]  # Python then tries the operator of the other operand
        return Expression(getattr(left, "name", "") or right.name, f"({first} {sign} {second})")  # type: ignore[attr-defined]  # at least one operand is not a number

    return expression, lambda right, left: expression(left, right)


class PlaceholderArithmetic:
    """Operators `+ - * / //` with numbers and placeholders; operations that need the number itself raise an error."""

    __add__, __radd__ = _operators("+")
    __sub__, __rsub__ = _operators("-")
    __mul__, __rmul__ = _operators("*")
    __truediv__, __rtruediv__ = _operators("/")
    __floordiv__, __rfloordiv__ = _operators("//")

    # A comparison or conversion, such as that in torch's OneCycleLR, means that the placeholder was not replaced.
    def __lt__(self, other: object) -> NoReturn:
        raise _unreplaced_error(self)

    __le__ = __lt__
    __gt__ = __lt__
    __ge__ = __lt__

    def __int__(self) -> NoReturn:
        raise _unreplaced_error(self)

    __float__ = __int__
    __index__ = __int__


@final
class TrainerPlaceholderValues(PlaceholderArithmetic, Enum):
    """Placeholders for numbers that a pytorch-accelerated Trainer fills in when training starts.

    `.value` is the expression that the library's own Trainer evaluates, so the placeholders also work there.

    With several processes `NUM_UPDATE_STEPS_PER_EPOCH` counts the batches of all processes. The updates of one process
    are `PER_PROCESS_NUM_UPDATE_STEPS_PER_EPOCH`.

    Differs from pytorch-accelerated: arithmetic respects precedence, and works on both sides and between placeholders
    (docs/reference/divergences.md).

    >>> length = TrainerPlaceholderValues.TRAIN_DATALOADER_LEN
    >>> (TrainerPlaceholderValues.NUM_EPOCHS * length).value
    '(trainer.run_config.num_epochs * len(trainer._train_dataloader))'
    """

    NUM_EPOCHS = "trainer.run_config.num_epochs"
    NUM_UPDATE_STEPS_PER_EPOCH = "trainer.run_config.num_update_steps_per_epoch"
    PER_PROCESS_NUM_UPDATE_STEPS_PER_EPOCH = "trainer.run_config.num_local_update_steps_per_epoch"
    TRAIN_DATALOADER_LEN = "len(trainer._train_dataloader)"
    EVAL_DATALOADER_LEN = "len(trainer._eval_dataloader)"

    def __reduce_ex__(self, protocol: object) -> Reduced:
        return pickled(_PUBLIC_NAME, self.name)

    @classmethod
    def placeholder_set(cls) -> set[str]:
        """Return the names of all placeholders."""
        return {placeholder.name for placeholder in cls}


@final
@dataclass(frozen=True, slots=True)
class Expression(PlaceholderArithmetic):
    """Placeholders and numbers, joined by operators.

    A Trainer of pytorch-accelerated treats an expression as a placeholder.

    Args:
        name: the name of the first placeholder in it.
        value: the text of the expression.
    """

    name: str
    value: str

    def __reduce__(self) -> Reduced:
        return pickled(_PUBLIC_NAME, self.name, self.value)


@restores(_PUBLIC_NAME)
def _restored(name: str, value: str | None = None) -> "Placeholder":
    return TrainerPlaceholderValues[name] if value is None else Expression(name, value)


Placeholder: TypeAlias = TrainerPlaceholderValues | Expression
"""A placeholder, or an expression of placeholders."""


def _unreplaced_error(placeholder: object, site: str = "") -> InvalidArgument:
    """Return the error for a placeholder that is used as a number."""
    text = getattr(placeholder, "value", placeholder)
    name = getattr(placeholder, "name", "a placeholder")
    return InvalidArgument(
        site or f"TrainerPlaceholderValues.{name}",
        f"{name} is a placeholder for {text}, but no Trainer has replaced it",
        "Pass the function to Trainer.train(create_scheduler_fn=…), as a partial with keywords, or write the number",
    )


def _is_library_placeholder(value: object) -> TypeGuard[Enum]:
    """Return whether `value` is a placeholder of pytorch-accelerated itself."""
    cls = type(value)
    is_of_library = cls.__name__ == "TrainerPlaceholderValues" and cls.__module__.split(".")[0] == "pytorch_accelerated"
    return isinstance(value, Enum) and is_of_library


def _operand_text(value: object) -> str | None:
    """Return the text of a placeholder or of a finite number; None if `value` is neither."""
    if isinstance(value, (TrainerPlaceholderValues, Expression)):
        return value.value
    if _is_library_placeholder(value):
        text = value.value
        for placeholder in TrainerPlaceholderValues:  # the library's arithmetic prints the name of a second placeholder
            text = text.replace(str(placeholder), placeholder.value)
        return f"({text})"
    if not isinstance(value, Real) or isinstance(value, bool) or not isfinite(value):
        return None
    number = float(value)
    return repr(int(number) if number.is_integer() else number)


def replace_trainer_placeholder_values(trainer: Any, instance: Any) -> Any:
    """Replace the placeholders in the arguments of a partial with the trainer's numbers.

    Objects that are not a partial are returned unchanged, and so are arguments that are not placeholders.

    Differs from pytorch-accelerated: `eval` is not used, and positional placeholders are replaced too
    (docs/reference/divergences.md).

    >>> from types import SimpleNamespace
    >>> trainer = SimpleNamespace(run_config=SimpleNamespace(num_epochs=5))
    >>> updates = (TrainerPlaceholderValues.NUM_EPOCHS + 2) * 3
    >>> replace_trainer_placeholder_values(trainer, partial(print, updates))()
    21
    """
    if not isinstance(instance, partial):
        return instance
    arguments = (_replaced_argument(trainer, value) for value in instance.args)
    keywords = {name: _replaced_argument(trainer, value) for name, value in instance.keywords.items()}
    return partial(instance.func, *arguments, **keywords)


def require_no_placeholders(call: str, **arguments: object) -> None:
    """Raise an error if an argument is a placeholder, where a number is required."""
    for name, value in arguments.items():
        if isinstance(value, (TrainerPlaceholderValues, Expression)) or _is_library_placeholder(value):
            raise _unreplaced_error(value, f"{call}({name}=…)")


def _replaced_argument(trainer: Any, value: Any) -> Any:
    """Return an argument with its placeholders replaced by the trainer's numbers."""
    text = None if isinstance(value, Real) else _operand_text(value)
    return value if text is None else _number_of(ast.parse(text, mode="eval").body, trainer)


def _number_of(node: ast.expr, trainer: Any) -> Any:
    """Return the value of an expression of a trainer's numbers, without `eval`."""
    source = ast.unparse(node)
    if any(source == placeholder.value for placeholder in TrainerPlaceholderValues):
        attribute = attrgetter(source.removeprefix("len(").removesuffix(")").removeprefix("trainer."))(trainer)
        return len(attribute) if source.startswith("len(") else attribute
    match node:
        case ast.BinOp(left=left, op=sign, right=right) if type(sign) in _OPERATIONS:
            return _OPERATIONS[type(sign)](_number_of(left, trainer), _number_of(right, trainer))
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as number)):
            return -number
        case ast.Constant(value=int() | float() as number):
            return number
    raise InvalidArgument(
        f"placeholder {source}",
        "expected a placeholder or a number",
        "For example: TrainerPlaceholderValues.NUM_EPOCHS * 2",
    )


def require_positive_count(site: str, amount: float, times: float = 1) -> int:
    """Return `amount * times` as a number of updates; raise an error unless it is a positive integer."""
    if not (amount > 0 and times > 0):
        product = f"{amount!r} times {times!r} updates" if times != 1 else f"{amount!r} updates"
        raise AssertedArgument(site, f"the length must be greater than 0, got {product}", "For example: 10")
    return whole_number(f"{site}: updates", amount * times)


def require_at_least_0(site: str, number: float, high: float | None = None) -> float:
    """Return `number`; raise an error unless it is finite, at least 0 and at most `high`."""
    value = finite_number(site, number)
    if value < 0 or (high is not None and value > high):
        bounds = "it must not be negative" if high is None else f"it must be between 0 and {high!r}"
        raise AssertedArgument(f"{site} got {number!r}", bounds, "For example: 0.1")
    return number
