"""`evalkit formats NAME` and `evalkit models KIND` show all options, as they are in the code."""

import inspect
import re
from importlib import import_module

import pytest
from helpers.cli import run_evalkit as evalkit

from evalkit.formats import option_descriptions as of_formats
from evalkit.formats.reading_options import SHARED_OPTIONS
from evalkit.formats.registry import FORMATS, module_name
from evalkit.models import option_descriptions as of_models
from evalkit.models.registry import MODEL_KINDS


def keyword_only(function):
    """The names of a function's keyword-only parameters."""
    parameters = inspect.signature(function).parameters.values()
    return [parameter.name for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY]


def format_options(name):
    module = import_module(module_name(name))
    written = [] if FORMATS[name].read_only else keyword_only(module.write)
    return [*keyword_only(module.read), *written]


def model_options(name):
    return keyword_only(import_module(f"evalkit.models.{MODEL_KINDS[name].module}").load)


def shown_options(text):
    """The options of a listing, with the words that follow each."""
    lines = [line for line in text.split("\nExample:")[0].splitlines() if line.startswith("  ")]
    return {line.split()[0].partition("=")[0] for line in lines if not line.startswith("   ")}


@pytest.mark.parametrize("name", FORMATS)
def test_a_format_is_shown_with_all_its_options(name):
    run = evalkit("formats", name)

    assert shown_options(run.stdout) == {*SHARED_OPTIONS, *format_options(name)}
    assert f"\n  evalkit validate {name}:" in run.stdout


@pytest.mark.parametrize("name", MODEL_KINDS)
def test_a_kind_of_models_is_shown_with_all_its_options(name):
    run = evalkit("models", name)

    assert shown_options(run.stdout) == set(model_options(name))
    assert f"\n  evalkit run -m {MODEL_KINDS[name].pattern}" in run.stdout


def test_every_option_is_described_and_every_description_is_of_an_option():
    described = {
        (of_formats, name, option) for name in FORMATS for option in format_options(name)
    } | {(of_models, name, option) for name in MODEL_KINDS for option in model_options(name)}

    assert [entry for entry in described if not entry[0].describe_option(*entry[1:])] == []
    for module in (of_formats, of_models):
        names = {(name, option) for table, name, option in described if table is module}
        for name, descriptions in module.OPTION_DESCRIPTIONS.items():
            assert [option for option in descriptions if (name, option) not in names] == []
        used = {option for _, option in names} | set(SHARED_OPTIONS)
        assert [option for option in module.SHARED if option not in used] == []


def test_an_unknown_format_names_the_known_ones():
    run = evalkit("formats", "conl")

    assert run.returncode == 2
    assert "did you mean 'conll'?" in run.stderr


def test_a_listing_fits_into_80_columns_but_for_tables_of_the_docstring():
    text = evalkit("formats", "conll", env={"COLUMNS": "80"}).stdout

    assert max(len(line) for line in text.split("\nExample:")[0].splitlines()) <= 80


@pytest.mark.parametrize(
    ("command", "name"),
    [*(("formats", name) for name in FORMATS), *(("models", name) for name in MODEL_KINDS)],
)
def test_no_source_file_of_evalkit_is_named(command, name):
    run = evalkit(command, name)

    assert "evalkit/" not in run.stdout
    assert not re.search(r"\b(?!data_structures)[a-z]+_[a-z_]+\.py\b", run.stdout)


def test_the_items_of_a_list_are_wrapped_below_their_dash():
    run = evalkit("formats", "conll")

    lines = run.stdout.splitlines()
    start = next(n for n, line in enumerate(lines) if line.startswith("- `split_tokens`"))
    assert lines[start + 1].startswith("  ")
    assert max(map(len, lines[start : start + 2])) <= 100
