"""Resampling, intervals and significance tests over counts."""
