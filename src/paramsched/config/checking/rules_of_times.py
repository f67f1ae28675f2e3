"""Rules of the check: lengths and times that do not go with the run, or with each other."""

from typing import Final

from paramsched import _fault_codes as codes
from paramsched.config.checking.check_rule import PYTHON, CheckRule

BEYOND_HORIZON: Final = "PS201"
NOTHING_LEFT: Final = "PS202"
TWO_WITHOUT_LENGTH: Final = "PS203"
TWO_HORIZONS: Final = "PS204"
RISES_TO_THE_END: Final = "PS205"
NOT_FOLLOWED: Final = "PS206"
PERIOD_BEYOND_RUN: Final = "PS208"
MILESTONES_MIXED: Final = "PS209"
EPOCHS_FOR_UPDATES: Final = "PS210"
UPDATES_FOR_EPOCHS: Final = "PS211"
ONE_UPDATE: Final = "PS212"
COUNTED_FROM_STAGE: Final = "PS213"
SHARE_OF_RUN: Final = "PS214"

RULES_OF_TIMES: Final = (
    CheckRule(
        BEYOND_HORIZON,
        "beyond-horizon",
        "warning",
        "A schedule is longer than the run, which ends inside it.",
        "A decay that is cut off never arrives at its last level, and the model ends at a rate that is too high.",
        'horizon: 20 epochs\nlr: linear(1, 0, over="30 epochs")\n',
        'horizon: 20 epochs\nlr: linear(1, 0, over="20 epochs")\n',
    ),
    CheckRule(
        NOTHING_LEFT,
        "nothing-left",
        "error",
        "Nothing is left of the run for a stage, or a time lies outside of its stage.",
        "Attaching the plan to this run would raise.",
        'horizon: 20 epochs\nlr: warmup("30 epochs") >> cosine()\n',
        'horizon: 20 epochs\nlr: warmup("3 epochs") >> cosine()\n',
    ),
    CheckRule(
        TWO_WITHOUT_LENGTH,
        "two-without-length",
        "error",
        "Two stages of one sequence have no length, so nothing says where the first of them ends.",
        "One stage takes what the others leave; the others need over=.",
        "lr: cosine() >> constant(0.1)\n",
        'lr: cosine(over="90%") >> constant(0.1)\n',
    ),
    CheckRule(
        TWO_HORIZONS,
        "two-horizons",
        "error",
        "The plan and the facts of the run say different lengths of it.",
        "Attaching the plan to this run would raise.",
        "horizon: 1000\nlr: cosine()\n",
        "horizon: 2000\nlr: cosine()\n",
        options=("--horizon", "2000"),
    ),
    CheckRule(
        RISES_TO_THE_END,
        "rises-to-the-end",
        "warning",
        "The learning rate rises until the run is nearly over.",
        "The warmup is as long as the run: its unit, or a digit of it, is likely wrong.",
        'horizon: 20 epochs\nlr: warmup("20 epochs")\n',
        'horizon: 20 epochs\nlr: warmup("2 epochs") >> cosine()\n',
    ),
    CheckRule(
        NOT_FOLLOWED,
        "cannot-follow",
        "error",
        "A field is to be like another one, which cannot be followed.",
        "The other field is not in the plan, follows itself, or has values that only fit itself.",
        "lr: cosine()\nweight_decay: like('lrr')\n",
        "lr: cosine()\nweight_decay: like('lr')\n",
    ),
    CheckRule(
        codes.MILESTONE_AFTER_END,
        "milestone-after-end",
        "warning",
        "A milestone lies behind the end of the run.",
        "The drop that is planned there never comes, often because the run was shortened and the milestones were not.",
        'horizon: 60 epochs\nlr: multistep(["30 epochs", "80 epochs"])\n',
        'horizon: 90 epochs\nlr: multistep(["30 epochs", "80 epochs"])\n',
    ),
    CheckRule(
        PERIOD_BEYOND_RUN,
        "period-beyond-run",
        "warning",
        "What is to come again and again never comes once: its period is longer than the run.",
        "The rate stays where it is for the whole run.",
        'horizon: 20 epochs\nlr: step("30 epochs")\n',
        'horizon: 90 epochs\nlr: step("30 epochs")\n',
    ),
    CheckRule(
        MILESTONES_MIXED,
        "milestones-mixed",
        "warning",
        "Milestones are not in order, or one of them stands twice.",
        "One that stands twice applies its factor twice. Out of order they mean what they mean in order, but a digit "
        "is likely missing.",
        'horizon: 90 epochs\nlr: multistep(["30 epochs", "60 epochs", "60 epochs"])\n',
        'horizon: 90 epochs\nlr: multistep(["30 epochs", "60 epochs", "80 epochs"])\n',
    ),
    CheckRule(
        EPOCHS_FOR_UPDATES,
        "epochs-for-updates",
        "warning",
        "A length in epochs is many times the run: it was likely meant in updates.",
        "A warmup of 500 epochs in a run of 12 leaves the rate near zero all the time. In MMEngine by_epoch=True is "
        "the default, also for end=500.",
        "train_cfg = dict(by_epoch=True, max_epochs=12)\n"
        "param_scheduler = dict(type='LinearLR', start_factor=0.001, by_epoch=True, begin=0, end=500)\n",
        "train_cfg = dict(by_epoch=True, max_epochs=12)\n"
        "param_scheduler = dict(type='LinearLR', start_factor=0.001, by_epoch=False, begin=0, end=500)\n",
        PYTHON,
    ),
    CheckRule(
        UPDATES_FOR_EPOCHS,
        "updates-for-epochs",
        "warning",
        "Numbers without a unit are updates, and these are as small as numbers of epochs.",
        "All of it happens in the first moments of the run, and the rate is at its lowest level from then on.",
        "horizon: 90 epochs\nlr: multistep([30, 60, 80])\n",
        'horizon: 90 epochs\nlr: multistep(["30 epochs", "60 epochs", "80 epochs"])\n',
    ),
    CheckRule(
        ONE_UPDATE,
        "one-update",
        "warning",
        "A stage is one update long, or none, in a run of thousands.",
        'The unit is likely wrong: "0.05%" is not 5% of the run.',
        'horizon: 1000\nlr: warmup("0.05%") >> cosine()\n',
        'horizon: 1000\nlr: warmup("5%") >> cosine()\n',
        options=("--batch-size", "32"),
    ),
    CheckRule(
        COUNTED_FROM_STAGE,
        "counted-from-stage",
        "warning",
        "Milestones behind a warmup count from the end of the warmup.",
        "Times inside a stage count from its begin, so every drop comes later than it is written.",
        'lr: warmup("5 epochs") >> multistep(["30 epochs"])\n',
        'lr: warmup("5 epochs") * multistep(["30 epochs"])\n',
    ),
    CheckRule(
        SHARE_OF_RUN,
        "share-of-run",
        "warning",
        "Per cent inside restarts(…) are of the run, not of a cycle.",
        "A warmup of 10% may take the whole cycle.",
        'lr: restarts(warmup("10%") >> cosine(), "10%")\n',
        'lr: restarts(warmup("1%") >> cosine(), "10%")\n',
    ),
)
