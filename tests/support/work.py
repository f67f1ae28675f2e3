"""The cost of a call as an amount of work, which does not depend on the speed of the machine."""

import cProfile
import json
import os
import resource
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any, NamedTuple

HANGS = 120
"""The seconds of CPU after which a call is stopped: the longest one of the tests needs 5 s on a slow machine."""


class Work(NamedTuple):
    """What a call has cost.

    Args:
        calls: the number of function calls, those of functions in C included. A million takes about 0.15 s.
        megabytes: the growth of the memory.
        ending: the result as a text; "hung" if the call was stopped.
    """

    calls: float
    megabytes: float
    ending: str


def work_of(call: Callable[[], object]) -> Work:
    """Count the work of a call in a child process, so that one that never ends is stopped."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        used = resource.getrusage(resource.RUSAGE_SELF)
        until = int(used.ru_utime + used.ru_stime) + HANGS
        resource.setrlimit(resource.RLIMIT_CPU, (until, until))
        counted = cProfile.Profile()
        try:
            ending = str(counted.runcall(call))
        except BaseException as error:  # noqa: BLE001  # because the parent reports it
            ending = f"raised {error!r}"
        calls = sum(entry.callcount for entry in counted.getstats())
        megabytes = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - used.ru_maxrss) / 1024
        os.write(writer, json.dumps([calls, megabytes, ending[:2000]]).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as stream:
        reported = stream.read()
    os.waitpid(child, 0)
    return Work(*json.loads(reported)) if reported else Work(float("inf"), 0.0, "hung")


def steps_of(call: Callable[[], object]) -> int:
    """Count the executed lines, the iterations of comprehensions and the calls of functions in C.

    Unlike the calls, these show a list that is built again for each entry of another.
    """
    steps = 0

    def executed(frame: FrameType, event: str, argument: object) -> Any:
        nonlocal steps
        del frame, event, argument
        steps += 1
        return executed

    def called(frame: FrameType, event: str, argument: object) -> None:
        nonlocal steps
        del frame, argument
        steps += event == "c_call"

    before = sys.gettrace(), sys.getprofile()
    sys.setprofile(called)
    sys.settrace(executed)
    try:
        call()
    finally:
        sys.settrace(before[0])
        sys.setprofile(before[1])
    return steps
