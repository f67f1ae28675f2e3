"""Rules of the check: values that a run hardly can be meant to use. They are found by evaluating the plan."""

from typing import Final

from paramsched.config.checking.check_rule import PYTHON, CheckRule

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
        "The field is called so in another library; torch's optimizers have another name for it.",
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
