"""Domain values: frozen dataclasses and failures that all rooms share; imports common_core only."""
