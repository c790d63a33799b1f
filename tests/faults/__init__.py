"""What vendors, the network and infrastructure can do to the service, and what it must make of it."""
