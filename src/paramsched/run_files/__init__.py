"""Files of a training run that a kill or a power cut leaves whole: flushed writes, checksums, and a lock.

Needs the standard library only. `paramsched.runner` keeps its runs with them; a loop of your own can too.
"""
