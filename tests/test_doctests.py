"""The examples in the docstrings say what happens."""

import doctest
import importlib
import pkgutil

import pytest

import evalkit

MODULES = [module.name for module in pkgutil.walk_packages(evalkit.__path__, "evalkit.")]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module_are_right(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_there_are_examples():
    assert (
        sum(
            len(test.examples)
            for name in MODULES
            for test in doctest.DocTestFinder().find(importlib.import_module(name))
        )
        > 10
    )
