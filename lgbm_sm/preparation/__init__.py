"""Convert the user's table to columns, splits, and channel files."""
