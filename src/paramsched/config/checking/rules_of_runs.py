"""Rules of the check: what cannot be read, and what does not go with the optimizer, the metrics or the log."""

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, final

from paramsched.base import fault_codes as codes

Severity: TypeAlias = Literal["error", "warning", "info"]

NATIVE: Final = "plan.yaml"
PYTHON: Final = "config.py"


@final
@dataclass(frozen=True, slots=True)
class CheckRule:
    """One rule of the check.

    Args:
        code: stays what it is for ever: `PS205`.
        name: a few words: `long-warmup`.
        severity: an error no run can go with; a warning is for a plan that runs, but hardly as meant; info is to be
            known.
        line: what is found.
        why: why it matters.
        wrong: a file in which it is found; "" where a text alone does not show it.
        right: the file as it should be.
        file: what the file is called, whose suffix says its format.
        options: of the command line, with which it is found.
    """

    code: str
    name: str
    severity: Severity
    line: str
    why: str
    wrong: str = ""
    right: str = ""
    file: str = NATIVE
    options: tuple[str, ...] = ()


UNKNOWN_COMMENT: Final = "PS110"

RULES_OF_FILES: Final = (
    CheckRule(
        codes.UNREADABLE,
        "fault",
        "error",
        "The library of the config may take it, and a plan cannot be made of it.",
        "What only running the config would tell, say. The message says what was found, and what to write.",
        "param_scheduler = make_schedulers()\n",
        "param_scheduler = dict(type='MultiStepLR', milestones=[8, 11])\n",
        PYTHON,
    ),
    CheckRule(
        codes.SYNTAX,
        "syntax",
        "error",
        "The file, or a line of text in it, cannot be read.",
        "A bracket or a quote is missing, or a sign stands where none can.",
        'lr: warmup("5%" >> cosine()\n',
        'lr: warmup("5%") >> cosine()\n',
    ),
    CheckRule(
        codes.UNKNOWN_NAME,
        "unknown-name",
        "error",
        "No shape, curve, rule, unit or class has this name.",
        "The nearest known name is in the message. A name of another library is answered with the line to write.",
        'lr: warmup("5 epohcs") >> cosine()\n',
        'lr: warmup("5 epochs") >> cosine()\n',
    ),
    CheckRule(
        codes.UNKNOWN_FIELD,
        "unknown-field",
        "error",
        "No field of an optimizer, and no entry of the file, has this name.",
        "A misspelled field would be missing in every group, which is told only when the plan is attached.",
        "weight_decy: linear(1, 0)\n",
        "weight_decay: linear(1, 0)\n",
    ),
    CheckRule(
        codes.WRONG_ARGUMENT,
        "wrong-argument",
        "error",
        "An argument is unknown, missing, or one too many.",
        "Every shape says its arguments in the reference; the message names the nearest one.",
        "lr: cosine(too=0.1)\n",
        "lr: cosine(to=0.1)\n",
    ),
    CheckRule(
        codes.WRONG_TYPE,
        "wrong-type",
        "error",
        "A value is of another type than what is wanted there.",
        "A number in quotes is a text, and a word without quotes may be true or false in YAML.",
        "lr: true\n",
        "lr: 1.0\n",
    ),
    CheckRule(
        codes.REFUSED_VALUE,
        "refused-value",
        "error",
        "A value of the right type that cannot be.",
        "A length below zero, a share above 100%, a ratio of zero: no run can use it.",
        "lr: step(10, gamma=-1)\n",
        "lr: step(10, gamma=0.1)\n",
    ),
    CheckRule(
        codes.SAID_TWICE,
        "said-twice",
        "error",
        "One value is scheduled in two places.",
        "momentum means betas[0] where a group has betas, so only one of them can be scheduled.",
        "momentum: 0.9\nbetas[0]: 0.9\n",
        "betas[0]: 0.9\n",
    ),
    CheckRule(
        codes.NOTHING_PLANNED,
        "nothing-planned",
        "error",
        "Nothing is scheduled.",
        "A file without a field, or with an empty list of schedulers, has no plan.",
        "horizon: 20 epochs\n",
        "horizon: 20 epochs\nlr: cosine()\n",
    ),
    CheckRule(
        codes.MISSING_FACT,
        "missing-fact",
        "error",
        "A length cannot be turned into updates with the facts that were given.",
        "The plan may be good: the command line lacks a fact. The exit code is 2.",
        'horizon: 1000\nlr: warmup("5 epochs") >> cosine()\n',
        'horizon: 1000\nlr: warmup("5%") >> cosine()\n',
        options=("--batch-size", "32"),
    ),
    CheckRule(
        UNKNOWN_COMMENT,
        "unknown-comment",
        "warning",
        "A comment that silences names a code that there is not.",
        "It silences nothing, so what it was written for is told, or was never found.",
        "lr: cosine()  # paramsched: ignore PS999\n",
        "lr: cosine()  # paramsched: ignore PS205\n",
    ),
    CheckRule(
        codes.UNUSED_SETTING,
        "unused-setting",
        "warning",
        "A key of a config looks like a setting of a schedule, and its reader does not use it.",
        "The config may be that of another program, or of a fork: there the key changes the schedule.",
        "lr_scheduler_type: cosine\nlearning_rate: 1.0e-4\nmax_steps: 1000\ncosine_min_lr_ratio: 0.1\n",
        "lr_scheduler_type: cosine_with_min_lr\nlr_scheduler_kwargs: {min_lr_rate: 0.1}\nlearning_rate: 1.0e-4\n"
        "max_steps: 1000\nwarmup_steps: 0\n",
        options=("--format", "transformers"),
    ),
    CheckRule(
        codes.KEY_TWICE,
        "key-twice",
        "warning",
        "A key of a schedule is twice in the config of another library.",
        "Its library takes the last value without a message. In a plan of this library it is an error.",
        "SOLVER:\n  MAX_ITER: 90000\n  STEPS: [60000, 80000]\n  MAX_ITER: 270000\n",
        "SOLVER:\n  MAX_ITER: 270000\n  STEPS: [210000, 250000]\n",
        options=("--format", "fvcore"),
    ),
    CheckRule(
        codes.UNKNOWN_INTERVAL,
        "unknown-interval",
        "warning",
        "A config of Lightning or Hydra has a scheduler and does not specify how often it steps.",
        "It counts updates here. If the code steps it once per epoch, its lengths are epochs.",
        "trainer: {max_epochs: 90}\nscheduler: {_target_: torch.optim.lr_scheduler.StepLR, step_size: 30}\n",
        "trainer: {max_epochs: 90}\ninterval: epoch\n"
        "scheduler: {_target_: torch.optim.lr_scheduler.StepLR, step_size: 30}\n",
        options=("--format", "torch"),
    ),
    CheckRule(
        codes.NOT_IN_SCRIPT,
        "not-in-script",
        "warning",
        "A part of a command has a value that only running its script would give.",
        "Options in a variable that the file does not set, in $@ or in the output of a command are not in the plan.",
        "train.py --max_steps 1000 --learning_rate 1e-4 --lr_scheduler_type cosine --warmup_steps 10 $MORE_ARGS\n",
        "train.py --max_steps 1000 --learning_rate 1e-4 --lr_scheduler_type cosine --warmup_steps 10\n",
        file="train.sh",
        options=("--format", "transformers"),
    ),
    CheckRule(
        codes.ONE_OF_COMMANDS,
        "one-of-commands",
        "warning",
        "A script has several commands with other settings of a schedule; the last one is read.",
        "A line that begins with an option is a command of its own, too: a comment ends the line before it.",
        "train.py --max_steps 1000 --learning_rate 1e-4 --lr_scheduler_type cosine --warmup_steps 10\n"
        "train.py --max_steps 9000 --learning_rate 1e-4 --lr_scheduler_type cosine --warmup_steps 10\n",
        "train.py --max_steps 9000 --learning_rate 1e-4 --lr_scheduler_type cosine --warmup_steps 10\n",
        file="train.sh",
        options=("--format", "transformers"),
    ),
    CheckRule(
        codes.LIBRARY_DEFAULTS,
        "library-defaults",
        "info",
        "A config leaves out settings of a schedule, and the defaults of its library are taken.",
        "Another version of the library, or a fork of it, may have other defaults.",
        "lr_scheduler_type: cosine\nlearning_rate: 1.0e-4\nmax_steps: 1000\n",
        "lr_scheduler_type: cosine\nlearning_rate: 1.0e-4\nmax_steps: 1000\nwarmup_steps: 0\n",
        options=("--format", "transformers"),
    ),
)


NO_SUCH_GROUP: Final = "PS401"
NO_SUCH_FIELD: Final = "PS402"
BASE_OF_ZERO: Final = "PS403"
NAME_AS_INDEX: Final = "PS404"
LOG_DIFFERS: Final = "PS405"
BEYOND_THE_PLAN: Final = "PS406"
WRONG_MODE: Final = "PS501"
PATIENCE_BEYOND_RUN: Final = "PS502"
METRIC_NOT_LOGGED: Final = "PS504"

_EPOCHS = "train_cfg = dict(by_epoch=True, max_epochs=12)\n"
_VALIDATED = _EPOCHS + "val_cfg = dict()\n"
_ITERATIONS = "train_cfg = dict(type='IterBasedTrainLoop', max_iters=90000)\n"
_SGD = "optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.1, momentum=0.9))\n"

RULES_OF_RUNS: Final = (
    CheckRule(
        NO_SUCH_GROUP,
        "no-such-group",
        "error",
        "A group is named that the optimizer does not have.",
        "Found beside a checkpoint, --checkpoint model.pt. Attaching the plan would raise.",
    ),
    CheckRule(
        NO_SUCH_FIELD,
        "no-such-field",
        "error",
        "The optimizer does not have the field: SGD has no betas.",
        "Found beside a checkpoint, or where the config says the optimizer. Attaching the plan would raise.",
        _EPOCHS + _SGD + "param_scheduler = dict(type='LinearParamScheduler', param_name='betas[0]', end=5)\n",
        _EPOCHS + _SGD + "param_scheduler = dict(type='LinearMomentum', end=5)\n",
        PYTHON,
    ),
    CheckRule(
        BASE_OF_ZERO,
        "base-of-zero",
        "warning",
        "A field is scheduled by multiples, and its own value is 0: every multiple of 0 is 0.",
        "A weight decay that is to be scheduled needs a value in the optimizer, or absolute levels.",
        _EPOCHS + _SGD + "param_scheduler = dict(type='LinearParamScheduler', param_name='weight_decay', end=5)\n",
        _EPOCHS
        + _SGD.replace("momentum=0.9", "weight_decay=1e-4")
        + "param_scheduler = dict(type='LinearParamScheduler', param_name='weight_decay', end=5)\n",
        PYTHON,
    ),
    CheckRule(
        NAME_AS_INDEX,
        "name-as-index",
        "warning",
        "A group's name is a number, which looks like an index.",
        'The text "3" selects the group that is called 3; the fourth group is [3].',
        "groups: {'3': {lr: 0.1}}\n",
        "groups: {'[3]': {lr: 0.1}}\n",
    ),
    CheckRule(
        LOG_DIFFERS,
        "log-differs",
        "error",
        "The run used other values than the plan says.",
        "Found beside a log, --log values.jsonl. The likely cause is told: stepped once per process, per batch, twice.",
    ),
    CheckRule(
        BEYOND_THE_PLAN,
        "run-beyond-plan",
        "warning",
        "The run has gone on behind the end of the plan.",
        "Found beside a checkpoint or a log: the horizon has the wrong unit, or forgets processes or accumulation.",
    ),
    CheckRule(
        WRONG_MODE,
        "wrong-mode",
        "warning",
        "A rule waits for a metric to fall that is better when it rises, or the other way round.",
        'plateau("accuracy") has mode="min": each gain is taken for a loss, and the rate is reduced while all is well.',
        'horizon: 20 epochs\nlr: 1.0 * plateau("val_accuracy")\n',
        'horizon: 20 epochs\nlr: 1.0 * plateau("val_accuracy", mode="max")\n',
    ),
    CheckRule(
        PATIENCE_BEYOND_RUN,
        "patience-beyond-run",
        "warning",
        "A rule waits as many validations as the run has epochs.",
        "With one validation per epoch it never reduces anything.",
        'horizon: 20 epochs\nlr: 1.0 * plateau("val_loss", patience=30)\n',
        'horizon: 20 epochs\nlr: 1.0 * plateau("val_loss", patience=3)\n',
    ),
    CheckRule(
        codes.NEVER_OBSERVED,
        "never-observed",
        "warning",
        "A rule waits for a metric that never comes: the config has no validation.",
        "It never reduces anything.",
        _EPOCHS + "param_scheduler = dict(type='ReduceOnPlateauLR', monitor='loss', patience=2)\n",
        _VALIDATED + "param_scheduler = dict(type='ReduceOnPlateauLR', monitor='loss', patience=2)\n",
        PYTHON,
    ),
    CheckRule(
        METRIC_NOT_LOGGED,
        "metric-not-logged",
        "warning",
        "A rule waits for a metric that the log of the run does not have, though it has others.",
        "Found beside a log, --log values.jsonl. Nobody tells the rule under its name: it never reduces anything.",
    ),
    CheckRule(
        codes.HARDLY_MEANT,
        "mmengine-argument",
        "warning",
        "An argument of one of MMEngine's schedulers does something else than one thinks.",
        "A window of one tick multiplies once and stays so; a count that is no whole number is never reached.",
        _EPOCHS + "param_scheduler = dict(type='LinearLR', start_factor=0.1, begin=5, end=6)\n",
        _EPOCHS + "param_scheduler = dict(type='LinearLR', start_factor=0.1, begin=0, end=6)\n",
        PYTHON,
    ),
    CheckRule(
        codes.TICKS_TOO_LATE,
        "mmengine-by-epoch",
        "warning",
        "by_epoch=True in a run by iterations: such a scheduler ticks once an epoch, if at all.",
        "A run by iterations has no epochs, so the scheduler does nothing.",
        _ITERATIONS + "param_scheduler = dict(type='StepLR', step_size=3)\n",
        _ITERATIONS + "param_scheduler = dict(type='StepLR', step_size=30000, by_epoch=False)\n",
        PYTHON,
    ),
    CheckRule(
        codes.CLIMBS_AGAIN,
        "mmengine-climbs-again",
        "warning",
        "A cosine turns round at T_max inside its window, and climbs back to the base value.",
        "What another scheduler made of the value is forgotten.",
        _EPOCHS + "param_scheduler = [dict(type='CosineAnnealingLR', T_max=5, end=12), "
        "dict(type='MultiStepLR', milestones=[8])]\n",
        _EPOCHS + "param_scheduler = dict(type='CosineAnnealingLR', T_max=12, end=12)\n",
        PYTHON,
    ),
    CheckRule(
        codes.ASSUMED_ORDER,
        "mmengine-assumed-order",
        "info",
        "A window in iterations and one in epochs are taken to be one after the other.",
        "That hangs on how long an epoch is: --steps-per-epoch says it.",
        _EPOCHS + "param_scheduler = [dict(type='LinearLR', start_factor=0.1, by_epoch=False, end=500), "
        "dict(type='CosineAnnealingLR', eta_min=1e-4, T_max=6, begin=6, end=12, convert_to_iter_based=True)]\n",
        _EPOCHS + "param_scheduler = [dict(type='LinearLR', start_factor=0.1, end=6), "
        "dict(type='CosineAnnealingLR', T_max=6, begin=6, end=12)]\n",
        PYTHON,
    ),
    CheckRule(
        codes.COUNTS_BATCHES,
        "mmengine-counts-batches",
        "warning",
        "by_epoch=False counts batches in MMEngine and updates in a plan, and several batches make an update.",
        "The warmup is as many times longer as batches make an update.",
        _EPOCHS + "optim_wrapper = dict(accumulative_counts=4)\n"
        "param_scheduler = dict(type='LinearLR', start_factor=0.1, by_epoch=False, end=500)\n",
        _EPOCHS + "param_scheduler = dict(type='LinearLR', start_factor=0.1, by_epoch=False, end=500)\n",
        PYTHON,
    ),
    CheckRule(
        codes.GAP_OF_ONE,
        "mmengine-gap",
        "warning",
        "One window ends a tick before the next one begins.",
        "The end of a window stands outside of it: begin=5 follows end=5. In the tick between nothing moves.",
        _EPOCHS + "param_scheduler = [dict(type='LinearLR', start_factor=0.1, begin=0, end=5), "
        "dict(type='CosineAnnealingLR', T_max=6, begin=6, end=12)]\n",
        _EPOCHS + "param_scheduler = [dict(type='LinearLR', start_factor=0.1, begin=0, end=5), "
        "dict(type='CosineAnnealingLR', T_max=7, begin=5, end=12)]\n",
        PYTHON,
    ),
    CheckRule(
        codes.TWO_DECAYS,
        "mmengine-two-decays",
        "warning",
        "Two decays of one value have windows that overlap.",
        "They act on each other's result: the value falls much faster than either of them says.",
        _EPOCHS + "param_scheduler = [dict(type='CosineAnnealingLR', T_max=12, end=12), "
        "dict(type='MultiStepLR', milestones=[8, 11])]\n",
        _EPOCHS + "param_scheduler = dict(type='MultiStepLR', milestones=[8, 11])\n",
        PYTHON,
    ),
)
