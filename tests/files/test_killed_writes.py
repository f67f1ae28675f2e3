"""What a process that is killed while it writes a file leaves beside it."""

import os
import signal
import subprocess
import sys

import pytest

import paramsched as ps

pytest.importorskip("fcntl")  # Windows has no locks that end with their process

PLAN = ps.Plan(lr=ps.cosine(), total=100)

KILLED = """
import os, signal, sys
import paramsched as ps
os.fsync = lambda handle: os.kill(os.getpid(), signal.SIGKILL)
ps.dump(ps.Plan(lr="linear()"), sys.argv[1])
"""

WAITING = """
import os, sys
import paramsched as ps
def wait(handle):
    print("writing", flush=True)
    sys.stdin.readline()
os.fsync = wait
ps.dump(ps.Plan(lr="linear()"), sys.argv[1])
"""


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("is_new", [True, False])
def test_the_next_dump_removes_what_a_killed_one_left(tmp_path, is_new):
    file = tmp_path / "plan.yaml"
    if not is_new:
        ps.dump(PLAN, file)
    killed = subprocess.run([sys.executable, "-c", KILLED, file], check=False)
    assert killed.returncode == -signal.SIGKILL
    (tmp_path / ".plan.yaml.notes").write_text("of the user")
    assert len(names(tmp_path)) == (2 if is_new else 3)

    ps.dump(PLAN, file)

    assert names(tmp_path) == [".plan.yaml.notes", "plan.yaml"]
    assert ps.load(file) == PLAN


def test_a_dump_does_not_disturb_another_process_that_writes_the_same_file(tmp_path):
    file = tmp_path / "plan.yaml"
    command = [sys.executable, "-c", WAITING, file]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "writing\n"
        during = names(tmp_path)

        ps.dump(PLAN, file)

        assert names(tmp_path) == [*during, "plan.yaml"]
        assert ps.load(file) == PLAN
        process.communicate("\n", timeout=60)

    assert process.returncode == 0
    assert names(tmp_path) == ["plan.yaml"]
    assert ps.load(file) == ps.Plan(lr="linear()")


def test_a_dump_whose_temporary_file_another_machine_removes_writes_again(tmp_path, monkeypatch):
    removed = []

    def remove(handle):
        if not removed:
            removed.extend(tmp_path.iterdir())
            removed[0].unlink()

    monkeypatch.setattr(os, "fsync", remove)

    ps.dump(PLAN, tmp_path / "plan.yaml")

    assert len(removed) == 1
    assert names(tmp_path) == ["plan.yaml"]
    assert ps.load(tmp_path / "plan.yaml") == PLAN
