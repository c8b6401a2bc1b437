"""What is done with corpora, from the command line."""

import pytest
from helpers.cli import run_evalkit
from helpers.hub_server import TOKEN, Hub

from evalkit import Corpus, Document, Entity, load_corpus
from evalkit.formats.conversion import ConversionReport
from evalkit.formats.registry import FORMATS
from evalkit.hub.card_source import REQUIRED_SECTIONS
from evalkit.hub.text_leaks import NgramIndex, drop_quoting_values


def evalkit(*arguments, **environment):
    return run_evalkit(*arguments, env=environment)


def test_formats_lists_what_there_is():
    listed = evalkit("formats").stdout.partition("\n\n")[0].splitlines()

    assert [line.split()[0] for line in listed if not line.startswith(" ")] == list(FORMATS)
    assert any(
        line.startswith("conll  ") and "  tokens and BIO tags in columns, as CoNLL-2003 (" in line
        for line in listed
    )
    assert max(map(len, listed)) <= 80


def test_convert_says_what_is_left_out_and_where(tmp_path):
    done = evalkit("convert", "evalkit-news", tmp_path / "news.conll")

    assert (done.returncode, done.stdout) == (
        0,
        f"{tmp_path}/news.conll: 1 document (read: 61 entities, 26 events, 5 attributions)\n",
    )
    notices = done.stderr.splitlines()
    assert any(
        line.startswith(
            f"{tmp_path}/news.conll: not written: 26 events (document '000_fd35b6397ccf6caa',"
            " events[0]"
        )
        for line in notices
    )
    assert any("5 attributions" in line for line in notices)


def test_a_format_may_be_named_where_the_suffix_does_not_tell(tmp_path):
    evalkit("convert", "evalkit-news", tmp_path / "news.txt", "--to", "conll")

    done = evalkit("convert", tmp_path / "news.txt", tmp_path / "news.jsonl", "--from", "conll")

    assert done.returncode == 0
    assert len(load_corpus(tmp_path / "news.jsonl")[0].entities) == 61


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("evalkit-news", "out.xyz"),
            "out.xyz: unknown suffix '.xyz'; write the format before the path, such as"
            " conll:out.xyz;",
        ),
        (
            ("evalkit-news", "connl:out"),
            "unknown format 'connl' in 'connl:out'; expected one of: jsonl, directory, conll",
        ),
        (("nowhere.jsonl", "out.conll"), "nowhere.jsonl: no such file or folder"),
        (
            ("evalkit-news", "conll:out?repairs=begin"),
            "unknown option 'repairs' in 'conll'; expected one of: ",
        ),
        (
            ("evalkit-news", "conll:out?begin"),
            (
                "conll:out?begin: invalid options 'begin': expected KEY=VALUE after the question"
                " mark, separated by &"
            ),
        ),
    ],
)
def test_what_cannot_be_converted_is_refused(tmp_path, arguments, message):
    done = evalkit("convert", *arguments)

    assert done.returncode == 2
    assert done.stderr.startswith(f"evalkit: {message}")


def test_a_folder_of_brat_files_is_detected(tmp_path):
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "a.txt").write_text("Ada wrote.")
    (tmp_path / "letters" / "a.ann").write_text("T1\tPER 0 3\tAda\n")

    done = evalkit("convert", tmp_path / "letters", tmp_path / "out.jsonl")
    named = evalkit("convert", f"brat:{tmp_path}/letters", tmp_path / "out.jsonl")

    assert done.stderr == f"{tmp_path}/letters: detected: format brat\n"
    assert done.stdout == named.stdout
    assert named.stdout == f"{tmp_path}/out.jsonl: 1 document (read: 1 entity)\n"


def test_a_corpus_is_not_written_over_itself(tmp_path):
    load_corpus().save(tmp_path / "news.jsonl")

    done = evalkit("convert", tmp_path / "news.jsonl", tmp_path / "news.jsonl")

    assert (done.returncode, done.stderr) == (
        2,
        (
            f"evalkit: OUT {tmp_path}/news.jsonl: the command reads or writes this file already;"
            " name another\n"
        ),
    )


def test_a_card_is_written_and_checked(tmp_path):
    written = evalkit("card", "-o", tmp_path / "README.md")
    checked = evalkit("card", "--check", tmp_path / "README.md")
    (tmp_path / "README.md").write_text(
        (tmp_path / "README.md")
        .read_text(encoding="utf-8")
        .replace("armed groups. | 19 |", "armed groups. | 18 |"),
        encoding="utf-8",
    )
    wrong = evalkit("card", "--check", tmp_path / "README.md")

    assert (written.returncode, checked.returncode, wrong.returncode) == (0, 0, 2)
    assert (
        checked.stdout
        == f"{tmp_path}/README.md: every section is filled, and the counts are those of this"
        " corpus\n"
    )
    assert wrong.stderr.endswith("'Entity labels': ORG: the card has 18, the corpus 19\n")


@pytest.mark.slow
def test_a_card_that_departs_from_what_would_be_written_says_where(tmp_path):
    evalkit("card", "-o", tmp_path / "README.md")
    text = (
        (tmp_path / "README.md")
        .read_text(encoding="utf-8")
        .replace("| 0.795 | 0.578–0.917 |", "| 0.999 | 0.578–0.917 |")
    )
    (tmp_path / "README.md").write_text(text, encoding="utf-8")

    checked = evalkit("card", "--check", tmp_path / "README.md")

    assert checked.returncode == 0
    assert (
        ": differs from what evalkit card writes: '| entities/strict | 0.833 | 0.761 | 0.999"
        in checked.stdout.splitlines()[1]
    )


@pytest.mark.slow
def test_a_card_with_other_terms_is_not_published(tmp_path):
    evalkit("card", "-o", tmp_path / "README.md")
    (tmp_path / "README.md").write_text(
        (tmp_path / "README.md")
        .read_text(encoding="utf-8")
        .replace("license: other", "license: mit"),
        encoding="utf-8",
    )

    done = evalkit("publish", "me/news", "--card", tmp_path / "README.md", "--dry-run")

    assert done.returncode == 2
    assert done.stderr.startswith(f"evalkit: {tmp_path}/README.md: license is 'mit', and in ")


@pytest.mark.slow
def test_a_branch_of_its_own_does_not_keep_main_empty(tmp_path):
    with Hub() as hub:
        there = {
            "HF_ENDPOINT": hub.url,
            "HF_TOKEN": TOKEN,
            "HF_HOME": str(tmp_path),
            "HF_HUB_DISABLE_XET": "1",
        }
        evalkit("publish", "me/news", "--revision", "draft", **there)
        sent = evalkit("publish", "me/news", **there)

    assert sent.returncode == 0
    assert sent.stdout.splitlines()[-1].startswith("me/news: v1.1.0 stays at ")
    assert hub.files("me/news", "main") == hub.files("me/news", "draft")


def test_the_texts_of_the_bundled_article_are_not_published_and_the_first_line_says_so():
    done = evalkit("publish", "me/news", "--dry-run")

    assert (
        done.stdout.splitlines()[0]
        == "texts: not sent; their rights are not declared as cleared in 1 of 1 document, such as"
        " '000_fd35b6397ccf6caa' (rights in corpus.jsonl, meta.rights in JSONL)"
    )
    assert "texts/" not in done.stdout.partition("\n")[2]


CARD_SOURCE = """---
pretty_name: Letters
language: en
license: cc-by-4.0
---

Two letters.
""" + "".join(f"\n## {title}\n\nInvented.\n" for title in REQUIRED_SECTIONS)


@pytest.fixture
def letters(tmp_path):
    """A corpus of one letter whose rights are cleared, with a card."""
    (tmp_path / "letter.txt").write_text("Ada wrote to Bo.")
    evalkit("new", tmp_path / "letters", tmp_path / "letter.txt", "--rights", "cleared")
    (tmp_path / "letters" / "corpus" / "card.md").write_text(CARD_SOURCE)
    return tmp_path / "letters"


def test_texts_whose_rights_are_cleared_are_published_under_the_license_of_the_card(
    letters, tmp_path
):
    done = evalkit("publish", "me/letters", letters, "--dry-run", "-o", tmp_path / "files")

    assert done.returncode == 0
    assert (
        done.stdout.splitlines()[0]
        == "texts: sent; their rights are declared as cleared, under the license cc-by-4.0"
    )
    assert (tmp_path / "files" / "texts" / "letter.txt").read_text() == "Ada wrote to Bo."
    assert (
        (tmp_path / "files" / "LICENSE").read_text()
        == "The annotations and the texts of Letters are licensed under Creative Commons"
        " Attribution 4.0 International.\n\nSPDX-License-Identifier: CC-BY-4.0\nText of the"
        " license: https://creativecommons.org/licenses/by/4.0/legalcode\n"
    )


def test_texts_can_be_left_out_though_their_rights_are_cleared(letters, tmp_path):
    done = evalkit(
        "publish", "me/letters", letters, "--dry-run", "-o", tmp_path / "files", "--without-text"
    )

    assert done.stdout.splitlines()[0] == "texts: not sent, as requested (--without-text)"
    assert not (tmp_path / "files" / "texts").exists()
    assert "The annotations of Letters are" in (tmp_path / "files" / "LICENSE").read_text()


def test_a_license_that_contradicts_the_card_is_refused(letters):
    done = evalkit("publish", "me/letters", letters, "--dry-run", "--license", "MIT")
    unknown = evalkit("publish", "me/letters", letters, "--dry-run", "--license", "MTI")

    assert (done.returncode, unknown.returncode) == (2, 2)
    assert (
        done.stderr
        == "evalkit: --license MIT: the card names the license 'cc-by-4.0'; change one of them\n"
    )
    assert "did you mean 'MIT'?" in unknown.stderr


def test_a_folder_for_the_files_needs_a_dry_run(letters, tmp_path):
    done = evalkit("publish", "me/letters", letters, "-o", tmp_path / "files")

    assert (done.returncode, done.stderr) == (
        2,
        f"evalkit: -o {tmp_path}/files: is for --dry-run\n",
    )


def test_a_folder_of_files_is_replaced_and_one_with_other_files_is_left_alone(letters, tmp_path):
    command = ("publish", "me/letters", letters, "--dry-run", "-o", tmp_path / "files")
    evalkit(*command)

    shorter = evalkit(*command, "--without-text")
    (tmp_path / "files" / "mine.txt").write_text("mine")
    refused = evalkit(*command)

    assert shorter.returncode == 0
    assert not (tmp_path / "files" / "texts" / "letter.txt").exists()
    assert (refused.returncode, refused.stderr) == (
        2,
        f"evalkit: {tmp_path}/files: the folder has other files (mine.txt); name a new folder\n",
    )


def test_labels_that_differ_by_case_or_one_letter_are_reported(tmp_path):
    text = "Ada Bo Cy Di"
    spans = ((0, 3, "PERSON"), (4, 6, "PERSON"), (7, 9, "PERSN"), (10, 12, "Person"))
    entities = tuple(Entity(label, start, end) for start, end, label in spans)
    Corpus([Document("d", text, entities)]).save(tmp_path / "gold.jsonl")

    done = evalkit("validate", tmp_path / "gold.jsonl")

    assert done.returncode == 0
    assert [line.partition("warning: ")[2] for line in done.stderr.splitlines()] == [
        "entities: label 'PERSN' (1) resembles 'PERSON' (2); if they are one, rename it",
        "entities: label 'Person' (1) resembles 'PERSON' (2); if they are one, rename it",
    ]
    assert "entities: PERSON 2, PERSN 1, Person 1" in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("repo", ["news", "me/..", "me/x--y", "me/-x", "me/x.git", "mé/news"])
def test_a_name_that_the_hub_does_not_take_is_refused_before_anything_is_made(repo):
    done = evalkit("publish", "--dry-run", "--", repo)

    assert done.returncode == 2
    assert "expected OWNER/NAME" in done.stderr


def test_words_of_a_text_without_spaces_do_not_go_out(tmp_path):
    text = "田中太郎は大阪で新しい病院の計画を発表した。"
    Corpus(
        [
            Document(
                "d0",
                text,
                (
                    Entity(
                        "PER",
                        0,
                        4,
                        attributes={"name": "田中太郎", "why": "大阪で新しい病院の計画を発表"},
                    ),
                ),
            )
        ]
    ).save(tmp_path / "news.jsonl")
    conversion = ConversionReport()

    kept = list(
        drop_quoting_values(
            load_corpus(tmp_path / "news.jsonl"), NgramIndex([text]), None, conversion
        )
    )

    assert kept[0].entities[0].attributes is None
    assert conversion.counts == {"attributes that quote the text": 2}


@pytest.mark.slow
def test_a_corpus_is_published_and_comes_back_with_its_text(tmp_path):
    with Hub() as hub:
        there = {
            "HF_ENDPOINT": hub.url,
            "HF_TOKEN": TOKEN,
            "HF_HOME": str(tmp_path),
            "HF_HUB_DISABLE_XET": "1",
        }
        shown = evalkit("publish", "me/news", "--dry-run", **there)
        sent = evalkit("publish", "me/news", **there)
        back = evalkit("validate", "hf://me/news", **there)

    assert (
        shown.stdout.splitlines()[-1]
        == "me/news: nothing was sent (--dry-run); the tag would be v1.1.0"
    )
    assert (sent.returncode, sent.stdout.splitlines()[-1]) == (0, "me/news: tagged v1.1.0")
    assert back.returncode == 2
    assert back.stderr.startswith(
        "evalkit: me/news was published without its text; FILE?texts=DIR puts it back, from a"
        " folder that holds it"
    )
    assert load_corpus()[0].text[:20].encode() not in b"".join(hub.files("me/news").values())


def test_scoring_reads_other_formats_and_says_what_they_lost(tmp_path):
    load_corpus().save(tmp_path / "news.conll")

    done = evalkit(
        "score",
        tmp_path / "news.conll",
        tmp_path / "news.conll",
        "--boot",
        "0",
        "--metrics",
        "entities/strict",
    )

    assert done.returncode == 0
    assert "micro" in done.stdout


def test_validate_counts_items_without_a_place_in_the_text(tmp_path):
    (tmp_path / "answers.jsonl").write_text(
        '{"id": "1", "text": "Ada left Oslo.", "entities": {"PER": ["Ada"], "LOC": ["Rome"]}}\n'
    )

    done = run_evalkit("validate", "answers.jsonl", cwd=tmp_path)

    assert done.stdout == (
        "answers.jsonl: 1 document, 0 entities, 0 events, 0 attributions: valid (offsets, texts and"
        " ids; no schema.json)\n  without a valid place in the text (unplaced): entities 2\n"
    )
