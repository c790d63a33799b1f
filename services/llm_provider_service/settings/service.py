"""Settings of the process and its HTTP server: names, address, workers, bodies, logs, traces."""

from __future__ import annotations

from pydantic import AliasChoices, BaseModel, Field, field_validator

from services.llm_provider_service.settings.base_url import base_url_problem, is_loopback
from services.llm_provider_service.settings.value_types import MOST_MB, Address, Environment

LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")


class ServiceSettings(BaseModel):
    """The settings of one process."""

    SERVICE_NAME: str = "llm-provider-service"
    ENVIRONMENT: Environment = "development"
    LOG_LEVEL: str = "INFO"
    HOST: str = "127.0.0.1"
    PORT: int = Field(default=8090, ge=0, le=65535)
    WORKERS: int = Field(default=1, ge=1, le=64)
    SHUTDOWN_GRACE_SECONDS: float = Field(default=30.0, ge=0)
    EVENT_LOOP_LAG_LIMIT_SECONDS: float = Field(default=1.0, gt=0)
    MAX_BODY_BYTES: int = Field(default=2 * 1024 * 1024, gt=0)
    MAX_BODIES_MB: float = Field(default=64.0, gt=0, le=MOST_MB)

    OTEL_EXPORTER_OTLP_ENDPOINT: Address | None = Field(
        default=None, validation_alias=AliasChoices("OTEL_EXPORTER_OTLP_ENDPOINT")
    )
    TRACE_SAMPLE_RATIO: float = Field(default=1.0, ge=0, le=1)

    @field_validator("LOG_LEVEL")
    @classmethod
    def _known_level(cls, value: str) -> str:
        if value.upper() not in LOG_LEVELS:
            raise ValueError(f"must be one of {', '.join(LOG_LEVELS)}")
        return value.upper()

    @field_validator("HOST")
    @classmethod
    def _loopback_only(cls, value: str) -> str:
        if value == "localhost" or is_loopback(value):
            return value
        raise ValueError("must be a loopback address: callers are not authenticated")

    @field_validator("OTEL_EXPORTER_OTLP_ENDPOINT")
    @classmethod
    def _collector_url(cls, value: str | None) -> str | None:
        if value is None or base_url_problem(value, allow_private=True) is None:
            return value
        raise ValueError("must be an http or https URL with a host, without credentials, query or fragment")
