"""Settings of the answer cache, and of the Redis that replicas share."""

from __future__ import annotations

import re

from pydantic import BaseModel, Field, SecretStr, field_validator

from common_core.llm_contracts import CacheMode
from services.llm_provider_service.settings.value_types import MOST_MB

# No query is allowed: its options could override the time limits of the link.
REDIS_ADDRESS = re.compile(r"rediss?://([^/?#@]*@)?([^/?#@:]+|\[[0-9a-fA-F:.]+\])(:[0-9]{1,5})?(/[0-9]{0,3})?")


class CacheSettings(BaseModel):
    """The settings of the cache and its Redis."""

    REDIS_URL: SecretStr | None = None

    LLM_CACHE_ENABLED: bool = True
    LLM_CACHE_DEFAULT: CacheMode = CacheMode.USE
    LLM_CACHE_TTL: float = Field(default=3600.0, gt=0)
    LOCAL_CACHE_SIZE_MB: float = Field(default=100.0, gt=0, le=MOST_MB)
    LOCAL_CACHE_TTL_SECONDS: float = Field(default=300.0, gt=0)
    LOCAL_CACHE_MAX_ENTRIES: int = Field(default=1000, gt=0)

    @field_validator("REDIS_URL")
    @classmethod
    def _an_address_of_redis(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not REDIS_ADDRESS.fullmatch(value.get_secret_value()):
            raise ValueError("must be redis://[[user]:password@]host[:port][/database], or rediss:// for TLS")
        return value
