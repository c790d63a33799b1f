"""Code that all dialects share for writing requests and reading replies."""
