"""Which scenario answers the next call: scripts first, then the model's name, then standing rules, then success."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.vendor_sim.named import SIM_PREFIX, scenario_named
from tests.vendor_sim.scenarios import Scenario, Status, Success
from tests.vendor_sim.vendors import Vendor

_Key = tuple[Vendor, str | None]


@dataclass(slots=True)
class ScriptBook:
    """Queues and standing rules by vendor and, more specific first, by model."""

    default: Scenario = field(default_factory=Success)
    _queues: dict[_Key, deque[Scenario]] = field(default_factory=dict)
    _always: dict[_Key, Scenario] = field(default_factory=dict)

    def script(self, vendor: str, scenarios: Sequence[Scenario], *, model: str | None = None) -> None:
        """Answer the next calls with these, one each; adds to what is already queued."""
        self._queues.setdefault((Vendor(vendor), model), deque()).extend(scenarios)

    def always(self, vendor: str, scenario: Scenario | None, *, model: str | None = None) -> None:
        """Answer every call so that no queue answers; `None` takes the rule back."""
        key = (Vendor(vendor), model)
        self._always.pop(key, None)
        if scenario is not None:
            self._always[key] = scenario

    def next(self, vendor: Vendor, model: str) -> Scenario:
        """The scenario for a call that is to be answered now."""
        for key in ((vendor, model), (vendor, None)):
            if queue := self._queues.get(key):
                return queue.popleft()
        bare = model.rsplit("/", 1)[-1]
        if bare.startswith(SIM_PREFIX):
            return _by_name(bare.removeprefix(SIM_PREFIX))
        return self._always.get((vendor, model)) or self._always.get((vendor, None)) or self.default

    def left(self, vendor: str, *, model: str | None = None) -> int:
        """How many queued scenarios have not been used."""
        return len(self._queues.get((Vendor(vendor), model), ()))

    def reset(self) -> None:
        """Forget all scripts and rules."""
        self._queues.clear()
        self._always.clear()


def _by_name(name: str) -> Scenario:
    try:
        return scenario_named(name)
    except LookupError:
        return Status(404, label="unknown-scenario")
