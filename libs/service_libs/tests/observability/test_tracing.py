"""What is traced is decided before a span is built; what a block does to its span."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from huleedu_service_libs.observability.tracing import (
    UNTRACED,
    Attribute,
    Block,
    RemoteParent,
    SpanKind,
    TracedBlock,
    Tracing,
    current_trace_id,
    parse_traceparent,
    traced,
)

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
SPAN_ID = "b7ad6b7169203331"


@dataclass
class PaperSpan:
    """A span that is only written down."""

    name: str
    kind: SpanKind
    parent: PaperSpan | RemoteParent | None
    trace_id: str = TRACE_ID
    attributes: dict[str, Attribute] = field(default_factory=dict)
    failed: str | None = None
    ended: bool = False
    children: list[PaperSpan] = field(default_factory=list)

    def child(self, name: str, kind: SpanKind) -> PaperSpan:
        """See `Span`."""
        self.children.append(PaperSpan(name, kind, self))
        return self.children[-1]

    def set(self, name: str, value: Attribute) -> None:
        """See `Span`."""
        self.attributes[name] = value

    def fail(self, reason: str) -> None:
        """See `Span`."""
        self.failed = reason

    def end(self) -> None:
        """See `Span`."""
        self.ended = True


class Paper:
    """Starts paper spans, and counts them."""

    def __init__(self) -> None:
        self.spans: list[PaperSpan] = []

    def start(self, name: str, kind: SpanKind, parent: RemoteParent | None) -> PaperSpan:
        """See `StartSpan`."""
        self.spans.append(PaperSpan(name, kind, parent))
        return self.spans[-1]


def test_the_share_decides_before_a_span_is_built() -> None:
    paper = Paper()
    draws = iter([0.009, 0.01, 0.5, 0.0])
    tracing = Tracing(paper.start, ratio=0.01, draw=lambda: next(draws))
    blocks = [tracing.request(lambda: "ask", None) for _ in range(4)]
    assert [isinstance(block, TracedBlock) for block in blocks] == [True, False, False, True]
    assert len(paper.spans) == 2


@pytest.mark.parametrize(("flags", "ratio", "wanted"), [("01", 0.0, True), ("00", 1.0, False), ("03", 0.0, True)])
def test_the_callers_flag_wins_over_the_share(flags: str, ratio: float, wanted: bool) -> None:
    paper = Paper()
    tracing = Tracing(paper.start, ratio=ratio, draw=lambda: 0.5)
    tracing.request(lambda: "ask", f"00-{TRACE_ID}-{SPAN_ID}-{flags}")
    assert [span.parent for span in paper.spans] == (
        [RemoteParent(trace_id=int(TRACE_ID, 16), span_id=int(SPAN_ID, 16), sampled=True)] if wanted else []
    )


def test_without_an_exporter_nothing_is_traced() -> None:
    tracing = Tracing(None, ratio=1.0, draw=lambda: 0.0)
    assert not tracing.on
    assert tracing.request(lambda: "ask", f"00-{TRACE_ID}-{SPAN_ID}-01") is UNTRACED


async def test_blocks_nest_over_tasks_and_end() -> None:
    paper = Paper()

    async def work() -> None:
        with traced("call", SpanKind.CLIENT) as call:
            call.set("answer", 42)

    with Tracing(paper.start, ratio=1.0, draw=lambda: 0.0).request(lambda: "ask", None):
        assert current_trace_id() == TRACE_ID
        await asyncio.create_task(work())
        with pytest.raises(LookupError), traced("look"):
            raise KeyError("secret text")
    assert current_trace_id() is None
    (door,) = paper.spans
    call, look = door.children
    assert (call.kind, call.attributes, call.failed, call.ended) == (SpanKind.CLIENT, {"answer": 42}, None, True)
    assert (look.failed, look.attributes, look.ended) == ("KeyError", {"error.type": "KeyError"}, True)
    assert (door.failed, door.ended) == (None, True)


def fail_twice(block: Block) -> None:
    """Give a reason, and leave with an exception all the same."""
    with block:
        block.fail("server_error")
        raise ValueError("late")


def test_a_reason_that_was_given_stays() -> None:
    paper = Paper()
    with pytest.raises(ValueError, match="late"):
        fail_twice(Tracing(paper.start, ratio=1.0, draw=lambda: 0.0).request(lambda: "ask", None))
    assert paper.spans[0].failed == "server_error"


def test_outside_of_a_traced_request_a_block_is_nothing() -> None:
    with traced("cache get") as block:
        block.set("hit", value=True)
        assert block is UNTRACED
        assert not block.recording


def test_a_version_that_we_do_not_know_may_say_more() -> None:
    assert parse_traceparent(f"cc-{TRACE_ID}-{SPAN_ID}-01-what-the-future-brings") is not None
    assert parse_traceparent(f"cc-{TRACE_ID}-{SPAN_ID}-01.") is None
    assert parse_traceparent(f"cc-{TRACE_ID}-{SPAN_ID}-01-" + "x" * 600) is None


@given(st.text(max_size=80))
def test_no_text_breaks_the_reading(text: str) -> None:
    parsed = parse_traceparent(text)
    assert parsed is None or (0 < parsed.trace_id < 2**128 and 0 < parsed.span_id < 2**64)
