"""TrainerPlaceholderValues: what only a Trainer knows, named before there is one, with arithmetic."""

import ast
import operator
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from math import isfinite
from numbers import Real
from typing import Any, NoReturn, TypeAlias, TypeGuard, final

from paramsched.errors import InvalidArgument

OPERATION_OF_SIGN: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
}


class PlaceholderArithmetic:
    """`+ - * / //` with numbers and placeholders on both sides; anything that needs the number itself is refused."""

    def __add__(self, other: object) -> "Expression":
        return _placeholder_expression("+", self, other)

    def __radd__(self, other: object) -> "Expression":
        return _placeholder_expression("+", other, self)

    def __sub__(self, other: object) -> "Expression":
        return _placeholder_expression("-", self, other)

    def __rsub__(self, other: object) -> "Expression":
        return _placeholder_expression("-", other, self)

    def __mul__(self, other: object) -> "Expression":
        return _placeholder_expression("*", self, other)

    def __rmul__(self, other: object) -> "Expression":
        return _placeholder_expression("*", other, self)

    def __truediv__(self, other: object) -> "Expression":
        return _placeholder_expression("/", self, other)

    def __rtruediv__(self, other: object) -> "Expression":
        return _placeholder_expression("/", other, self)

    def __floordiv__(self, other: object) -> "Expression":
        return _placeholder_expression("//", self, other)

    def __rfloordiv__(self, other: object) -> "Expression":
        return _placeholder_expression("//", other, self)

    # Whoever compares or converts a placeholder got it unreplaced: torch's OneCycleLR does, and so do our constructors.
    def __lt__(self, other: object) -> NoReturn:
        raise unreplaced_error(self)

    __le__ = __gt__ = __ge__ = __lt__

    def __int__(self) -> NoReturn:
        raise unreplaced_error(self)

    __float__ = __index__ = __int__


@final
class TrainerPlaceholderValues(PlaceholderArithmetic, Enum):
    """Names of numbers that a pytorch-accelerated Trainer puts in when training starts.

    `.value` is the expression the library's own Trainer evaluates, so these work inside it.

    With several processes `NUM_UPDATE_STEPS_PER_EPOCH` counts the batches of all of them; what one process steps is
    `PER_PROCESS_NUM_UPDATE_STEPS_PER_EPOCH`.

    Differs from pytorch-accelerated: arithmetic keeps its precedence, works on both sides and between placeholders
    (row 11 of `docs/compat/divergences.md`).

    >>> updates = TrainerPlaceholderValues.NUM_EPOCHS * TrainerPlaceholderValues.TRAIN_DATALOADER_LEN
    >>> updates.value
    '(trainer.run_config.num_epochs * len(trainer._train_dataloader))'
    """

    NUM_EPOCHS = "trainer.run_config.num_epochs"
    NUM_UPDATE_STEPS_PER_EPOCH = "trainer.run_config.num_update_steps_per_epoch"
    PER_PROCESS_NUM_UPDATE_STEPS_PER_EPOCH = "trainer.run_config.num_local_update_steps_per_epoch"
    TRAIN_DATALOADER_LEN = "len(trainer._train_dataloader)"
    EVAL_DATALOADER_LEN = "len(trainer._eval_dataloader)"

    @classmethod
    def placeholder_set(cls) -> set[str]:
        """The names of all placeholders."""
        return {placeholder.name for placeholder in cls}


@final
@dataclass(frozen=True, slots=True)
class Expression(PlaceholderArithmetic):
    """Placeholders and numbers joined by one operator.

    To a Trainer of the library it looks like a placeholder: `name` is that of the first one in it, `value` the text.
    """

    sign: str
    left: "Operand"
    right: "Operand"

    @property
    def name(self) -> str:
        return self.right.name if isinstance(self.left, (int, float)) else self.left.name  # type: ignore[union-attr]  # one of the two is no number

    @property
    def value(self) -> str:
        return f"({_operand_text(self.left)} {self.sign} {_operand_text(self.right)})"


Placeholder: TypeAlias = TrainerPlaceholderValues | Expression
"""A number that only a Trainer knows."""

Operand: TypeAlias = Placeholder | float


def unreplaced_error(placeholder: object, asked: str = "") -> InvalidArgument:
    """The error for a placeholder that is used as the number it stands for."""
    text = getattr(placeholder, "value", placeholder)
    name = getattr(placeholder, "name", "a placeholder")
    return InvalidArgument(
        asked or f"TrainerPlaceholderValues.{name}",
        f"{name} is a placeholder for {text}, and no Trainer has replaced it",
        "Pass the function to Trainer.train(create_scheduler_fn=…), as a partial with keywords, or write the number",
    )


def is_library_placeholder(value: object) -> TypeGuard[Enum]:
    """Whether `value` is a placeholder of pytorch-accelerated itself, which is not imported for that."""
    kind = type(value)
    return (
        isinstance(value, Enum)
        and kind.__name__ == "TrainerPlaceholderValues"
        and kind.__module__.split(".")[0] == "pytorch_accelerated"
    )


def read_placeholder(text: str) -> Operand:
    """The placeholder that a library's own `.value` says; nothing is evaluated.

    Raises:
        InvalidArgument: anything but placeholders and numbers joined by `+ - * / //`.
    """
    return _placeholder_of_node(ast.parse(text, mode="eval").body)


def _placeholder_of_node(node: ast.expr) -> Operand:
    """The placeholder or number that a part of the text says."""
    source = ast.unparse(node)
    if source in _PLACEHOLDER_OF_TEXT:
        return _PLACEHOLDER_OF_TEXT[source]
    match node:
        case ast.BinOp(left=left, op=sign, right=right) if type(sign) in _SIGN_OF_NODE:
            return Expression(_SIGN_OF_NODE[type(sign)], _placeholder_of_node(left), _placeholder_of_node(right))
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as number)):
            return -number
        case ast.Constant(value=int() | float() as number):
            return number
    raise InvalidArgument(
        f"placeholder {source}",
        "neither a placeholder nor a number",
        "Write TrainerPlaceholderValues.NUM_EPOCHS * 2, say",
    )


_SIGN_OF_NODE: dict[type[ast.operator], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.FloorDiv: "//",
}
# By its value, and by how the library's arithmetic prints a second placeholder.
_PLACEHOLDER_OF_TEXT: dict[str, Operand] = {
    text: placeholder for placeholder in TrainerPlaceholderValues for text in (placeholder.value, str(placeholder))
}


def _placeholder_expression(sign: str, left: object, right: object) -> Expression:
    first, second = _operand_or_none(left), _operand_or_none(right)
    if first is None or second is None:
        return NotImplemented  # type: ignore[no-any-return]  # how an operator passes
    return Expression(sign, first, second)


def _operand_or_none(value: object) -> Operand | None:
    """A placeholder or a finite number as it stands in an expression; None for anything else."""
    if isinstance(value, (TrainerPlaceholderValues, Expression)):
        return value
    if is_library_placeholder(value):
        return read_placeholder(value.value)
    if not isinstance(value, Real) or isinstance(value, bool) or not isfinite(value):
        return None
    number = float(value)
    return int(number) if number.is_integer() else number


def _operand_text(value: Operand) -> str:
    return repr(value) if isinstance(value, (int, float)) else str(value.value)
