"""Settings of the vendors: five variables for each row of `domain/vendors.py`, and the account made from them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Self

from pydantic import AliasChoices, BaseModel, Field, SecretStr, create_model, model_validator

from common_core.config_enums import LLMProviderType
from services.llm_provider_service.domain.vendors import VENDORS, Vendor
from services.llm_provider_service.settings.accounts import ProviderAccount
from services.llm_provider_service.settings.base_url import base_url_problem
from services.llm_provider_service.settings.prefix import BARE, PREFIX
from services.llm_provider_service.settings.value_types import Address, HeaderText, Key, key_problem


def _variables(vendor: Vendor) -> Iterator[tuple[str, Any]]:
    """Yields name and field of each variable of one vendor.

    Unprefixed keys are found in any letter case. Their aliases are in lower case: pydantic keeps a value under its
    alias, and in upper case that alias would equal the name of the field for the prefixed key.
    """
    name = vendor.provider.name
    bare = Field(default=None, validation_alias=AliasChoices(f"{name.lower()}_api_key"))
    yield f"{name}_ENABLED", (bool | None, None)
    yield f"{name}_API_KEY", (Key, None)
    yield f"{BARE}{name}_API_KEY", (Key, bare)
    yield f"{name}_BASE_URL", (Address, vendor.base_url)
    yield f"{name}_DEFAULT_MODEL", (str, vendor.default_model)
    yield f"{name}_ALLOW_PRIVATE", (bool, vendor.allow_private)


if TYPE_CHECKING:
    _OfEachRow = BaseModel
else:
    _OfEachRow = create_model("_OfEachRow", **{n: d for row in VENDORS.values() for n, d in _variables(row)})


class VendorSettings(_OfEachRow):
    """The settings of the vendors."""

    OPENROUTER_HTTP_REFERER: HeaderText | None = None
    OPENROUTER_X_TITLE: HeaderText | None = "LLM Provider Service"

    @model_validator(mode="after")
    def _vendors_can_be_asked(self) -> Self:
        problems = [problem for provider in VENDORS for problem in self._problems_of(provider)]
        if problems:
            raise ValueError("\n".join(problems))
        return self

    def _problems_of(self, provider: LLMProviderType) -> Iterator[str]:
        """Yields one line for each unusable variable of a vendor; an unprefixed key that is not used is ignored."""
        account, name = self.account(provider), provider.name
        for what, value in (("BASE_URL", account.base_url), ("DEFAULT_MODEL", account.default_model)):
            if account.enabled and not value:
                yield f"{PREFIX}{name}_{what} must be set for a provider that is switched on"
        wrong_url = base_url_problem(account.base_url, allow_private=account.allow_private)
        if account.base_url and wrong_url:
            yield f"{PREFIX}{name}_BASE_URL {wrong_url}"
        wrong_key = key_problem(account.api_key) if account.api_key else None
        if wrong_key:
            yield f"{PREFIX if getattr(self, f'{name}_API_KEY') else ''}{name}_API_KEY {wrong_key}"

    def account(self, provider: LLMProviderType) -> ProviderAccount:
        """Returns the account that the variables of *provider* define.

        Without `<P>_ENABLED` a vendor is on if its prefixed key is set. An unprefixed key counts only with
        `<P>_ENABLED=true`, so a key that happens to be in a shell never leads to a paid call.
        """
        name = provider.name
        wanted: bool | None = getattr(self, f"{name}_ENABLED")
        key: SecretStr | None = getattr(self, f"{name}_API_KEY")
        if key is None and wanted:
            key = getattr(self, f"{BARE}{name}_API_KEY")
        base_url, default_model = getattr(self, f"{name}_BASE_URL").rstrip("/"), getattr(self, f"{name}_DEFAULT_MODEL")
        configured = (key is not None or not VENDORS[provider].keyed) and bool(base_url and default_model)
        return ProviderAccount(
            provider=provider,
            enabled=wanted if wanted is not None else key is not None,
            configured=configured,
            switched_off=configured and wanted is False,
            api_key=key,
            base_url=base_url,
            default_model=default_model,
            allow_private=getattr(self, f"{name}_ALLOW_PRIVATE"),
            headers=self._attribution() if provider is LLMProviderType.OPENROUTER else {},
        )

    def _attribution(self) -> Mapping[str, str]:
        """Returns the headers that name this application to an aggregator of vendors."""
        named = {"HTTP-Referer": self.OPENROUTER_HTTP_REFERER, "X-Title": self.OPENROUTER_X_TITLE}
        return {name: text for name, text in named.items() if text}
