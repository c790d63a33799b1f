"""What are we talking about? Frozen values that every room shares; imports nobody but common_core."""
