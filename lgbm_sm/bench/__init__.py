"""Load on an endpoint: requests of real rows, clients that send them, and figures of the answers."""
