"""Checks of single entries, hooks, loaders and metrics."""

import inspect
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence, Sized
from contextlib import contextmanager
from typing import Any, Final

from paramsched.base.codes import REFUSED_VALUE, UNKNOWN_NAME, WRONG_ARGUMENT, WRONG_TYPE
from paramsched.base.diagnostic import child_path, entry_path
from paramsched.base.near_names import did_you_mean
from paramsched.compat.mmengine.registry import Registry
from paramsched.config.faults import Faults, short_json, type_in_words
from paramsched.errors import InvalidArgument
from paramsched.runner._class_dicts import COLLATES, DEFAULT_HOOKS, LOADER_KEYS, SAMPLERS, build_loader, is_hook
from paramsched.runner.hooks.hook import priority_of
from paramsched.runner.metrics import DATASETS, HOOKS, METRICS, MetricLike

_OWN_PACKAGE = "paramsched."


@contextmanager
def looking_at(path: str, faults: Faults) -> Iterator[None]:
    """Note as a fault whatever a user's object raises."""
    try:
        yield
    except Exception as error:  # noqa: BLE001  # it may raise anything
        faults.add(path, f"looking at it raised {type(error).__name__}: {error}"[:500], code=REFUSED_VALUE)


def refuse_kind(value: Any, kind: str, path: str, faults: Faults, instead: str = "") -> None:
    """Note as a fault that a value is not of the kind that is needed."""
    faults.add(path, f"{short_json(value)} is no {kind}", instead, code=WRONG_TYPE)


def check_names(config: Any, known: Sequence[str], path: str, faults: Faults) -> bool:
    """Check that a section is a mapping of known names; False where it is none."""
    if config is None:
        return True
    if not isinstance(config, Mapping):
        refuse_kind(config, "mapping", path, faults, "Write dict(…)")
        return False
    for name in config:
        if name not in known:
            faults.add(child_path(path, name), f"no such entry; {did_you_mean(str(name), known)}", code=UNKNOWN_NAME)
    return True


def check_whole_number(section: Mapping[str, Any], name: str, least: int, path: str, faults: Faults) -> None:
    """Check that an entry, if it is there, is a whole number from `least` on."""
    if name in section and (not is_whole_number(section[name]) or section[name] < least):
        instead = f"Write {name}={max(least, 4)}"
        refuse_kind(section[name], f"whole number from {least} on", child_path(path, name), faults, instead)


def is_whole_number(value: Any) -> bool:
    """Whether it is a whole number, 0 or more; True and False are none."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def check_switch(value: Any, path: str, faults: Faults) -> bool:
    """Check that a value is True or False; returns whether it is."""
    if isinstance(value, bool):
        return True
    faults.add(path, f"{short_json(value)} is {type_in_words(value)}, not True or False", code=WRONG_TYPE)
    return False


def check_class_dict(config: Mapping[str, Any], registry: Registry, path: str, faults: Faults) -> None:
    """Check a dict with `type`: its name and its arguments."""
    if "type" not in config:
        faults.add(child_path(path, "type"), "it is missing", "Write dict(type='…')", code=WRONG_ARGUMENT)
        return
    arguments = dict(config)
    named = arguments.pop("type")
    try:
        cls = named if callable(named) else registry.find(named)
    except KeyError as error:
        faults.add(child_path(path, "type"), str(error.args[0]), code=REFUSED_VALUE)
        return
    try:
        parameters = inspect.signature(cls).parameters
    except (TypeError, ValueError):  # some written in C say nothing
        return
    takes_any = any(one.kind is one.VAR_KEYWORD for one in parameters.values())
    unknown = [] if takes_any else [name for name in arguments if name not in parameters]
    for name in unknown:
        found = f"{short_json(named)} has no such argument; {did_you_mean(name, parameters)}"
        faults.add(child_path(path, name), found, code=UNKNOWN_NAME)
    for name, one in parameters.items():
        is_named = one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)
        if is_named and one.default is one.empty and name not in arguments:
            faults.add(child_path(path, name), f"{short_json(named)} needs it", code=REFUSED_VALUE)
    # A user's class may do anything when it is made; ours only look at their arguments.
    if not unknown and str(getattr(cls, "__module__", "")).startswith(_OWN_PACKAGE):
        for name in arguments:
            _check_own_argument(cls, name, arguments, path, faults)


def _check_own_argument(cls: Any, name: str, arguments: Mapping[str, Any], path: str, faults: Faults) -> None:
    """Make one of our own classes with this argument and those that it needs."""
    needed = {one for one, has in inspect.signature(cls).parameters.items() if has.default is has.empty}
    others = {one: arguments[one] for one in (*needed, "rule", "save_best") if one in arguments and one != name}
    try:
        cls(**others, **{name: arguments[name]})
    except (InvalidArgument, TypeError, ValueError, AttributeError) as refusal:
        refused = refusal.argument if isinstance(refusal, InvalidArgument) else None
        if refused == name or not others:
            faults.add(child_path(path, name), f"{refusal}", code=REFUSED_VALUE)


_NOT_HERE: Final = ("runtime_info", "timer", "sampler_seed", "visualization")
"""MMEngine's other default hooks; a config may take away what is not there."""


def check_hooks(given: Mapping[str, Any], faults: Faults) -> None:
    """Check `default_hooks` and `custom_hooks`."""
    default, custom = given["default_hooks"], given["custom_hooks"]
    if default is not None and not isinstance(default, Mapping):
        instead = "Write dict(checkpoint=dict(type='CheckpointHook'))"
        refuse_kind(default, "mapping", entry_path("default_hooks"), faults, instead)
        default = None
    if custom is not None and not isinstance(custom, (list, tuple)):
        refuse_kind(custom, "list", entry_path("custom_hooks"), faults, "Write custom_hooks=[MyHook()]")
        custom = None
    for name, hook in (default or {}).items():
        path = child_path(entry_path("default_hooks"), name)
        if hook is not None:
            _check_hook(hook, path, faults)
        elif name not in DEFAULT_HOOKS and name not in _NOT_HERE:
            faults.add(path, f"there is none to take away; {did_you_mean(name, DEFAULT_HOOKS)}", code=UNKNOWN_NAME)
    for index, hook in enumerate(custom or ()):
        _check_hook(hook, entry_path("custom_hooks", index), faults)


def _check_hook(hook: Any, path: str, faults: Faults) -> None:
    """Check a hook, or a dict that names its class, and its priority."""
    if isinstance(hook, Mapping):
        arguments = {name: value for name, value in hook.items() if name != "priority"}
        check_class_dict(arguments, HOOKS, path, faults)
        priority = hook.get("priority", "NORMAL")
    else:
        if not is_hook(hook):
            refuse_kind(hook, "hook", path, faults, "Give a Hook, or dict(type='…')")
        priority = getattr(hook, "priority", "NORMAL")
    try:
        priority_of(priority)
    except InvalidArgument as refusal:
        faults.refuse(child_path(path, "priority"), refusal)


def check_sides(given: Mapping[str, Any], faults: Faults) -> None:
    """Check the loaders, and what belongs to each."""
    for mode in ("train", "val", "test"):
        with looking_at(entry_path(f"{mode}_dataloader"), faults):
            _check_loader(given[f"{mode}_dataloader"], entry_path(f"{mode}_dataloader"), faults)
    for mode in ("val", "test"):
        check_names(given[f"{mode}_cfg"], ("type",), entry_path(f"{mode}_cfg"), faults)
        with looking_at(entry_path(f"{mode}_evaluator"), faults):
            _check_evaluator(given[f"{mode}_evaluator"], entry_path(f"{mode}_evaluator"), faults)


def _check_loader(loader: Any, path: str, faults: Faults) -> None:
    """Check a loader: an object with a length, or a dict like MMEngine's."""
    if loader is None:
        return
    if not isinstance(loader, Mapping):
        if not (isinstance(loader, Iterable) and isinstance(loader, Sized)) or isinstance(loader, (str, bytes)):
            refuse_kind(loader, "loader with a length", path, faults, "Give a DataLoader, or a dict")
        elif not len(loader):
            faults.add(path, "there is no batch in it", code=REFUSED_VALUE)
        return
    before = faults.count
    check_names(loader, LOADER_KEYS, path, faults)
    _check_dataset(loader, child_path(path, "dataset"), faults)
    for name, least in (("batch_size", 1), ("num_workers", 0)):
        check_whole_number(loader, name, least, path, faults)
    for name in ("shuffle", "drop_last", "pin_memory", "persistent_workers"):
        if name in loader:
            check_switch(loader[name], child_path(path, name), faults)
    _check_sampler(loader.get("sampler"), child_path(path, "sampler"), faults)
    _check_collate(loader.get("collate_fn"), child_path(path, "collate_fn"), faults)
    if faults.count == before:
        _try_with_torch(loader, path, faults)


def _check_dataset(loader: Mapping[str, Any], path: str, faults: Faults) -> None:
    """Check that there is a dataset, or a dict that names one."""
    if "dataset" not in loader:
        faults.add(path, "it is missing", "Write dataset=…", code=WRONG_ARGUMENT)
        return
    dataset = loader["dataset"]
    if isinstance(dataset, Mapping):
        check_class_dict(dataset, DATASETS, path, faults)
        return
    has_samples = isinstance(dataset, Iterable) or getattr(dataset, "__getitem__", None) is not None
    if isinstance(dataset, (str, bytes)) or not has_samples:
        refuse_kind(dataset, "dataset", path, faults)


def _check_sampler(sampler: Any, path: str, faults: Faults) -> None:
    if sampler is None or not check_names(sampler, ("type", "shuffle"), path, faults):
        return
    named = sampler.get("type")
    if not isinstance(named, str) or named not in SAMPLERS:
        found = f"{short_json(named)}; {did_you_mean(short_json(named), SAMPLERS)}"
        faults.add(f"{path}.type", found, "Write sampler=dict(type='DefaultSampler', shuffle=True)", code=UNKNOWN_NAME)


def _check_collate(collate: Any, path: str, faults: Faults) -> None:
    named = collate.get("type") if isinstance(collate, Mapping) else collate
    if not (named is None or callable(named) or (isinstance(named, str) and named in COLLATES)):
        found = f"{short_json(named)} is no function"
        faults.add(path, found, "Write dict(type='pseudo_collate'), or give one", code=UNKNOWN_NAME)


def _try_with_torch(loader: Mapping[str, Any], path: str, faults: Faults) -> None:
    """Note what torch says of the other arguments."""
    try:
        with warnings.catch_warnings():  # they are said when it is built
            warnings.simplefilter("ignore")
            build_loader({**loader, "dataset": [0]})
    except (TypeError, ValueError, AssertionError, RuntimeError, OverflowError) as error:
        faults.add(path, f"torch's DataLoader: {error}", code=REFUSED_VALUE)


def _check_evaluator(config: Any, path: str, faults: Faults) -> None:
    """Check a metric, or each of a list."""
    for index, one in enumerate(config if isinstance(config, (list, tuple)) else [config]):
        where = child_path(path, index) if isinstance(config, (list, tuple)) else path
        if isinstance(one, Mapping) and one:
            check_class_dict(one, METRICS, where, faults)
        elif one and not (callable(one) or isinstance(one, MetricLike)):
            refuse_kind(one, "metric", where, faults, "Give a function of output and target, or a Metric")
