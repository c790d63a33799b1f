"""Settings for time limits, concurrency and sizes of requests, and defaults for values that a caller does not give."""

from __future__ import annotations

from pydantic import BaseModel, Field, model_validator

from services.llm_provider_service.settings.prefix import PREFIX


class LimitSettings(BaseModel):
    """The settings for time, concurrency and sizes of one request."""

    LLM_REQUEST_TIMEOUT: float = Field(default=60.0, gt=0)
    LLM_CONNECT_TIMEOUT: float = Field(default=2.0, gt=0)
    LLM_FIRST_BYTE_TIMEOUT: float = Field(default=45.0, gt=0)
    LLM_IDLE_TIMEOUT: float = Field(default=30.0, gt=0)
    LLM_MINIMUM_ATTEMPT_SECONDS: float = Field(default=0.5, ge=0)
    LLM_MAX_RESPONSE_BYTES: int = Field(default=8 * 1024 * 1024, gt=0)
    LLM_MAX_CONCURRENT_REQUESTS: int = Field(default=200, gt=0)
    LLM_MAX_CONCURRENT_PER_PROVIDER: int = Field(default=100, gt=0)
    LLM_QUEUE_LIMIT: int = Field(default=200, ge=0)
    LLM_QUEUE_SECONDS: float = Field(default=5.0, ge=0)
    LLM_DEFAULT_TEMPERATURE: float | None = Field(default=0.7, ge=0, le=2)
    LLM_DEFAULT_MAX_TOKENS: int | None = Field(default=4096, gt=0)
    FALLBACK_PATIENCE_SECONDS: float = Field(default=3.0, ge=0)

    @model_validator(mode="after")
    def _a_request_has_time_for_an_attempt(self) -> LimitSettings:
        if self.LLM_REQUEST_TIMEOUT > self.LLM_MINIMUM_ATTEMPT_SECONDS:
            return self
        raise ValueError(
            f"{PREFIX}LLM_REQUEST_TIMEOUT must be larger than {PREFIX}LLM_MINIMUM_ATTEMPT_SECONDS: "
            "no attempt starts with less time left"
        )
