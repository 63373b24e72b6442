"""The places where the program runs: one module each, with the same few functions."""
