"""Compare each pinned peer with its newest release, or its newest commit, and report changed source files.

`tools/peers.toml` lists the peers and the files that readers, drop-ins and pages are based on. The script fetches two
commits of each peer without their files, because git compares the hashes of files. It exits with 1 if a file changed
or a peer could not be compared. The workflow `.github/workflows/peers.yml` runs it every week. `--main` prints
the requirements of the main branches instead.
"""

import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

ROOT = Path(__file__).parents[1]
HOST = "https://github.com"
TABLE = ROOT / "tools" / "peers.toml"
CONSTRAINTS = ROOT / "requirements" / "constraints.txt"


@final
@dataclass(frozen=True)
class Peer:
    """A library that facts come from.

    Args:
        repository: the path of the repository below the host.
        files: the files that facts come from.
        pin: the commit or tag that they were read at.
        tag: the prefix of the tags of releases, or None to compare with the newest commit.
    """

    repository: str
    files: tuple[str, ...]
    pin: str
    tag: str | None


def main(host: str = HOST, table: Path = TABLE, constraints: Path = CONSTRAINTS) -> int:
    """Print a report in Markdown. Return 1 if a file changed or a peer could not be compared, else 0."""
    different = False
    for peer in read_peers(table, constraints):
        try:
            newest, changes = compare(peer, f"{host}/{peer.repository}")
        except (subprocess.CalledProcessError, LookupError) as error:
            reason = error.stderr if isinstance(error, subprocess.CalledProcessError) else error.args[0]
            newest, changes = peer.pin, (f"not compared: {' '.join(reason.split())}",)
        different |= bool(changes)
        print(f"- {peer.repository} {peer.pin[:12]}..{newest[:12]}: {'' if changes else 'unchanged'}".rstrip())
        for change in changes:
            print(f"    - {change}")
    return 1 if different else 0


def read_peers(table: Path, constraints: Path) -> Iterator[Peer]:
    """Read the peers. The version of a peer with `package` is the one in the constraints."""
    lines = re.findall(r"^([\w.-]+)==(\S+)", constraints.read_text(encoding="utf-8"), re.MULTILINE)
    versions = dict(lines)
    peers: list[Mapping[str, Any]] = tomllib.loads(table.read_text(encoding="utf-8"))["peer"]
    for peer in peers:
        tag = peer.get("tag")
        pin = peer["commit"] if tag is None else tag + versions[peer["package"]]
        yield Peer(peer["repository"], tuple(peer["files"]), pin, tag)


def main_branches(host: str = HOST, table: Path = TABLE) -> Iterator[str]:
    """Yield the requirement of the main branch of each peer that the tests install; torch takes hours to build."""
    for peer in tomllib.loads(table.read_text(encoding="utf-8"))["peer"]:
        if peer.get("package", "torch") != "torch":
            yield f"{peer['package']}@git+{host}/{peer['repository']}"


def compare(peer: Peer, address: str) -> tuple[str, tuple[str, ...]]:
    """Return the newest release or commit of a peer, and a line for each file that differs from the pin.

    Raises:
        LookupError: the pin lacks a file of the table, or no tag is a release.
        subprocess.CalledProcessError: git failed.
    """
    newest = newest_of(peer, address)
    with tempfile.TemporaryDirectory() as folder:
        git("init", "--quiet", "--bare", folder)
        commits = [fetched(one, address, folder) for one in (peer.pin, newest)]
        found = git("-C", folder, "ls-tree", "-r", "--name-only", commits[0], "--", *peer.files).splitlines()
        if missing := sorted(set(peer.files) - set(found)):
            raise LookupError(f"{peer.pin} has no file {missing[0]}")
        lines = git("-C", folder, "diff-tree", "-r", "--no-renames", "--name-status", *commits, "--", *peer.files)
    kinds = {"M": "changed", "D": "removed", "T": "changed"}
    return newest, tuple(f"{kinds[kind]}: {file}" for kind, file in (line.split("\t") for line in lines.splitlines()))


def newest_of(peer: Peer, address: str) -> str:
    """Return the tag of the newest release, without release candidates, or the newest commit.

    Raises:
        LookupError: no tag is a release.
    """
    prefix = peer.tag
    if prefix is None:
        return git("ls-remote", address, "HEAD").split()[0]
    names: list[str] = re.findall(r"refs/tags/(\S+)$", git("ls-remote", "--tags", "--refs", address), re.MULTILINE)
    releases = [one for one in names if re.fullmatch(re.escape(prefix) + r"\d+(\.\d+)*", one)]
    if not releases:
        raise LookupError(f"no tag is {prefix} and a version")
    return max(releases, key=lambda tag: [int(number) for number in tag.removeprefix(prefix).split(".")])


def fetched(commit: str, address: str, folder: str) -> str:
    """Fetch a commit or tag without history and file contents; return its hash."""
    git("-C", folder, "fetch", "--quiet", "--depth=1", "--filter=blob:none", address, commit)
    return git("-C", folder, "rev-parse", "FETCH_HEAD^{commit}").strip()


def git(*arguments: str) -> str:
    """Return the output of a git command."""
    command = ["git", *arguments]  # the arguments are from the table of this repository
    return subprocess.run(command, check=True, capture_output=True, encoding="utf-8").stdout  # noqa: S603


if __name__ == "__main__":
    if sys.argv[1:] == ["--main"]:
        print(*main_branches())
    else:
        sys.exit(main())
