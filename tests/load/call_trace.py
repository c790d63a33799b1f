"""What one request calls: the Python calls that the profiler sees in our own code, in their order.

What is counted is what `sys.setprofile` reports as `call`: a function that begins, and a coroutine or generator each
time it begins or goes on. So an `await` that had to wait counts once for every coroutine that waited. Lambdas count
too, and comprehensions up to Python 3.11. Calls of C functions do not, nor does code outside `libs/` and `services/`.
Methods that dataclasses and named tuples were given (constructors, comparisons, hashes) come from no file of ours and
are counted apart.
"""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType

# What the names of the product's modules begin with; see `product_module`.
PACKAGES = ("common_core.", "huleedu_service_libs.", "services.")
# The constructor of a named tuple runs in a module of its own; the class that it makes knows where it comes from.
OF_A_NAMED_TUPLE = "namedtuple_"


@dataclass(frozen=True, slots=True)
class Call:
    """One call; `depth` is how many calls of our own code it lies in."""

    depth: int
    module: str
    function: str


@dataclass(slots=True)
class CallTrace:
    """The calls of one request; `generated` is how many went to methods that classes were given."""

    calls: list[Call] = field(default_factory=list)
    generated: int = 0

    @property
    def modules(self) -> int:
        """How many modules were called."""
        return len(self.by_module)

    @property
    def entered_again(self) -> int:
        """How many modules were entered more than once."""
        return sum(times > 1 for times in self.entries.values())

    @property
    def by_module(self) -> Counter[str]:
        """How many calls each module got."""
        return Counter(call.module for call in self.calls)

    @property
    def entries(self) -> Counter[str]:
        """How often each module was entered: by a call from another module, or from outside of our code."""
        return entries_of(self.calls)


def entries_of(calls: Sequence[Call]) -> Counter[str]:
    """How often each module was entered by a call that did not come from itself."""
    entered: Counter[str] = Counter()
    callers: list[str] = []
    for call in calls:
        del callers[call.depth :]
        if not callers or callers[-1] != call.module:
            entered[call.module] += 1
        callers.append(call.module)
    return entered


@contextmanager
def tracing_calls(trace: CallTrace) -> Iterator[None]:
    """Fill *trace* with what this thread calls, but for tasks of the running loop that were there before.

    Those do what is not this request's work, in their own time: the clock, the watch over the loop.
    """
    others = asyncio.all_tasks()

    def hear(frame: FrameType, event: str, _argument: object) -> None:
        if event != "call":
            return
        module = product_module(frame)
        if module is None or asyncio.current_task() in others:
            return
        if is_generated(frame):
            trace.generated += 1
        else:
            trace.calls.append(Call(_depth(frame), module, frame.f_code.co_qualname))

    sys.setprofile(hear)
    try:
        yield
    finally:
        sys.setprofile(None)


def product_module(frame: FrameType) -> str | None:
    """The name of our module that *frame* runs in; `None` for tests and for what is not ours."""
    name: str = frame.f_globals.get("__name__", "")
    if name.startswith(OF_A_NAMED_TUPLE):
        name = getattr(frame.f_locals.get("_cls"), "__module__", "")
    return name if name.startswith(PACKAGES) and ".tests." not in name else None


def is_generated(frame: FrameType) -> bool:
    """Whether the code of *frame* comes from no file."""
    return frame.f_code.co_filename.startswith("<")


def _depth(frame: FrameType) -> int:
    depth = 0
    outer = frame.f_back
    while outer is not None:
        depth += product_module(outer) is not None and not is_generated(outer)
        outer = outer.f_back
    return depth
