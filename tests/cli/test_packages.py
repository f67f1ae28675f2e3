"""A command has a file of its own that names its package, and does not exist without the folder of the package."""

import json
import shutil
from pathlib import Path

import pytest

from cli.library_copies import ROOT, LibraryCopy, copy_library
from paramsched.cli._options import _PACKAGES
from support.spread import spread

FILES = ROOT / "src" / "paramsched" / "cli" / "commands"
PLANS = {"old.yaml": "total: 90\nlr: cosine()\n", "new.yaml": "total: 90\nlr: cosine(to=0.1)\n"}
USES = {
    "--help": [],
    "audit": ["log.csv"],
    "check": ["old.yaml"],
    "convert": ["old.yaml", "--to", "json"],
    "diff": ["old.yaml", "old.yaml"],
    "edit": ["--help"],
    "recipes": ["gpt3-175b"],
    "show": ["old.yaml", "--base", "lr=0.1"],
}

ALL = """
import json, sys
from click.testing import CliRunner
from paramsched.cli import main
found = {name: CliRunner().invoke(main, [name, *words]) for name, words in json.loads(sys.argv[1]).items()}
print(json.dumps({name: [one.exit_code, one.output] for name, one in found.items()}))
"""


def test_each_command_has_a_file_whose_first_line_names_its_package():
    named = {one.stem: one.read_text().split("\n", 1)[0] for one in FILES.glob("[!_]*.py")}
    assert {name: f"Package: `{_PACKAGES[name]}`" in line for name, line in named.items()} == dict.fromkeys(named, True)


@pytest.mark.parametrize(
    "missing", spread(["tools", "mmengine", "show", "compat", "engines"], "tools", "show", "compat")
)
def test_without_the_folder_of_a_package_its_commands_do_not_exist_and_the_others_work(missing, tmp_path: Path):
    shutil.rmtree(copy_library(tmp_path) / missing)
    copy = LibraryCopy(tmp_path)
    for name, text in PLANS.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "log.csv").write_text("step,lr\n" + "".join(f"{t},{1 - t / 20}\n" for t in range(20)))
    found = json.loads(copy.run("-c", ALL, json.dumps(USES)).stdout)
    help_lines = found.pop("--help")[1].partition("Commands:")[2].splitlines()[1:]
    assert {line.split()[0] for line in help_lines} == {
        name for name, package in _PACKAGES.items() if package != missing
    }
    for name, (code, printed) in found.items():
        if _PACKAGES[name] == missing:
            assert (code, f'"{name}"' in printed) == (2, True)
        elif missing != "show" or _PACKAGES[name] == "core" or name == "check":  # the others draw, or assume a length
            assert code == 0, printed
