"""`paramsched check --base`: an end that was meant as a rate is a warning with a base, and information without one."""

import json

from click.testing import CliRunner

from paramsched.cli import main
from support.tables import table


@table(
    ("line", "options", "found"),
    [
        ("cosine(to=3e-5)", [], [("PS304", "info")]),
        ("cosine(to=3e-5)", ["--base", "3e-4"], [("PS304", "warning")]),
        ("cosine(to=3e-5)", ["--base", "lr=3e-4,weight_decay=0.1"], [("PS304", "warning")]),
        ("cosine(to=3e-5)", ["--base", "0.1"], []),
        ("constant() * plateau(min=3e-5)", [], [("PS304", "info")]),
        ("constant() * plateau(min=3e-5)", ["--base", "3e-4"], [("PS304", "warning")]),
        ("constant() * plateau(min=0.01)", ["--base", "3e-4"], []),
        ("cosine()", ["--base", "0"], [("PS403", "warning")]),
    ],
)
def test_a_base_decides_whether_an_end_is_a_rate(line, options, found, tmp_path):
    file = tmp_path / "plan.yaml"
    file.write_text(f"total: 1000\nlr: {line}\nweight_decay: cosine(to=0.5)\n")

    result = CliRunner().invoke(main, ["check", str(file), "--json", *options], prog_name="paramsched")

    assert [(one["code"], one["severity"]) for one in json.loads(result.stdout)] == found
