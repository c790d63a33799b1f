"""Settings of the circuit breakers."""

from __future__ import annotations

from pydantic import BaseModel, Field


class BreakerSettings(BaseModel):
    """The circuit breaker settings."""

    CIRCUIT_BREAKER_ENABLED: bool = True
    LLM_CIRCUIT_BREAKER_FAILURE_THRESHOLD: int = Field(default=3, gt=0)
    LLM_CIRCUIT_BREAKER_FAILURE_RATE: float = Field(default=0.5, gt=0, le=1)
    LLM_CIRCUIT_BREAKER_MINIMUM_CALLS: int = Field(default=10, gt=0)
    LLM_CIRCUIT_BREAKER_WINDOW_SECONDS: float = Field(default=60.0, gt=0)
    LLM_CIRCUIT_BREAKER_RECOVERY_TIMEOUT: float = Field(default=10.0, gt=0)
    LLM_CIRCUIT_BREAKER_RECOVERY_GROWTH: float = Field(default=1.0, ge=1)
