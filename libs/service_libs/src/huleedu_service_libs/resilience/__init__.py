"""Circuit breaking: when to stop asking a target that keeps failing, and how to find out that it is back."""
