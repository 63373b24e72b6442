"""Load an endpoint: requests of real rows, clients, and figures."""
