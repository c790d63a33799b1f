"""FAULTS, "Upstream transport": what the network and the bare protocol do."""

from __future__ import annotations

from tests.faults.rows import Expected, Row, Stage


def _unreachable(*, attempts: int = 3, most: float = 3.0, least: float = 0.0, alert: bool = False) -> Expected:
    """No connection: nothing was called, and the provider as a whole is suspected."""
    return Expected(
        status=503, code="SERVICE_UNAVAILABLE", attempts=("connect_failed",) * attempts, calls=0,
        breaker=f"provider +{attempts}", elsewhere=True, seconds=(least, most), alert=alert,
    )  # fmt: skip


UNTRUSTED = Expected(
    status=502, code="INVALID_RESPONSE", attempts=("certificate_invalid",), calls=0, breaker="provider +1",
    elsewhere=True, alert=True,
)  # fmt: skip
LOST = Expected(
    status=503, code="SERVICE_UNAVAILABLE", attempts=("connection_lost",) * 3, breaker="model +3", elsewhere=True
)
BAD = Expected(status=502, code="INVALID_RESPONSE", attempts=("bad_response",) * 2, breaker="model +2", elsewhere=True)
BAD_ONCE = Expected(status=502, code="INVALID_RESPONSE", attempts=("bad_response",), breaker="model +1", elsewhere=True)
SILENT = Expected(
    status=504, code="TIMEOUT", attempts=("timed_out",) * 3, breaker="model +3", elsewhere=True, seconds=(1.2, 3.5)
)
CUT_OFF = Expected(status=504, code="TIMEOUT", attempts=("timed_out",), seconds=(1.4, 1.75))
NO_SLOT = Expected(
    status=503, code="SERVICE_UNAVAILABLE", attempts=("not_sent",), calls=0, elsewhere=True, seconds=(0.2, 1.0)
)


def _raw(row: str, fault: str, model: str, expected: Expected, *, asks: int = 1, pause: float = 0.0) -> Row:
    return Row(id=row, fault=fault, model=model, expected=expected, asks=asks, pause=pause)


def _place(row: str, fault: str, stage: Stage, vendor: str, expected: Expected) -> Row:
    return Row(id=row, fault=fault, stage=stage, vendor=vendor, expected=expected, lives_on=False)


TRANSPORT_ROWS = (
    _place("U01", "connection refused (closed port)", Stage.PLACES, "openai", _unreachable()),
    _place("U02", "name that does not resolve (`*.invalid`)", Stage.PLACES, "google", _unreachable()),
    _place("U03", "SYN black hole (full backlog)", Stage.PLACES, "anthropic", _unreachable(least=5.9, most=8.0)),
    _place("U04-self-signed", "self-signed certificate", Stage.TLS, "openai", UNTRUSTED),
    _place("U04-wrong-host", "certificate of another host", Stage.TLS, "anthropic", UNTRUSTED),
    _place("U04-expired", "expired certificate", Stage.TLS, "google", UNTRUSTED),
    Row(id="U04-valid", fault="none: a valid certificate of the same authority", stage=Stage.TLS,
        vendor="openrouter", expected=Expected()),
    _place("U05-plain", "plain HTTP on a TLS port", Stage.PLACES, "openrouter", _unreachable(attempts=2)),
    _raw("U05-garbage", "a status line that is none", "fault-garbage", BAD),
    Row(id="U06", fault="hangs before the headers", stage=Stage.SLOW, model="fault-hang", expected=SILENT),
    _place("U06-tls", "a TLS handshake that nobody answers", Stage.NARROW, "google",
           _unreachable(least=5.9, most=8.0)),
    Row(id="U07", fault="hangs after the headers", stage=Stage.SLOW, model="fault-hang-body", expected=SILENT),
    Row(id="U08", fault="drips one byte per 100 ms, deadline 1.5 s", model="fault-drip", deadline_ms=1500,
        expected=CUT_OFF),
    Row(id="U08-headers", fault="drips from the status line on, deadline 1.5 s", model="fault-drip-headers",
        deadline_ms=1500, expected=CUT_OFF),
    _raw("U09", "RST before the headers", "fault-rst", LOST),
    _raw("U10", "RST in the body", "fault-rst-body", LOST),
    _raw("U11", "FIN in the body, Content-Length", "fault-fin-body", LOST),
    _raw("U12", "chunked, whole document, no last chunk", "fault-no-last-chunk", LOST),
    _raw("U13", "cut body whose end is the connection's", "fault-no-length", BAD),
    _raw("U14", "idle pooled connection closed by the vendor", "fault-close-idle",
         Expected(attempts=("success",) * 4), asks=4, pause=0.1),
    _raw("U14-race", "pooled connection reset by its next request", "fault-close-used",
         Expected(attempts=("success", "connection_lost", "success"), breaker="model +1"), asks=2),
    _raw("U15", "a second answer behind the answer", "fault-extra-bytes", Expected(attempts=("success",) * 3), asks=3),
    _raw("U16-lengths", "two Content-Length", "fault-two-lengths", BAD),
    _raw("U16-chunked", "Content-Length beside chunked", "fault-length-and-chunked", BAD),
    _raw("U17-big", "header of 100 KB", "fault-big-header", BAD),
    _raw("U17-many", "100,000 headers", "fault-many-headers", BAD),
    _raw("U18-302", "302 to another origin", "fault-redirect", BAD_ONCE),
    _raw("U18-307", "307 to another origin", "fault-redirect-307", BAD_ONCE),
    _raw("U19", "redirect loop", "fault-redirect-loop", BAD_ONCE),
    _raw("U20", "Set-Cookie", "fault-cookie", Expected(attempts=("success",) * 3), asks=3),
    _raw("U21", "gzip bomb, 200 KB to 200 MB", "fault-bomb", BAD_ONCE),
    _raw("U22", "body of 300 MB", "fault-huge", BAD_ONCE),
    _place("U23", "public name that resolves to a private address", Stage.NARROW, "anthropic",
           _unreachable(attempts=1, alert=True)),
    Row(id="U24", fault="the only slot is held by a hanging call", stage=Stage.NARROW, occupied=True, lives_on=False,
        expected=NO_SLOT),
)  # fmt: skip
