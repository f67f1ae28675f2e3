"""What a training run trusts: schedules, plans, files of plans and the Scheduler. Promised; imports nothing of the other doors."""
