"""Real training in every engine, with the values of every update recorded: see `harness`."""
