"""The checks of `doctor`, one module for each area. They only read."""
