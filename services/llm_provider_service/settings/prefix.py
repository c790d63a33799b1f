"""How the names of all settings begin."""

from __future__ import annotations

from typing import Final

PREFIX: Final = "LLM_PROVIDER_SERVICE_"
# A field of this name is read from the environment without the prefix.
BARE: Final = "BARE_"
# Standard names of others, which are read as they are.
STANDARD: Final = "OTEL_"
