"""Reading and writing schedules as one line of text."""
