"""The soak: mixed load, faults on a timeline that a seed decides, and the books compared at the end."""
