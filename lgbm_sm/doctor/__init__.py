"""The checks of `doctor`, one module for each area. The checks change nothing."""
