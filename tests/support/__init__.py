"""What the tests through the front door share."""
