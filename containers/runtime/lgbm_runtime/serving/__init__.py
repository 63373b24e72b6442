"""The HTTP server, on top of the core."""
