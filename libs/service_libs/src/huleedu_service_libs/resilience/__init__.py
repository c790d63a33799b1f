"""Circuit breakers: stop calling a target that keeps failing, and find out when it works again."""
