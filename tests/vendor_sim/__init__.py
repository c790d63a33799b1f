"""A server that plays the vendors on real sockets and keeps the books: the billing oracle of the tests.

In a test:      async with VendorSim() as sim: sim.script("openai", [Status(503), Success()])
By hand:        python -m tests.vendor_sim --port 9100, then ask for models called `sim-<scenario>`
From elsewhere: `SimProcess`, or the control API under `/_sim/`
"""

from tests.vendor_sim.errors import ERRORS
from tests.vendor_sim.journal import JournalReader
from tests.vendor_sim.judging import Judge
from tests.vendor_sim.ledger import Call, Ledger, fingerprint
from tests.vendor_sim.named import scenario_named
from tests.vendor_sim.process import SimProcess
from tests.vendor_sim.scenarios import (
    Cut,
    Drip,
    EmptyChoices,
    GzipBomb,
    Hang,
    Huge,
    MaxTokens,
    RawBody,
    RawWire,
    Redirect,
    Refusal,
    SafetyBlock,
    Scenario,
    Status,
    Success,
    ToolCallUnasked,
)
from tests.vendor_sim.server import VendorSim
from tests.vendor_sim.values import Tokens
from tests.vendor_sim.vendors import Vendor

__all__ = [
    "ERRORS",
    "Call",
    "Cut",
    "Drip",
    "EmptyChoices",
    "GzipBomb",
    "Hang",
    "Huge",
    "JournalReader",
    "Judge",
    "Ledger",
    "MaxTokens",
    "RawBody",
    "RawWire",
    "Redirect",
    "Refusal",
    "SafetyBlock",
    "Scenario",
    "SimProcess",
    "Status",
    "Success",
    "Tokens",
    "ToolCallUnasked",
    "Vendor",
    "VendorSim",
    "fingerprint",
    "scenario_named",
]
