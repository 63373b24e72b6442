"""Decode, predict, encode: all that pattern C ships. It runs on Python 3.8."""
