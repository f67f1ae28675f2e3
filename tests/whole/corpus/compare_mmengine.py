"""Compare what the dialect makes of real MMEngine configs with MMEngine itself; run by hand on a folder of configs.

    python tests/whole/corpus/compare_mmengine.py FOLDER [--import my.schedulers]

Each config is loaded by both. MMEngine's own Runner builds its schedulers on an optimizer with the config's values,
they are stepped as its ParamSchedulerHook does, and every update's value is compared with the trace of our plan.
MMEngine runs the configs it loads: give folders you trust.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
from click.testing import CliRunner

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).parents[2]))

import paramsched as ps
from paramsched.cli import main as main_command

LENGTHS = (7, 50)
"""Iterations in an epoch that the comparison assumes."""
TOLERANCE = 1e-12
"""Of a curve's largest value: both sides are recursions, and MMEngine's loses as much of its small values."""
MOST_TICKS = 3_000_000


@dataclass(frozen=True)
class Outcome:
    """The result for a config: `equal`, `said` (differs, with a warning), `refused`, `different`, `both refuse`."""

    kind: str
    reason: str = ""


def main() -> None:
    """Print the counts, and the configs that need a check."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", default="", help="only paths with this in them")
    parser.add_argument("--every", type=int, default=1, help="only each n-th config")
    parser.add_argument("--import", dest="modules", action="append", default=[], help="registers users' classes")
    parser.add_argument("--values-only", action="store_true", help="leave the commands out")
    parser.add_argument("--json", type=Path, help="write an outcome for each config to this file")
    chosen = parser.parse_args()
    logging.disable(logging.WARNING)
    for module in chosen.modules:
        import_module(module)
    outcomes: dict[str, list[Outcome]] = {}
    commands: dict[str, dict[str, str]] = {}
    files = [path for path in sorted(configs_in(chosen.folder)) if chosen.only in str(path)][:: chosen.every]
    for index, path in enumerate(files):
        name = str(path.relative_to(chosen.folder))
        outcomes[name] = [outcome(path, length) for length in LENGTHS]
        if not chosen.values_only:
            commands[name] = errors_without_facts(path, outcomes[name][0])
        if index % 100 == 99:
            print(f"{index + 1} of {len(files)}", file=sys.stderr, flush=True)
    report(outcomes)
    report_commands(commands)
    if chosen.json:
        chosen.json.write_text(
            json.dumps({path: [[one.kind, one.reason] for one in found] for path, found in outcomes.items()}, indent=1)
        )


def configs_in(folder: Path) -> Iterator[Path]:
    """Yield the run configs in folders named `configs`: files that define or inherit train_cfg or param_scheduler."""
    for path in folder.rglob("*.py"):
        if (
            path.is_file()
            and "configs" in path.parts
            and path.name != "__init__.py"
            and "_base_" not in path.parts[:-1]
        ):
            yield path


def outcome(path: Path, length: int) -> Outcome:
    """Load a config with both libraries and compare the values."""
    expected: Any
    try:
        expected = peer_config(path)
    except Exception as error:  # noqa: BLE001  # whatever a config raises when it runs
        expected = error
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            plan = ps.load(path, format="mmengine", calendar=ps.Calendar(steps_per_epoch=length))
        except ps.errors.ParamschedError as error:
            plan = error
    if isinstance(expected, Exception):
        if isinstance(plan, Exception):
            return Outcome("both refuse", f"{brief(plan)} || {brief(expected)}")
        return Outcome("only ours", brief(expected))
    if expected.get("param_scheduler") is None:
        if isinstance(plan, Exception):
            return Outcome("no plan", brief(plan))
        return Outcome("different", "a plan, where MMEngine has none")
    if isinstance(plan, Exception):
        refusal = refused_there(expected, length)
        return Outcome("both refuse", f"{brief(plan)} || {refusal}") if refusal else Outcome("refused", brief(plan))
    try:
        found = peer_values(expected, length)
    except Exception as error:  # noqa: BLE001  # what MMEngine refuses when it builds or steps
        return Outcome("only ours builds", f"{type(error).__name__}: {str(error)[:150]}")
    said = "; ".join(str(one.message) for one in caught if issubclass(one.category, UserWarning))
    return compared(plan, expected, found, length, said)


def brief(error: Exception) -> str:
    """Return an error as one line."""
    if isinstance(error, ps.errors.ConfigError):
        return " | ".join(error.problems)[:300]
    return f"{type(error).__name__}: {str(error)[:200]}".replace("\n", " ")


# ---- MMEngine's side


def peer_config(path: Path) -> Any:
    """Return the config as read by MMEngine."""
    from mmengine.config import Config

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return Config.fromfile(path, import_custom_modules=False, format_python_code=False)


class _Loader:
    """A loader that has a length but no data."""

    def __init__(self, length: int) -> None:
        self.length = length
        self.dataset = type("Dataset", (), {"metainfo": {}})()

    def __len__(self) -> int:
        return self.length

    def __iter__(self) -> Iterator[Any]:
        return iter(())


class _Visualizer:
    dataset_meta: Any = None


def runner_of(config: Mapping[str, Any], length: int) -> Any:
    """MMEngine's Runner with only a train loop and optimizers."""
    from mmengine.optim import OptimWrapper, OptimWrapperDict

    from mmengine.runner import EpochBasedTrainLoop, IterBasedTrainLoop, Runner

    class Bare(Runner):
        def __init__(self) -> None:
            self._logger = None
            self._train_dataloader = _Loader(length)
            self._visualizer = None

        @property
        def logger(self) -> Any:
            return logging.getLogger("corpus")

        @property
        def visualizer(self) -> Any:
            return _Visualizer()

    runner = Bare()
    train = dict(config["train_cfg"])
    own = train.get("type")
    name = own if isinstance(own, str) else getattr(own, "__name__", "")
    if own is not None and name.split(".")[-1] not in ("EpochBasedTrainLoop", "IterBasedTrainLoop"):
        # A loop of another package: its length is what matters here.
        length_of = {key: train[key] for key in ("max_epochs", "max_iters") if train.get(key) is not None}
        runner._train_loop = (
            IterBasedTrainLoop(runner, _Loader(length), length_of["max_iters"])
            if "max_iters" in length_of
            else EpochBasedTrainLoop(runner, _Loader(length), length_of["max_epochs"])
        )
    else:
        if own is not None:
            train["type"] = name.split(".")[-1]
        runner._train_loop = runner.build_train_loop(train)
    optimizers = {name: OptimWrapper(optimizer_of(one)) for name, one in bases_in(config).items()}
    runner.optim_wrapper = optimizers[""] if list(optimizers) == [""] else OptimWrapperDict(**optimizers)
    return runner


def refused_there(config: Mapping[str, Any], length: int) -> str:
    """Return the error of MMEngine when it builds the schedulers, or ""."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            runner_of(config, length).build_param_scheduler(config["param_scheduler"])
        except Exception as error:  # noqa: BLE001  # whatever it raises
            return brief(error)
    return ""


def bases_in(config: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the values of the optimizers in a config by name; "" is the name of a single optimizer."""
    wrapper = config.get("optim_wrapper") or {}
    if not isinstance(wrapper.get("optimizer"), Mapping):
        several = {
            name: one["optimizer"]
            for name, one in wrapper.items()
            if isinstance(one, Mapping) and isinstance(one.get("optimizer"), Mapping)
        }
        if several:
            return {name: dict(one) for name, one in several.items()}
        return {"": {}}
    return {"": dict(wrapper["optimizer"])}


def optimizer_of(given: Mapping[str, Any]) -> torch.optim.Optimizer:
    """Return an optimizer with the fields that schedulers may use."""
    named = given.get("type")
    name = named if isinstance(named, str) else getattr(named, "__name__", "SGD")
    kind = getattr(torch.optim, name.split(".")[-1], None) or (
        torch.optim.AdamW if "betas" in given or "adam" in name.lower() else torch.optim.SGD
    )
    values = {key: given[key] for key in ("lr", "momentum", "weight_decay", "betas") if key in given}
    try:
        return kind([torch.nn.Parameter(torch.ones(1))], **{"lr": 0.1, **values})
    except TypeError:
        return torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], **{"lr": 0.1, **values})


_known: dict[str, dict[tuple[str, str], np.ndarray]] = {}


def peer_values(config: Mapping[str, Any], length: int) -> dict[tuple[str, str], np.ndarray]:
    """Return the value that each update uses, by optimizer and field."""
    parts = {name: config.get(name) for name in ("param_scheduler", "train_cfg", "optim_wrapper")}
    key = f"{length} {parts}"
    if key not in _known:
        _known[key] = _stepped(config, length)
    return _known[key]


def _stepped(config: Mapping[str, Any], length: int) -> dict[tuple[str, str], np.ndarray]:
    runner = runner_of(config, length)
    schedulers = config["param_scheduler"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        built = runner.build_param_scheduler(
            [dict(one) for one in schedulers] if isinstance(schedulers, list) else schedulers
        )
        by_name = built if isinstance(built, dict) else {"": built}
        wrappers = {"": runner.optim_wrapper} if not isinstance(built, dict) else dict(runner.optim_wrapper.items())
        total = runner.max_iters
        by_iteration = total if runner._train_loop.__class__.__name__ == "IterBasedTrainLoop" else 0
        if total > MOST_TICKS:
            raise NotImplementedError(f"{total} ticks")
        fields = {name: sorted({one.param_name for one in many}) for name, many in by_name.items()}
        groups = {name: wrapper.optimizer.param_groups[0] for name, wrapper in wrappers.items()}
        out = {(name, field): np.empty(total) for name, named in fields.items() for field in named}
        reads = [(values, groups[name], field) for (name, field), values in out.items()]
        metric = [one for many in by_name.values() for one in many if getattr(one, "need_val_args", False)]
        if metric:
            raise NotImplementedError("a plateau")
        per_update = [one for many in by_name.values() for one in many if not one.by_epoch]
        per_epoch = [one for many in by_name.values() for one in many if one.by_epoch]
        for t in range(total):
            for values, group, field in reads:
                values[t] = group["betas"][0] if field == "momentum" and "betas" in group else group[field]
            for one in per_update:
                one.step()
            if not by_iteration and (t + 1) % length == 0:
                for one in per_epoch:
                    one.step()
    return out


# ---- the commands, without facts


def errors_without_facts(path: Path, found: Outcome) -> dict[str, str]:
    """Return the error of each command for a plan without run facts, or ""."""
    if found.kind not in ("equal", "said"):
        return {}
    wrong = {}
    for name in ("show", "check", "show --table", "convert"):
        more = {"show": ["--height", "3"], "convert": ["--to", "yaml"]}.get(name, [])
        result = CliRunner().invoke(main_command, [*name.split(), str(path), *more])
        trouble = result.stderr if result.exit_code else ""
        if name == "check":
            trouble = "\n".join(line for line in result.stderr.splitlines() if "of the horizon" in line) or trouble
        wrong[name] = trouble.strip()
    return wrong


def report_commands(commands: Mapping[str, dict[str, str]]) -> None:
    """Print the number of plans that each command accepts without run facts."""
    planned = {path: found for path, found in commands.items() if found}
    for name in ("show", "check", "show --table", "convert"):
        failed = {path: found[name] for path, found in planned.items() if found[name]}
        print(f"{name} without facts: {len(planned) - len(failed)} of {len(planned)}")
        for path, said in list(failed.items())[:5]:
            print(f"{'':22}{path}: {said[:300]}")


# ---- the comparison


def compared(plan: ps.Plan, config: Any, found: Any, length: int, said: str) -> Outcome:
    """Compare our trace with the values of MMEngine."""
    total = max(values.size for values in found.values()) if found else 0
    names = list(bases_in(config))
    groups = []
    for name in names:
        group = dict(optimizer_of(bases_in(config)[name]).param_groups[0])
        groups.append({**group, **({"name": name} if name else {})})
    try:
        traced = ps.trace(plan, groups, ps.Calendar(steps_per_epoch=length))
    except ps.errors.ParamschedError as error:
        return Outcome("not traced", brief(error))
    if traced.total != total:
        return Outcome("different", f"{traced.total} updates, {total} there {said}")
    worst = 0.0
    for (name, field), values in found.items():
        key = (field, name or 0)
        group = groups[names.index(name)]
        base = float(group["betas"][0] if field == "momentum" and "betas" in group else group[field])
        ours = traced[key] if key in traced else np.full(total, base)
        scale = max(float(np.abs(values).max()), abs(base), 1e-300)
        worst = max(worst, float(np.abs(ours - values).max()) / scale)
    if worst <= TOLERANCE:
        return Outcome("equal")
    return Outcome("said" if said else "different", f"{worst:.2g} {said}"[:300])


def report(outcomes: Mapping[str, list[Outcome]]) -> None:
    """Print the counts by kind, with their reasons."""
    for index, length in enumerate(LENGTHS):
        counts = Counter(found[index].kind for found in outcomes.values())
        print(f"{length} iterations an epoch: {len(outcomes)} configs:", dict(counts.most_common()))
    reasons: dict[tuple[str, str], list[str]] = {}
    for path, found in outcomes.items():
        for one in found[:1] if len({o.kind for o in found}) == 1 else found:
            if one.kind != "equal":
                reasons.setdefault((one.kind, one.reason), []).append(path)
    for (kind, reason), paths in sorted(reasons.items(), key=lambda pair: (pair[0][0], -len(pair[1]))):
        print(f"{kind:16} {len(paths):4}  {reason}\n{'':22}{paths[0]}")


if __name__ == "__main__":
    main()
