"""The arguments of one of Composer's schedulers, read with their checks."""

import math
from collections.abc import Iterable, Mapping
from typing import Any, final

from paramsched.config.dialects.composer.times import ComposerRun, ComposerTime, read_time
from paramsched.config.faults import Faults, child_path, short_json
from paramsched.near_names import did_you_mean

_STAGES = ("t_warmup", "t_cooldown")
_WHOLE_RUN = ComposerTime(1.0, "dur")


@final
class SchedulerArguments:
    """What one scheduler was given; what is wrong with it is noted.

    Args:
        values: the arguments.
        path: where they stand.
        run: what times mean.
        faults: takes what is wrong.

    Attributes:
        clocks: what its times count: `ba`, `sp`, `tok`.
        ends: the times at which a stage of it is over, each with its path.
    """

    def __init__(self, values: Mapping[str, Any], path: str, run: ComposerRun, faults: Faults) -> None:
        self.values, self.path, self.run, self.faults = values, path, run, faults
        self.clocks: set[str] = set()
        self.ends: list[tuple[str, ComposerTime]] = []

    def refuse_unknown(self, known: Iterable[str], scheduler: str) -> None:
        """Note what this scheduler does not take."""
        for name in self.values:
            if name not in known:
                found = f"no argument of {scheduler}; {did_you_mean(str(name), known)}"
                self.faults.add(child_path(self.path, name), found, at_key=True)

    def fault(self, name: str, found: str, instead: str = "") -> None:
        self.faults.add(child_path(self.path, name) if name in self.values else self.path, found, instead)

    def number(self, name: str, default: float | None, *, above: float = -math.inf) -> float:
        """A finite number; without a default it has to be there."""
        value = self.values.get(name, default)
        instead = f"Write {name}: {0.1 if default is None else default:g}"
        if name not in self.values and default is None:
            self.fault(name, f"{name} is missing", instead)
            return 1.0
        known = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
        if not known or value <= above:
            bound = f" above {above:g}" if above > -math.inf else ""
            self.fault(name, f"{short_json(value)} is no number{bound}", instead)
            return 1.0
        return float(value)

    def flag(self, name: str) -> bool:
        """True or false; false where it is not there."""
        value = self.values.get(name, False)
        if not isinstance(value, bool):
            self.fault(name, f"{short_json(value)} is not true or false", f"Write {name}: true")
        return value is True

    def written_time(self, name: str, default: str | None = None) -> ComposerTime | None:
        """A time as it stands; without a default it has to be there."""
        if name not in self.values and default is None:
            self.fault(name, f"{name} is missing", f'Write {name}: "100ba"')
            return None
        return read_time(self.values.get(name, default), child_path(self.path, name), self.faults)

    def time(self, name: str, default: str | None = None, *, scaled: bool = True) -> ComposerTime | None:
        """A time in batches, samples or tokens; None, and a note, where it cannot be said."""
        written, path = self.written_time(name, default), child_path(self.path, name)
        found = None if written is None else self._converted(written, path, scaled=scaled)
        self.ends += [] if found is None or name not in _STAGES else [(path, found)]
        return found

    def period(self, name: str, default: str | None = None) -> ComposerTime | None:
        """A time that is not nothing."""
        found = self.time(name, default)
        if found is not None and not found.amount:
            self.fault(name, "a length of nothing", f'Write {name}: "1ba"')
            return None
        return found

    def curve_end(self) -> ComposerTime | None:
        """`t_max` of a curve, which takes some time."""
        found = self.end()
        if found is not None and not found.amount:
            self.fault("t_max", "a length of nothing", 'Write t_max: "1dur"')
        return found

    def times(self, name: str) -> list[ComposerTime]:
        """A list of times."""
        given = self.values.get(name)
        if not isinstance(given, (list, tuple)):
            found = f"{name} is missing" if name not in self.values else f"{short_json(given)} is no list of times"
            self.fault(name, found, f'Write {name}: ["30ep", "60ep"]')
            return []
        found_times = []
        for index, value in enumerate(given):
            path = child_path(self.path, name, index)
            written = read_time(value, path, self.faults)
            converted = None if written is None else self._converted(written, path, scaled=True)
            found_times += [] if converted is None else [converted]
        return found_times

    def end(self) -> ComposerTime | None:
        """`t_max`; None where the scheduler takes the whole run."""
        written = self.written_time("t_max", "1dur")
        if written is None or written == _WHOLE_RUN:
            if self.run.longest is not None:
                self.clocks.add(self.run.longest.clock)
            return None
        end = self._converted(written, child_path(self.path, "t_max"), scaled=True)
        if end is not None and self.run.longest is not None and self.run.compared(end, self.run.longest) == 0:
            return None
        self.ends += [] if end is None else [(child_path(self.path, "t_max"), end)]
        return end

    def _converted(self, written: ComposerTime, path: str, *, scaled: bool) -> ComposerTime | None:
        found = self.run.converted(written, path, self.faults, scaled=scaled)
        if found is not None:
            self.clocks.add(found.clock)
        return found
