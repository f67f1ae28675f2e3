"""Rules of the check: what does not go with the optimizer, the metrics, the log, or with the other library."""

from typing import Final

from paramsched import _fault_codes as codes
from paramsched.config.checking.check_rule import PYTHON, CheckRule

NO_SUCH_GROUP: Final = "PS401"
NO_SUCH_FIELD: Final = "PS402"
BASE_OF_ZERO: Final = "PS403"
NAME_AS_INDEX: Final = "PS404"
LOG_DIFFERS: Final = "PS405"
BEYOND_THE_PLAN: Final = "PS406"
WRONG_MODE: Final = "PS501"
PATIENCE_BEYOND_RUN: Final = "PS502"

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
