"""Rules of the check: what cannot be read. These codes are given where the faults are found."""

from typing import Final

from paramsched import _fault_codes as codes
from paramsched.config.checking.check_rule import PYTHON, CheckRule

UNKNOWN_COMMENT: Final = "PS110"

RULES_OF_FILES: Final = (
    CheckRule(
        codes.UNREADABLE,
        "fault",
        "error",
        "The config says something that no plan can be made of.",
        "The message says what was found at which place, and what to write.",
        "param_scheduler = 3\n",
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
)
