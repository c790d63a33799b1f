"""Shared enums, error codes and HTTP contracts of the platform. It imports no other package of this repository."""
