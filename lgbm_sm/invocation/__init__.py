"""Send requests to an endpoint: batches, transport, retries, metrics."""
