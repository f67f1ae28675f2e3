"""axolotl. Write `plugins: [paramsched.engines.axolotl.PlanPlugin]` and `paramsched_plan: plan.yaml` into its config.

axolotl asks its plugins for a scheduler before it creates its own one. It then ignores the keys of its schedulers; the
plugin reports them.

Source: axolotl 067b021c (2026-07-24), `integrations/base.py`, `core/trainers/mixins/scheduler.py`,
`core/builders/base.py` and `utils/trainer.py`.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from paramsched.core.base.codes import MISSING_FACT, SAID_TWICE, UNUSED_SETTING
from paramsched.core.base.printing import child_path
from paramsched.core.base.problem import Problem, warn_user
from paramsched.core.plan.binding import amount_clock
from paramsched.core.plan.forms import plan_of
from paramsched.core.run.scheduler import Scheduler
from paramsched.core.time import Calendar
from paramsched.engines.engine_facts import EngineFacts, PlanOptions
from paramsched.engines.reporting import callbacks_on_demand
from paramsched.engines.transformers import end_callback_class, resume_callback_class
from paramsched.errors import ConfigError, MissingFact

_IGNORED: Final = (
    "cosine_min_lr_ratio", "cosine_constant_lr_ratio", "lr_quadratic_warmup", "lr_scheduler_kwargs", "warmup_steps",
    "warmup_ratio",
)  # fmt: skip


_OPTIONS: Final = ("reserve", "stop_before", "stop_on")


class _AxolotlPlan:
    """A plugin of axolotl that applies the plan in `paramsched_plan`, a file or a mapping.

    The default horizon of the plan is the number of updates that axolotl computes. Checkpoints store the plan's state.

    Raises:
        MissingDependency: axolotl is not installed.
    """

    def get_input_args(self) -> str:
        """Return the path of the model of the plugin's keys."""
        return f"{__name__}.PlanArgs"

    def post_trainer_create(self, cfg: Mapping[str, Any], trainer: Any) -> None:
        """Refuse a DeepSpeed config with a scheduler, because axolotl then does not ask plugins for one."""
        given = cfg.get("deepspeed")
        data = json.loads(Path(given).read_text(encoding="utf-8")) if isinstance(given, str) else given
        if isinstance(data, Mapping) and "scheduler" in data:
            raise _refused("deepspeed", "its scheduler would replace the plan", "Delete scheduler in that config")

    def create_lr_scheduler(
        self, cfg: Mapping[str, Any], trainer: Any, optimizer: Any, num_training_steps: int
    ) -> Scheduler:
        """Return the scheduler of the plan.

        Raises:
            ConfigError: `paramsched_plan` is missing or invalid, it needs reported amounts or metrics, or
                `jagged_restart_steps` is set.
            MissingFact: a unit of the plan needs a run fact that axolotl does not provide.
        """
        if cfg.get("paramsched_plan") is None:
            raise _refused("paramsched_plan", "it is missing", "Use paramsched_plan: plan.yaml", MISSING_FACT)
        if cfg.get("jagged_restart_steps"):
            found = "axolotl would multiply the plan's lr by its own restarts"
            raise _refused("jagged_restart_steps", found, 'For example: restarts(cosine(), "1000 steps") in the plan')
        ignored = [name for name in _IGNORED if cfg.get(name)]
        if cfg.get("lr_scheduler") not in (None, "cosine"):  # axolotl fills in cosine
            ignored.insert(0, "lr_scheduler")
        for name in ignored:
            warn_user(Problem(child_path("$", name), "it has no effect beside a plan. Delete it", code=UNUSED_SETTING))
        plan, args = plan_of(cfg["paramsched_plan"], "axolotl.PlanPlugin"), trainer.args
        if plan.metric_rules or amount_clock(plan.clock) is not None:
            found = "the plan needs metrics or reported amounts, which axolotl does not report to a plugin"
            raise _refused("paramsched_plan", found, "Use a plan in updates without metric rules", MISSING_FACT)
        # axolotl estimates the length of a run with packed samples, and does not subtract dropped batches.
        is_estimate = any(cfg.get(name) for name in ("max_steps", "sample_packing", "dataloader_drop_last"))
        epoch = num_training_steps / args.num_train_epochs
        is_whole = not is_estimate and args.num_train_epochs >= 1 and epoch.is_integer()
        copies = (cfg.get("context_parallel_size") or 1) * (cfg.get("tensor_parallel_size") or 1)
        facts = EngineFacts(
            call="axolotl.PlanPlugin",
            accumulation=args.gradient_accumulation_steps,
            batch_size=None if cfg.get("sample_packing") else args.train_batch_size,
            processes=args.world_size // copies,
            total=num_training_steps,
            why={"steps_per_epoch": "the run is not a number of whole epochs", "batch_size": "samples are packed"},
        )
        calendar = Calendar(steps_per_epoch=int(epoch)) if is_whole else None
        drive = "manual" if cfg.get("deepspeed") else "optimizer"  # ZeRO steps the optimizer once per group
        given: dict[str, Any] = {name: cfg.get(f"paramsched_{name}") for name in _OPTIONS}
        options = PlanOptions(calendar=calendar, **given)
        try:
            scheduler = facts.attach(optimizer, plan, options, drive=drive)
        except MissingFact as error:
            instead = 'Use lengths in updates or percent, such as "100 steps" or "3%"'
            raise error.changed(advice=instead) from None
        trainer.add_callback(resume_callback_class()(scheduler, "axolotl.PlanPlugin"))
        if options.stop:
            trainer.add_callback(end_callback_class()(scheduler, "axolotl.PlanPlugin"))
        return scheduler


def _refused(name: str, found: str, instead: str, code: str = SAID_TWICE) -> ConfigError:
    return ConfigError("axolotl config", [Problem(child_path("$", name), found, instead, code=code)])


def _plan_args() -> type[Any]:
    """Return the pydantic model of the plugin's keys, which axolotl adds to its own model."""
    from pydantic import create_model

    keys: dict[str, Any] = {f"paramsched_{name}": (str | None, None) for name in _OPTIONS}
    keys["paramsched_stop_on"] = str | list[str] | None, None
    keys["paramsched_plan"] = str | dict[str, Any] | None, None
    made: type[Any] = create_model("PlanArgs", __module__=__name__, **keys)
    return made


if TYPE_CHECKING:
    PlanPlugin = _AxolotlPlan
    PlanArgs: type[Any]
else:
    __getattr__ = callbacks_on_demand(
        __name__, {"PlanPlugin": _AxolotlPlan}, "axolotl.integrations.base.BasePlugin", extra="axolotl",
        others={"PlanArgs": _plan_args},
    )  # fmt: skip
