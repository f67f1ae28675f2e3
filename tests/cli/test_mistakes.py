"""Common mistakes in plan files are reported with code and line."""

import json

from click.testing import CliRunner

from paramsched.cli import main
from support.tables import table

MISTAKES = {
    # the unit
    "a warmup of 500 epochs": ("a.yaml", 'total: 90 epochs\nlr: warmup("500 epochs") >> cosine()\n', "PS202", 2),
    "a warmup of 500 epochs, alone": ("a.yaml", 'total: 90 epochs\nlr: warmup("500 epochs")\n', "PS210", 2),
    "milestones of epochs as updates": (
        "a.toml", 'total = "100 epochs"\nlr = "multistep([60, 80])"\n', "PS211", None
    ),
    "a decay of 300 updates for 300 epochs": (
        "a.json", '{"total": "300 epochs",\n "lr": "cosine(over=300)"}\n', "PS211", 2
    ),
    "a percent sign with a decimal point": (
        "a.yaml", 'total: 10000\nlr: warmup("0.01%") >> cosine()\n', "PS212", 2, "--batch-size", "32"
    ),
    "seconds for minutes": ("a.yaml", 'total: 10 h\nlr: linear(1, 0, over="36 s")\n', "PS315", 2),
    # the length of the run
    "a decay that ends in the first third": (
        "a.yaml", 'total: 300 epochs\nlr: warmup("5 epochs") >> cosine(over="85 epochs")\n', "PS315", 2
    ),
    # the value
    "a value for a multiple": ("a.yaml", "# adamw, lr=3e-4\nlr: linear(3e-4, 3e-6)\n", "PS301", 2),
    "a floor as a value": ("a.yaml", 'lr: warmup("5%") >> cosine(to=1e-6)\n', "PS304", 1),
    "a momentum of nine": ("a.yaml", "total: 100\nmomentum: linear(absolute(0.85), absolute(9.5))\n", "PS312", 2),
    "a ratio for epochs at every update": (
        "a.yaml", "total: 50000\nlr: exponential(0.95, per=1)\n", "PS315", 2
    ),
    "a slope below zero": ("a.yaml", "total: 100\nlr: linear(1, -1)\n", "PS311", 2),
    # names, groups, metrics
    "a field by another library's name": ("a.yaml", "learning_rate: cosine()\n", "PS305", 1),
    "betas without an index": ("a.yaml", "betas: linear(0.9, 0.95)\n", "PS305", 1),
}  # fmt: skip


@table("name", MISTAKES)
def test_a_mistake_is_reported_at_its_location(tmp_path, name):
    file, text, code, line, *options = MISTAKES[name]
    (tmp_path / file).write_text(text)

    output = (
        CliRunner().invoke(main, ["check", str(tmp_path / file), "--json", *options], prog_name="paramsched").stdout
    )

    assert (code, line) in [(one["code"], one["line"]) for one in json.loads(output)]
