"""The page of emulated scores: numbers, steps that lead to items, items in their texts."""

import re

import pytest
from helpers.emulation import random_entity_corpora

from evalkit import Corpus, Document, Entity, InputError, compare, emulate, score
from evalkit.results.scores import Scores

TEXT = "Ada <b>met</b> Bob in Paris."
GOLD = Corpus([Document("d<1>", TEXT, (Entity("PER", 0, 3), Entity("LOC", 22, 27)))], "gold")
PREDICTED = Corpus([Document("d<1>", TEXT, (Entity("PER", 0, 2), Entity("LOC", 22, 27)))], "p")


def test_each_step_leads_to_its_items():
    emulated = emulate("seqeval", GOLD, PREDICTED)
    page = emulated.to_html()

    steps = [step for each in emulated.differences for step in each.steps if step.changes]
    assert len(steps) == 1
    links = re.findall(r'href="#(step-\d+-\d+)">(\d+)<', page)
    assert links == [("step-1-1", str(len(steps[0].changes)))]
    assert page.count('id="step-1-1"') == 1
    assert "<mark>Ada</mark>" in page
    assert "0–3" in page
    assert "wrong" in page
    assert "correct" in page


def test_texts_and_names_are_escaped_and_left_out_on_demand():
    page = emulate("seqeval", GOLD, PREDICTED).to_html()

    assert "<b>met" not in page
    assert "d<1>" not in page
    without = emulate("seqeval", GOLD, PREDICTED).to_html(text=False)
    assert "Ada" not in without
    assert "This page contains no text of the corpus." in without


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("scorer", ["nervaluate", "spacy-ents", "gollie", "seqeval"])
def test_every_item_of_every_step_is_on_the_page(scorer, seed):
    emulated = emulate(scorer, *random_entity_corpora(seed))
    page = emulated.to_html()

    counts = [len(step.changes) for each in emulated.differences for step in each.steps]
    assert page.count("<bdi>d") == sum(counts)
    for number, each in enumerate(emulated.differences, 1):
        for position, step in enumerate(each.steps, 1):
            assert (f'id="step-{number}-{position}"' in page) == bool(step.changes)


def test_numbers_of_other_scorers_are_not_mixed_with_those_of_evalkit(tmp_path):
    emulated = emulate("seqeval", GOLD, PREDICTED)
    path = tmp_path / "seqeval.json"
    path.write_text(emulated.render("json"))

    for mixed in (
        lambda: compare(a=emulated, b=score(GOLD, PREDICTED)),
        lambda: compare(a=path, b=score(GOLD, PREDICTED)),
        lambda: Scores.load(path),
    ):
        with pytest.raises(InputError, match="numbers of seqeval 1.2.2, which are not mixed with"):
            mixed()
