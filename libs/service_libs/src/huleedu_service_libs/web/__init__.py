"""Web layer between the HTTP server and an application: bodies, problem documents, correlation ids, Quart."""
