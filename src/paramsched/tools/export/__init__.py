"""Plans as Python source code that needs neither this library nor NumPy."""
