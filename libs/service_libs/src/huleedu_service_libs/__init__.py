"""Libraries that any service of the platform can use. Importing this package imports none of its modules."""
