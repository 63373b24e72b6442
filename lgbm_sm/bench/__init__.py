"""Load on an endpoint: requests of real rows, clients, and figures of the answers."""
