"""Parameters of which the default run takes some, and `pytest -m slow` others.

Of many random corpora the slow tests take a quarter; with EVALKIT_EVERY_SEED=1 all of them.
"""

import os

import pytest

MANY = 100  # values, from which on the slow tests take some of them
EVERY = 1 if os.environ.get("EVALKIT_EVERY_SEED") else 4


def choose_quick(values, count):
    """Values as parameters: `count` of them, evenly spaced, are quick and others slow."""
    values = list(values)
    chosen = {number * len(values) // count for number in range(count)}
    step = EVERY if len(values) >= MANY else 1
    params = []
    for number, value in enumerate(values):
        if number not in chosen and number % step:
            continue
        marks = [] if number in chosen else [pytest.mark.slow]
        arguments = value if isinstance(value, tuple) else (value,)
        params.append(pytest.param(*arguments, marks=marks))
    return params
