"""Decode a request, predict, encode the answer.

Pattern C uses only this part of the program, so this part must run on Python 3.8.
"""
