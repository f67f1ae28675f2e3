"""Files of a training run that survive a kill or a power failure: flushed writes, checksums, and a lock.

The package depends on the standard library only, and custom training loops can use it too.
"""
