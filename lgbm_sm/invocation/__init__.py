"""Requests to an endpoint: batches, transport, retries, metrics."""
