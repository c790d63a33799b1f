"""The only code that opens connections to vendors."""
