"""Rules of the check: values, lengths and times that a run hardly can be meant to have."""

from typing import Final

from paramsched.base import fault_codes as codes
from paramsched.config.checking.rules_of_runs import PYTHON, CheckRule

LEVEL_AS_VALUE: Final = "PS301"
FIRST_IS_START: Final = "PS302"
BINDS_FIRST: Final = "PS303"
FLOOR_AS_VALUE: Final = "PS304"
OTHERS_NAME: Final = "PS305"
NOT_FINITE: Final = "PS310"
NEGATIVE: Final = "PS311"
MOMENTUM_OF_ONE: Final = "PS312"
NEVER_ABOVE_ZERO: Final = "PS313"
ZERO_FIRST_EPOCH: Final = "PS314"
ZERO_AT_THE_END: Final = "PS315"
ENDS_HIGH: Final = "PS316"
JUMPS: Final = "PS317"
GROWS: Final = "PS318"
SAYS_NOTHING: Final = "PS319"
FOLLOWS_CONSTANT: Final = "PS320"

RULES_OF_VALUES: Final = (
    CheckRule(
        LEVEL_AS_VALUE,
        "level-as-value",
        "warning",
        "The rate never gets above a hundredth of the optimizer's own: a value was likely written where a multiple is "
        "meant.",
        "Numbers are multiples of the group's own lr. With lr=3e-4 in the optimizer, 3e-4 here makes 9e-8.",
        "lr: linear(3e-4, 3e-5)\n",
        "lr: linear(absolute(3e-4), absolute(3e-5))\n",
    ),
    CheckRule(
        FIRST_IS_START,
        "first-is-start",
        "warning",
        "cosine(0.1) begins at a tenth of base and falls to 0.",
        "The first argument is start. To fall from base to a tenth of it, name the argument: to=0.1.",
        "lr: cosine(0.1)\n",
        "lr: cosine(to=0.1)\n",
    ),
    CheckRule(
        BINDS_FIRST,
        "binds-first",
        "warning",
        "A number beside >> acts on one stage only, and the value jumps between the stages.",
        "*, + and - bind before >>, as in Python. Brackets around the sequence make the number act on all of it.",
        "lr: warmup(5) >> cosine() + 0.1\n",
        "lr: (warmup(5) >> cosine()) + 0.1\n",
    ),
    CheckRule(
        FLOOR_AS_VALUE,
        "floor-as-value",
        "info",
        "A decay ends at a multiple of base that is so small that a value was likely meant.",
        "With lr=3e-4 in the optimizer, to=1e-5 ends at 3e-9. For a value as it stands write absolute(1e-5).",
        "lr: cosine(to=1e-5)\n",
        "lr: cosine(to=absolute(1e-5))\n",
    ),
    CheckRule(
        OTHERS_NAME,
        "name-of-others",
        "warning",
        "The field is called so in another library, or is a pair; torch's optimizers have another name for the number.",
        "No group has the field, so attaching the plan would raise.",
        "learning_rate: cosine()\n",
        "lr: cosine()\n",
    ),
    CheckRule(
        NOT_FINITE,
        "not-finite",
        "error",
        "A value is infinite, or not a number.",
        "A ratio above 1 at every update grows beyond every float; one update with such a value spoils the model.",
        "horizon: 100000\nlr: exponential(1.5, per=10)\n",
        "horizon: 100000\nlr: exponential(0.5, per=10000)\n",
    ),
    CheckRule(
        NEGATIVE,
        "negative",
        "warning",
        "A learning rate, a weight decay or a momentum gets below zero.",
        "With a negative rate the optimizer climbs instead of descending.",
        "horizon: 100\nlr: linear(1, -0.1)\n",
        "horizon: 100\nlr: linear(1, 0.1)\n",
    ),
    CheckRule(
        MOMENTUM_OF_ONE,
        "momentum-of-one",
        "error",
        "A momentum, or one of Adam's betas, gets to 1 or above.",
        "The averages never forget, or grow without bound; Adam then divides by zero.",
        "horizon: 100\nmomentum: linear(absolute(0.85), absolute(9.5))\n",
        "horizon: 100\nmomentum: linear(absolute(0.85), absolute(0.95))\n",
    ),
    CheckRule(
        NEVER_ABOVE_ZERO,
        "never-above-zero",
        "warning",
        "The learning rate is 0 in the whole run.",
        "Nothing is trained.",
        "horizon: 100\nlr: 0\n",
        "horizon: 100\nlr: cosine()\n",
    ),
    CheckRule(
        ZERO_FIRST_EPOCH,
        "zero-first-epoch",
        "warning",
        "The learning rate is 0 for the whole first epoch.",
        "A warmup from 0 that changes once an epoch wastes the first one.",
        'horizon: 20 epochs\nlr: every(warmup("5 epochs") >> cosine(), "1 epoch")\n',
        'horizon: 20 epochs\nlr: every(warmup("5 epochs", start=0.2) >> cosine(), "1 epoch")\n',
    ),
    CheckRule(
        ZERO_AT_THE_END,
        "zero-at-the-end",
        "warning",
        "The learning rate is practically 0 for the last tenth of the run, or longer.",
        "A decay that ends long before the run wastes the rest of it: its length, or its ratio, is for another unit.",
        'horizon: 90 epochs\nlr: cosine(over="30 epochs")\n',
        'horizon: 90 epochs\nlr: cosine(over="90 epochs")\n',
    ),
    CheckRule(
        ENDS_HIGH,
        "ends-high",
        "warning",
        "The learning rate had come down, and the run ends while it is high again.",
        "A wave that turns inside the run, or a last cycle that is cut off, leaves the model at a rate at which it has "
        "not settled.",
        "train_cfg = dict(by_epoch=True, max_epochs=100)\n"
        "param_scheduler = dict(type='CosineAnnealingLR', T_max=50, eta_min=0)\n",
        "train_cfg = dict(by_epoch=True, max_epochs=100)\n"
        "param_scheduler = dict(type='CosineAnnealingLR', T_max=100, eta_min=0)\n",
        PYTHON,
    ),
    CheckRule(
        JUMPS,
        "jumps",
        "warning",
        "From one stage to the next the value becomes a hundred times as large, or a thousandth.",
        "One of the two is likely a value where the other is a multiple, or a digit is wrong.",
        'horizon: 100\nlr: warmup("10%", start=0.0001, to=0.001) >> cosine()\n',
        'horizon: 100\nlr: warmup("10%", start=0.0001) >> cosine()\n',
    ),
    CheckRule(
        GROWS,
        "grows",
        "warning",
        "The learning rate gets to more than fifty times the optimizer's own.",
        "A ratio above 1 grows without an end.",
        'horizon: 90 epochs\nlr: exponential(1.1, per="1 epoch")\n',
        'horizon: 90 epochs\nlr: exponential(0.9, per="1 epoch")\n',
    ),
    CheckRule(
        SAYS_NOTHING,
        "says-nothing",
        "info",
        "The schedule leaves the field as it is.",
        "A field that nobody schedules stays as it is too.",
        "lr: cosine()\nweight_decay: 1\n",
        "lr: cosine()\n",
    ),
    CheckRule(
        FOLLOWS_CONSTANT,
        "follows-constant",
        "info",
        "A field is like another one that never changes.",
        "So this one never changes either.",
        "horizon: 100\nlr: 0.5\nweight_decay: like('lr')\n",
        "horizon: 100\nlr: cosine()\nweight_decay: like('lr')\n",
    ),
)


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
        "A stage is one update long, or none, in a run of thousands; or the last stage is 0 updates long.",
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
