"""The failures that are known, a module for each place that they come from."""
