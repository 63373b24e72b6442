"""The record of what a work folder has created, and the work folder itself."""
