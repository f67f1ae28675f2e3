"""The drop-ins as replacements of torch's schedulers: in a block, in a process, in an unmodified script."""

import pickle
import subprocess
import sys
import textwrap
from multiprocessing import spawn
from pathlib import Path

import pytest
import torch

from paramsched.compat import torch as drop_ins
from paramsched.compat.__main__ import run_command
from paramsched.compat.torch import install
from support.spread import spread
from support.tables import table

NAMES = [name for name in drop_ins.__all__ if name not in ("install", "use_tensors", "SWALR")]


def optimizer() -> torch.optim.Optimizer:
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1, momentum=0.9)


def run(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], cwd=cwd, capture_output=True, text=True, check=False)


@table("name", [*NAMES, "_LRScheduler"])
def test_every_name_is_a_drop_in_inside_the_block_and_torchs_afterwards(name):
    before = getattr(torch.optim.lr_scheduler, name)

    with install():
        inside = getattr(torch.optim.lr_scheduler, name)

    assert inside is getattr(drop_ins, name)
    assert getattr(torch.optim.lr_scheduler, name) is before


def test_swalr_is_replaced_in_its_torch_module():
    before = torch.optim.swa_utils.SWALR

    with install():
        inside = torch.optim.swa_utils.SWALR

    assert (inside, torch.optim.swa_utils.SWALR) == (drop_ins.SWALR, before)


def test_a_block_that_raises_restores_torchs_classes():
    before = torch.optim.lr_scheduler.StepLR

    with pytest.raises(ZeroDivisionError), install():
        _ = 1 / 0

    assert torch.optim.lr_scheduler.StepLR is before


def test_an_inner_block_does_not_end_the_outer_one():
    before = torch.optim.lr_scheduler.StepLR

    with install():
        with install():
            pass
        between = torch.optim.lr_scheduler.StepLR

    assert between is drop_ins.StepLR
    assert torch.optim.lr_scheduler.StepLR is before


def test_an_installation_without_a_block_can_be_uninstalled_repeatedly():
    before = torch.optim.lr_scheduler.StepLR

    installation = install()
    inside = torch.optim.lr_scheduler.StepLR
    installation.undo()
    installation.undo()

    assert (inside, torch.optim.lr_scheduler.StepLR) == (drop_ins.StepLR, before)


def test_schedulers_of_both_kinds_pass_isinstance_inside_and_outside():
    kinds = [torch.optim.lr_scheduler.LRScheduler]
    theirs = torch.optim.lr_scheduler.StepLR(optimizer(), 2)

    with install():
        kinds.append(torch.optim.lr_scheduler.LRScheduler)
        ours = torch.optim.lr_scheduler.StepLR(optimizer(), 2)

    assert [isinstance(one, kind) for one in (theirs, ours) for kind in kinds] == [True] * 4


def test_a_subclass_defined_inside_uses_the_drop_in_and_works_afterwards():
    with install():

        class Halving(torch.optim.lr_scheduler.LRScheduler):
            def get_lr(self):
                return [base * 0.5**self.last_epoch for base in self.base_lrs]

        scheduler = Halving(optimizer())
    scheduler.optimizer.step()
    scheduler.step()

    assert scheduler.get_last_lr() == [0.05]
    assert isinstance(scheduler, drop_ins.LRScheduler)


def test_several_installations_may_end_in_any_order():
    before = torch.optim.lr_scheduler.StepLR
    first, second = install(), install()

    first.undo()
    between = torch.optim.lr_scheduler.StepLR
    second.undo()

    assert between is drop_ins.StepLR
    assert torch.optim.lr_scheduler.StepLR is before


def test_a_handle_may_be_entered_again():
    before = torch.optim.lr_scheduler.StepLR
    handle = install()
    handle.undo()

    with handle:
        inside = torch.optim.lr_scheduler.StepLR
        with handle:
            pass

    assert inside is drop_ins.StepLR
    assert torch.optim.lr_scheduler.StepLR is before


def test_a_spawned_process_gets_what_installs_the_drop_ins_inside_the_block_only():
    with install():
        inside = spawn.get_preparation_data("child")

    assert inside.keys() - spawn.get_preparation_data("child").keys() == {"paramsched"}


def test_a_class_assigned_by_other_code_is_not_replaced(monkeypatch):
    class Theirs(torch.optim.lr_scheduler.StepLR):
        pass

    monkeypatch.setattr(torch.optim.lr_scheduler, "StepLR", torch.optim.lr_scheduler.StepLR)
    with install():
        torch.optim.lr_scheduler.StepLR = Theirs

    assert torch.optim.lr_scheduler.StepLR is Theirs


def test_a_drop_in_continues_a_scheduler_pickled_by_torch():
    theirs = torch.optim.lr_scheduler.StepLR(optimizer(), 2, 0.5)
    for _ in range(3):
        theirs.optimizer.step()
        theirs.step()
    saved = pickle.dumps(theirs)

    with install():
        ours = pickle.loads(saved)

    assert type(ours) is drop_ins.StepLR
    ours.optimizer.step()
    ours.step()
    assert ours.get_last_lr() == [0.025]


SPAWNING = textwrap.dedent("""\
    import atexit, multiprocessing, os, sys, threading
    import torch

    def kind():
        return torch.optim.lr_scheduler.StepLR.__module__.split(".")[0]

    def show(where):
        print(where, kind(), flush=True)

    if __name__ == "__main__":
        assert sys.path[0] == os.path.dirname(os.path.realpath(__file__)), sys.path[0]
        atexit.register(show, "at exit")
        for way in ("spawn", "forkserver"):
            child = multiprocessing.get_context(way).Process(target=show, args=(way,))
            child.start()
            child.join()
        threading.Timer(0, show, args=("thread",)).start()
""")


@pytest.mark.long
def test_processes_and_threads_of_a_script_use_the_drop_ins(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "train.py").write_text(SPAWNING)
    (tmp_path / "train.py").symlink_to(tmp_path / "real" / "train.py")

    done = run("-m", "paramsched.compat", "train.py", cwd=tmp_path)

    assert done.stderr == ""
    assert sorted(done.stdout.splitlines()) == [
        f"{where} paramsched" for where in ("at exit", "forkserver", "spawn", "thread")
    ]


SCRIPT = textwrap.dedent("""\
    import pickle, sys
    import helper

    class Kept:
        pass

    pickle.loads(pickle.dumps(Kept()))
    print(__name__, __file__, sys.argv)
    if "torch" in sys.modules:  # by itself it runs without, for speed
        import torch
        from torch.optim.lr_scheduler import CosineAnnealingLR

        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
        for one in (CosineAnnealingLR(optimizer, 10), torch.optim.lr_scheduler.StepLR(optimizer, 2)):
            print(type(one).__module__.split(".")[0])
    sys.exit(3)
""")


NAMED = {"a script": ["train.py"], "a module": ["-m", "tool.train"]}


@pytest.mark.parametrize("kind", spread(NAMED, "a module"))
def test_a_script_runs_with_the_drop_ins_and_keeps_its_exit_status(tmp_path, kind):
    named = NAMED[kind]
    (tmp_path / "tool").mkdir()
    (tmp_path / "tool" / "__init__.py").touch()
    (tmp_path / "helper.py").write_text("print('helped')")
    for place in (tmp_path, tmp_path / "tool"):
        (place / "train.py").write_text(SCRIPT)

    by_itself = run(*named, "--lr", "0.1", cwd=tmp_path)
    on_ours = run("-m", "paramsched.compat", *named, "--lr", "0.1", cwd=tmp_path)

    assert on_ours.stdout.splitlines() == [*by_itself.stdout.splitlines(), "paramsched", "paramsched"]
    assert by_itself.stdout.startswith("helped\n__main__ ")
    assert (on_ours.returncode, on_ours.stderr) == (by_itself.returncode, by_itself.stderr) == (3, "")


HOOKED = """\
import sys, traceback
def hook(kind, error, behind): print(kind, [frame.name for frame in traceback.extract_tb(behind)])
sys.excepthook = hook
def f(): raise KeyboardInterrupt
f()
"""


ENDINGS = {
    "an error": "def f():\n    return 1 / 0\nf()\n",
    "no Python": "x =\n",
    "an interrupt, and a hook of its own": HOOKED,
}


@pytest.mark.parametrize("ending", spread(ENDINGS, "an interrupt, and a hook of its own"))
def test_a_script_keeps_its_exit_status_and_output(tmp_path, ending):
    (tmp_path / "train.py").write_text(ENDINGS[ending])

    by_itself = run("train.py", cwd=tmp_path)
    on_ours = run("-m", "paramsched.compat", "train.py", cwd=tmp_path)

    assert by_itself.returncode != 0
    assert (on_ours.returncode, on_ours.stdout) == (by_itself.returncode, by_itself.stdout)
    assert on_ours.stderr.replace(str(tmp_path) + "/", "") == by_itself.stderr.replace(str(tmp_path) + "/", "")


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        ([], 2, "usage"),
        (["--help"], 0, "usage"),
        (["-m"], 2, "expected the name of a module"),
        (["missing.py"], 2, "missing.py: No such file or directory"),
        (["."], 2, ".: Is a directory"),
    ],
)
def test_an_invalid_script_is_reported_with_the_usual_status(tmp_path, monkeypatch, capsys, arguments, status, said):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)  # the command has the process to itself

    with pytest.raises(SystemExit) as ended:
        run_command(arguments)

    found = capsys.readouterr()
    assert ended.value.code == status
    assert said in (found.err if status else found.out)
