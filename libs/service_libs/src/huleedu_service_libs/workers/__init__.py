"""Several processes on one port, under a supervisor."""
