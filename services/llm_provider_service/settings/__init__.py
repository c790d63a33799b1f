"""Settings: what is configured? One module for each group."""
