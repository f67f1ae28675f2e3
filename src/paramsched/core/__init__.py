"""Schedules, plans, files of plans and the Scheduler.

Imports nothing of the packages above. Users import from `paramsched`, authors of extensions from `paramsched.extend`.
"""
