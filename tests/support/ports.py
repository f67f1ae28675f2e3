"""A free port for processes that communicate on this machine."""

from __future__ import annotations

import random
import socket

# Ports below the range of ephemeral ports. The system could assign an ephemeral port to another connection between the
# check in `free_port` and the start of the processes that use the port.
PORTS = range(12_000, 32_000)


def free_port() -> int:
    """Return a port that is not in use and that the system does not assign automatically."""
    for port in random.SystemRandom().sample(PORTS, 100):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError(f"none of 100 ports tried between {PORTS.start} and {PORTS.stop} is free")
