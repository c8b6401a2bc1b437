"""The .a1 and .a2 files of BioNLP shared tasks, which are one .ann file in two."""

import pytest

from evalkit import Argument, Entity, Event, LoadError, Span, load_corpus, score

TEXT = "IL2 binds IL4."
A1 = "T1\tProtein 0 3\tIL2\nT2\tProtein 10 13\tIL4\n"
A2 = "T3\tBinding 4 9\tbinds\nE1\tBinding:T3 Theme:T1 Theme2:T2\n"


def write(folder, name="d1", **files):
    for suffix, content in {"txt": TEXT, **files}.items():
        (folder / f"{name}.{suffix}").write_text(content)


def test_both_files_are_read_as_one(tmp_path):
    write(tmp_path, a1=A1, a2=A2)
    arguments = (Argument("Theme", 0, 3, ref="T1"), Argument("Theme", 10, 13, ref="T2"))

    for location in (tmp_path, tmp_path / "d1.a1", tmp_path / "d1.a2", tmp_path / "d1.txt"):
        (document,) = load_corpus(f"brat:{location}")
        assert document.entities == (Entity("Protein", 0, 3, "T1"), Entity("Protein", 10, 13, "T2"))
        assert document.events == (Event("Binding", Span(4, 9), arguments, "E1"),)
    (tmp_path / "joined").mkdir()
    write(tmp_path / "joined", ann=A1 + A2)
    assert list(load_corpus(f"brat:{tmp_path}/joined")) == [document]
    assert (
        score(f"brat:{tmp_path}/joined", f"brat:{tmp_path}/d1.a1", "arg-c")["arg-c"].micro.f1 == 1
    )


def test_one_of_the_files_alone_is_read(tmp_path):
    write(tmp_path, a1=A1)
    write(tmp_path, "d2", a2="T3\tBinding 4 9\tbinds\nE1\tBinding:T3\n")

    first, second = load_corpus(f"brat:{tmp_path}")

    assert (len(first.entities), first.events) == (2, ())
    assert second.events == (Event("Binding", Span(4, 9), id="E1"),)


def test_an_error_is_located_in_its_file(tmp_path):
    write(tmp_path, a1=A1.replace("10 13", "10 99"), a2=A2.replace("Theme2:T2", "Theme2:T9"))

    with pytest.raises(LoadError) as error:
        load_corpus(f"brat:{tmp_path}")

    assert "d1.a1:2: T2: " in str(error.value)
    assert "d1.a2:2: E1: " in str(error.value)
    write(tmp_path, a1=A1, a2=A2.replace("T3\t", "T1\t"))
    with pytest.raises(LoadError, match="d1.a2:1: T1: .*line 1"):
        load_corpus(f"brat:{tmp_path}")


def test_what_is_dropped_is_located_in_its_file(tmp_path):
    write(tmp_path, a1=A1 + "#1\tNote T1\tx\n", a2=A2 + "#2\tNote T1\ty\n")

    corpus = load_corpus(f"brat:{tmp_path}")

    ((name, places),) = corpus.conversion.dropped.examples.items()
    assert "notes" in name
    assert [place.rpartition("/")[2] for place in places] == ["d1.a1:3", "d1.a2:3"]


def test_beside_an_ann_file_they_are_left_out_and_counted(tmp_path):
    write(tmp_path, a1=A1, a2=A2, ann="T1\tGene 0 3\tIL2\n")

    corpus = load_corpus(f"brat:{tmp_path}")

    assert [entity.label for entity in corpus.documents[0].entities] == ["Gene"]
    assert corpus.conversion.dropped == {"files of a shared task beside an .ann file": 2}
