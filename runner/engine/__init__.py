"""Feeder → workers → recorder: the way of a claim."""
