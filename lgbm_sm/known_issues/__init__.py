"""Errors that others have met, with their causes and fixes: issues.yaml, and the search in it."""
