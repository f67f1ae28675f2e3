"""Commands in a pseudo-terminal: one process runs all of them, and each one's output is returned."""

import contextlib
import fcntl
import io
import json
import os
import pty
import re
import shlex
import struct
import subprocess
import sys
import termios
from collections.abc import Sequence
from pathlib import Path

_MARK = "-- end of a command --"
SGR = re.compile(r"\x1b\[[0-9;]*m")


def in_terminal(
    commands: Sequence[str], folder: Path, columns: int = 80, inputs: Sequence[str] = (), **environment: str
) -> list[str]:
    """Return what each command writes to a terminal of this width, on standard output and standard error together."""
    own_end, other_end = pty.openpty()
    fcntl.ioctl(other_end, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    kept = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "COLUMNS", "LINES")}
    process = subprocess.Popen(
        [sys.executable, __file__],
        stdin=subprocess.PIPE,
        stdout=other_end,
        stderr=other_end,
        cwd=folder,
        env={**kept, "TERM": "xterm-256color", **environment},
    )
    os.close(other_end)
    assert process.stdin is not None
    process.stdin.write(json.dumps([commands, [*inputs, *[""] * (len(commands) - len(inputs))]]).encode())
    process.stdin.close()
    said = b""
    with contextlib.suppress(OSError):  # the other end is closed
        while piece := os.read(own_end, 65536):
            said += piece
    os.close(own_end)
    assert process.wait() == 0, said[-2000:]
    actual = said.decode().replace("\r\n", "\n").split(f"{_MARK}\n")
    assert len(actual) == len(commands) + 1
    return actual[:-1]


def main() -> None:
    commands, inputs = json.loads(sys.stdin.read())
    from paramsched.cli import main as program

    for command, text in zip(commands, inputs, strict=True):
        sys.stdin = io.TextIOWrapper(io.BytesIO(text.encode()))
        with contextlib.suppress(SystemExit):
            program.main(shlex.split(command), prog_name="paramsched")
        print(_MARK, flush=True)


if __name__ == "__main__":
    main()
