"""What a Runner is given is checked here before anything is built: a file for each subject, all faults at once."""
