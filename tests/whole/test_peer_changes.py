"""`tools/peer_changes.py` compares pinned peers with their newest release or commit, here in local repositories."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.heavy  # each test starts git


@pytest.fixture(scope="module")
def tool():
    spec = importlib.util.spec_from_file_location("peer_changes", ROOT / "tools" / "peer_changes.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["peer_changes"] = module
    spec.loader.exec_module(module)
    return module


class Repository:
    """A repository with a file `lr.py`, which facts come from, and a file `README`."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir(parents=True)
        self.git("init", "--quiet")
        self.first = self.commit("v1.9", **{"lr.py": "one", "README": "one"})

    def git(self, *arguments):
        author = ("-c", "user.name=a", "-c", "user.email=a@example.org")
        found = subprocess.run(
            ["git", "-C", self.folder, *author, *arguments], check=True, capture_output=True, text=True
        )
        return found.stdout.strip()

    def commit(self, tag=None, **files):
        for name, text in files.items():
            (self.folder / name).write_text(text)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message=a")
        if tag:
            self.git("tag", tag)
        return self.git("rev-parse", "HEAD")


@pytest.fixture
def peer(tmp_path):
    return Repository(tmp_path / "host" / "owner" / "peer")


@pytest.fixture
def report(tool, tmp_path, capsys):
    def run(pin, files='["lr.py"]'):
        (tmp_path / "peers.toml").write_text(f'[[peer]]\nrepository = "owner/peer"\nfiles = {files}\n{pin}\n')
        (tmp_path / "constraints.txt").write_text("# versions\nother==3\npeer==1.9\n")
        status = tool.main(f"file://{tmp_path}/host", tmp_path / "peers.toml", tmp_path / "constraints.txt")
        return status, capsys.readouterr().out.splitlines()

    return run


RELEASES = 'package = "peer"\ntag = "v"'


def test_a_changed_file_of_the_newest_release_is_reported(peer, report):
    peer.commit("v1.10", **{"lr.py": "two", "README": "two"})
    peer.commit("v2.0rc1", **{"lr.py": "three"})
    peer.commit("nightly-3", **{"lr.py": "four"})

    assert report(RELEASES) == (1, ["- owner/peer v1.9..v1.10:", "    - changed: lr.py"])


def test_a_change_after_the_newest_release_is_not_reported(peer, report):
    peer.commit(**{"lr.py": "two"})

    assert report(RELEASES) == (0, ["- owner/peer v1.9..v1.9: unchanged"])


def test_a_pinned_commit_is_compared_with_the_newest_commit(peer, report):
    newest = peer.commit(**{"lr.py": "two"})

    assert report(f'commit = "{peer.first}"') == (
        1,
        [f"- owner/peer {peer.first[:12]}..{newest[:12]}:", "    - changed: lr.py"],
    )


def test_other_files_and_reverted_changes_are_not_reported(peer, report):
    peer.commit(**{"lr.py": "two", "README": "two"})
    peer.commit(**{"lr.py": "one"})

    assert report(f'commit = "{peer.first}"')[0] == 0


def test_a_moved_file_is_reported_as_removed(peer, report):
    peer.git("mv", "lr.py", "schedules.py")
    peer.commit()

    assert report(f'commit = "{peer.first}"')[1][1:] == ["    - removed: lr.py"]


def test_a_file_that_the_pin_lacks_is_reported(peer, report):
    status, lines = report(RELEASES, files='["lr.py", "schedule.py"]')

    assert (status, lines[1:]) == (1, ["    - not compared: v1.9 has no file schedule.py"])


def test_a_repository_without_releases_is_reported(peer, report):
    status, lines = report('package = "peer"\ntag = "release-"')

    assert (status, lines[1:]) == (1, ["    - not compared: no tag is release- and a version"])


def test_a_peer_that_cannot_be_fetched_does_not_hide_the_next_one(peer, report):
    peer.commit("v1.10", **{"lr.py": "two"})
    missing = '[[peer]]\nrepository = "owner/missing"\nfiles = ["lr.py"]\n' + RELEASES
    found = '[[peer]]\nrepository = "owner/peer"\nfiles = ["lr.py"]\n' + RELEASES
    status, lines = report("\n".join([f'commit = "{"0" * 40}"', missing, found]))

    assert status == 1
    assert sum(line.startswith("    - not compared: ") for line in lines) == 2
    assert lines[-1] == "    - changed: lr.py"


def test_the_table_pins_whole_commits_and_installed_versions(tool):
    peers = list(tool.read_peers(ROOT / "tools" / "peers.toml", ROOT / "requirements" / "constraints.txt"))

    assert all(peer.tag is not None or len(peer.pin) == 40 for peer in peers)
    assert all(peer.files for peer in peers)
    assert len({peer.repository for peer in peers}) == len(peers)


def test_the_main_branches_of_installed_peers_are_requirements(tool):
    branches = list(tool.main_branches("https://example.org"))

    assert "timm@git+https://example.org/huggingface/pytorch-image-models" in branches
    assert not [one for one in branches if one.startswith("torch@")]
