"""The record of the resources that a work folder created, and the work folder itself."""
