"""Methods of lists, dicts, sets and tuples, on the real objects."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from paramsched.config.python_config.values import ATOMS, BaseDict, Memory, NeedsRunning, NotKnown, Produced

Method = Callable[[Any, Sequence[Any], Mapping[str, Any], Memory], Any]

BASE_DICT_NAMES: Final = frozenset(
    {name for name in dir(dict) if not name.startswith("__")}
    | {"build_lazy", "deepcopy", "freeze", "lazy", "merge", "to_dict", "unfreeze"}
)
"""What an attribute of a base's dict is besides its keys."""

_ALIKE: Final = (dict, BaseDict)


def is_key(value: Any, memory: Memory) -> bool:
    """Whether a value is known and can be a key."""
    if type(value) in ATOMS:
        return True
    return type(value) in (tuple, frozenset) and memory.is_known(value) and _is_hashable(value)


def _is_hashable(value: Any) -> bool:
    return type(value) in ATOMS or type(value) is frozenset or (type(value) is tuple and all(map(_is_hashable, value)))


def _require_key(value: Any, memory: Memory) -> None:
    if not is_key(value, memory):
        raise NotKnown


def as_items(value: Any, memory: Memory) -> list[Any]:
    """What going through a value gives; raises NotKnown where that, or its order, is not known."""
    if type(value) not in (list, tuple, dict, BaseDict, str, bytes, range, Produced):
        raise NotKnown
    memory.budget.spend(len(value) // 4)
    return list(value)


def as_pairs(value: Any, memory: Memory) -> list[tuple[Any, Any]]:
    """The keys and values that `dict(value)` takes."""
    if type(value) in _ALIKE:
        return list(value.items())
    pairs = []
    for one in as_items(value, memory):
        pair = memory.seen(one)
        if type(pair) not in (list, tuple) or len(pair) != 2 or not is_key(memory.seen(pair[0]), memory):
            raise NotKnown
        pairs.append((pair[0], pair[1]))
    return pairs


def get_item(holder: Any, key: Any, memory: Memory) -> Any:
    """`holder[key]`."""
    kind = type(holder)
    if kind in _ALIKE:
        _require_key(key, memory)
    elif kind not in (list, tuple, str, bytes, range) or type(key) not in (int, bool, slice):
        raise NotKnown
    value = holder[key]
    if type(key) is slice:
        memory.budget.spend(1 + len(value) // 8)
    return memory.seen(value)


def set_item(holder: Any, key: Any, value: Any, memory: Memory) -> None:
    """`holder[key] = value`; as `get_item`."""
    kind = type(holder)
    if kind in _ALIKE:
        _require_key(key, memory)
        holder[key] = memory.as_held_by_base(value) if kind is BaseDict else value
    elif kind is list and type(key) in (int, bool):
        holder[key] = value
    elif kind is list and type(key) is slice:
        memory.budget.spend(len(holder) // 8)
        holder[key] = as_items(value, memory)
    else:
        raise NotKnown


def delete_item(holder: Any, key: Any, memory: Memory) -> None:
    """`del holder[key]`; as `get_item`."""
    if type(holder) in _ALIKE:
        _require_key(key, memory)
    elif type(holder) is not list or type(key) not in (int, bool, slice):
        raise NotKnown
    del holder[key]


def update_base(holder: BaseDict, other: Iterable[tuple[Any, Any]], memory: Memory, depth: int = 0) -> None:
    """`update` of a base's dict: dicts go into each other."""
    if depth > 50:
        raise NotKnown
    for key, value in list(other):
        before, value = memory.seen(holder.get(key)), memory.seen(value)
        memory.budget.spend(1)
        if isinstance(before, BaseDict) and isinstance(value, dict):
            update_base(before, value.items(), memory, depth + 1)
        elif isinstance(before, NeedsRunning) and isinstance(value, dict):
            memory.lose((value,), before)  # it may have gone into what stands there
            holder[key] = before
        elif isinstance(value, NeedsRunning):
            memory.lose((before,), value)
            holder[key] = value
        else:
            holder[key] = memory.as_held_by_base(value)


def _append_to_list(holder: Any, arguments: Sequence[Any], *_: Any) -> None:
    (value,) = arguments
    holder.append(value)


def _extend_list(holder: Any, arguments: Sequence[Any], _: Mapping[str, Any], memory: Memory) -> None:
    (value,) = arguments
    # A generator is gone through by Python's own method: it may look at the list as that grows.
    holder.extend(value if isinstance(value, Iterator) else as_items(value, memory))


def _known_arguments(name: str) -> Method:
    def method(holder: Any, arguments: Sequence[Any], _: Mapping[str, Any], memory: Memory) -> Any:
        if not all(memory.is_known(one) for one in (holder, *arguments)):
            raise NotKnown
        return getattr(holder, name)(*arguments)

    return method


def _insert_in_list(holder: Any, arguments: Sequence[Any], _: Mapping[str, Any], memory: Memory) -> None:
    index, value = arguments
    if type(index) not in (int, bool):
        raise NotKnown
    memory.budget.spend(len(holder) >> 8)
    holder.insert(index, value)


def _pop_of_list(holder: Any, arguments: Sequence[Any], _: Mapping[str, Any], memory: Memory) -> Any:
    if any(type(one) not in (int, bool) for one in arguments):
        raise NotKnown
    memory.budget.spend(len(holder) >> 8)
    return memory.seen(holder.pop(*arguments))


def _plain_method(name: str) -> Method:
    def method(holder: Any, arguments: Sequence[Any], _: Mapping[str, Any], memory: Memory) -> Any:
        memory.budget.spend(len(holder) >> 3)
        return getattr(holder, name)(*arguments)

    return method


def _get_from_dict(holder: Any, arguments: Sequence[Any], _: Mapping[str, Any], memory: Memory) -> Any:
    key, *default = arguments
    _require_key(key, memory)
    return memory.seen(holder.get(key, *default))


def _pop_of_dict(holder: Any, arguments: Sequence[Any], _: Mapping[str, Any], memory: Memory) -> Any:
    key, *default = arguments
    _require_key(key, memory)
    if type(holder) is BaseDict and not default:
        default = [None]
    return memory.seen(holder.pop(key, *default))


def _pop_last(holder: Any, arguments: Sequence[Any], *_: Any) -> Any:
    if arguments:
        raise NotKnown
    key, value = holder.popitem()
    return key, value


def _set_default(holder: Any, arguments: Sequence[Any], _: Mapping[str, Any], memory: Memory) -> Any:
    """`holder.setdefault(key, value)`."""
    key, *default = arguments
    _require_key(key, memory)
    if len(default) > 1:
        raise NotKnown
    if key not in holder:
        value = default[0] if default else None
        holder[key] = memory.as_held_by_base(value) if type(holder) is BaseDict else value
        return value
    return memory.seen(holder[key])


def _update_dict(holder: Any, arguments: Sequence[Any], keywords: Mapping[str, Any], memory: Memory) -> None:
    pairs = [pair for one in arguments[:1] for pair in as_pairs(one, memory)]
    memory.budget.spend((len(pairs) + len(keywords)) // 4)
    if len(arguments) > 1:
        raise NotKnown
    holder.update(pairs, **keywords)


def _update_base_dict(holder: Any, arguments: Sequence[Any], keywords: Mapping[str, Any], memory: Memory) -> None:
    if len(arguments) > 1 or any(type(one) not in _ALIKE for one in arguments):
        raise NotKnown
    merged = {key: value for one in arguments for key, value in one.items()} | dict(keywords)
    update_base(holder, merged.items(), memory)


def _merge_into_base(holder: Any, arguments: Sequence[Any], _: Mapping[str, Any], memory: Memory) -> None:
    (other,) = arguments
    if type(other) not in _ALIKE:
        raise NotKnown
    together = _merge_base(memory.deep_copy(other), memory.deep_copy(holder))
    holder.clear()
    for key, value in together.items():
        holder[key] = memory.as_held_by_base(value)


_NOTHING: Final = object()


def _merge_base(over: Any, base: Any) -> Any:
    """What `merge` of a base's dict makes of two copies."""
    if isinstance(over, NeedsRunning):
        return over
    if not isinstance(over, dict):
        return base if over is _NOTHING else over
    if isinstance(base, NeedsRunning):
        return base
    replaces = over.pop("_delete_", False)
    if isinstance(replaces, NeedsRunning):
        return replaces
    if not isinstance(base, dict):
        return over
    keys = dict.fromkeys((*(() if replaces else base), *over))
    before = {} if replaces else base
    return {key: _merge_base(over.get(key, _NOTHING), before.get(key, _NOTHING)) for key in keys if key != "_delete_"}


def _copy_base(holder: Any, arguments: Sequence[Any], _: Mapping[str, Any], memory: Memory) -> Any:
    if arguments:
        raise NotKnown
    return BaseDict({key: memory.as_held_by_base(value) for key, value in holder.items()})


def _values_of_set(name: str) -> Method:
    """A method of a set that gives a new one."""

    def method(holder: Any, arguments: Sequence[Any], _: Mapping[str, Any], memory: Memory) -> Any:
        items = []
        for one in arguments:
            items.append(one if type(one) in (set, frozenset) else as_items(one, memory))
            if not all(is_key(item, memory) for item in items[-1]):
                raise NotKnown
        return getattr(holder, name)(*items)

    return method


def _key_of_set(name: str) -> Method:
    def method(holder: Any, arguments: Sequence[Any], _: Mapping[str, Any], memory: Memory) -> None:
        (value,) = arguments
        _require_key(value, memory)
        getattr(holder, name)(value)

    return method


_PLAIN: Final = {name: _plain_method(name) for name in ("clear", "copy")}
_OF_DICT: Final[dict[str, Method]] = _PLAIN | {
    "get": _get_from_dict,
    "pop": _pop_of_dict,
    "popitem": _pop_last,
    "setdefault": _set_default,
    "update": _update_dict,
}
_OF_FROZEN_SET: Final[dict[str, Method]] = {
    name: _values_of_set(name)
    for name in ("union", "intersection", "difference", "issubset", "issuperset", "isdisjoint")
}
_OF_SET: Final[dict[str, Method]] = {
    **(_OF_FROZEN_SET | _PLAIN),
    **{name: _key_of_set(name) for name in ("add", "discard", "remove")},
    "update": _values_of_set("update"),
}
_SEARCHES: Final = {name: _known_arguments(name) for name in ("count", "index")}
_METHODS: Final[Mapping[type, Mapping[str, Method]]] = {
    list: {
        **(_PLAIN | _SEARCHES),
        "append": _append_to_list,
        "extend": _extend_list,
        "insert": _insert_in_list,
        "pop": _pop_of_list,
        "remove": _known_arguments("remove"),
        "reverse": _plain_method("reverse"),
    },
    tuple: _SEARCHES,
    dict: _OF_DICT,
    BaseDict: _OF_DICT | {"update": _update_base_dict, "copy": _copy_base, "merge": _merge_into_base},
    set: _OF_SET,
    frozenset: _OF_FROZEN_SET,
}


def call_method(holder: Any, name: str, arguments: Sequence[Any], keywords: Mapping[str, Any], memory: Memory) -> Any:
    """`holder.name(…)`; an iterable is given as a list."""
    method = _METHODS.get(type(holder), {}).get(name)
    if method is None or (keywords and name != "update"):
        raise NotKnown
    return method(holder, arguments, keywords, memory)
