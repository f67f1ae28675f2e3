"""What a Runner is given is checked here; all faults are told at once."""
