"""Tests that need an extra of evalkit are left out where it is not installed, and the end of the
run says how many.

`scripts/test --extras` runs them; it sets EVALKIT_EXTRAS, with which leaving out is an error.
"""

import gc
import os
from collections import Counter
from importlib.util import find_spec

import helpers.profiles  # noqa: F401 - the examples of each property
import pytest

EXTRAS = {
    "hf": ("transformers", "torch"),
    "gliner": ("gliner",),
    "openai": ("openai", "tenacity"),
    "trainer": ("transformers", "torch", "accelerate"),
}
LEFT_OUT = pytest.StashKey[Counter]()


def pytest_configure(config):
    config.addinivalue_line(
        "markers", "extra(name): needs an extra of evalkit; left out where that is not installed"
    )
    config.stash[LEFT_OUT] = Counter()


@pytest.hookimpl(trylast=True)  # after -k and -m, so that what nobody asked for is not told
def pytest_collection_modifyitems(config, items):
    left_out = {item: extra for item in items if (extra := missing(item))}
    config.stash[LEFT_OUT].update(left_out.values())
    if left_out and os.environ.get("EVALKIT_EXTRAS"):
        raise pytest.UsageError(said(config.stash[LEFT_OUT]))
    if left_out:
        config.hook.pytest_deselected(items=list(left_out))
        items[:] = [item for item in items if item not in left_out]


@pytest.hookimpl(wrapper=True)
def pytest_collection():
    """Keeps the collected tests, which are tens of thousands, out of each garbage collection."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()


def pytest_sessionfinish(session):
    if hasattr(
        session.config, "workeroutput"
    ):  # a process of pytest-xdist, which hands its counts to the one that reports
        session.config.workeroutput["left_out"] = dict(session.config.stash[LEFT_OUT])


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node):
    node.config.stash[LEFT_OUT] = Counter(
        getattr(node, "workeroutput", {}).get("left_out", {})
    )  # each process has them all


def pytest_terminal_summary(terminalreporter, config):
    if left_out := config.stash[LEFT_OUT]:
        terminalreporter.write_line(f"{said(left_out)}; scripts/test --extras runs them")


def missing(item):
    """The first extra that a test needs and that is not installed."""
    for mark in item.iter_markers("extra"):
        for extra in mark.args:
            if extra not in EXTRAS:
                raise pytest.UsageError(
                    f"{item.nodeid}: unknown extra {extra!r}; expected one of: {', '.join(EXTRAS)}"
                )
            if any(find_spec(package) is None for package in EXTRAS[extra]):
                return extra
    return None


def said(left_out):
    names = [f"{extra} ({many})" for extra, many in sorted(left_out.items())]
    listed = " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
    tests, extras = (
        "test" if left_out.total() == 1 else "tests",
        "extra" if len(names) == 1 else "extras",
    )
    needs = "needs" if left_out.total() == 1 else "need"
    return f"left out: {left_out.total()} {tests} that {needs} the {extras} {listed}"
