"""A link to Redis that never blocks for long: time and connections are bounded, and the service works without Redis."""
