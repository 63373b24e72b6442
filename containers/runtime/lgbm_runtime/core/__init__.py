"""Decode, predict, encode: the only part that pattern C ships. It runs on Python 3.8."""
