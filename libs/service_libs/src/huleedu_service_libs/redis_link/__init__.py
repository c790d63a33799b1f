"""Redis as a dependency that may be away: bounded in time and connections, and never a reason to fail."""
