"""All settings: every name that the environment or `.env` may set; `settings/` defines them in groups.

Constructors elsewhere take values or small policies, never this object; functions of `policies.py` take the group that
they read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pydantic import PrivateAttr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from services.llm_provider_service.domain.vendors import VENDORS
from services.llm_provider_service.settings.accounts import ProviderAccount
from services.llm_provider_service.settings.breakers import BreakerSettings
from services.llm_provider_service.settings.cache import CacheSettings
from services.llm_provider_service.settings.limits import LimitSettings
from services.llm_provider_service.settings.prefix import PREFIX, STANDARD
from services.llm_provider_service.settings.routing import RoutingSettings
from services.llm_provider_service.settings.service import ServiceSettings
from services.llm_provider_service.settings.unknown_settings import unknown_settings
from services.llm_provider_service.settings.vendors import VendorSettings

ENV_FILE = ".env"


class SettingsProblem(Exception):
    """The settings cannot be used; the message names each variable and the reason, without secrets."""


class Settings(
    ServiceSettings, CacheSettings, RoutingSettings, LimitSettings, BreakerSettings, VendorSettings, BaseSettings
):
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

    _unknown: tuple[str, ...] = PrivateAttr(default=())

    @property
    def accounts(self) -> tuple[ProviderAccount, ...]:
        """Returns the account of every vendor in order of priority, `DEFAULT_LLM_PROVIDER` first."""
        first = () if self.DEFAULT_LLM_PROVIDER is None else (self.DEFAULT_LLM_PROVIDER,)
        return tuple(map(self.account, dict.fromkeys((*first, *self.PROVIDER_PRIORITY_ORDER, *VENDORS))))

    @property
    def unknown(self) -> tuple[str, ...]:
        """Returns a sentence for each variable with our prefix that is no setting; empty if no environment was read."""
        return self._unknown

    @property
    def live_accounts(self) -> tuple[ProviderAccount, ...]:
        """Returns accounts that may be asked, in order of priority; none if the mock answers everything."""
        return () if self.USE_MOCK_LLM else tuple(one for one in self.accounts if one.live)

    @property
    def mock_mode(self) -> bool:
        """Returns whether the mock answers everything: it is asked for, or outside production no account is live."""
        if self.USE_MOCK_LLM is not None:
            return self.USE_MOCK_LLM
        return not self.live_accounts and self.ENVIRONMENT != "production"


def load_settings() -> Settings:
    """Read the environment and `.env`; raises `SettingsProblem` with one line for each invalid variable."""
    try:
        settings = Settings()
        settings._unknown = unknown_settings(Settings)
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
