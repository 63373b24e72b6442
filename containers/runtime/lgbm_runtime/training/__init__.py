"""The training program, on top of the core."""
