"""A port for processes that meet on this machine."""

from __future__ import annotations

import random
import socket

# The system gives the ports above these to any connection of any process. Such a port can be taken between our look
# and the start of the processes that are to use it; one of these is taken only by who asks for it.
ASKED_FOR = range(12_000, 32_000)


def free_port() -> int:
    """A port of this machine that nobody listens on and that the system gives to nobody by itself."""
    for port in random.SystemRandom().sample(ASKED_FOR, 100):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError(f"none of 100 ports tried between {ASKED_FOR.start} and {ASKED_FOR.stop} is free")
