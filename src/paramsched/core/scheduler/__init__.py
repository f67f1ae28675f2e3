"""How a plan reaches one optimizer: the start of a run, the hooks, and the writes at each update."""
