"""Each page runs as a reader pastes its HTML: every block in order, with only the set-up that the page shows."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from types import ModuleType

import pytest

import paramsched as ps
from paramsched.core.schedules import SHAPES
from support import pages, programs
from support.pages import DOCS
from support.tables import table

pytestmark = pytest.mark.heavy
NOT_BUILT = {"_build", "_generated", "contributing"}
FOLDERS = ["", *sorted(one.name for one in DOCS.iterdir() if any(one.glob("*.md")) and one.name not in NOT_BUILT)]


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Return the folder of the built pages."""
    pytest.importorskip("sphinx")
    folder = tmp_path_factory.mktemp("built")
    pages.build(folder)
    return folder / "html"


@pytest.mark.long
@pytest.mark.parametrize("folder", FOLDERS)
def test_every_block_of_a_built_page_runs_as_pasted(built, folder, tmp_path, subtests):
    sources = sorted((DOCS / folder).glob("*.md"))
    some = [(built / page.relative_to(DOCS)).with_suffix(".html") for page in sources]
    done = programs.run([pages.__file__, str(tmp_path / "found"), *map(str, some)])
    assert done.returncode == 0, done.stderr
    found = {page: rest for page, *rest in map(json.loads, (tmp_path / "found").read_text().splitlines())}

    for page in some:
        with subtests.test(page=str(page.relative_to(built))):
            failure, absent = found[str(page)]
            assert not failure, failure
            if absent:
                pytest.skip(absent)


FOUND = {
    "stop in time": "how-to/stop-in-time",
    "deadline": "how-to/stop-in-time",
    "walltime": "how-to/stop-in-time",
    "resume": "how-to/resume",
    "checkpoint": "how-to/resume",
    "change a plan": "how-to/change-a-plan",
    "several optimizers": "how-to/several-optimizers",
    "Muon": "how-to/several-optimizers",
    "GAN": "how-to/several-optimizers",
    "growing batch": "how-to/growing-batch",
    "count tokens": "how-to/growing-batch",
    "dropout": "how-to/targets",
    "DeepSpeed": "engines/deepspeed",
    "Megatron": "coming_from/megatron",
    "TRL": "engines/transformers",
    "verl": "engines/transformers",
    "axolotl": "engines/transformers",
    "Trainer": "engines/transformers",
    "Lightning": "engines/lightning",
    "a log without a plan": "how-to/what-did-my-run-do",
    "code without the library": "how-to/leave",
    "train from a config": "engines/mmengine",
    "learning rate finder": "how-to/find-lr",
    "epochs": "reference/lengths-and-levels",
    "GradualWarmupScheduler": "coming_from/torch",
    "another import line": "coming_from/torch",
    "OneCycleLR": "coming_from/torch",
    "SLURM": "how-to/several-machines",
    "get_cosine_schedule_with_warmup": "coming_from/transformers",
    "plateau": "how-to/metrics",
    "GPU": "how-to/accumulation-and-amp",
    "schedule-free": "engines/plain",
    "Optuna": "how-to/which-schedule",
    "weight decay": "how-to/groups",
    "LLRD": "how-to/groups",
    "jupyter": "how-to/notebooks",
    "install": "tutorials/first-plan",
    "slurm": "how-to/stop-in-time",
    "cosine with warmup": "how-to/which-schedule",
    "gradient accumulation": "how-to/accumulation-and-amp",
    "weight decay schedule": "how-to/groups",
    "layer-wise learning rate": "how-to/groups",
    "resume after a kill": "how-to/resume",
    "WSD": "how-to/which-schedule",
    "one cycle": "reference/shapes",
    "Muon AdamW": "how-to/several-optimizers",
    "log audit": "how-to/what-did-my-run-do",
    "nanoGPT": "engines/scripts",
    "skorch": "engines/ignite_skorch",
    "Ignite": "engines/ignite_skorch",
    "SWALR": "engines/plain",
    "unknown length": "how-to/stop-in-time",
    "progress": "how-to/stop-in-time",
    "tokens": "how-to/growing-batch",
    "base": "reference/lengths-and-levels",
    "absolute": "reference/lengths-and-levels",
    "first value of a warmup": "reference/lengths-and-levels",
    "hooks": "explanation/what-it-does-to-your-optimizer",
    "shell completion": "tutorials/first-plan",
    "cooldown": "how-to/change-a-plan",
    "TensorBoard": "how-to/logging",
    "report a bug": "tutorials/first-plan",
    "torchtitan": "how-to/several-machines",
    "bit for bit": "explanation/stability",
    "version": "explanation/stability",
}


@pytest.mark.long
def test_a_search_finds_the_page_that_answers_first_or_second(built):
    node = shutil.which("node") or pytest.skip("needs node")
    script = Path(pages.__file__).with_name("search_pages.js")
    done = subprocess.run([node, script, built, *FOUND], capture_output=True, text=True, check=True)

    found = dict(zip(FOUND, map(json.loads, done.stdout.splitlines()), strict=True))
    assert {word: names[:2] for word, names in found.items() if FOUND[word] not in names[:2]} == {}


def test_the_reference_has_every_public_name():
    public = {f"paramsched.{name}" for name in ps.__all__ if not isinstance(getattr(ps, name), ModuleType)}
    # Other tests of the process register shapes of their own.
    ours = {name for name, shape in SHAPES.items() if shape.__module__.startswith("paramsched.")}
    rare = {f"paramsched.shapes.{name}" for name in ours - {*ps.__all__}}

    assert public | rare <= {*pages.public_paths()}


@table("page", sorted(DOCS.glob("[!_]*/*.md")))
def test_each_plan_on_a_page_is_valid(page):
    found = [one for one in pages.page_code.blocks(page.read_text(encoding="utf-8")) if one.language == "yaml"]
    for block in found:
        is_plan = re.search("^lr: [^0-9]", block.text, re.MULTILINE)
        if is_plan and block.file != "wrong.yaml":
            ps.loads(block.text)


@table("page", [*DOCS.glob("how-to/*.md"), *DOCS.glob("tutorials/*.md")])
def test_the_build_runs_the_commands_of_a_page(page):
    blocks = pages.page_code.blocks(page.read_text(encoding="utf-8"))
    unrun = [one.text for one in blocks if one.language == "sh" and "paramsched " in one.text]
    assert not unrun, f"write ```console, and $ in front of each command: {unrun}"


@table("page", sorted(DOCS.rglob("*.md")))
def test_no_code_of_a_page_is_hidden(page):
    assert "<!-- run" not in page.read_text(encoding="utf-8")


def test_a_page_that_needs_more_than_it_shows_fails(tmp_path):
    page = tmp_path / "page.html"
    block = '<div class="highlight-python notranslate"><div class="highlight"><pre><span>{}</span>\n</pre></div></div>'
    page.write_text("\n".join(map(block.format, ["first = 1", "print(second)"])), encoding="utf-8")

    failure, absent = pages.run_as_pasted(page)

    assert "name 'second' is not defined" in failure
    assert absent == ""
