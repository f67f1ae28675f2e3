"""Runner: train and validate by a config with MMEngine's names, on Accelerate."""

import logging
import os
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self, final

import torch
from torch import nn

from paramsched.errors import ParamschedError
from paramsched.runner import _build, _schedulers
from paramsched.runner._check import check, settings_in
from paramsched.runner._checkpoints import VERSION, Checkpoints, read_state, read_weights
from paramsched.runner._passes import Passes
from paramsched.runner._schedulers import Facts
from paramsched.runner._steps import LossFunction, Steps
from paramsched.runner.hooks.hook import priority_of
from paramsched.runner.loops import Clock, EpochBasedTrainLoop, EvalLoop, IterBasedTrainLoop, TrainLoop
from paramsched.runner.optim_wrapper import AmpOptimWrapper, Stepper, Steppers
from paramsched.scheduler import Scheduler
from paramsched.scheduler._resume import OnChange


@final
class Runner:
    """Trains a model; MMEngine's arguments, and Accelerate's devices, processes, precision and checkpoints.

    Args:
        model: a module with `train_step(data, optim_wrapper)` or `forward(..., mode="loss")`, one that returns its loss
            (a tensor, or a dict whose entries with "loss" in the name are summed), or any other with `loss`; or a dict.
        work_dir: folder for logs and checkpoints.
        train_dataloader, val_dataloader, test_dataloader: loaders, or dicts with `dataset`, `batch_size`, `sampler`, ….
        train_cfg: `dict(by_epoch=True, max_epochs=…, val_interval=…)` or `dict(by_epoch=False, max_iters=…)`.
        val_cfg, test_cfg: `dict()`.
        auto_scale_lr: `dict(base_batch_size=…, enable=True)`: lr is multiplied by the real batch size over that one.
        optim_wrapper: an `OptimWrapper`, an optimizer, or a dict; a dict of these by name for several optimizers.
        param_scheduler: MMEngine's schedulers, built or as dicts; or a `Plan`, its text, file or mapping. For several
            optimizers a dict of these by name.
        val_evaluator, test_evaluator: metrics: objects with `process` and `evaluate`, functions of output and target,
            dicts, or a list; None takes the mean loss.
        default_hooks: hooks instead of the `logger`, `param_scheduler`, `checkpoint`, `progress` that are there.
        custom_hooks: more hooks.
        load_from: weights to begin with, or with `resume` the checkpoint to go on from.
        resume: go on from `load_from`, or from the newest checkpoint in `work_dir`, if there is one.
        randomness: `dict(seed=…, diff_rank_seed=False, deterministic=False)`.
        cfg: the whole config, for hooks.
        loss: from output and target to a loss, for models that know none.
        on_change: what a schedule that differs from the checkpoint's does: "new", "checkpoint" or "error"; for a Plan
            also a dict by field.
        accelerator: an `Accelerator` of your own; `gradient_accumulation_steps` is `optim_wrapper`'s matter.

    Raises:
        ConfigError: every fault at once, each with its path. Nothing was built.

    Source: MMEngine `Runner`.
    """

    def __init__(
        self,
        model: nn.Module | Mapping[str, Any],
        work_dir: str | os.PathLike[str] = "work_dir",
        train_dataloader: Any = None,
        val_dataloader: Any = None,
        test_dataloader: Any = None,
        train_cfg: Mapping[str, Any] | None = None,
        val_cfg: Mapping[str, Any] | None = None,
        test_cfg: Mapping[str, Any] | None = None,
        auto_scale_lr: Mapping[str, Any] | None = None,
        optim_wrapper: Any = None,
        param_scheduler: Any = None,
        val_evaluator: Any = None,
        test_evaluator: Any = None,
        default_hooks: Mapping[str, Any] | None = None,
        custom_hooks: Any = None,
        load_from: str | os.PathLike[str] | None = None,
        resume: bool = False,
        randomness: Mapping[str, Any] | None = None,
        cfg: Mapping[str, Any] | None = None,
        *,
        loss: LossFunction | None = None,
        on_change: OnChange = "new",
        accelerator: Any = None,
    ) -> None:
        self._given: dict[str, Any] = {
            name: value for name, value in locals().items() if name not in ("self", "__class__")
        }
        check(self._given)
        self.cfg = dict(cfg or {})
        self.work_dir = Path(work_dir)
        self.logger = logging.getLogger("paramsched.runner")
        self._hooks = self._made_hooks()
        chosen = dict(randomness or {})
        self.seed: int = chosen["seed"] if chosen.get("seed") is not None else random.SystemRandom().randrange(2**31)
        self.accelerator: Any = accelerator or self._made_accelerator()
        self._set_seed(chosen)
        self.model: nn.Module = _build.model_of(model)
        self.checkpoints = Checkpoints(self.work_dir, self.accelerator)
        self.train_loop: TrainLoop | None = None
        self.val_loop: EvalLoop | None = None
        self.test_loop: EvalLoop | None = None
        self.steps: Steps = Steps(self.model, self.model, loss)
        self.steppers: dict[str, Stepper] = {}
        self.schedulers: _schedulers.Schedulers = {}
        self._facts: Facts | None = None
        self._aligned: set[str] = set()  # optimizers whose cycles of accumulation end with the epoch
        self._train_passes: Passes

    @classmethod
    def from_cfg(cls, cfg: Mapping[str, Any] | str | os.PathLike[str], **arguments: Any) -> Self:
        """Build a Runner from a config.

        Args:
            cfg: a mapping, or the path of a `.py`, `.yaml` or `.json` file; a `.py` file is read, not run. Modules in
                its `custom_imports` are imported. Entries that are no argument of Runner are variables of the config.
            arguments: instead of, or besides, what the config says.

        Raises:
            ConfigError: every fault at once.
        """
        settings, whole = settings_in(cfg)
        return cls(**{"cfg": whole, **settings, **arguments})

    # ------------------------------------------------------------------ what MMEngine's hooks read

    @property
    def hooks(self) -> list[Any]:
        """The hooks in the order they are called."""
        return list(self._hooks)

    @property
    def epoch(self) -> int:
        """Complete epochs."""
        return 0 if self.train_loop is None else self.train_loop.epoch

    @property
    def iter(self) -> int:
        """Complete iterations."""
        return 0 if self.train_loop is None else self.train_loop.iter

    @property
    def max_epochs(self) -> int:
        """Epochs of the run; 1 where it is by iterations."""
        return 1 if self.train_loop is None else self.train_loop.max_epochs

    @property
    def max_iters(self) -> int:
        """Iterations of the run."""
        return 1 if self.train_loop is None else self.train_loop.max_iters

    @property
    def train_dataloader(self) -> Any:
        """The loader as Accelerate prepared it; before that as it was given."""
        return self._given["train_dataloader"] if self.train_loop is None else self.train_loop.dataloader

    @property
    def val_dataloader(self) -> Any:
        """The loader as Accelerate prepared it; before that as it was given."""
        return self._given["val_dataloader"] if self.val_loop is None else self.val_loop.dataloader

    @property
    def optim_wrapper(self) -> Stepper | Steppers | Any:
        """What a model's `train_step` is given; before training what the Runner was given."""
        if not self.steppers:
            return self._given["optim_wrapper"]
        return self.steppers[""] if "" in self.steppers else Steppers(self.steppers)

    @property
    def param_schedulers(self) -> Any:
        """The schedulers: a list, or a dict of lists by optimizer; before training what the Runner was given."""
        if not self.schedulers:
            return self._given["param_scheduler"]
        return self.schedulers.get("", self.schedulers)

    def call_hook(self, fn_name: str, **arguments: Any) -> None:
        """Call a point of every hook that has it."""
        for hook in self._hooks:
            point = getattr(hook, fn_name, None)
            if point is not None:
                point(self, **arguments)

    def register_hook(self, hook: Any, priority: str | int | None = None) -> None:
        """Add a hook, after those of its priority."""
        made = _build.hook_of(hook)
        if priority is not None:
            made.priority = priority
        self._hooks = _build.in_order([*self._hooks, made], priority_of)

    # ------------------------------------------------------------------ values

    def fields(self, name: str = "") -> list[tuple[str, int]]:
        """The scheduled fields of an optimizer's groups."""
        return _schedulers.fields(self.schedulers.get(name, []), self.steppers[name].optimizer)

    def values(self) -> dict[tuple[str, int | str], float]:
        """The value of every scheduled field in every group, for the coming update."""
        return {
            (f"{name}.{field}" if name else field, group): value
            for name, stepper in self.steppers.items()
            for (field, group), value in _schedulers.values(self.schedulers.get(name, []), stepper.optimizer).items()
        }

    # ------------------------------------------------------------------ running

    def train(self) -> nn.Module:
        """Train; returns the model.

        Raises:
            ParamschedError: there is nothing to train with.
        """
        if self._given["train_dataloader"] is None:
            raise ParamschedError(
                "Runner.train(): nothing to train with. "
                "Write Runner(model, train_dataloader=…, train_cfg=…, optim_wrapper=…)"
            )
        self._prepare_training()
        assert self.train_loop is not None
        self.call_hook("before_run")
        self._load_or_resume()
        self._count_batches(self.train_loop.iter)
        self.train_loop.run()
        _schedulers.warn_if_unmeasured(self.schedulers)
        self.call_hook("after_run")
        return self.model

    def val(self) -> dict[str, Any]:
        """Validate; returns the metrics.

        Raises:
            ParamschedError: there is nothing to validate on.
        """
        return self._evaluate("val")

    def test(self) -> dict[str, Any]:
        """Test; returns the metrics.

        Raises:
            ParamschedError: there is nothing to test on.
        """
        return self._evaluate("test")

    def start_epoch(self, batch: int) -> None:
        """Begin an epoch, which for a Plan begins a cycle of accumulation too: its Calendar counts so."""
        if self.train_loop is not None and not self.train_loop.by_iterations:
            for stepper in (self.steppers[name] for name in self._aligned):
                stepper.initialize_count_status(self.model, batch, self.train_loop.epoch_length)

    # ------------------------------------------------------------------ checkpoints

    def save_checkpoint(self, name: str, *, newest: bool = True) -> None:
        """Save everything there is to go on from; every process calls it.

        Args:
            name: the folder's, in `work_dir`.
            newest: whether a resume begins here.
        """
        state = self._state()
        if self.accelerator.is_main_process:
            self.call_hook("before_save_checkpoint", checkpoint=state)
        self.checkpoints.save(name, state, self._gradients(), newest=newest)

    def remove_checkpoint(self, name: str) -> None:
        """Remove a checkpoint."""
        self.checkpoints.remove(name)

    def _state(self) -> dict[str, Any]:
        assert self.train_loop is not None
        assert self._facts is not None
        clock = self.train_loop.clock
        return {
            "version": VERSION,
            "meta": {"epoch": clock.epoch, "iter": clock.iter, "seed": self.seed},
            "clock": {"epoch": clock.epoch, "batch": clock.batch, "iter": clock.iter, "validated": clock.validated},
            "run": self._run_facts(),
            "param_schedulers": _schedulers.states(self.schedulers),
            "optimizers": {name: _stepper_state(stepper) for name, stepper in self.steppers.items()},
            "hooks": {key: hook.state_dict() for key, hook in self._named_hooks() if hasattr(hook, "state_dict")},
        }

    def _run_facts(self) -> dict[str, Any]:
        assert self._facts is not None
        facts = self._facts
        return {
            "max_epochs": facts.max_epochs,
            "max_iters": facts.max_iters,
            "epoch_length": facts.epoch_length,
            "batch_size": facts.batch_size,
            "accumulative_counts": dict(facts.accumulation),
            "processes": self.accelerator.num_processes,
        }

    def _gradients(self) -> dict[str, torch.Tensor]:
        """What was collected for an update that is not complete."""
        if not any(stepper.in_cycle for stepper in self.steppers.values()):
            return {}
        return {name: p.grad.detach().cpu() for name, p in self.model.named_parameters() if p.grad is not None}

    def _load_or_resume(self) -> None:
        given = self._given
        source = None if given["load_from"] is None else Path(given["load_from"])
        if given["resume"]:
            source = source or self.checkpoints.newest()
            if source is not None:
                self._resume(source)
                return
            self.logger.info("resume: there is no checkpoint in %s; the run begins", self.work_dir)
        elif source is not None:
            self._load_weights(source)
        if self.train_loop is not None:
            self.checkpoints.forget_newest()

    def _load_weights(self, source: Path) -> None:
        missing, unexpected = self.model.load_state_dict(read_weights(source), strict=False)
        for what, names in (("lacks", missing), ("has besides", unexpected)):
            if names:
                self.logger.warning("load_from=%s: it %s %s", source, what, ", ".join(names))

    def _resume(self, source: Path) -> None:
        state = read_state(source)
        if self.train_loop is None:
            self._load_weights(source)
            return
        assert self._facts is not None
        given = self._given
        config, policy, saved = given["param_scheduler"], given["on_change"], state["param_schedulers"]
        _schedulers.require_resumable(self.schedulers, saved, config, policy)
        for line in _changed(state["run"], self._run_facts()):
            self.logger.warning("resume: %s", line)
        bases = {name: _bases(stepper) for name, stepper in self.steppers.items()}
        self.accelerator.load_state(str(source))
        for name, stepper in self.steppers.items():
            _take_stepper_state(stepper, state["optimizers"].get(name, {}))
            for line in _changed(_bases(stepper), bases[name], only_common=True):
                self.logger.warning("resume: base of %s; the checkpoint's goes on", line)
        _schedulers.resume(self.schedulers, saved, config, policy, self._facts)
        gradients = self.checkpoints.gradients(source)
        for name, parameter in self.model.named_parameters():
            if name in gradients:
                parameter.grad = gradients[name].to(parameter.device, parameter.dtype)
        for key, hook in self._named_hooks():
            if key in state["hooks"] and hasattr(hook, "load_state_dict"):
                hook.load_state_dict(state["hooks"][key])
        if self.seed != state["meta"]["seed"] and dict(self._given["randomness"] or {}).get("seed") is not None:
            self.logger.warning(
                "resume: seed %d in the checkpoint, which goes on, %d now", state["meta"]["seed"], self.seed
            )
        self.seed = state["meta"]["seed"]
        self._train_passes.seed(self.seed)
        self.train_loop.resume(Clock(**state["clock"]))
        self.call_hook("after_load_checkpoint", checkpoint=state)
        self.logger.info("resumed from %s: epoch %d, iteration %d", source, self.epoch, self.iter)

    def _named_hooks(self) -> list[tuple[str, Any]]:
        counts: dict[str, int] = {}
        named = []
        for hook in self._hooks:
            kind = type(hook).__name__
            counts[kind] = counts.get(kind, 0) + 1
            named.append((f"{kind}.{counts[kind]}", hook))
        return named

    # ------------------------------------------------------------------ building

    def _prepare_training(self) -> None:
        if self.train_loop is not None:
            return
        given = self._given
        wrappers = _build.wrappers_of(given["optim_wrapper"], self.model)
        loader = _build.loader_of(given["train_dataloader"])
        prepared_model, prepared_loader, *optimizers = self.accelerator.prepare(
            self.model, loader, *(wrapper.optimizer for wrapper in wrappers.values())
        )
        self.steps = Steps(self.model, prepared_model, given["loss"], self.steps.style)
        self.steppers = {
            name: Stepper(wrapper, optimizer, self.accelerator)
            for (name, wrapper), optimizer in zip(wrappers.items(), optimizers, strict=True)
        }
        self._train_passes = Passes(prepared_loader, self.accelerator)
        self._train_passes.seed(self.seed)
        self.train_loop = self._made_train_loop(self._train_passes)
        self._facts = self._known_facts(loader)
        self._scale_lr()
        self.schedulers = _schedulers.build(given["param_scheduler"], wrappers, self._facts, given["on_change"])
        self._prepare_evaluation("val")
        if self.val_loop is None:
            _schedulers.warn_without_validation(self.schedulers)
        self._aligned = {
            name
            for name, many in self.schedulers.items()
            if self._facts.in_updates or any(isinstance(one, Scheduler) for one in many)
        }
        self.work_dir.mkdir(parents=True, exist_ok=True)

    def _made_train_loop(self, passes: Passes) -> TrainLoop:
        settings = dict(self._given["train_cfg"])
        kind = settings.pop("type", None)
        by_epoch = settings.pop("by_epoch", kind != "IterBasedTrainLoop" and "max_iters" not in settings)
        return (
            EpochBasedTrainLoop(self, passes, **settings) if by_epoch else IterBasedTrainLoop(self, passes, **settings)
        )

    def _known_facts(self, loader: Any) -> Facts:
        assert self.train_loop is not None
        by_iterations = self.train_loop.by_iterations
        hooks = [hook for hook in self._hooks if hasattr(hook, "count")]
        size = getattr(loader, "batch_size", None)
        return Facts(
            epoch_length=self.train_loop.epoch_length,
            max_epochs=None if by_iterations else self.train_loop.max_epochs,
            max_iters=self.train_loop.max_iters if by_iterations else None,
            accumulation={name: stepper._accumulative_counts for name, stepper in self.steppers.items()},
            batch_size=size * self.accelerator.num_processes if isinstance(size, int) else None,
            in_updates=any(hook.count == "updates" for hook in hooks),
        )

    def _scale_lr(self) -> None:
        settings = self._given["auto_scale_lr"]
        if not settings or not settings.get("enable", False):
            return
        assert self._facts is not None
        accumulation = next(iter(self._facts.accumulation.values()))
        ratio = (self._facts.batch_size or 1) * accumulation / settings["base_batch_size"]
        for stepper in self.steppers.values():
            for group in stepper.param_groups:
                group["lr"] = group["lr"] * ratio

    def _prepare_evaluation(self, mode: str) -> None:
        given = self._given
        if given[f"{mode}_dataloader"] is None or getattr(self, f"{mode}_loop") is not None:
            return
        loader = _build.loader_of(given[f"{mode}_dataloader"])
        evened = self.accelerator.even_batches
        self.accelerator.even_batches = False  # no sample is evaluated twice
        try:
            prepared = self.accelerator.prepare(loader)
        finally:
            self.accelerator.even_batches = evened
        evaluator = _build.evaluator_of(given[f"{mode}_evaluator"])
        setattr(self, f"{mode}_loop", EvalLoop(self, Passes(prepared, self.accelerator), evaluator, mode))  # type: ignore[arg-type]  # "val" or "test"

    def _evaluate(self, mode: str) -> dict[str, Any]:
        if self._given[f"{mode}_dataloader"] is None:
            raise ParamschedError(f"Runner.{mode}(): nothing to look at. Write Runner(model, {mode}_dataloader=…)")
        if self.train_loop is None:
            self.model.to(self.accelerator.device)
        self._prepare_evaluation(mode)
        self.call_hook("before_run")
        if self.train_loop is None:
            self._load_or_resume()
        loop: EvalLoop = getattr(self, f"{mode}_loop")
        metrics = loop.run()
        self.call_hook("after_run")
        return metrics

    def _count_batches(self, done: int) -> None:
        for stepper in self.steppers.values():
            stepper.initialize_count_status(self.model, done, self.max_iters)

    def _made_hooks(self) -> list[Any]:
        given = self._given
        asked = given["default_hooks"] or {}
        names = dict.fromkeys([*_build.DEFAULT_HOOKS, *asked])
        default = [
            _build.hook_of(asked[name]) if name in asked else _build.DEFAULT_HOOKS[name]()
            for name in names
            if asked.get(name, name) is not None
        ]
        return _build.in_order([*default, *(_build.hook_of(hook) for hook in given["custom_hooks"] or ())], priority_of)

    def _made_accelerator(self) -> Any:
        from accelerate import Accelerator
        from accelerate.utils import DataLoaderConfiguration, GradScalerKwargs

        precision, scaling = _precision(self._given["optim_wrapper"])
        handlers = [GradScalerKwargs(**scaling)] if scaling else []
        return Accelerator(
            mixed_precision=precision,
            kwargs_handlers=handlers,
            dataloader_config=DataLoaderConfiguration(use_seedable_sampler=True),
        )

    def _set_seed(self, chosen: Mapping[str, Any]) -> None:
        from accelerate.utils import broadcast_object_list, set_seed

        if self.accelerator.num_processes > 1:
            shared = [self.seed]
            broadcast_object_list(shared)
            self.seed = shared[0]
        if chosen.get("seed") is not None:
            set_seed(
                self.seed,
                device_specific=bool(chosen.get("diff_rank_seed", False)),
                deterministic=bool(chosen.get("deterministic", False)),
            )


def _precision(config: Any) -> tuple[str | None, dict[str, Any]]:
    """What an `AmpOptimWrapper`, built or not, asks of Accelerate; None leaves it to its own settings."""
    many = config.values() if _build.is_several(config) else [config]
    for one in many:
        if isinstance(one, AmpOptimWrapper):
            return one.precision, one.scaling
        if isinstance(one, Mapping) and str(one.get("type", "")).endswith("AmpOptimWrapper"):
            blank = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.1)
            made = AmpOptimWrapper(blank, dtype=one.get("dtype"), loss_scale=one.get("loss_scale", "dynamic"))
            return made.precision, made.scaling
    return None, {}


def _stepper_state(stepper: Stepper) -> dict[str, Any]:
    pseudo = stepper.inner.base_param_settings
    plain = None if pseudo is None else {key: value for key, value in pseudo.items() if key != "params"}
    return {"updates": stepper.updates, "base_param_settings": plain}


def _take_stepper_state(stepper: Stepper, state: Mapping[str, Any]) -> None:
    stepper.updates = state.get("updates", 0)
    if stepper.inner.base_param_settings is not None and state.get("base_param_settings") is not None:
        stepper.inner.base_param_settings.update(state["base_param_settings"])


def _bases(stepper: Stepper) -> dict[str, Any]:
    """The values that schedules multiply, by field and group."""
    return {
        f"{key.removeprefix('initial_')} in group {index}": float(value)
        for index, group in enumerate(stepper.optimizer.param_groups)
        for key, value in group.items()
        if isinstance(key, str) and key.startswith("initial_") and isinstance(value, (int, float))
    }


def _changed(saved: Mapping[str, Any], now: Mapping[str, Any], *, only_common: bool = False) -> list[str]:
    """A line for each entry that differs."""
    keys = saved.keys() & now.keys() if only_common else saved.keys() | now.keys()
    return [
        f"{key}: {saved.get(key)!r} in the checkpoint, {now.get(key)!r} now"
        for key in sorted(keys)
        if saved.get(key) != now.get(key)
    ]
