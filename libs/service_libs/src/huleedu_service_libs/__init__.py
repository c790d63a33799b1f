"""What any service of the platform would use. Importing this package imports none of its modules."""
