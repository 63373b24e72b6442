"""The load test of `bench`: requests with real rows, clients, and measurements."""
