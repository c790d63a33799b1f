"""The HTTP control API under `/_sim/`, for tests and demos in other processes."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import orjson
from aiohttp import web
from pydantic import ValidationError

from tests.vendor_sim.judging import Judge
from tests.vendor_sim.named import names, scenario_from

if TYPE_CHECKING:
    from tests.vendor_sim.server import VendorSim


async def control(sim: VendorSim, request: web.BaseRequest, action: str) -> web.StreamResponse:
    """`GET calls | counts | scenarios`, `POST script | always | judge | reset`; what is wrong is said in a 400."""
    try:
        answer = await _act(sim, request, f"{request.method} {action}")
    except (LookupError, ValueError, ValidationError, TypeError) as exc:
        return _json({"error": str(exc)}, status=400)
    return _json({"error": "no such action"}, status=404) if answer is None else _json(answer)


async def _act(sim: VendorSim, request: web.BaseRequest, action: str) -> Any:
    match action:
        case "GET calls":
            return [
                asdict(call)
                for call in sim.calls(*(request.query.get(name) for name in ("vendor", "model", "scenario")))
            ]
        case "GET counts":
            return counts(sim)
        case "GET scenarios":
            return names()
        case "POST reset":
            sim.reset()
        case "POST script":
            wanted = orjson.loads(await request.content.read())
            sim.script(wanted["vendor"], [scenario_from(one) for one in wanted["scenarios"]], model=wanted.get("model"))
        case "POST always":
            wanted = orjson.loads(await request.content.read())
            rule = None if wanted.get("scenario") is None else scenario_from(wanted["scenario"])
            sim.always(wanted["vendor"], rule, model=wanted.get("model"))
        case "POST judge":
            wanted = orjson.loads(await request.content.read())
            sim.judge(wanted["vendor"], Judge(wanted["mode"]))
        case _:
            return None
    return {"ok": True}


def counts(sim: VendorSim) -> dict[str, Any]:
    """Calls by vendor, model and scenario; sums, bill and peak by vendor; violations."""
    return {
        "total": sim.count(),
        "calls": [
            {"vendor": vendor, "model": model, "scenario": scenario, "count": n}
            for (vendor, model, scenario), n in sim.ledger.counts().items()
        ],
        "vendors": {
            vendor: {
                "count": sim.count(vendor),
                "billed": asdict(sim.billed(vendor)),
                "in_flight": sim.ledger.in_flight(vendor),
                "max_in_flight": sim.max_in_flight(vendor),
            }
            for vendor in sim.vendors
        },
        "violations": sim.violations(),
    }


def _json(value: Any, *, status: int = 200) -> web.Response:
    body = orjson.dumps(value, default=str, option=orjson.OPT_NON_STR_KEYS)
    return web.Response(body=body, status=status, headers={"Content-Type": "application/json"})
