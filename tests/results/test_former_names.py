"""Former names of attributes and parameters work for one release, with a warning."""

import pytest

from evalkit import Corpus, Document, Entity, compare, score
from evalkit.evaluation.pr_curves import curves

GOLD = Corpus([Document("d", "Ada", [Entity("PER", 0, 3, score=0.5)])])
SCORES = score(GOLD, GOLD, "ner", boot=0)
CURVES = curves(GOLD, GOLD)
COMPARISON = compare(a=SCORES, b=SCORES)


@pytest.mark.parametrize(
    ("owner", "former", "expected"),
    [
        (SCORES, "how", SCORES.resampling),
        (SCORES, "signed", SCORES.signature_fields),
        (SCORES, "about", SCORES.metadata.to_builtins()),
        (SCORES["ner"], "signed", SCORES["ner"].signature_fields),
        (SCORES["ner"].micro.interval("f1"), "why_not", "not asked for"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_a_former_attribute_has_the_value_of_the_present_one(owner, former, expected):
    with pytest.warns(DeprecationWarning, match=rf"{type(owner).__name__}\.{former} is deprecated"):
        assert getattr(owner, former) == expected


@pytest.mark.parametrize("report", [SCORES, CURVES, COMPARISON], ids=lambda r: type(r).__name__)
def test_render_takes_the_former_name_of_format(report):
    with pytest.warns(DeprecationWarning, match="form= is deprecated: write format="):
        assert report.render(form="markdown") == report.render("markdown")


def test_curves_are_drawn_under_the_former_name(tmp_path):
    pytest.importorskip("matplotlib")

    with pytest.warns(DeprecationWarning, match="use Curves.plot"):
        CURVES.draw(tmp_path / "curve.svg")

    assert (tmp_path / "curve.svg").exists()
