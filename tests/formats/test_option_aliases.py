"""Former names of the options of formats are accepted, and are shown nowhere."""

import warnings

import pytest
from helpers.cli import run_evalkit as evalkit

from evalkit import Corpus, Document, Entity, InputError, load_corpus
from evalkit.formats.option_descriptions import describe_option
from evalkit.formats.reading_options import OPTION_ALIASES, SHARED_OPTIONS, own_options
from evalkit.formats.registry import FORMATS, parse_location

CASES = [
    pytest.param(format, alias, id=f"{format}-{alias.alias}-{alias.name}")
    for alias in OPTION_ALIASES
    for format in alias.formats or FORMATS
]


@pytest.mark.parametrize(("format", "alias"), CASES)
def test_a_former_name_is_replaced_by_the_present_one(format, alias):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        in_path = parse_location(f"{format}:x?{alias.alias}=some")
        in_python = parse_location(f"{format}:x", **{alias.alias: "some"})

    assert in_path.options == in_python.options == {alias.name: "some"}


@pytest.mark.parametrize(("format", "alias"), CASES)
def test_former_values_are_replaced_by_the_present_ones(format, alias):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        replaced = {
            former: parse_location(f"{format}:x?{alias.alias}={former}").options[alias.name]
            for former in alias.values
        }

    assert replaced == alias.values


@pytest.mark.parametrize(("format", "alias"), CASES)
def test_a_former_name_warns_once_unless_it_is_permanent(format, alias):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        parse_location(f"{format}:x", **{alias.alias: "some"})

    messages = [str(warning.message) for warning in caught]
    if alias.is_permanent:
        assert messages == []
    else:
        assert messages == [
            f'the option {alias.alias} of {format} is deprecated: write {alias.name}="some"'
        ]
        assert caught[0].category is DeprecationWarning
        assert caught[0].filename == __file__


@pytest.mark.parametrize(("format", "alias"), CASES)
def test_an_option_under_both_names_is_an_error(format, alias):
    for names in ((alias.alias, alias.name), (alias.name, alias.alias)):
        with pytest.raises(InputError, match=f"{alias.name} is given twice.* {alias.alias};"):
            parse_location(f"{format}:x", **dict.fromkeys(names, "some"))


@pytest.mark.parametrize(("format", "alias"), CASES)
def test_the_present_name_is_an_option_of_the_format_and_the_former_one_is_not(format, alias):
    if alias.name in SHARED_OPTIONS:
        return
    module = parse_location(f"{format}:x").module
    writers = [] if FORMATS[format].read_only else [module.write]
    options = {name for function in (module.read, *writers) for name in own_options(function)}

    assert alias.name in options
    assert describe_option(format, alias.name)
    other_options = {other.name for other in OPTION_ALIASES if format in other.formats}
    assert alias.alias not in options - other_options


def test_a_former_name_does_what_the_present_one_does(tmp_path):
    (tmp_path / "a.jsonl").write_text(
        '{"id": "d", "text": "Ada", "entities": [{"label": "PER", "start": 1, "end": 4}]}\n',
        encoding="utf-8",
    )

    with pytest.warns(DeprecationWarning, match="write first_offset=1") as caught:
        corpus = load_corpus(tmp_path / "a.jsonl", first=1)

    assert len(caught) == 1
    assert corpus[0].entities == (Entity("PER", 0, 3),)
    assert corpus.read_options == {"first_offset": "1"}


def test_a_former_name_is_reported_once_on_the_command_line(tmp_path):
    Corpus([Document("d", "Ada", (Entity("PER", 0, 3),))]).save(tmp_path / "a.jsonl")

    run = evalkit("validate", f"{tmp_path}/a.jsonl?form=NFC")

    assert run.returncode == 0
    assert (
        run.stderr.splitlines().count(
            "evalkit: the option form of jsonl is deprecated: write FILE?unicode_form=NFC"
        )
        == 1
    )
    assert "deprecated" not in evalkit("validate", f"{tmp_path}/a.jsonl?offsets=utf-8").stderr
