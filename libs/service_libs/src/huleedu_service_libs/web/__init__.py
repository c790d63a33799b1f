"""What stands between HTTP and an application: bodies, problems, correlation ids, Quart."""
