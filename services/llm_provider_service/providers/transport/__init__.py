"""The only way to a vendor's network address."""
