"""MMEngine's ten schedulers, a file each: what one takes, what it does, and how a plan says it.

- `row`: what a row says; `argument_checks`: the checks that several share
- `closed_form`: what a schedule has to hold for; `written_part`: what a plan's part is written from
"""
