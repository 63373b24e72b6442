"""`explain`: what the platform does at each step, from the effective configuration and what is really there."""
