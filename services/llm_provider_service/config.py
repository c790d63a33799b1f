"""Settings: every name that the environment or `.env` may set, and what each means.

Constructors elsewhere take values or small policies, never this object; di.py hands out the slices.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import AliasChoices, Field, PrivateAttr, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict, SettingsError

from common_core.config_enums import LLMProviderType, SelectionStrategy
from common_core.llm_contracts import CacheMode
from services.llm_provider_service.implementations.base_url_impl import base_url_problem, is_loopback
from services.llm_provider_service.setting_values import Address, Environment, HeaderText, Key, key_problem
from services.llm_provider_service.stray_variables import stray_variables
from services.llm_provider_service.vendor_settings import VendorSettings

PREFIX = "LLM_PROVIDER_SERVICE_"
BARE = "BARE_"
STANDARD = "OTEL_"
ENV_FILE = ".env"
# Without a query: its options would undo the bounds of the link.
REDIS_ADDRESS = re.compile(r"rediss?://([^/?#@]*@)?([^/?#@:]+|\[[0-9a-fA-F:.]+\])(:[0-9]{1,5})?(/[0-9]{0,3})?")
MOST_MB = 1024 * 1024
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
KEYLESS = frozenset({LLMProviderType.OLLAMA})
VENDORS = tuple(provider for provider in LLMProviderType if provider is not LLMProviderType.MOCK)


class SettingsProblem(Exception):
    """The settings cannot be used; the message names each variable and says why, without any secret."""


class Settings(BaseSettings):
    """All settings of the service; a field's name is the variable's name after the prefix."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_file=ENV_FILE,
        env_file_encoding="utf-8",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
        allow_inf_nan=False,
    )

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

    REDIS_URL: SecretStr | None = None

    USE_MOCK_LLM: bool | None = None
    MOCK_PROVIDER_SEED: int = 42
    MOCK_ERROR_RATE: float = Field(default=0.0, ge=0, le=1)
    MOCK_LATENCY_MS: float = Field(default=0.0, ge=0)

    PROVIDER_SELECTION_STRATEGY: SelectionStrategy = SelectionStrategy.PRIORITY
    PROVIDER_PRIORITY_ORDER: Annotated[tuple[LLMProviderType, ...], NoDecode] = VENDORS
    PROVIDER_WEIGHTS: dict[LLMProviderType, Annotated[int, Field(gt=0)]] = Field(default_factory=dict)
    DEFAULT_LLM_PROVIDER: LLMProviderType | None = None
    ROUTING_RULES: str = ""

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

    CIRCUIT_BREAKER_ENABLED: bool = True
    LLM_CIRCUIT_BREAKER_FAILURE_THRESHOLD: int = Field(default=3, gt=0)
    LLM_CIRCUIT_BREAKER_FAILURE_RATE: float = Field(default=0.5, gt=0, le=1)
    LLM_CIRCUIT_BREAKER_MINIMUM_CALLS: int = Field(default=10, gt=0)
    LLM_CIRCUIT_BREAKER_WINDOW_SECONDS: float = Field(default=60.0, gt=0)
    LLM_CIRCUIT_BREAKER_RECOVERY_TIMEOUT: float = Field(default=10.0, gt=0)
    LLM_CIRCUIT_BREAKER_RECOVERY_GROWTH: float = Field(default=1.0, ge=1)

    LLM_CACHE_ENABLED: bool = True
    LLM_CACHE_DEFAULT: CacheMode = CacheMode.USE
    LLM_CACHE_TTL: float = Field(default=3600.0, gt=0)
    LOCAL_CACHE_SIZE_MB: float = Field(default=100.0, gt=0, le=MOST_MB)
    LOCAL_CACHE_TTL_SECONDS: float = Field(default=300.0, gt=0)
    LOCAL_CACHE_MAX_ENTRIES: int = Field(default=1000, gt=0)

    # Unprefixed keys are found whatever their case. Their aliases are in lower case, because what an alias finds is
    # handed on under the alias: in upper case it would also be taken for the field of that name, the prefixed key.
    ANTHROPIC_ENABLED: bool | None = None
    ANTHROPIC_API_KEY: Key = None
    BARE_ANTHROPIC_API_KEY: Key = Field(default=None, validation_alias=AliasChoices("anthropic_api_key"))
    ANTHROPIC_BASE_URL: Address = "https://api.anthropic.com"
    ANTHROPIC_DEFAULT_MODEL: str = "claude-sonnet-4-6"
    ANTHROPIC_ALLOW_PRIVATE: bool = False

    OPENAI_ENABLED: bool | None = None
    OPENAI_API_KEY: Key = None
    BARE_OPENAI_API_KEY: Key = Field(default=None, validation_alias=AliasChoices("openai_api_key"))
    OPENAI_BASE_URL: Address = "https://api.openai.com"
    OPENAI_DEFAULT_MODEL: str = "gpt-4.1-mini"
    OPENAI_ALLOW_PRIVATE: bool = False

    GOOGLE_ENABLED: bool | None = None
    GOOGLE_API_KEY: Key = None
    BARE_GOOGLE_API_KEY: Key = Field(default=None, validation_alias=AliasChoices("google_api_key"))
    GOOGLE_BASE_URL: Address = "https://generativelanguage.googleapis.com"
    GOOGLE_DEFAULT_MODEL: str = "gemini-3.8-flash"
    GOOGLE_ALLOW_PRIVATE: bool = False

    OPENROUTER_ENABLED: bool | None = None
    OPENROUTER_API_KEY: Key = None
    BARE_OPENROUTER_API_KEY: Key = Field(default=None, validation_alias=AliasChoices("openrouter_api_key"))
    OPENROUTER_BASE_URL: Address = "https://openrouter.ai/api/v1"
    OPENROUTER_DEFAULT_MODEL: str = "anthropic/claude-sonnet-4.5"
    OPENROUTER_ALLOW_PRIVATE: bool = False
    OPENROUTER_HTTP_REFERER: HeaderText | None = None
    OPENROUTER_X_TITLE: HeaderText | None = "LLM Provider Service"

    OLLAMA_ENABLED: bool | None = None
    OLLAMA_API_KEY: Key = None
    BARE_OLLAMA_API_KEY: Key = Field(default=None, validation_alias=AliasChoices("ollama_api_key"))
    OLLAMA_BASE_URL: Address = "http://127.0.0.1:11434"
    OLLAMA_DEFAULT_MODEL: str = "llama3.1"
    OLLAMA_ALLOW_PRIVATE: bool = True

    _strays: tuple[str, ...] = PrivateAttr(default=())

    @field_validator("PROVIDER_PRIORITY_ORDER", mode="before")
    @classmethod
    def _comma_list_or_json(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        if value.lstrip().startswith("["):
            return json.loads(value)
        return [item.strip() for item in value.split(",") if item.strip()]

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

    @field_validator("PROVIDER_PRIORITY_ORDER", "DEFAULT_LLM_PROVIDER")
    @classmethod
    def _never_the_mock(cls, value: Any) -> Any:
        if LLMProviderType.MOCK in (value if isinstance(value, tuple) else (value,)):
            raise ValueError("the mock is never a candidate beside vendors; set USE_MOCK_LLM instead")
        return value

    @field_validator("REDIS_URL")
    @classmethod
    def _an_address_of_redis(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not REDIS_ADDRESS.fullmatch(value.get_secret_value()):
            raise ValueError("must be redis://[[user]:password@]host[:port][/database], or rediss:// for TLS")
        return value

    @model_validator(mode="after")
    def _vendors_can_be_asked(self) -> Settings:
        problems = [problem for vendor in VENDORS for problem in self._problems_of(vendor)]
        if problems:
            raise ValueError("\n".join(problems))
        return self

    def _problems_of(self, provider: LLMProviderType) -> Iterator[str]:
        """A line for each variable of a vendor that cannot be used; an unprefixed key that does not count is let be."""
        vendor, name = self.vendor(provider), provider.name
        wrong_url = base_url_problem(vendor.base_url, allow_private=vendor.allow_private)
        if wrong_url:
            yield f"{PREFIX}{name}_BASE_URL {wrong_url}"
        wrong_key = key_problem(vendor.api_key) if vendor.api_key else None
        if wrong_key:
            yield f"{PREFIX if getattr(self, f'{name}_API_KEY') else ''}{name}_API_KEY {wrong_key}"

    @model_validator(mode="after")
    def _a_request_has_time_for_an_attempt(self) -> Settings:
        if self.LLM_REQUEST_TIMEOUT > self.LLM_MINIMUM_ATTEMPT_SECONDS:
            return self
        raise ValueError(
            f"{PREFIX}LLM_REQUEST_TIMEOUT must be larger than {PREFIX}LLM_MINIMUM_ATTEMPT_SECONDS: "
            "no attempt starts with less time left"
        )

    def vendor(self, provider: LLMProviderType) -> VendorSettings:
        """The slice of one vendor.

        Without `<P>_ENABLED` a vendor is on when its prefixed key is set. An unprefixed key counts only where
        `<P>_ENABLED=true`: a key that happens to be in a shell never makes a paid call.
        """
        name = provider.name
        wanted: bool | None = getattr(self, f"{name}_ENABLED")
        key: SecretStr | None = getattr(self, f"{name}_API_KEY")
        if key is None and wanted:
            key = getattr(self, f"{BARE}{name}_API_KEY")
        return VendorSettings(
            provider=provider,
            enabled=wanted if wanted is not None else key is not None,
            configured=key is not None or provider in KEYLESS,
            api_key=key,
            base_url=getattr(self, f"{name}_BASE_URL").rstrip("/"),
            default_model=getattr(self, f"{name}_DEFAULT_MODEL"),
            allow_private=getattr(self, f"{name}_ALLOW_PRIVATE"),
            attribution=self._attribution() if provider is LLMProviderType.OPENROUTER else {},
        )

    def _attribution(self) -> Mapping[str, str]:
        """Which application asks, in the headers that an aggregator of vendors reads."""
        named = {"HTTP-Referer": self.OPENROUTER_HTTP_REFERER, "X-Title": self.OPENROUTER_X_TITLE}
        return {name: text for name, text in named.items() if text}

    @property
    def vendors(self) -> tuple[VendorSettings, ...]:
        """All vendors in priority order, `DEFAULT_LLM_PROVIDER` first."""
        first = () if self.DEFAULT_LLM_PROVIDER is None else (self.DEFAULT_LLM_PROVIDER,)
        return tuple(map(self.vendor, dict.fromkeys((*first, *self.PROVIDER_PRIORITY_ORDER, *VENDORS))))

    @property
    def strays(self) -> tuple[str, ...]:
        """A sentence on each variable with our prefix that is no setting; nothing where no environment was read."""
        return self._strays

    @property
    def live_vendors(self) -> tuple[VendorSettings, ...]:
        """Vendors that may be asked, in priority order; none when the mock is to answer everything."""
        return () if self.USE_MOCK_LLM else tuple(vendor for vendor in self.vendors if vendor.live)

    @property
    def mock_mode(self) -> bool:
        """Whether the mock answers everything: asked for, or nothing else is live outside production."""
        if self.USE_MOCK_LLM is not None:
            return self.USE_MOCK_LLM
        return not self.live_vendors and self.ENVIRONMENT != "production"


def load_settings() -> Settings:
    """Read the environment and `.env`; raises `SettingsProblem` with one line for each bad variable."""
    try:
        settings = Settings()
        settings._strays = stray_variables(Settings)
        return settings
    except ValidationError as error:
        raise SettingsProblem("\n".join(_in_words(item) for item in error.errors(include_input=False))) from None
    except UnicodeDecodeError as error:
        raise SettingsProblem(f"{ENV_FILE}: is not UTF-8 text (byte {error.start + 1})") from None
    except SettingsError as error:
        named = re.search(r'field "(\w+)"', str(error))
        raise SettingsProblem(f"{PREFIX}{named[1]}: is not JSON" if named else str(error)) from None


def _in_words(item: Mapping[str, Any]) -> str:
    where = ".".join(str(part) for part in item["loc"])
    reason = str(item["msg"]).removeprefix("Value error, ")
    prefix = "" if where.startswith(STANDARD) else PREFIX
    return f"{prefix}{where}: {reason}" if where else reason
