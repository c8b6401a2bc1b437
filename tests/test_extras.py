"""Tests that need an extra that is not installed are left out and listed; where none may be left
out, that is an error.
"""

import os
import subprocess
import sys

import pytest

TESTS = """
import pytest

@pytest.mark.extra("absent")
def test_one(): pass

@pytest.mark.extra("absent")
def test_two(): pass

@pytest.mark.extra("lost")
def test_three(): pass

@pytest.mark.extra("here")
def test_four(): pass

def test_five(): pass
"""
RUN = """
import sys, conftest, pytest
conftest.EXTRAS |= {"absent": ("no_such_package",), "lost": ("json", "another_that_is_not"), "here": ("json",)}
sys.exit(pytest.main(["-q", "-p", "no:cacheprovider", *sys.argv[1:]], plugins=[conftest]))
"""  # noqa: E501


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "test_these.py").write_text(TESTS)
    return tmp_path


def run(folder, *arguments, **environment):
    clean = {name: value for name, value in os.environ.items() if name != "EVALKIT_EXTRAS"}
    environment = {
        **clean,
        "PYTHONPATH": os.path.dirname(__file__),  # noqa: PTH120
        **environment,
    }
    return subprocess.run(
        [sys.executable, "-c", RUN, *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env=environment,
    )


def test_tests_that_are_left_out_are_listed(folder):
    done = run(folder)

    assert done.returncode == 0
    assert (
        "left out: 3 tests that need the extras absent (2) and lost (1); scripts/test --extras runs"
        " them\n" in done.stdout
    )
    assert "2 passed, 3 deselected" in done.stdout


def test_nothing_is_listed_if_no_test_is_left_out(folder):
    (folder / "test_these.py").write_text("def test_this(): pass\n")
    assert "left out" not in run(folder).stdout


def test_leaving_out_is_an_error_where_all_extras_should_be_there(folder):
    done = run(folder, EVALKIT_EXTRAS="1")

    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert "left out: 3 tests that need the extras absent (2) and lost (1)" in done.stderr


def test_an_extra_that_is_none_is_an_error(folder):
    (folder / "test_these.py").write_text(
        "import pytest\n\n@pytest.mark.extra('glinr')\ndef test_this(): pass\n"
    )

    done = run(folder)

    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert (
        "test_these.py::test_this: unknown extra 'glinr'; expected one of: hf, gliner, openai"
        in done.stderr
    )
