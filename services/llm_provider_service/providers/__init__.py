"""Providers: how is a request sent to a vendor, and what does the reply mean? One folder for each wire dialect."""
