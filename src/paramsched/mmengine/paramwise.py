"""The groups that `paramwise_cfg` of a config makes, as far as they are known without the model."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, final

from paramsched.base import codes
from paramsched.base.problem_collector import ProblemCollector, short_json, type_name_of
from paramsched.base.words import child_path
from paramsched.core.groups.fields import is_number
from paramsched.core.plan import shown_names
from paramsched.mmengine.registry import bare_class_name

_CONSTRUCTOR: Final = "DefaultOptimWrapperConstructor"
_LR_FACTORS: Final = ("bias_lr_mult", "dcn_offset_lr_mult")
_DECAY_FACTORS: Final = ("norm_decay_mult", "bias_decay_mult", "dwconv_decay_mult", "flat_decay_mult")
_NEEDS_DECAY: Final = ("bias_decay_mult", "norm_decay_mult", "dwconv_decay_mult")
_KNOWN: Final = ("custom_keys", *_LR_FACTORS, *_DECAY_FACTORS, "bypass_duplicate")
_NOT_VALUES: Final = ("lr_mult", "decay_mult")


@final
@dataclass(frozen=True, slots=True)
class ParamwiseGroup:
    """A group of parameters, and the entries in which it differs from the other parameters.

    Args:
        name: the keys and the kinds of parameters whose groups have these entries.
        entries: the entries.
    """

    name: str
    entries: Mapping[str, Any]


@final
@dataclass(frozen=True, slots=True)
class _Kind:
    """A kind of parameters that `DefaultOptimWrapperConstructor` recognizes in a model."""

    name: str
    is_bias: bool = False
    is_norm: bool = False
    is_depthwise: bool = False
    is_flat: bool = False
    is_offset: bool = False


_KINDS: Final = (
    _Kind("norm weights", is_norm=True, is_flat=True),
    _Kind("norm biases", is_bias=True, is_norm=True, is_flat=True),
    _Kind("biases", is_bias=True, is_flat=True),
    _Kind("biases of several dimensions", is_bias=True),
    _Kind("depthwise weights", is_depthwise=True),
    _Kind("depthwise biases", is_bias=True, is_depthwise=True, is_flat=True),
    _Kind("1-d parameters", is_flat=True),
    _Kind("DCN offsets", is_offset=True),
)
_TOGETHER: Final = {
    "norm layers": ("norm weights", "norm biases"),
    "biases": ("biases", "biases of several dimensions", "depthwise biases"),
}
"""Names for several kinds in one group."""


def is_factor(value: object) -> bool:
    """Return whether a value is a number that can be multiplied by another; an integer of 309 digits cannot."""
    if not is_number(value):
        return False
    try:
        float(value)  # type: ignore[arg-type]  # it is a number
    except OverflowError:
        return False
    return True


def constructor_of(wrapper: Mapping[str, Any]) -> str | None:
    """Return the name of the constructor of an optimizer wrapper; None if it is MMEngine's default."""
    constructor = wrapper.get("constructor")
    name = None if constructor is None else bare_class_name(constructor) or str(constructor)
    return None if name == _CONSTRUCTOR else name


def keys_not_read(wrapper: Mapping[str, Any]) -> list[str]:
    """Return the keys of `paramwise_cfg` that MMEngine's default constructor does not read."""
    config = wrapper.get("paramwise_cfg")
    return [str(key) for key in config if key not in _KNOWN] if isinstance(config, Mapping) else []


def paramwise_groups(
    wrapper: Mapping[str, Any], values: Mapping[str, Any], path: str, problems: ProblemCollector
) -> list[ParamwiseGroup]:
    """Return the groups of `paramwise_cfg`, one for each set of entries that differs from that of the other parameters.

    Which parameters are in a group, and whether it exists, depends on the model.

    Args:
        wrapper: the dict of an optimizer wrapper.
        values: the values of its optimizer that the config has. The factors multiply lr and weight_decay, which must be
            numbers.
        path: the config path of the wrapper.
        problems: receives the problems, which MMEngine raises, too.

    Source: MMEngine `DefaultOptimWrapperConstructor`.
    """
    config = wrapper.get("paramwise_cfg")
    path = child_path(path, "paramwise_cfg")
    if config is None or constructor_of(wrapper) is not None or not isinstance(wrapper.get("optimizer"), Mapping):
        return []
    if not isinstance(config, Mapping):
        problems.add(path, f"expected a dict, got {type_name_of(config)}", _EXAMPLE, code=codes.WRONG_TYPE)
        return []
    before = problems.count
    _check(config, values, path, problems)
    if problems.count > before:
        return []
    names: dict[tuple[Any, ...], list[str]] = {}
    entries: dict[tuple[Any, ...], Mapping[str, Any]] = {}
    plain = _key_of(values)
    for name, group_entries in _groups(config, values):
        key = _key_of({**values, **group_entries})
        if key != plain:
            names.setdefault(key, []).append(name)
            entries.setdefault(key, group_entries)
    return [ParamwiseGroup(_joined(many), entries[key]) for key, many in names.items()]


_EXAMPLE: Final = "For example: dict(custom_keys={'backbone': dict(lr_mult=0.1)})"


def _joined(names: list[str]) -> str:
    """Return the name of a group from those of its keys and kinds."""
    for whole, parts in _TOGETHER.items():
        if set(parts) <= set(names):
            names = [whole if name == parts[0] else name for name in names if name not in parts[1:]]
    return shown_names(names)


def _key_of(values: Mapping[str, Any]) -> tuple[Any, ...]:
    numbers = ((key, float(value) if is_factor(value) else value) for key, value in values.items())
    return tuple(sorted((str(key), repr(value)) for key, value in numbers if key not in _NOT_VALUES))


def _groups(config: Mapping[str, Any], values: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the name of each group and its entries, those of `custom_keys` first."""
    lr = values.get("lr")
    decay = values.get("weight_decay")

    def scaled(lr_mult: Any, decay_mult: Any) -> dict[str, Any]:
        products = {} if lr is None or lr_mult is None else {"lr": lr * lr_mult}
        if decay is not None and decay_mult is not None:
            products["weight_decay"] = decay * decay_mult
        return products

    names_of_kinds = [module_kind.name for module_kind in _KINDS]
    other_groups = {"0", *_TOGETHER, *names_of_kinds}  # 0 is the group of all other parameters
    for key, entries in config.get("custom_keys", {}).items():
        values_of_key = {name: tuple(value) if isinstance(value, list) else value for name, value in entries.items()}
        name = f"{key} (custom_keys)" if key in other_groups else key
        products = scaled(values_of_key.get("lr_mult", 1.0), values_of_key.get("decay_mult", 1.0))
        yield name, products | values_of_key
    for module_kind in _KINDS:
        yield module_kind.name, scaled(_lr_factor(config, module_kind), _decay_factor(config, module_kind))


def _lr_factor(config: Mapping[str, Any], module_kind: _Kind) -> Any:
    if module_kind.is_offset:
        return config.get("dcn_offset_lr_mult")
    return config.get("bias_lr_mult") if module_kind.is_bias and not module_kind.is_norm else None


def _decay_factor(config: Mapping[str, Any], module_kind: _Kind) -> Any:
    """Return the factor of the weight decay: the first of those that apply, in MMEngine's order."""
    factors = (
        ("norm_decay_mult", module_kind.is_norm),
        ("bias_decay_mult", module_kind.is_bias),
        ("dwconv_decay_mult", module_kind.is_depthwise),
        ("flat_decay_mult", module_kind.is_flat),
    )
    return next((config[name] for name, applies in factors if applies and config.get(name) is not None), None)


def _check(config: Mapping[str, Any], values: Mapping[str, Any], path: str, problems: ProblemCollector) -> None:
    """Report the values that MMEngine refuses, and those that are no numbers."""
    custom = config.get("custom_keys", {})
    if not isinstance(custom, Mapping):
        message = f"expected a dict, got {type_name_of(custom)}"
        problems.add(child_path(path, "custom_keys"), message, _EXAMPLE, code=codes.WRONG_TYPE)
        custom = {}
    factors = [(name, config, path) for name in (*_LR_FACTORS, *_DECAY_FACTORS)]
    factors += _factors_of_keys(custom, values, child_path(path, "custom_keys"), problems)
    multiplied = {"lr": bool(custom), "weight_decay": False}
    for name, entries, factor_path in factors:
        factor = entries.get(name)
        if not is_factor(factor) and (factor is not None or (name in entries and entries is not config)):
            message = f"expected a number, got {short_json(factor)}"
            problems.add(child_path(factor_path, name), message, "For example: 0.1", code=codes.WRONG_TYPE)
        elif name in entries:
            multiplied["lr"] |= name in _LR_FACTORS and factor is not None
            multiplied["weight_decay"] |= name in (*_NEEDS_DECAY, "decay_mult")  # MMEngine requires it for None, too
    _check_multiplied_fields(multiplied, values, path, problems)


def _factors_of_keys(
    custom: Mapping[Any, Any], values: Mapping[str, Any], path: str, problems: ProblemCollector
) -> list[tuple[str, Mapping[str, Any], str]]:
    """Return each name in `custom_keys` whose value must be a number, with the entries of its key and their path.

    Keys and entries of a wrong type are reported.
    """
    factors: list[tuple[str, Mapping[str, Any], str]] = []
    for key, entries in custom.items():
        entry_path = child_path(path, key)
        if not isinstance(key, str) or not isinstance(entries, Mapping):
            wrong = entries if isinstance(key, str) else key
            message = f"expected {'a dict' if wrong is entries else 'a name'}, got {type_name_of(wrong)}"
            problems.add(entry_path, message, _EXAMPLE, code=codes.WRONG_TYPE)
        else:
            numbers = [name for name, value in values.items() if is_factor(value) and name in entries]
            factors += [(name, entries, entry_path) for name in (*_NOT_VALUES, *numbers)]
    return factors


def _check_multiplied_fields(
    multiplied: Mapping[str, bool], values: Mapping[str, Any], path: str, problems: ProblemCollector
) -> None:
    """Report each field that a factor multiplies and that the optimizer does not have."""
    for field, is_multiplied in multiplied.items():
        if is_multiplied and values.get(field) is None:
            when = " if a parameter matches" if field == "lr" else ""  # MMEngine requires weight_decay for any model
            message = f"it multiplies {field}{when}, and the optimizer has no {field}"
            example = f"For example: optimizer=dict(type='AdamW', {field}=0.01)"
            problems.add(path, message, example, code=codes.REFUSED_VALUE)
