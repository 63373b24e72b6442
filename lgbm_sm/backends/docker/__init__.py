"""The Docker backend: containers on this machine."""
