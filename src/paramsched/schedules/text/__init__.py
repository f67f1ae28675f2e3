"""The one-line text of schedules: how it is written, and how it is read."""
