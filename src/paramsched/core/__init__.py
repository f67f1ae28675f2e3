"""What a training run trusts: schedules, plans, files of plans and the Scheduler. Promised.

Imports nothing of the packages above. Users import from `paramsched`, authors of extensions from `paramsched.extend`.
"""
