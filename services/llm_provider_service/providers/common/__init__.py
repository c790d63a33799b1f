"""What every dialect needs for writing requests and reading replies."""
