"""Serving HTTP from our own code: uvicorn's protocol with limits, a drain that cuts nobody off, signals."""
