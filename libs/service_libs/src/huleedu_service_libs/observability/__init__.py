"""Logs, metrics, traces, and how late the event loop is."""
