"""Validating the keywords of a Plan: fields, and keywords that were meant for something else."""

import re
from collections.abc import Callable, Mapping, Sequence
from keyword import iskeyword
from typing import Any, Final

from paramsched.core.advice.peer_words import LENGTHS_OF_RUN, is_warmup_length
from paramsched.core.base.advise import keeps_numbers
from paramsched.core.base.near_names import KNOWN, certain_name
from paramsched.core.plan.binding import Binding, Target, checked_plan_clock
from paramsched.core.schedules import Schedule
from paramsched.core.time.calendar import Facts
from paramsched.core.time.duration import Duration
from paramsched.errors import InvalidArgument, InvalidCall, shown

_ENTRIES = ("horizon", "clock")

OF_FILES: Final = ("author", "date", "description", "experiment", "id", "name", "notes", "project", "seed", "version")
"""Keywords and keys of files that are about the file or the run; no optimizer has such a field."""


def refuse_wrong_fields(
    bindings: Sequence[Any],
    fields: Mapping[str, Any],
    horizon: Any,
    clock: Any,
) -> None:
    """Raise for misspelled keywords of a plan, misspelled fields, and arguments of other libraries.

    A custom optimizer's field with such a name can be scheduled with `Binding(name, schedule)`.

    Args:
        bindings: the positional arguments.
        fields: the keywords that should be fields.
        horizon, clock: the other keywords, or None.

    Raises:
        InvalidCall: a keyword is invalid, or a positional argument is not a Binding. The error
            contains the correct call.
    """
    wrong = {name: reason for name, value in fields.items() if (reason := _reason(name, value))}
    others = [one for one in bindings if not isinstance(one, Binding)]
    if not wrong and not others:
        return
    invented = False  # True if the advice contains something that nobody has written, or lacks something

    def code(value: Any) -> str:
        """Return a value as Python code."""
        if isinstance(value, Binding):
            return f"Binding({value.name!r}, {value.schedule}, groups={value.groups!r})"
        return str(value) if isinstance(value, Schedule) else repr(value)

    def line(value: Any) -> str:
        """Return a line as Python code; an example if it is none."""
        nonlocal invented
        is_line = _accepts(Binding, "lr", value)
        invented = invented or not is_line
        return code(value) if is_line else "'cosine()'"

    def keep(name: str, value: Any) -> None:
        nonlocal invented
        invented = invented or name in kept  # two values of one field
        kept[name] = value

    def is_length(value: Any) -> bool:
        if not _accepts(Duration.of, value):
            return False
        length = Duration.of(value)
        return bool(length.terms) and not length.until and all(unit != "percent" for unit, _ in length.terms)

    def is_clock(value: Any) -> bool:
        return _accepts(checked_plan_clock, value, kept)

    passed = horizon
    several = [one if isinstance(one, (list, tuple)) else [one] for one in bindings]
    given = [one for items in several for one in items]
    kept: dict[str, Any] = {}
    mapped: dict[str, Any] = {}  # the entries of mappings, which are read like keywords
    nested: dict[str, Mapping[str, Any]] = {}  # the fields of groups
    written = [code(one) for one in given if isinstance(one, Binding)]
    name, warmups = "lr", list[str]()
    for other in given:
        if isinstance(other, str) and other in KNOWN:  # Plan("lr", "cosine()")
            name = other
        elif isinstance(other, Mapping):
            of_group = {
                key for key, one in other.items() if isinstance(one, Mapping) and key not in ("groups", "targets")
            }
            invented = invented or not mapped.keys().isdisjoint(other)
            mapped |= {str(key): one for key, one in other.items() if key not in of_group}
            nested |= {str(key): one for key, one in other.items() if key in of_group}
        elif isinstance(other, str) and horizon is None and is_length(other):  # Plan({"lr": …}, "10 epochs")
            horizon = other
        elif isinstance(other, (Schedule, str)):
            keep(name, other)
        elif isinstance(other, int) and not isinstance(other, bool) and horizon is None:  # Plan(cosine(), 100)
            horizon = other
    wrong |= {name: reason for name, value in mapped.items() if (reason := _reason(name, value))}
    for name, value in (*mapped.items(), *fields.items(), ("horizon", horizon), ("clock", clock)):
        if name not in wrong:
            if value is not None:
                keep(name, value)
        elif name == "groups" and isinstance(value, Mapping):
            nested |= {group: one if isinstance(one, Mapping) else {"lr": one} for group, one in value.items()}
        elif name == "targets" and isinstance(value, Mapping):
            for target, entry in value.items():
                kind = "initial" if isinstance(entry, (int, float)) else "schedule"
                whole = entry if isinstance(entry, Mapping) else {kind: entry}
                initial = whole.get("initial", 1.0)
                invented = invented or not {"initial", "schedule"} <= whole.keys()
                known = next((one for one in (initial, 1.0) if _accepts(Target, target, one)), None)
                invented = invented or known != initial
                if known is not None:
                    schedule = line(whole.get("schedule", "cosine()"))
                    written.append(f"Binding(Target({target!r}, {known!r}), {schedule})")
        elif is_warmup_length(name):
            warmups.append(f"warmup({value}) >> ")
        elif (unit := LENGTHS_OF_RUN.get(name)) is not None:
            is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
            length = value if (value > 0 if is_number else re.match(r"[\d.]+", str(value))) else 1000
            kept.setdefault("horizon", f"{length} {unit}" if unit and not isinstance(length, str) else length)
        elif meant := _entry(name) or (name.lower() if name.lower() in KNOWN else ""):
            invented = invented or meant in kept
            kept.setdefault(meant, value)
    if warmups:
        kept = {"lr": "cosine()", **kept}
        kept["lr"] = f"{''.join(warmups)}{kept['lr']}"
    is_valid = {"horizon": is_length, "clock": is_clock}
    for name in [name for name in _ENTRIES if name in kept and not is_valid[name](kept[name])]:
        del kept[name]
        invented = True
    of_groups: list[tuple[str, Any, str | None]] = [
        (field, value, group) for group, lines in nested.items() for field, value in lines.items()
    ]
    for name in [name for name in kept if not _can_be_keyword(name)]:
        value, (field, at, group) = kept.pop(name), name.partition("@")  # as on the command line: lr@head
        meant = field.strip()
        if not _accepts(Binding, meant, "cosine()"):  # "weight decay"
            meant = re.sub(r"\W+", "_", meant).lower()
        if at or not _can_be_keyword(meant):
            of_groups.append((meant, value, group.strip() if at else None))
        elif meant in KNOWN:
            invented = invented or meant in kept
            kept.setdefault(meant, value)
        else:
            invented = True
    for field, value, own in of_groups:
        if _accepts(Binding, field, "cosine()", own):
            written.append(f"Binding({field!r}, {line(value)}{'' if own is None else f', groups={own!r}'})")
        else:
            invented = True
    if kept.keys() <= set(_ENTRIES) and not written:
        kept = {"lr": "cosine()", **kept}
    named = [f"{name}={code(value) if name in _ENTRIES else line(value)}" for name, value in kept.items()]
    found = [f'unknown field "{name}"; {reason}' for name, reason in wrong.items()]
    found += [f"{shown(one)}: not a Binding" for one in others]
    write = f"Plan({', '.join([*written, *named])})"
    given_text = " ".join(map(repr, [*map(code, given), *fields.items(), passed]))
    is_promise = not invented and keeps_numbers(given_text, write)
    raise InvalidCall("Plan(…)", "; ".join(found), write=write, is_example=not is_promise)


def _accepts(make: Callable[..., object], *arguments: Any) -> bool:
    try:
        make(*arguments)
    except InvalidArgument:
        return False
    return True


def _can_be_keyword(name: str) -> bool:
    return name.isidentifier() and not iskeyword(name)


def _entry(name: str) -> str | None:
    return certain_name(name, _ENTRIES)


def _reason(name: str, value: Any) -> str:
    """Return why a keyword cannot be a field; an empty text if it can."""
    if name in KNOWN:
        return ""
    if is_warmup_length(name) and isinstance(value, int):
        return "a warmup is a stage of the schedule"
    is_known = name in Facts.__annotations__ or name in LENGTHS_OF_RUN
    if is_known and "(" not in str(value):  # otherwise it is a schedule
        is_fact = name not in LENGTHS_OF_RUN
        return "it is a run fact; pass it to ps.Scheduler" if is_fact else 'the length of the run is "horizon"'
    if (entry := _entry(name)) is not None:
        return f'did you mean "{entry}"?'
    if name in ("groups", "targets"):
        return "in code, write a Binding for each group" if name == "groups" else "in code, a target is a Binding"
    if name in OF_FILES and not isinstance(value, Schedule) and "(" not in str(value):
        return "it is not a hyperparameter; omit it"
    if name == "optimizer":
        return "a plan has no optimizer; ps.Scheduler(optimizer, plan) connects them"
    # Other misspelled fields raise when the plan is attached, because the optimizer may have a field of that name.
    return f'did you mean "{name.lower()}"?' if name.lower() in KNOWN else ""
