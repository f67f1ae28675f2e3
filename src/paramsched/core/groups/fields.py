"""Fields: the entries of a parameter group that can be scheduled."""

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from numbers import Real
from typing import Any, TypeAlias, final

from paramsched.base.words import KNOWN as KNOWN
from paramsched.base.words import closest
from paramsched.core.groups import messages
from paramsched.errors import InvalidArgument, PlanError

Group: TypeAlias = Mapping[str, Any]
"""A parameter group: a dict of a torch optimizer's `param_groups`, or any other mapping."""

PAIRS = ("betas", "etas", "step_sizes")
"""The fields in `KNOWN` whose values are tuples."""

KNOWN_ELSEWHERE = (
    *("beta3", "d0", "d_coef", "growth_rate", "k", "prodigy_steps", "r", "weight_lr_power", "warmup_steps"),
    *("clip_threshold", "decay_rate", "final_lr", "gamma", "hessian_power", "lr_scale", "max_grad_norm"),
    *("ns_steps", "precondition_frequency", "scale", "shampoo_beta", "trust_coefficient", "update_proj_gap"),
    *("accumulation", "batch_size", "frames_per_step", "sequence_length", "tokens_per_step"),
)
"""Entries of other optimizers that are often scheduled, and run facts that a plan may schedule."""

ELSEWHERE = {
    **dict.fromkeys(("learning_rate", "learningrate", "lrate"), "lr"),
    **dict.fromkeys(("adam_beta1", "beta1", "beta_1"), "betas[0]"),
    **dict.fromkeys(("adam_beta2", "beta2", "beta_2"), "betas[1]"),
    **dict.fromkeys(("adam_epsilon", "epsilon"), "eps"),
    "mom": "momentum",
    "wd": "weight_decay",
}
"""A dict from names in other libraries to the fields of torch's optimizers."""

_NAME = re.compile(r"(?P<key>[A-Za-z_][A-Za-z0-9_]*)(?:\[(?P<index>[0-9]{1,4})\])?")
RECORD = "paramsched"
"""The key in a parameter group for the bases of its scheduled fields and, in the first group, the record of the run."""


def _field_and_group(name: str) -> tuple[str, str] | None:
    """Return the field and the group of a name such as `lr[head]` or `head.lr`; None if it is another text."""
    words = re.findall(r"\w+", name)
    fields = [word for word in words if word in KNOWN and word not in PAIRS]
    if not fields or len(words) != 2:
        return None
    return fields[0], words[1 - words.index(fields[0])]


def _refused_name(name: object) -> InvalidArgument:
    """Return the error for a value that is not the name of a field."""
    text = str(name)
    if "(" in text:
        return messages.schedule_in_place_of_field(name)
    field_and_group = _field_and_group(text)
    if field_and_group is None:
        return messages.not_a_field_name(name)
    return messages.field_of_one_group(name, *field_and_group)


def is_own(key: object) -> bool:
    """Return whether the key of an entry in a parameter group is one of paramsched's."""
    return isinstance(key, str) and (key == RECORD or key.startswith(f"{RECORD}_"))


@final
@dataclass(frozen=True, slots=True, order=True)
class Field:
    """An entry of a parameter group, or one element of a tuple in it: `lr`, `betas[0]`.

    Args:
        key: the key of the entry.
        index: the index of the element; None for the entry itself.

    >>> str(Field.of("betas[0]")), Field.of("betas[0]").slot
    ('betas[0]', 'betas_0')
    """

    key: str
    index: int | None

    @staticmethod
    def of(name: str) -> "Field":
        """Return the field with a name such as `lr` or `betas[0]`.

        Raises:
            InvalidArgument: `name` is not the name of a field, or the field is not a hyperparameter.
        """
        match = _NAME.fullmatch(name) if isinstance(name, str) else None
        if match is None:
            raise _refused_name(name)
        key = match["key"]
        if key == "params" or is_own(key):
            raise messages.not_a_hyperparameter(name)
        return Field(key, None if match["index"] is None else int(match["index"]))

    @property
    def slot(self) -> str:
        """The name without brackets, for keys of a parameter group: `betas_0`."""
        return self.key if self.index is None else f"{self.key}_{self.index}"

    def fill(self, group: dict[str, Any], value: float) -> None:
        """Write a value into a group. A missing entry is created; missing elements of a tuple become 1."""
        if self.index is None:
            group[self.key] = value
            return
        row = list(group.get(self.key, ()))
        row += [1.0] * (self.index + 1 - len(row))
        row[self.index] = value
        group[self.key] = tuple(row)

    def __str__(self) -> str:
        return self.key if self.index is None else f"{self.key}[{self.index}]"

    def within(self, group: Group, where: str) -> "Field":
        """Check that `group` contains this field, and return it.

        For `momentum` in a group that has `betas` but no `momentum`, return `betas[0]`.

        Args:
            group: the parameter group.
            where: a description of the group, for messages.

        Raises:
            UnknownField: the group has no such entry.
            PlanError: the entry is not a number, or the index does not fit.
        """
        if self.key == "momentum" and self.index is None and "momentum" not in group and "betas" in group:
            return Field("betas", 0).within(group, where)
        if self.key not in group:
            raise self._absent_from(group, where)
        entry = group[self.key]
        is_tuple = isinstance(entry, (tuple, list))
        if self.index is None:
            if is_tuple:
                raise messages.not_a_single_number(str(self), where, entry)
            numbers = [entry]
        else:
            if not is_tuple:
                raise messages.not_a_tuple(str(self), where, self.key, entry, is_number=is_number(entry))
            if self.index >= len(entry):
                raise messages.index_too_large(str(self), where, self.key, entry)
            numbers = entry
        for number in numbers:
            if not is_number(number):
                raise self._not_a_number(number, group, where)
        return self

    def _absent_from(self, group: Group, where: str) -> PlanError:
        """Return the error for a group without this field."""
        if self.index is not None and str(self) in group:
            corrected_group: dict[str, Any] = {}
            self.fill(corrected_group, group[str(self)])
            return messages.element_is_an_entry(str(self), where, self.key, corrected_group)
        names = numeric(group)
        if not names:
            return messages.group_without_numbers(str(self), where, self.key, is_tuple=self.index is not None)
        elsewhere = ELSEWHERE.get(self.key)
        meant = elsewhere if elsewhere in names else closest(str(self), names)
        if meant is not None:
            return messages.misspelled_field(str(self), where, meant, names)
        if self.index is not None:  # a name of a target has no index
            return messages.unknown_element(str(self), where, names)
        return messages.unknown_field(str(self), where, names)

    def _not_a_number(self, value: Any, group: Group, where: str) -> PlanError:
        """Return the error for a value of this field that is not a number."""
        if getattr(value, "ndim", 0):
            return messages.several_numbers(str(self), where, self.key, value)
        if self.key == "lr" and group["lr"] is None:  # Adafactor computes its own, unless these are off
            options = [name for name in ("relative_step", "warmup_init") if group.get(name)]
            return messages.no_rate_yet(str(self), where, options)
        names = numeric(group)
        if names:
            return messages.entry_is_not_a_number(str(self), where, value, names)
        return messages.only_entry_is_not_a_number(str(self), where, value, self.key, is_tuple=self.index is not None)

    def read(self, group: Group) -> Any:
        """Return the current value of this field in `group`: a number or a tensor."""
        entry = group[self.key]
        return entry if self.index is None else entry[self.index]

    def base(self, group: Group) -> float:
        """Return the base of this field: the one that a plan recorded in `group`, else the current value in `group`.

        Raises:
            PlanError: the value is not a finite real number.
        """
        recorded = recorded_base(group, self.slot)
        return base_of(str(self), self.read(group) if recorded is None else recorded)


def recorded_base(group: Group, slot: str) -> Any:
    """Return the base that a plan recorded in a group for the field with this `slot`; None if there is none."""
    return recorded_bases(group).get(slot)


def recorded_bases(group: Group) -> dict[str, Any]:
    """Return the dict from `Field.slot` to base that a plan recorded in `group`; empty if it is missing or invalid."""
    entry = entry_of(group)
    bases = entry.get("bases") if isinstance(entry, dict) else None
    return bases if isinstance(bases, dict) else {}


def entry_of(group: Group) -> Any:
    """Return what paramsched's entry in a group contains; None if it is missing or no JSON. It must not be changed."""
    text = group.get(RECORD)
    return json_or_none(text) if isinstance(text, str) else None


@lru_cache(maxsize=16)
def json_or_none(text: str) -> Any:
    """Parse JSON; return None if it is not valid, as in a damaged checkpoint. The result must not be changed."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def base_of(site: str, value: Any) -> float:
    """Convert a value to the base of a field.

    Args:
        site: the field and its location, for messages.
        value: a number, or a tensor of one element.

    Raises:
        PlanError: the value is not a finite real number.
    """
    if isinstance(value, complex) or "complex" in str(getattr(value, "dtype", "")):
        raise messages.complex_base(site, value)
    try:
        if isinstance(value, (bool, str, bytes)):
            raise TypeError
        base = float(value)
    except (TypeError, ValueError, RuntimeError):  # torch raises a RuntimeError for a tensor without data
        raise messages.base_is_not_a_number(site, value) from None
    except OverflowError:  # an integer of more than 308 digits
        base = math.inf
    if not math.isfinite(base):
        raise messages.base_is_not_finite(site, base)
    return base


def is_number(value: object) -> bool:
    """Return whether a value is a number: of Python or NumPy, or a 0-d tensor. A bool or text is not a number."""
    if isinstance(value, (bool, str, bytes)) or value is None:
        return False
    if isinstance(value, Real):
        return True
    # By `ndim`, not by type: 0-d tensors of every library have `ndim` 0, and no other kind of value in a group does.
    dtype = str(getattr(value, "dtype", ""))
    return getattr(value, "ndim", None) == 0 and "bool" not in dtype and "complex" not in dtype


def finite_or_none(value: Any) -> float | None:
    """Convert any value to a float; return None if it is not a finite number."""
    if not is_number(value):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError, RuntimeError):
        return None
    return number if math.isfinite(number) else None


def numeric(group: Group) -> list[str]:
    """Return the names of the fields that can be scheduled in a group."""
    names: list[str] = []
    for key, entry in group.items():
        if not isinstance(key, str) or key == "params" or is_own(key):
            continue
        if isinstance(entry, (tuple, list)):
            names += [f"{key}[{i}]" for i, item in enumerate(entry) if is_number(item)]
        elif is_number(entry):
            names.append(key)
    return names


def label(group: Group, index: int) -> str | int:
    """Return the name of a group, or its index if it has no name."""
    name = group.get("name")
    return name if isinstance(name, str) and name else index


def is_field_name(name: str) -> bool:
    """Return whether a text may be the name of a field.

    >>> is_field_name("betas[0]"), is_field_name("cosine()")
    (True, False)
    """
    return _NAME.fullmatch(name) is not None


def known_field(name: str) -> str | None:
    """Return the field of torch's optimizers that `name` misspells; None if `name` is a field or resembles none.

    >>> [known_field(name) for name in ("weight_decy", "LR", "wd", "betas1", "steps", "temperature")]
    ['weight_decay', 'lr', 'weight_decay', 'betas[0]', None, None]
    """
    field = Field.of(name)
    key = field.key
    if key in KNOWN or key in KNOWN_ELSEWHERE:
        return None
    elsewhere = ELSEWHERE.get(key.lower())
    if elsewhere not in (None, "lr"):  # an optimizer may have a field learning_rate
        return elsewhere
    letters = key.lower().replace("_", "")
    for name in KNOWN:
        if name.replace("_", "") == letters:
            return str(Field(name, field.index))
    near = closest(key, KNOWN)
    # Short names need a stricter test, because they resemble many others: "wd" and "d", "steps" and "eps".
    is_slip = near is not None and len(near) > 1 and abs(len(near) - len(key)) <= 1
    is_long = near is not None and len(near) >= 4 and near[0] == key[0].lower()
    if not (is_slip or is_long):
        return None
    if near not in PAIRS:
        return near
    index = int(key[-1] == "2") if field.index is None else field.index  # a number counts from 1, as in beta1
    return f"{near}[{index}]"


_REFUSED = re.compile(r"[^\w.-]")


def flat_name(name: str) -> str:
    """Return a name with each character replaced that some logger refuses in the name of a value."""
    return _REFUSED.sub("_", name)


def flat_groups(groups: Sequence[Any]) -> tuple[str, ...]:
    """Return the suffix of each group in the names of its logged values: `/` and the group's name or index.

    The index is used if the name is not unique, or consists of digits and dots only. A single group has no suffix.

    >>> flat_groups([{"name": "body"}, {"name": "the head"}, {}])
    ('/body', '/the_head', '/2')
    >>> flat_groups([{"name": "body"}])
    ('',)
    """
    if len(groups) == 1:
        return ("",)
    names = [flat_name(str(label(group, index))) for index, group in enumerate(groups)]
    return tuple(
        f"/{name}" if names.count(name) == 1 and re.search(r"[^\W\d]", name) else f"/{index}"
        for index, name in enumerate(names)
    )
