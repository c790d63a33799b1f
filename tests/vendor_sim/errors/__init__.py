"""The real error bodies, by name: FAULTS chapter 2 has where they come from. Names are used by `sim-<name>` models,
scripts over the control API, and counters."""

from tests.vendor_sim.errors.anthropic import ANTHROPIC_ERRORS
from tests.vendor_sim.errors.google import GOOGLE_ERRORS
from tests.vendor_sim.errors.openai import OPENAI_ERRORS
from tests.vendor_sim.errors.openrouter import OPENROUTER_ERRORS
from tests.vendor_sim.scenarios import Status

ERRORS = {
    name: Status(code, body, {"Content-Type": "application/json", **headers}, label=name)
    for table in (ANTHROPIC_ERRORS, GOOGLE_ERRORS, OPENAI_ERRORS, OPENROUTER_ERRORS)
    for name, (code, body, headers) in table.items()
}
