"""The Runner."""

import inspect
import logging
import os
from collections.abc import Mapping
from importlib import import_module
from os import PathLike
from pathlib import Path
from typing import Any, Final, Literal, Self, final

from torch import nn

from paramsched.base import ROOT, child_path, closest, codes, entry_path
from paramsched.core.run import OnBase, OnChange, Scheduler
from paramsched.engines.accelerate import batch_amounts
from paramsched.engines.engine_facts import AmountOf, PlanOptions
from paramsched.engines.reporting import MetricRelay, samples_in_lists
from paramsched.engines.writes import warn_of_writers
from paramsched.errors import ConfigError, InvalidArgument, ParamschedError
from paramsched.files import ProblemCollector, short_json
from paramsched.mmengine.schedulers import batches_per_update
from paramsched_runner.config_file import load_config
from paramsched_runner.registries import report_kind
from paramsched_runner.runner._checkpoints import (
    Checkpoints,
    SavedParts,
    gradients_of,
    in_every_process,
    load_state,
    load_weights,
    require_fit_for,
    require_resumable_hooks,
    state_of,
)
from paramsched_runner.runner._param_schedulers import (
    RunnerFacts,
    Schedulers,
    build_schedulers,
    distinct_schedulers,
    present_values,
    scheduled_fields,
    warn_if_unmeasured,
    warn_without_validation,
    writers_of,
)
from paramsched_runner.runner._parts import build_hook, build_loader, build_parts, each_sample_once, hooks_in_order
from paramsched_runner.runner.context import LossFunction, ModelCalls, Position
from paramsched_runner.runner.loops import (
    EpochBasedTrainLoop,
    EpochBatches,
    EvalLoop,
    IterBasedTrainLoop,
    TrainLoop,
    accelerator_for,
    facts_for,
)
from paramsched_runner.runner.optim_wrapper import AcceleratedWrapper, AcceleratedWrappers
from paramsched_runner.train_cfg import loop_of

LEFT_TO_ACCELERATE: Final = (
    "compile", "default_scope", "env_cfg", "experiment_name", "launcher", "log_level", "log_processor", "vis_backends",
    "visualizer",
)  # fmt: skip
"""Entries of MMEngine's configs that the Runner ignores, most of them because Accelerate replaces them."""


def read_config(config: Mapping[str, Any], signature: inspect.Signature, problems: ProblemCollector) -> dict[str, Any]:
    """Return the arguments of a Runner in a config, and import the modules in `custom_imports`.

    Args:
        config: the entries of the config.
        signature: the signature of the Runner.
        problems: receives the problems.
    """
    arguments = {name: value for name, value in config.items() if name in signature.parameters and name != "cfg"}
    for name in config.keys() - arguments.keys() - {*LEFT_TO_ACCELERATE, "custom_imports", "cfg"}:
        near = closest(name, signature.parameters)
        if near is not None:  # otherwise it is a variable of the config
            message = f'unknown argument of Runner; did you mean "{near}"?'
            problems.add(entry_path(name), message, code=codes.REFUSED_VALUE)
    if config.get("custom_imports") is not None:
        _import_modules(config["custom_imports"], entry_path("custom_imports"), problems)
    return {"model": None, **arguments, "cfg": config}


def _import_modules(config: Any, path: str, problems: ProblemCollector) -> None:
    """Import the modules that register classes of a config."""
    names = config.get("imports") if isinstance(config, Mapping) else None
    names = [names] if isinstance(names, str) else names
    if not isinstance(names, (list, tuple)):
        report_kind(config, "dict with a list of modules", path, problems, "For example: dict(imports=['my_model'])")
        return
    for index, name in enumerate(names):
        try:
            import_module(name)
        except (ImportError, TypeError, ValueError, AttributeError) as error:
            advice = "Use the name of a module on Python's path"
            problems.add(child_path(child_path(path, "imports"), index), str(error), advice, code=codes.REFUSED_VALUE)


def config_as_dict(cfg: Any) -> dict[str, Any]:
    """Return a config as a dict, read from a file, MMEngine's Config or a mapping."""
    plain = cfg
    if isinstance(cfg, (str, PathLike)):  # a `.py` file is run
        path = Path(cfg)
        try:
            if not path.is_file():  # reading a pipe could block forever
                raise FileNotFoundError("no such file" if not path.exists() else "not a regular file")
            plain = load_config(path)
        except ParamschedError:
            raise
        except (OSError, ValueError) as error:
            raise ConfigError(str(path), [f"it cannot be read: {error}"]) from None
    to_dict = getattr(plain, "to_dict", None)  # a method of MMEngine's Config
    plain = plain if to_dict is None else to_dict()
    if not isinstance(plain, Mapping) or not all(isinstance(name, str) for name in plain):
        site = str(cfg) if isinstance(cfg, (str, PathLike)) else "Runner.from_cfg(…)"
        message = f"expected a mapping from names to values, got {short_json(plain)}"
        raise InvalidArgument(site, message, "For example: model=dict(type='…')")
    return dict(plain)


@final
class Runner:
    """Train a model with MMEngine's arguments and Accelerate's devices, processes, precision and checkpoints.

    Args:
        model: a module, or a dict to build one. The module has `train_step(data, optim_wrapper)` or
            `forward(..., mode="loss")`, or its `forward` returns the loss: a tensor, or a dict whose entries with
            "loss" in the name are summed. For any other module, pass the argument `loss`.
        work_dir: folder for logs and checkpoints.
        train_dataloader, val_dataloader, test_dataloader: loaders, or dicts with `dataset`, `batch_size`, `sampler`, ….
        train_cfg: `dict(by_epoch=True, max_epochs=…, val_interval=…)` or `dict(by_epoch=False, max_iters=…)`.
        val_cfg, test_cfg: `dict()` to enable validation or testing.
        auto_scale_lr: `dict(base_batch_size=…, enable=True)` multiplies the lr by the batch size of all processes
            divided by `base_batch_size`, as in MMEngine without regard to accumulation.
        optim_wrapper: an `OptimWrapper`, an optimizer, or a dict to build one; for several optimizers, a dict of these
            by name. `paramwise_cfg` and `constructor` in the dict need MMEngine.
        param_scheduler: schedulers of MMEngine, built or as dicts, or a `Plan`, its text, file or mapping. For several
            optimizers one plan, which selects them by name, or a dict of MMEngine's schedulers by name.
        val_evaluator, test_evaluator: a metric or a list of metrics: objects with `process` and `evaluate`, functions
            of output and target, or dicts. None computes the mean loss.
        default_hooks: a dict from the names `logger`, `param_scheduler`, `checkpoint` and `progress` to the hooks that
            replace these default hooks.
        custom_hooks: additional hooks.
        load_from: the initial weights, or with `resume` the checkpoint to resume from.
        resume: resume from `load_from`, or from the newest checkpoint in `work_dir` if there is one.
        randomness: `dict(seed=…, diff_rank_seed=False, deterministic=False)`.
        cfg: the entire config, for hooks.
        loss: a function of output and target that returns the loss, for models that do not compute it.
        tokens_per_sample: the length of a sequence, for plans in tokens.
        amount_of: a function from a batch of one process to the integer amount it consumes on the clock of a Plan. By
            default it is the number of samples, multiplied by `tokens_per_sample` for tokens.
        on_change: the schedule to use if the new one differs from the checkpoint's: "new", "checkpoint", or "error" to
            raise an error. For a Plan also a dict from field to one of these.
        on_base: as in `ps.Scheduler`, for a Plan.
        accelerator: your own `Accelerator`; its `gradient_accumulation_steps` is ignored. Write
            `accumulative_counts` in `optim_wrapper` instead.

    Raises:
        ConfigError: if arguments are invalid. The error lists every problem with its path. Nothing has been written.

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
        tokens_per_sample: int | None = None,
        amount_of: AmountOf | None = None,
        on_change: OnChange = "new",
        on_base: OnBase = "checkpoint",
        accelerator: Any = None,
    ) -> None:
        # Before any other local variable, so that `locals()` contains only the arguments.
        self.given = {name: value for name, value in locals().items() if name not in ("self", "__class__")}
        parts = build_parts(self.given)
        self.settings = parts.settings
        self._parts = parts
        self.seed = parts.seed
        self.cfg = dict(cfg or {})
        self.work_dir: Path = parts.settings.work_dir
        self.logger = logging.getLogger("paramsched.mmengine")
        self._hooks = parts.hooks
        self.accelerator: Any = accelerator or accelerator_for(parts.wrappers.values())
        self.model: nn.Module = parts.model
        self.checkpoints = Checkpoints(self.work_dir, self.accelerator)
        self.train_loop: TrainLoop | None = None
        self.val_loop: EvalLoop | None = None
        self.test_loop: EvalLoop | None = None
        self.model_calls = ModelCalls(self.model, self.model, loss)
        self.steppers: dict[str, AcceleratedWrapper] = {}
        self.schedulers: Schedulers = {}
        self._is_scaled = False
        self.facts: RunnerFacts | None = None
        self._aligned: set[str] = set()  # names of optimizers for which an epoch has an integer number of updates

    @classmethod
    def from_cfg(cls, cfg: Mapping[str, Any] | str | os.PathLike[str], **arguments: Any) -> Self:
        """Build a Runner from a config.

        Args:
            cfg: a mapping, or the path of a `.py`, `.yaml` or `.json` file as a str or a Path. A `.py` file is code,
                and is run: by MMEngine's `Config` if MMEngine is installed, otherwise by a loader that reads `_base_`
                but not `read_base()`. The modules in `custom_imports` are imported. Entries that are not arguments
                are ignored.
            arguments: arguments of Runner that replace or extend those of the config.

        Raises:
            ConfigError: if the config is invalid, or it raises an error when it is run. The error lists every problem.
            MissingDependency: if the config needs MMEngine, which is not installed.
        """
        problems = ProblemCollector()
        of_config = read_config(config_as_dict(cfg), inspect.signature(cls), problems)
        try:
            runner = cls(**{**of_config, **arguments})
        except ConfigError as error:
            for problem in error.problems:
                problems.report(problem.path, problem)
        problems.raise_any("Runner")
        return runner

    # ------------------------------------------------------------------ attributes that MMEngine's hooks read

    @property
    def hooks(self) -> list[Any]:
        """The hooks in the order in which they are called."""
        return list(self._hooks)

    @property
    def epoch(self) -> int:
        """The number of completed epochs."""
        return 0 if self.train_loop is None else self.train_loop.epoch

    @property
    def iter(self) -> int:
        """The number of completed iterations."""
        return 0 if self.train_loop is None else self.train_loop.iter

    @property
    def max_epochs(self) -> int:
        """The number of epochs of the run; 1 for a run by iterations."""
        return 1 if self.train_loop is None else self.train_loop.max_epochs

    @property
    def max_iters(self) -> int:
        """The number of iterations of the run."""
        return 1 if self.train_loop is None else self.train_loop.max_iters

    @property
    def training(self) -> TrainLoop:
        """The training loop, built by `train()`.

        Raises:
            ParamschedError: if `train()` has not been called.
        """
        if self.train_loop is None:
            raise ParamschedError("Runner.training: train() has not been called. Call it first, or read train_loop")
        return self.train_loop

    @property
    def train_dataloader(self) -> Any:
        """The loader prepared by Accelerate; before training, the argument of the Runner."""
        return self.given["train_dataloader"] if self.train_loop is None else self.train_loop.dataloader

    @property
    def val_dataloader(self) -> Any:
        """The loader prepared by Accelerate; before the first validation, the argument of the Runner."""
        return self.given["val_dataloader"] if self.val_loop is None else self.val_loop.dataloader

    @property
    def optim_wrapper(self) -> AcceleratedWrapper | AcceleratedWrappers | Any:
        """The wrapper that is passed to the model's `train_step`; before training, the argument of the Runner."""
        if not self.steppers:
            return self.given["optim_wrapper"]
        return self.steppers[""] if "" in self.steppers else AcceleratedWrappers(self.steppers)

    @property
    def param_schedulers(self) -> Any:
        """A list of schedulers, or a dict of lists by optimizer; before training, the argument of the Runner."""
        if not self.schedulers:
            return self.given["param_scheduler"]
        return self.schedulers.get("", self.schedulers)

    def call_hook(self, fn_name: str, **arguments: Any) -> None:
        """Call the method `fn_name` of every hook that has it."""
        for hook in self._hooks:
            point = getattr(hook, fn_name, None)
            if point is not None:
                point(self, **arguments)

    def register_hook(self, hook: Any, priority: str | int | None = None) -> None:
        """Add a hook after existing hooks of the same priority."""
        problems = ProblemCollector()
        built = build_hook(hook, ROOT, problems)
        problems.raise_any("Runner.register_hook")
        if priority is not None:
            built.priority = priority
        self._hooks = hooks_in_order([*self._hooks, built])

    # ------------------------------------------------------------------ values

    def fields(self, name: str = "") -> list[tuple[str, int]]:
        """Return pairs (field, index of the group) of an optimizer's scheduled fields."""
        return scheduled_fields(self.schedulers.get(name, []), self.steppers[name].optimizer, name)

    def values(self) -> dict[tuple[str, int | str], float]:
        """Return a dict from the pairs (field, group) of all scheduled fields to the values for the next update."""
        return {
            (f"{name}.{field}" if name else field, group): value
            for name, stepper in self.steppers.items()
            for (field, group), value in present_values(self.schedulers.get(name, []), stepper.optimizer, name).items()
        }

    # ------------------------------------------------------------------ running

    def train(self) -> nn.Module:
        """Train and return the model.

        Raises:
            ParamschedError: if the arguments for training are missing.
            StateError: if the checkpoint to resume from is damaged or does not fit. Nothing has been changed.
        """
        if self.given["train_dataloader"] is None:
            raise ParamschedError(
                "Runner.train(): the arguments for training are missing. "
                "For example: Runner(model, train_dataloader=…, train_cfg=…, optim_wrapper=…)"
            )
        source = self.checkpoints.first(self.settings.load_from, resume=self.settings.resume)
        self._prepare_training()
        state: dict[str, Any] | None = None
        if source is not None and self.settings.resume:
            with in_every_process(self.accelerator):
                state = require_fit_for(self.accelerator, source)
                require_resumable_hooks(self._hooks, state["hooks"], self)
        self.checkpoints.create_folder()  # after the checkpoint was read, so that an error leaves no folder behind
        # Built only after the checkpoint was checked, because schedulers write to the optimizer.
        self._prepare_schedulers()
        self.call_hook("before_run")
        if source is not None and state is not None:
            self._resume(source, state)
        elif source is not None:
            load_weights(self.model, source)
        self.checkpoints.begin_at(source if self.settings.resume else None)
        # A resumed run continues an incomplete update; the last update may have fewer batches.
        for stepper in self.steppers.values():
            stepper.initialize_count_status(self.model, self.iter, self.max_iters)
        try:
            self.training.run()
        except BaseException:  # an interrupt too
            self.call_hook("after_exception")
            raise
        warn_if_unmeasured(self.schedulers)
        self.call_hook("after_run")
        return self.model

    def val(self) -> dict[str, Any]:
        """Validate and return a dict of the metrics by name.

        Raises:
            ParamschedError: if there is no validation loader.
        """
        return self._validate_or_test("val")

    def test(self) -> dict[str, Any]:
        """Test and return a dict of the metrics by name.

        Raises:
            ParamschedError: if there is no test loader.
        """
        return self._validate_or_test("test")

    def start_epoch(self, batch: int) -> None:
        """Start an epoch, or continue it after its first `batch` batches.

        For a Plan a new update starts too, because an epoch of its run facts has an integer number of updates.
        """
        for name in self._aligned:
            self.steppers[name].initialize_count_status(self.model, batch, self.training.epoch_length)

    # ------------------------------------------------------------------ checkpoints

    def save_checkpoint(self, name: str, *, newest: bool = True) -> None:
        """Save a checkpoint; every process must call it.

        Args:
            name: the name of the checkpoint's folder in `work_dir`.
            newest: True if a run resumes from this checkpoint.
        """
        state = state_of(self._saved_parts(), self.training.position, self.seed)
        if self.accelerator.is_main_process:
            self.call_hook("before_save_checkpoint", checkpoint=state)
        self.checkpoints.save(name, state, gradients_of(self.model, self.steppers), newest=newest)

    def remove_checkpoint(self, name: str) -> None:
        """Remove a checkpoint."""
        self.checkpoints.remove(name)

    def _saved_parts(self) -> SavedParts:
        assert self.facts is not None  # the run is prepared before anything is loaded or saved
        config = self.given["param_scheduler"]
        on_change = self.given["on_change"]
        return SavedParts(
            self.model, self.accelerator, self.steppers, self.schedulers, self._hooks, self.facts, config, on_change
        )

    def _resume(self, source: Path, state: dict[str, Any]) -> None:
        """Resume from a checkpoint that was checked, after everything is built and before the first batch."""
        load_state(self._saved_parts(), source, state, self.checkpoints.gradients(source))
        wanted = (self.given["randomness"] or {}).get("seed")
        saved = state["meta"]
        if wanted is not None and wanted != saved["seed"]:
            self.logger.warning(
                "resume: seed %d in the checkpoint, %d now; using the checkpoint's", saved["seed"], wanted
            )
        self.seed = saved["seed"]
        self.training.seed(self.seed)  # so that the order of the data continues
        self.training.resume(Position(**state["clock"]))
        self.call_hook("after_load_checkpoint", checkpoint=state)
        self.logger.info("resumed from %s: epoch %d, iteration %d", source, self.epoch, self.iter)

    # ------------------------------------------------------------------ building

    def _prepare_training(self) -> None:
        """Build everything except the schedulers, whose construction changes the optimizer."""
        if self.train_loop is not None:
            return
        arguments = self.given
        wrappers = self._parts.wrappers
        loader = build_loader(arguments["train_dataloader"], entry_path("train_dataloader"), self.model)
        prepared_model, prepared_loader, *optimizers = self.accelerator.prepare(
            self.model, loader, *(wrapper.optimizer for wrapper in wrappers.values())
        )
        # Determined from the unprepared model, because mixed precision hides the signature of `forward`.
        self.model_calls = ModelCalls(self.model, prepared_model, arguments["loss"], self.model_calls.style)
        self.steppers = {
            name: AcceleratedWrapper(wrapper, optimizer, self.accelerator)
            for (name, wrapper), optimizer in zip(wrappers.items(), optimizers, strict=True)
        }
        batches = EpochBatches(prepared_loader, self.accelerator)
        cls = IterBasedTrainLoop if loop_of(arguments["train_cfg"]) == "IterBasedTrainLoop" else EpochBasedTrainLoop
        self.train_loop = cls(self, batches, self._parts.train)
        self.train_loop.seed(self.seed)
        self.facts = facts_for(
            self.train_loop,
            loader,
            self.accelerator,
            {name: batches_per_update(stepper) for name, stepper in self.steppers.items()},
            tokens_per_sample=self.settings.tokens_per_sample,
        )
        self._prepare_evaluation("val")

    def _prepare_schedulers(self) -> None:
        """Build the schedulers."""
        if self.schedulers or self.facts is None:
            return
        arguments = self.given
        if not self._is_scaled:  # only once, even if train() is called again after an error
            self._scale_lr(self.facts)
            self._is_scaled = True
        choices = {name: arguments[name] for name in ("on_change", "on_base")}
        self.schedulers = build_schedulers(arguments["param_scheduler"], self._parts.wrappers, self.facts, choices)
        for name, stepper in self.steppers.items():
            writers = writers_of(self.schedulers[name], stepper.optimizer)
            warn_of_writers([stepper.optimizer], writers, "param_scheduler")
            for scheduler in self.schedulers[name]:
                if isinstance(scheduler, Scheduler) and self._counts_batches(name, scheduler):
                    options = PlanOptions(
                        facts=scheduler.facts,
                        tokens_per_sample=self.settings.tokens_per_sample,
                        amount_of=arguments["amount_of"],
                    )
                    stepper.amounts = batch_amounts(self.accelerator, scheduler, options, samples_in_lists)
        if self.val_loop is None:
            warn_without_validation(self.schedulers)
        else:
            for scheduler in distinct_schedulers(self.schedulers):
                if isinstance(scheduler, Scheduler):
                    MetricRelay("Runner").warn_of_patience(scheduler, self.training.validations)
        self._aligned = {
            name for name, many in self.schedulers.items() if any(isinstance(element, Scheduler) for element in many)
        }

    def _scale_lr(self, facts: RunnerFacts) -> None:
        """Multiply every lr by the ratio of the batch size of all processes to the config's, as in MMEngine."""
        scaling = self._parts.scaling
        if scaling is None or not scaling.enable:
            return
        ratio = (facts.batch_size or 1) / scaling.base_batch_size
        for stepper in self.steppers.values():
            for group in stepper.param_groups:
                group["lr"] = group["lr"] * ratio

    def _counts_batches(self, name: str, scheduler: Scheduler) -> bool:
        """Return whether the plan counts the batches of this optimizer; of several, it counts those of one."""
        assert self.facts is not None
        return name not in scheduler.optimizers or name == min(self.steppers, key=self.facts.accumulation.__getitem__)

    def _prepare_evaluation(self, mode: Literal["val", "test"]) -> None:
        loader = self.given[f"{mode}_dataloader"]
        name = f"{mode}_dataloader"
        if loader is not None and getattr(self, f"{mode}_loop") is None:
            batches = each_sample_once(build_loader(loader, entry_path(name), self.model), self.accelerator)
            setattr(self, f"{mode}_loop", EvalLoop(self, batches, self._parts.metrics[mode], mode))

    def _validate_or_test(self, mode: Literal["val", "test"]) -> dict[str, Any]:
        """Validate or test. Before any training, load the weights of `load_from` first."""
        if self.given[f"{mode}_dataloader"] is None:
            raise ParamschedError(
                f"Runner.{mode}(): {mode}_dataloader is missing. For example: Runner(model, {mode}_dataloader=…)"
            )
        if self.train_loop is None:  # otherwise Accelerate has moved it already
            self.model.to(self.accelerator.device)
        self._prepare_evaluation(mode)
        self.call_hook("before_run")
        if self.train_loop is None:
            source = self.checkpoints.first(self.settings.load_from, resume=self.settings.resume)
            if source is not None:
                load_weights(self.model, source)
        loop: EvalLoop = getattr(self, f"{mode}_loop")
        metrics = loop.run()
        self.call_hook("after_run")
        return metrics
