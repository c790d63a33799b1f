"""The prefix of the names of all settings."""

from __future__ import annotations

from typing import Final

PREFIX: Final = "LLM_PROVIDER_SERVICE_"
# A field whose name starts with this is read from the environment without the prefix.
BARE: Final = "BARE_"
# Standard names that other software defines; they are read without the prefix.
STANDARD: Final = "OTEL_"
