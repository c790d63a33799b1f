"""Shared vocabulary of the platform: enums, error codes and HTTP contracts; imports nobody."""
