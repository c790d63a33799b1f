"""Several worker processes on one port, run by a supervisor."""
