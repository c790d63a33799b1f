"""A vendor on bare sockets that does what no HTTP library would: the fault is chosen by the name of the model."""

from tests.faults.fault_upstream.server import FaultUpstream

__all__ = ["FaultUpstream"]
