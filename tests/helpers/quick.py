"""Parameters of which the default run takes some, and `pytest -m slow` the others."""

import pytest


def choose_quick(values, count):
    """All values as parameters: `count` of them, evenly spaced, are quick and the others slow."""
    values = list(values)
    chosen = {number * len(values) // count for number in range(count)}
    params = []
    for number, value in enumerate(values):
        marks = [] if number in chosen else [pytest.mark.slow]
        arguments = value if isinstance(value, tuple) else (value,)
        params.append(pytest.param(*arguments, marks=marks))
    return params
