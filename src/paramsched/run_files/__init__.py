"""Files of a training run that a kill or a power cut leaves whole: flushed writes, checksums, and a lock.

Needs the standard library only. A loop of your own can keep its runs with them too.
"""
