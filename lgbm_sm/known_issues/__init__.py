"""Errors that others have met, with causes and fixes: issues.yaml and its search."""
