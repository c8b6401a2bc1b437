"""The card of a data set is complete, is true of its corpus, and quotes nothing that is withheld;
what is not so is refused by name.
"""

import re
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml
from helpers.marked import corpus, marked
from helpers.quick import choose_quick
from huggingface_hub import DatasetCard, DatasetCardData
from huggingface_hub import __file__ as hub_file

from evalkit import (
    Argument,
    Attribution,
    Corpus,
    Document,
    Entity,
    Event,
    InputError,
    LoadError,
    Schema,
    Span,
    evaluate,
    load_corpus,
)
from evalkit.corpus import bundled_path
from evalkit.data.schema import EventType
from evalkit.hub.allowed_values import load_allowed_values, size_category
from evalkit.hub.card_builder import build_card, card_for_path, card_source_path
from evalkit.hub.card_check import OPTIONAL, TEMPLATE, card_errors
from evalkit.hub.card_metadata import to_yaml
from evalkit.hub.card_source import (
    OPTIONAL_SECTIONS,
    PLACEHOLDER,
    REQUIRED_SECTIONS,
    card_template,
    load_card_source,
    parse_card_source,
)
from evalkit.hub.card_tables import escape_markdown

GOLDEN = Path(__file__).parents[1] / "golden" / "card.md"
NEWS = load_corpus()
CARD = card_for_path(corpus=NEWS)
WITH_TEXT = card_for_path(corpus=NEWS, with_text=True)
PART = (bundled_path() / "corpus" / "card.md").read_text(encoding="utf-8")
TINY = corpus("[Ada|PER] met [Bo|PER] in [Rome|LOC]", "nobody left", name="tiny")


def front_matter(text):
    return yaml.safe_load(text.split("---\n")[1])


def words(text):
    return re.findall(r"\w+", text.lower())


def runs(text, length):
    found = words(text)
    return {tuple(found[n : n + length]) for n in range(len(found) - length + 1)}


def only_fault(text, of=NEWS, **options):
    (fault,) = card_errors(text, of, **options)
    return fault


# The bundled corpus


def test_the_card_of_the_bundled_corpus_is_the_one_that_was_read_and_approved():
    """Written anew by: evalkit card -o tests/golden/card.md."""
    assert GOLDEN.read_text(encoding="utf-8") == CARD


def test_both_versions_are_complete_and_true():
    assert [
        *card_errors(CARD, NEWS, with_text=False),
        *card_errors(WITH_TEXT, NEWS, with_text=True),
    ] == []


def test_a_card_says_which_version_it_is_of():
    assert "**This version holds no text, and quotes none.**" in CARD
    assert "**This version holds the texts.**" in WITH_TEXT
    assert (
        only_fault(CARD, with_text=True)
        == "README.md: the card is of the data set without the texts, expected one with the texts;"
        " write it again (with_text=True)"
    )


def test_the_version_without_text_quotes_no_four_words_of_the_article():
    assert runs(CARD, 4) & runs(NEWS[0].text, 4) == set()


def test_no_card_names_what_the_article_names():
    names = {NEWS[0].text[e.start : e.end] for e in NEWS[0].entities if e.label != "CARDINAL"}

    assert [
        name
        for name in names
        for text in (CARD, WITH_TEXT)
        if re.search(rf"\b{re.escape(name)}\b", text)
    ] == []


def test_the_agreement_is_that_of_machines_and_is_computed():
    assert "**Agreement of two machine passes, F1**" in CARD
    assert "| a, b | arguments/strict | 62 | 62 | 1.000 |" in CARD


def test_the_baseline_has_its_range_its_command_and_its_signature():
    strict = evaluate("rules", NEWS)["entities/strict"].micro

    assert (
        f"| entities/strict | {strict.precision:.3f} | {strict.recall:.3f} | {strict.f1:.3f} |"
        f" {strict.f1_low:.3f}–{strict.f1_high:.3f} |" in CARD
    )
    assert "by `evalkit run`" in CARD
    assert "| 95 % sentence-resampling range, these documents only |" in CARD
    assert "|metric:entities/strict+" in CARD


def test_every_count_of_the_corpus_is_in_the_card():
    labels = {
        e.label: sum(other.label == e.label for other in NEWS[0].entities) for e in NEWS[0].entities
    }

    assert [
        label
        for label, n in labels.items()
        if not re.search(rf"^\| {label} \| .* \| {n} \|$", CARD, re.MULTILINE)
    ] == []
    assert "| entities | an entity | 1 | 61 |" in CARD
    assert "| characters (code points) | 2696 |" in CARD


# The metadata


def test_the_metadata_is_what_huggingface_hub_reads_and_comes_back_equal():
    data = DatasetCard(CARD).data

    assert data.to_dict() == front_matter(CARD)
    assert yaml.safe_load(DatasetCardData(**data.to_dict()).to_yaml()) == front_matter(CARD)
    assert (
        data.annotations_creators,
        data.language_creators,
        data.size_categories,
        data.license,
    ) == (["machine-generated"], ["found"], ["n<1K"], "other")


def test_the_metadata_declares_the_features_that_the_rows_have():
    from datasets.info import DatasetInfosDict
    from datasets.utils.metadata import MetadataConfigs

    from evalkit.formats.hf_tables import features

    declared = DatasetInfosDict.from_dataset_card_data(DatasetCard(CARD).data)
    held = DatasetInfosDict.from_dataset_card_data(DatasetCard(WITH_TEXT).data)

    expected, expected_with_text = features(NEWS, with_text=False), features(NEWS)
    del expected["relations"], expected_with_text["relations"]  # a config without rows is no config
    assert {name: info.features for name, info in declared.items()} == expected
    assert {name: info.features for name, info in held.items()} == expected_with_text
    assert (
        MetadataConfigs.from_dataset_card_data(DatasetCard(CARD).data).get_default_config_name()
        == "documents"
    )


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        (
            "- machine-generated",
            "- robots",
            (
                "annotations_creators: 'robots' is not in the Hub's list; expected one of:"
                " crowdsourced, expert-generated, found, machine-generated, no-annotation, other"
            ),
        ),
        ("language:\n- en", "language:\n- english", "language: 'english' is not in the Hub's list"),
        (
            "language:\n- en",
            "language:\n- no",
            "language: invalid value False: expected a string in quotes",
        ),
        (
            "license: other",
            "license: cc-by-4",
            (
                "license: 'cc-by-4' is not in the Hub's list; did you mean 'cc-by-4.0'?; write"
                " a newer license as 'other', with license_name and license_link"
            ),
        ),
        ("license_link: LICENSE\n", "", "license: 'other' needs license_link"),
        (
            "- token-classification",
            "- event-extraction",
            "task_categories: 'event-extraction' is not in the Hub's list",
        ),
        (
            "- named-entity-recognition",
            "- named-entities",
            "task_ids: 'named-entities' is not in the Hub's list",
        ),
        (
            "- monolingual",
            "- mono",
            (
                "multilinguality: 'mono' is not in the Hub's list; expected one of: monolingual,"
                " multilingual, other, translation"
            ),
        ),
        (
            "- n<1K",
            "- 1K<n<10K",
            "size_categories: the card has ['1K<n<10K'], the corpus 'n<1K'",
        ),
        ("license: other\n", "", "no license in the metadata"),
        (
            "data/events.jsonl",
            "events.jsonl",
            (
                "configs: expected documents, entities, events, event_arguments, attributions,"
                " split test, data/CONFIG.jsonl"
            ),
        ),
        (
            "  - name: doc_id\n    dtype: string\n  - name: index",
            "  - name: index",
            "dataset_info: the features of entities are not those of its rows",
        ),
    ],
)
def test_metadata_that_the_hub_or_the_corpus_does_not_know_is_named(old, new, fault):
    assert old in CARD

    assert only_fault(CARD.replace(old, new, 1)).startswith(f"README.md: {fault}")


def test_a_size_that_is_no_size_is_named():
    assert "README.md: size_categories: 'small' is not in the Hub's list" in "\n".join(
        card_errors(CARD.replace("- n<1K", "- small"), NEWS)
    )


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("# Card\n", "README.md:1: no metadata: expected a line ---, YAML and a line ---"),
        (
            "---\nlanguage: [en\n---\n",
            "README.md: the metadata is not YAML: while parsing a flow sequence",
        ),
        ("---\n- en\n---\n", "README.md: invalid metadata ['en']: expected names and values"),
    ],
)
def test_metadata_that_does_not_load_is_reported(text, fault):
    assert only_fault(text).startswith(fault)


def test_the_lists_of_the_hub_hold_what_cards_need():
    assert {"en", "no", "code", "multilingual"} <= load_allowed_values()["language"]
    assert {"cc-by-4.0", "other"} <= load_allowed_values()["license"]
    assert "unknown" in load_allowed_values()["size_categories"]
    assert [
        size_category(n) for n in (0, 999, 1000, 9_999, 10_000, 999_999_999_999, 10**12, 10**15)
    ] == [
        "n<1K",
        "n<1K",
        "1K<n<10K",
        "1K<n<10K",
        "10K<n<100K",
        "100B<n<1T",
        "n>1T",
        "n>1T",
    ]
    assert {size_category(10**n) for n in range(14)} <= load_allowed_values()["size_categories"]


def test_a_missing_package_datasets_is_named(monkeypatch):
    load_allowed_values.cache_clear()
    monkeypatch.setattr(
        "evalkit.hub.allowed_values.find_spec",
        lambda name: None if name == "datasets" else find_spec(name),
    )

    with pytest.raises(
        ImportError,
        match=(
            r"^checking a card needs the package datasets, which is not installed: pip install"
            r" 'datasets>=4'$"
        ),
    ):
        list(card_errors(CARD, NEWS))


# The sections


def test_the_template_is_the_one_of_the_installed_huggingface_hub():
    template = (Path(hub_file).parent / "templates" / "datasetcard_template.md").read_text(
        encoding="utf-8"
    )
    headings = [
        re.sub(r" \[optional\]$", "", line.lstrip("# "))
        for line in template.split("---")[-1].splitlines()
        if line.startswith("#")
    ]

    assert headings == [
        'Dataset Card for {{ pretty_name | default("Dataset Name", true) }}',
        *TEMPLATE,
    ]


def test_the_sections_that_the_template_marks_as_optional_are_optional():
    template = (Path(hub_file).parent / "templates" / "datasetcard_template.md").read_text(
        encoding="utf-8"
    )

    assert re.findall(r"^#+ (.*) \[optional\]$", template, re.MULTILINE) == list(OPTIONAL)
    assert set(REQUIRED_SECTIONS) <= set(TEMPLATE) - set(OPTIONAL)


@pytest.mark.parametrize("title", choose_quick(sorted(set(TEMPLATE) - set(OPTIONAL)), 5))
def test_a_required_section_that_is_missing_is_named(title):
    text = re.sub(rf"^#+ {re.escape(title)}$", "", CARD, flags=re.MULTILINE)

    assert f"README.md: no section {title!r}, which the Hub's template requires" in list(
        card_errors(text, NEWS)
    )


def test_a_card_without_the_optional_sections_is_complete():
    text = PART
    for title in OPTIONAL_SECTIONS:
        text = re.sub(rf"## {re.escape(title)}\n.*?(?=\n## |\Z)", "", text, flags=re.DOTALL)

    card = build_card(NEWS, parse_card_source(text))

    assert list(card_errors(card, NEWS)) == []
    assert not any(f"# {title}\n" in card for title in OPTIONAL_SECTIONS)
    assert "\n\n\n" not in card


def test_an_unfilled_section_is_named_with_its_line():
    text = CARD.replace("There is no paper.", PLACEHOLDER)
    line = text[: text.index(PLACEHOLDER)].count("\n") + 1

    assert (
        only_fault(text)
        == f"README.md:{line}: section 'Citation': replace '[More Information Needed]'"
    )


def test_a_section_with_nothing_but_a_comment_is_empty():
    text = re.sub(r"(## Glossary\n).*?(?=\n## )", r"\1\n<!-- soon -->\n", CARD, flags=re.DOTALL)

    assert re.fullmatch(r"README\.md:\d+: section 'Glossary' is empty", only_fault(text))


def test_a_heading_in_a_block_of_code_is_no_section():
    text = CARD.replace("### Recommendations\n", "```\n### Recommendations\n```\n")

    assert (
        only_fault(text)
        == "README.md: no section 'Recommendations', which the Hub's template requires"
    )


def test_the_title_is_the_pretty_name():
    assert (
        only_fault(CARD.replace("# Dataset Card for evalkit-news", "# Dataset Card for news"))
        == "README.md: no title 'Dataset Card for evalkit-news', after pretty_name"
    )


def test_the_optional_sections_may_be_marked_as_in_the_template():
    assert list(card_errors(CARD.replace("## Citation\n", "## Citation [optional]\n"), NEWS)) == []


def test_line_ends_do_not_matter():
    assert list(card_errors(CARD.replace("\n", "\r\n"), NEWS)) == []


# The counts


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        (
            "parties and armed groups. | 19 |",
            "parties and armed groups. | 18 |",
            "'Entity labels': ORG: the card has 18, the corpus 19",
        ),
        (
            "| entities | an entity | 1 | 61 |",
            "| entities | an entity | 1 | 60 |",
            "'Configs': entities: the card has 1 | 60, the corpus 1 | 61",
        ),
        (
            "| Conflict.Siege | Target | Besieged place. | 1 |",
            "| Conflict.Siege | Target | Besieged place. | 7 |",
            "'Roles of arguments': Conflict.Siege | Target: the card has 7, the corpus 1",
        ),
        (
            "| FAC | Named",
            "| FACILITY | Named",
            "'Entity labels': no row for FAC; the corpus has 0",
        ),
        (
            "| byline | entities | – | 1 | 22 |",
            "| byline | entities | – | 22 |",
            "'Zones': byline: the card has a row of other columns, the corpus 1 | 22",
        ),
        ("#### Zones", "#### Regions", "no section 'Zones', with its counts"),
    ],
)
def test_a_count_that_is_not_the_corpus_s_is_named(old, new, fault):
    assert old in CARD

    assert (
        re.sub(r"^README\.md(:\d+)?: ", "", next(card_errors(CARD.replace(old, new), NEWS)))
        == fault
    )


def test_a_label_that_the_corpus_lacks_is_named():
    text = CARD.replace("| FAC | Named", "| XYZ | Nothing. | 3 |\n| FAC | Named")

    assert only_fault(text).endswith(
        "'Entity labels': XYZ is not in the corpus or its schema, or not escaped"
    )


def test_scores_of_another_corpus_are_refused():
    with pytest.raises(
        LoadError,
        match=(
            r"'Baseline Scores': scores of corpus @\w{8}, and this one is @\w{8}, @[^;]*\nto fix:"
            r" score it again$"
        ),
    ):
        build_card(TINY, parse_card_source(PART), scores=evaluate("rules", NEWS))


def test_a_withheld_text_that_is_quoted_is_named():
    quoted = NEWS[0].text[507:600]

    fault = only_fault(CARD.replace("There is no paper.", f"There is no paper. {quoted}"))

    assert re.fullmatch(
        r"README\.md: '(\w+ ){7}\w+' is quoted from document '000_fd35b6397ccf6caa', whose text is"
        r" not published; write it in other words",
        fault,
    )
    assert (
        list(
            card_errors(
                WITH_TEXT.replace("There is no paper.", f"There is no paper. {quoted}"), NEWS
            )
        )
        == []
    )


# Corpora of other people


@pytest.mark.parametrize(
    ("label", "shown"),
    [
        ("A|B", r"A\|B"),
        ("a`b`", r"a\`b\`"),
        ("<b>", r"\<b\>"),
        ("[x](y)", r"\[x\](y)"),
        ("a\nb", r"a\\nb"),
        ("a\\nb", r"a\\\\nb"),
        ("*none*", r"\*none\*"),
        ("WORK_OF_ART", "WORK_OF_ART"),
        ("_x_", r"\_x\_"),
        ("$1$", r"\$1\$"),
        ("a\u202eb", r"a\\u202eb"),
        (" a ", r"\\u0020a\\u0020"),
        ("{{ x }}", r"\{\{ x \}\}"),
        ("é", "é"),
    ],
)
def test_labels_are_shown_as_they_are_and_escaped(label, shown):
    assert escape_markdown(label) == shown


def test_a_corpus_with_labels_that_are_markdown_has_a_true_card():
    labels = [
        "A|B",
        "a`b",
        "<script>",
        "[x](y)",
        "line\nbreak",
        "\\",
        "\\|",
        "|",
        "*none*",
        "{{ 1 }}",
        "---",
        " ",
    ]
    odd = Corpus(
        [Document("d", "x" * 20, tuple(Entity(label, n, n + 1) for n, label in enumerate(labels)))],
        schema=Schema(name="odd", labels={"A|B": "one|two\n`three`"}),
    )

    text = build_card(odd, parse_card_source(PART))

    assert r"| A\|B | one\|two\\n\`three\` | 1 |" in text
    assert "<script>" not in text
    assert list(card_errors(text, odd)) == []
    assert any(
        "or not escaped" in fault
        for fault in card_errors(text.replace(r"\<script\>", "<script>"), odd)
    )


def test_layers_that_nobody_annotated_have_no_config_and_no_rows():
    text = build_card(TINY, parse_card_source(PART))

    assert [of["config_name"] for of in front_matter(text)["configs"]] == ["documents", "entities"]
    assert "| events | an event | 0 | 0 |" in text
    assert "#### Entity labels" in text
    assert "#### Event types" not in text
    assert "all 2 documents." in text


def test_annotations_without_a_type_are_counted():
    unlabeled = Corpus(
        [Document("d", "Ada said no.", attributions=(Attribution(Span(4, 8), Span(9, 11)),))]
    )

    assert "| *none* | 1 |" in build_card(unlabeled, parse_card_source(PART))


def test_roles_and_types_that_the_schema_does_not_declare_are_marked():
    fled = Event("Flee", Span(4, 8), (Argument("Who", 0, 3),))
    of = Corpus(
        [Document("d", "Ada fled.", events=(fled,))],
        schema=Schema(events={"Win": EventType("Somebody wins.", {"Winner": "Who wins."})}),
    )

    text = build_card(of, parse_card_source(PART))

    assert "| Win | Somebody wins. | 0 |\n| Flee | not declared in the schema | 1 |" in text
    assert "| Flee | Who | not declared in the schema | 1 |" in text


def test_a_column_of_dates_is_declared_so_that_it_loads():
    dated = Corpus([marked("[2026-01-05|DATE]")])

    text = build_card(dated, parse_card_source(PART), with_text=True)

    assert {"name": "text", "dtype": "json"} in front_matter(text)["dataset_info"][1]["features"]
    assert list(card_errors(text, dated)) == []


def test_passes_that_people_made_are_not_called_machines(tmp_path):
    NEWS.save(tmp_path)
    one, other = (
        tmp_path / "annotations" / "passes" / "ada",
        tmp_path / "annotations" / "passes" / "bo",
    )
    one.mkdir(parents=True)
    other.mkdir()
    (one / "entities.jsonl").write_bytes((tmp_path / "annotations" / "entities.jsonl").read_bytes())
    (other / "entities.jsonl").write_bytes(
        (tmp_path / "annotations" / "entities.jsonl").read_bytes()
    )
    (tmp_path / "corpus" / "card.md").write_text(
        PART.replace("machine-generated", "expert-generated"), encoding="utf-8"
    )

    text = card_for_path(tmp_path)

    assert "**Agreement of two passes, F1**" in text
    assert "| ada, bo | entities/strict | 61 | 61 | 1.000 |" in text
    assert "Baseline Scores" not in text


def test_the_name_on_the_hub_is_in_the_lines_that_load_it():
    text = card_for_path(corpus=NEWS, repo="me/news")

    assert 'load_dataset("me/news", "documents", split="test")' in text
    assert "OWNER/NAME" not in text


# The hand-written part


def test_the_hand_written_part_lies_in_the_corpus_folder_or_beside_the_file(tmp_path):
    (tmp_path / "corpus").mkdir()
    (tmp_path / "d.jsonl").touch()

    assert card_source_path() == bundled_path() / "corpus" / "card.md"
    assert card_source_path(tmp_path) == tmp_path / "corpus" / "card.md"
    assert card_source_path(tmp_path / "d.jsonl") == tmp_path / "card.md"


@pytest.mark.parametrize("title", REQUIRED_SECTIONS)
def test_a_section_that_is_not_written_is_refused_by_name(title):
    text = re.sub(rf"## {re.escape(title)}\n.*?(?=\n## |\Z)", "", PART, flags=re.DOTALL)

    with pytest.raises(LoadError, match=f"^corpus/card.md: no section {re.escape(repr(title))}$"):
        parse_card_source(text, "corpus/card.md")


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        (
            "## Citation\n",
            "## Citations\n",
            (
                r"card.md:\d+: unknown section 'Citations'; expected one of: .*; did you mean"
                r" 'Citation'\?$"
            ),
        ),
        (
            "## Glossary\n",
            "## Citation\n",
            (r"card.md:\d+: a second section 'Citation'; join the two$"),
        ),
        (
            "## Glossary\n",
            "## Glossary\n\n## Glossary\n",
            (
                r"card.md:\d+: a second section 'Glossary'; join the two\ncard.md:\d+: section"
                r" 'Glossary' is empty$"
            ),
        ),
        ("pretty_name: evalkit-news\n", "", "card.md: no pretty_name in the metadata"),
        (
            "pretty_name: evalkit-news\n",
            "pretty_name: x\nsize_categories: [n<1K]\n",
            "card.md: size_categories is written from the corpus; delete it",
        ),
        (
            "task_categories:\n- token-classification\n",
            "task_categories: []\n",
            "card.md: task_categories in the metadata is empty; fill or delete it",
        ),
        ("---\npretty", "pretty", "card.md:1: no metadata"),
    ],
)
def test_a_hand_written_part_that_is_not_complete_is_refused(old, new, fault):
    assert old in PART

    with pytest.raises(LoadError, match=f"^{fault}"):
        parse_card_source(PART.replace(old, new, 1))


def test_a_summary_is_needed():
    text = re.sub(r"\n---\n.*?(?=\n## )", "\n---\n", PART, count=1, flags=re.DOTALL)

    with pytest.raises(LoadError, match=r"^card.md: no summary before the first section$"):
        parse_card_source(text)


def test_a_part_that_is_still_to_be_filled_is_refused():
    with pytest.raises(LoadError) as error:
        parse_card_source(card_template("Tiny: a test"))

    assert error.value.errors[:4] == [
        "card.md: no language in the metadata",
        "card.md: no license in the metadata",
        "card.md:10: the summary: replace '[More Information Needed]'",
        "card.md:16: section 'Dataset Description': replace '[More Information Needed]'",
    ]


def test_a_draft_has_placeholders_for_all_that_is_required():
    source = parse_card_source("---\npretty_name: Tiny\n---\n", draft=True)

    text = build_card(TINY, source, draft=True)

    assert "# Dataset Card for Tiny\n\n[More Information Needed]\n" in text
    assert "| PER | 2 |" in text
    errors = list(card_errors(text, TINY))
    assert errors[:2] == [
        "README.md: no language in the metadata",
        "README.md: no license in the metadata",
    ]
    assert len(errors) == 3 + len(REQUIRED_SECTIONS)


def test_a_hand_written_part_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / "card.md").write_bytes(b"---\n\xff")

    with pytest.raises(
        InputError,
        match=(
            r"none\.md: no such file; it holds the hand-written sections of a card: Dataset"
            r" Description, .*; write a first version of the card with evalkit card --draft"
        ),
    ):
        load_card_source(tmp_path / "none.md")
    with pytest.raises(InputError, match=r"card\.md: not UTF-8 at byte 4; save it as UTF-8$"):
        load_card_source(tmp_path / "card.md")
    with pytest.raises(InputError, match=r": Is a directory$"):
        load_card_source(tmp_path)


def test_a_pretty_name_that_is_markdown_is_shown_as_it_is():
    text = build_card(
        TINY,
        parse_card_source(PART.replace("pretty_name: evalkit-news", "pretty_name: 'Ada <3 [Bo]'")),
    )

    assert "\n# Dataset Card for Ada \\<3 \\[Bo\\]\n" in text
    assert front_matter(text)["pretty_name"] == "Ada <3 [Bo]"


@pytest.mark.parametrize("name", ["a\u202eb", "a\x1b[2J", "a\x85b", "Überblick \u2066"])
def test_the_metadata_of_a_card_holds_no_control_character(name):
    text = to_yaml({"pretty_name": name, "license": "mit", "tags": [name]})

    assert all(c.isprintable() or c == "\n" for c in text)
    assert yaml.safe_load(text) == {"pretty_name": name, "license": "mit", "tags": [name]}
