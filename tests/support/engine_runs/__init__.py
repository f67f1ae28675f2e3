"""Real training in every engine, which records the values of every update; see `harness`."""
