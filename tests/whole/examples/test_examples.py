"""The small examples: each runs, and ends with the values of its plan."""

import json
import random
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections import defaultdict
from importlib import import_module
from itertools import pairwise
from pathlib import Path

import pytest
import torch
import torch.optim.lr_scheduler as originals
from click.testing import CliRunner
from torch.distributed.checkpoint.format_utils import dcp_to_torch_save

import paramsched as ps
from paramsched.cli import main
from paramsched.tools.audit import compare_with_plan, read_log
from support import example_runs, programs
from support.example_runs import KILLS, ROOT, environment, kill_at_random
from support.pages import of_the_docs
from support.programs import run
from support.spread import spread
from support.torchrun import finished, kill_one_worker, torchrun, wait_for

TRAIN = ROOT / "examples" / "cluster" / "train.py"


BATCH = 32
SAMPLES = 3000  # of the script


PLAN = ps.Plan(
    lr='warmup("300 samples") >> cosine(to=0.01)',
    weight_decay='constant(over="1500 samples") >> linear(1.0, 0.2)',
    clock="samples",
    total=f"{SAMPLES} samples",
)


@pytest.mark.heavy
@pytest.mark.parametrize(("before", "after"), spread([(4, 2), (2, 4), (2, 1)], (2, 1)))
def test_a_killed_run_continues_on_another_number_of_processes_as_planned(before, after, tmp_path):
    killed = torchrun(f"--standalone --nproc-per-node {before} {TRAIN} run", tmp_path)
    wait_for(killed, tmp_path, "run/*/.metadata")
    kill_one_worker(killed)
    killed.wait(timeout=300)

    said = finished(torchrun(f"--standalone --nproc-per-node {after} {TRAIN} run", tmp_path))

    assert killed.returncode != 0
    resumed = int(re.search(rf"^{after} processes, from sample (\d+) on$", said, re.MULTILINE)[1])
    assert (tmp_path / "run" / f"samples-{resumed:06}" / ".metadata").exists()
    samples = {before: range(0, SAMPLES, BATCH * before), after: range(resumed, SAMPLES, BATCH * after)}
    counts = []
    for rank in range(max(before, after)):
        lines = [json.loads(line) for line in (tmp_path / "run" / f"values-{rank}.jsonl").read_text().splitlines()]
        counts.append(len(lines))
        for processes in samples:
            of_processes = [line for line in lines if line["processes"] == processes]
            seen = list(samples[processes])[: len(of_processes)]
            assert [line["sample"] for line in of_processes] == seen
            assert [line["used"] for line in of_processes] == planned(seen)
        assert len(of_processes) == (len(samples[after]) if rank < after else 0)
    assert re.findall(r"^rank .*$", said, re.MULTILINE) == [
        f"rank {rank}: planned = used at {count} of {count} updates" for rank, count in enumerate(counts)
    ]
    assert float(re.search(r"accuracy ([\d.]+)%", said)[1]) > 90


def planned(samples: list[int]) -> list[dict]:
    """Return the values of the plan at these samples, as the script logs them."""
    trace = ps.trace(PLAN, {"lr": 3e-3, "weight_decay": 0.05}, amounts=samples)
    rows = zip(trace["lr"].tolist(), trace["weight_decay"].tolist(), strict=True)
    return [{"decay": [lr, decay], "no_decay": [lr, 0.0]} for lr, decay in rows]


FOLDER = Path(__file__).parents[3] / "examples" / "cooldown_branches"


LINE = re.compile(r"update (\d+): loss [\d.]+; cooled down at (\d+): ([\d.]+), while the run has ([\d.]+)")


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """Return the example's output and folder; the example fails if a value differs from the plan."""
    folder = tmp_path_factory.mktemp("branches")
    command = [sys.executable, str(FOLDER / "train.py"), str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout, folder


@pytest.mark.heavy
@pytest.mark.long
def test_each_branch_beats_the_run_at_the_update_of_its_end(ran):
    branches = [(int(update), int(end), float(cooled), float(run)) for update, end, cooled, run in LINE.findall(ran[0])]

    assert [(update, end) for update, end, *_ in branches] == [(400, 500), (600, 700), (800, 900)]
    assert all(cooled < run for *_, cooled, run in branches)


@pytest.mark.heavy
@pytest.mark.long
def test_the_plan_files_equal_the_run_before_their_branch(ran):
    trunk = ps.load(ran[1] / "trunk.yaml")
    groups = {"lr": 0.02, "weight_decay": 0.01}

    assert trunk == ps.load(FOLDER / "trunk.yaml")
    for update in (400, 600, 800):
        branch = ps.load(ran[1] / f"at-{update}.yaml")
        assert branch == trunk.cooldown(update, 100)
        values = ps.trace(branch, groups)
        planned = ps.trace(trunk, groups)
        assert values["lr"][:update].tobytes() == planned["lr"][:update].tobytes()
        assert values["weight_decay"].tobytes() == planned["weight_decay"][: update + 100].tobytes()
        assert values["lr"][-1] == pytest.approx(0.02 / 100)


@pytest.mark.heavy
@pytest.mark.long
def test_the_picture_shows_the_start_of_each_branch(ran):
    plotted = (ran[1] / "tree.svg").read_text(encoding="utf-8")

    assert re.findall(r"(at-\d+) diverges from trunk at update (\d+)", plotted) == [
        ("at-400", "401"), ("at-600", "601"), ("at-800", "801"),
    ]  # fmt: skip


EXAMPLE = Path(__file__).parents[3] / "examples" / "gallery" / "make.py"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("gallery")
    finished = programs.run([str(EXAMPLE), str(folder)], env=environment())
    assert finished.returncode == 0, finished.stderr
    return folder / "index.html"


@pytest.mark.parametrize("name", [name for name in originals.__all__ if name != "LRScheduler"])
def test_every_scheduler_of_torch_is_in_the_gallery(page, name):
    assert f"<h2>{name}</h2>" in page.read_text()


def test_the_gallery_shows_cycled_momentum(page):
    sections = page.read_text().split("<section>")

    for name in ("CyclicLR", "OneCycleLR"):
        plotted = [section for section in sections if f"<h2>{name}</h2>" in section]
        assert plotted
        assert all(">momentum<" in section for section in plotted)


def test_the_gallery_is_also_an_image(page):
    assert (page.parent / "gallery.png").read_bytes().startswith(b"\x89PNG")


MUON = ROOT / "examples" / "muon" / "train.py"


@pytest.mark.heavy
@pytest.mark.parametrize("number", range(KILLS))
def test_a_killed_run_of_muon_and_adamw_goes_on_exactly(number, tmp_path):
    whole = example_runs.run(MUON, tmp_path / "whole")
    assert whole.returncode == 0, whole.stderr
    kill_at_random(example_runs.start(MUON, tmp_path / "killed"), tmp_path / "killed", number, 2.0)
    resumed = example_runs.run(MUON, tmp_path / "killed")

    assert resumed.stdout.splitlines()[-1] == whole.stdout.splitlines()[-1]
    logs = [(tmp_path / name / "values.jsonl").read_text() for name in ("whole", "killed")]
    assert logs[0] == logs[1]
    states = [torch.load(tmp_path / name / "checkpoint.pt")["model"] for name in ("whole", "killed")]
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])
    plan = ps.load(MUON.with_name("plan.yaml"))
    steps = len(logs[0].splitlines()) // 4
    log = read_log(tmp_path / "whole" / "values.jsonl", ["lr", "weight_decay", "momentum"])
    assert compare_with_plan(log, plan, steps_per_epoch=steps).first is None
    assert set(json.loads(logs[0].splitlines()[0])) >= {"lr/muon", "momentum/muon", "lr/adamw/head"}


@pytest.mark.heavy
def test_the_gan_uses_the_values_of_its_round_in_every_step():
    environment = example_runs.environment() | {"OMP_NUM_THREADS": "1"}  # networks too small for several threads
    finished = programs.run([str(ROOT / "examples" / "gan" / "train.py")], env=environment)

    assert finished.returncode == 0, finished.stderr
    assert finished.stdout.endswith("planned = used in 200 of 200 rounds\n")


TRAIN_OF_MOVING_RUN = ROOT / "examples" / "moving_run" / "train.py"


PLAN_OF_MOVING_RUN = ps.loads(
    re.search(r'^PLAN = """\n(.*?)"""', TRAIN_OF_MOVING_RUN.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)[1]
)


FACTS = ps.RunFacts(sequence_length=16)
BASES_OF_MOVING_RUN = {"lr": 0.02, "weight_decay": 0.01}


SEQUENCES = 4000


def killed(processes, folder, updates):
    """Run a job, and kill one of its processes after a number of updates of its own."""
    log = folder / "run" / "updates-0.jsonl"
    before = len(log.read_text().splitlines()) if log.exists() else 0
    agent = torchrun(f"--standalone --nproc-per-node {processes} {TRAIN_OF_MOVING_RUN} run", folder)
    wait_for(agent, folder, "run/updates-0.jsonl")
    while len(log.read_text().splitlines()) < before + updates:
        assert agent.poll() is None, agent.communicate()[1]
        time.sleep(0.002)
    kill_one_worker(agent)
    agent.wait(timeout=300)
    assert agent.returncode != 0


def ended(processes, folder):
    """Run a job to the end of the plan; return the token from which it continued."""
    said = finished(torchrun(f"--standalone --nproc-per-node {processes} {TRAIN_OF_MOVING_RUN} run", folder))
    return int(re.search(rf"^{processes} processes, from token (\d+) on$", said, re.MULTILINE)[1])


def lines_of(folder):
    """Return the updates that each rank has made, also those that a kill has undone."""
    return [
        [json.loads(line) for line in (folder / "run" / f"updates-{rank}.jsonl").read_text().splitlines()]
        for rank in range(4)
    ]


def last_state(folder):
    """Return the states of the last checkpoint, which are those of the whole model."""
    newest = max((folder / "run").glob("tokens-*/.metadata")).parent
    dcp_to_torch_save(newest, folder / "whole.pt")
    return newest.name, torch.load(folder / "whole.pt", weights_only=False)


@pytest.mark.heavy
@pytest.mark.long
@pytest.mark.parametrize("seed", spread([1, 2, 3], 1))
def test_a_run_that_is_killed_and_moved_is_one_run_over_its_tokens(seed, tmp_path):
    draw = random.Random(seed)
    moved = tmp_path / "moved"
    copied = tmp_path / "copied"
    moved.mkdir()
    for processes in (4, 2, 3):
        killed(processes, moved, draw.randint(10, 30))
    shutil.copytree(moved, copied)
    killed(4, moved, draw.randint(8, 25))
    resumed = ended(4, moved)

    ranks = lines_of(moved)
    final = {line["token"]: line["processes"] for line in ranks[0]}
    sizes = ps.trace(PLAN_OF_MOVING_RUN, BASES_OF_MOVING_RUN, facts=FACTS)["batch_size"].round().astype(int).tolist()
    tokens = [16 * sum(sizes[:t]) for t in range(len(sizes))]
    assert sorted(final) == tokens
    assert set(final.values()) == {2, 3, 4}
    assert set(sizes) == {12, 24, 36, 48}

    trace = ps.trace(PLAN_OF_MOVING_RUN, BASES_OF_MOVING_RUN, facts=FACTS)
    planned = dict(zip(tokens, zip(trace["lr"].tolist(), trace["weight_decay"].tolist(), strict=True), strict=True))
    assert all((line["lr"], line["weight_decay"]) == planned[line["token"]] for lines in ranks for line in lines)

    last = [{line["token"]: line["sequences"] for line in lines} for lines in ranks]
    seen = [sequence for token in tokens for rank in range(final[token]) for sequence in last[rank][token]]
    assert seen == [index % SEQUENCES for index in range(sum(sizes))]
    assert len(set(seen)) == len(seen)

    assert ended(4, copied) < resumed  # the same processes, without the last kill
    name, states = last_state(moved)
    same, copied_states = last_state(copied)
    assert name == same
    torch.testing.assert_close(states["model"], copied_states["model"], rtol=0, atol=0)
    torch.testing.assert_close(states["optimizer"]["state"], copied_states["optimizer"]["state"], rtol=0, atol=0)


BUDGET = 4.0  # seconds


KILLED_AFTER = 0.3, 0.35  # the parts of the budget that the first two jobs train


OWN = 2  # collectives of an update: the broadcast of the script, and the all-reduce of the gradient


RECORDED = """import os, time
import torch.distributed
from torch.optim.optimizer import register_optimizer_step_pre_hook

def record(optimizer, *_):
    group, world = optimizer.param_groups[0], torch.distributed.distributed_c10d._get_default_group()
    with open(f"rank-{os.environ['RANK']}.txt", "a") as file:
        print(START, group["paramsched_t"], group["lr"], world._get_sequence_number_for_group(), file=file)
    time.sleep(0.002)

register_optimizer_step_pre_hook(record)
"""


"""Records the value of each update, and the number of collectives so far."""


def read(file):
    """Return the start, update, value and number of collectives of each update that a rank has recorded."""
    if not file.exists():
        return []
    rows = [line.split() for line in file.read_text().splitlines() if line.count(" ") == 3]  # a kill cuts the last line
    return [(int(start), int(t), float(value), int(collectives)) for start, t, value, collectives in rows]


@pytest.mark.heavy
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux")
@pytest.mark.long
@pytest.mark.parametrize("processes", [1, 2])
def test_a_budget_holds_over_two_kills_and_no_rate_rises_again(processes, tmp_path):
    script = (ROOT / "examples/several_machines/budget.py").read_text()
    command = f"--standalone --nproc-per-node {processes} train.py {BUDGET}"
    for start, lasts in enumerate(KILLED_AFTER):
        (tmp_path / "train.py").write_text(RECORDED.replace("START", str(start)) + script)
        agent = torchrun(command, tmp_path)
        while not any(row[0] == start for row in read(tmp_path / "rank-0.txt")):
            assert agent.poll() is None, agent.communicate()[1]
            time.sleep(0.01)
        time.sleep(lasts * BUDGET)
        kill_one_worker(agent)
        agent.wait(timeout=300)
    (tmp_path / "train.py").write_text(RECORDED.replace("START", "2") + script)
    said = finished(torchrun(command, tmp_path))

    ranks = [read(tmp_path / f"rank-{rank}.txt") for rank in range(processes)]
    assert re.fullmatch(rf"lr 0\.000 after {BUDGET} s\n", said)
    assert {start for start, *_ in ranks[0]} == {0, 1, 2}
    by_update = [{row[:2]: row[2] for row in rows} for rows in ranks]
    common = by_update[0].keys() & by_update[-1].keys()  # a killed rank has not recorded its last updates
    assert len(common) > 0.9 * len(by_update[0])
    assert all(by_update[0][key] == by_update[-1][key] for key in common)

    kept = {t: value for _, t, value, _ in ranks[0]}  # an update after the last checkpoint is made again
    values = [kept[t] for t in sorted(kept)]
    assert sorted(kept) == list(range(len(kept)))
    falling = values[values.index(max(values)) :]
    assert len(falling) > 0.8 * len(values)
    assert falling == sorted(falling, reverse=True)
    assert falling[0] == 0.1
    assert falling[-1] < 0.005

    collectives = defaultdict(list)
    for start, _, _, number in ranks[0]:
        collectives[start].append(number)
    for numbers in collectives.values():  # DDP sends the order of its buckets in the first two updates
        assert {later - number for number, later in pairwise(numbers[2:])} == {OWN}


@pytest.mark.heavy
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux")
@pytest.mark.long
def test_a_finished_budget_makes_no_further_update(tmp_path):
    shutil.copy(ROOT / "examples/several_machines/budget.py", tmp_path / "train.py")
    said = [finished(torchrun("--standalone --nproc-per-node 1 train.py 0.5", tmp_path)) for _ in range(2)]

    assert said == ["lr 0.000 after 0.5 s\n"] * 2


EXAMPLE_OF_PLAIN_LOOP = Path(__file__).parents[3] / "examples" / "plain_loop.py"


def test_the_plain_loop_uses_exactly_the_planned_values():
    ran = run([str(EXAMPLE_OF_PLAIN_LOOP)])

    assert ran.returncode == 0, ran.stderr
    assert "planned = used at 160 of 160 updates" in ran.stdout


README = Path(__file__).parents[3] / "README.md"


TEXT = README.read_text(encoding="utf-8")


def block(language: str, begin: str = "", number: int = 0) -> str:
    return re.findall(rf"```{language}\n({re.escape(begin)}.*?)```", TEXT, re.DOTALL)[number]


def test_the_first_code_prints_what_the_readme_shows(capsys):
    exec(block("python"), {})

    assert capsys.readouterr().out == block("text")


def test_each_line_of_the_table_of_schedules_is_a_schedule():
    rows = TEXT[TEXT.index("| write | get |") : TEXT.index("\n\n", TEXT.index("| write | get |"))].splitlines()[2:]
    lines = [line for row in rows for line in re.findall(r"`([^`]+)`", row.split(" | ")[0])]

    operands = ("cosine()", "linear()")  # for `a` and `b`
    for line in lines:
        ps.parse(re.sub(r"\b[ab]\b", lambda name: operands[name[0] == "b"], line))
    assert len(rows) == 7


@pytest.mark.parametrize("module", re.findall(r"^\| `[\w.]+` \| `(paramsched[\w.]+)`", TEXT, re.MULTILINE))
def test_each_module_of_the_table_of_import_lines_can_be_imported(module):
    assert {"CosineLrScheduler", "GradualWarmupScheduler", "Runner", "StepLR"} & {*dir(import_module(module))}


@pytest.fixture
def plan_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("plan.yaml").write_text(block("yaml"), encoding="utf-8")


def example(command: str) -> tuple[str, str]:
    """Return the complete command of a console block that begins with `command`, and its output."""
    line, _, output = block("console", f"$ {command}").partition("\n")
    return line.removeprefix("$ "), output


def shown(command: str) -> str:
    return CliRunner().invoke(main, shlex.split(command)[1:]).output


@pytest.mark.parametrize("command", ["paramsched check", "paramsched audit"])
def test_a_command_of_the_readme_prints_what_it_shows_in_a_clone(command, monkeypatch):
    monkeypatch.chdir(README.parent)
    line, output = example(command)

    assert shown(line) == output


def test_the_resume_with_another_plan_logs_what_the_readme_shows(caplog):
    exec(block("python") + block("python", number=1), {})

    assert "\n".join(caplog.messages) + "\n" == block("text", number=1)


@pytest.mark.usefixtures("plan_file")
def test_the_plan_file_is_applied_as_the_readme_writes_it():
    (line,) = re.findall(r'`(ps\.Scheduler\(optimizer, "plan.yaml".*?\))`', TEXT)
    optimizer = torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))], lr=0.1)

    scheduler = eval(line, {"ps": ps, "optimizer": optimizer})

    assert scheduler.total == 900


def test_the_stored_picture_shows_the_plan():
    (module,) = of_the_docs("readme_picture")

    assert module.FILE.read_text(encoding="utf-8") == module.picture(), "run python docs/extensions/readme_picture.py"
