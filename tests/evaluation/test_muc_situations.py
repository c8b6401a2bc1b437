"""What each scheme makes of the six situations of SemEval-2013."""

import re
from pathlib import Path

import pytest
from helpers.muc_situations import SCHEMES, SITUATIONS, outcome, table


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda situation: situation[0])
def test_each_scheme_gives_the_outcome_in_the_table(situation, scheme):
    _, gold, said, *expected = situation

    assert outcome(gold, said, scheme) == expected[SCHEMES.index(scheme)]


def test_the_docs_show_this_table():
    page = (Path(__file__).parents[2] / "docs/metrics.md").read_text(encoding="utf-8")

    assert (
        re.search(r"<!-- situations -->\n(.*?)<!-- /situations -->", page, re.DOTALL)[1] == table()
    )
