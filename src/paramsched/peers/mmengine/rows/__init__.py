"""MMEngine's ten schedulers, a row each: what one takes, what it does, and how a plan says it.

- `row`: what a row says, and what a plan's part is written from
- `arguments`: the checks that several share, and what a closed form has to hold for
"""
