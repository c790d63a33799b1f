"""How fast the service is: CPU per request, added latency, memory and start-up time, beside a bare pass-through."""
