"""The configuration: its sections, its readers, and the messages about its problems."""
