"""Intervals, differences, permutation tests and sample sizes, on arrays of counts."""
