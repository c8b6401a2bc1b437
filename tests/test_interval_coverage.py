"""scripts/interval_coverage: its populations, what it counts, and its options."""

import importlib.util
import math
import subprocess
import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path

import numpy as np
import pytest

from evalkit.stats.ratio_intervals import NO_ERROR, Interval

SCRIPTS = Path(__file__).parent.parent / "scripts"
CELL = "σ 0.5, correlation 0.05: F1 0.78, 20$"


def load(name, path, monkeypatch):
    loader = SourceFileLoader(name, str(path))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(name, loader))
    monkeypatch.setitem(sys.modules, name, module)
    loader.exec_module(module)
    return module


@pytest.fixture
def populations(monkeypatch):
    return load("coverage_populations", SCRIPTS / "coverage_populations.py", monkeypatch)


@pytest.fixture
def script(populations, monkeypatch):
    return load("interval_coverage", SCRIPTS / "interval_coverage", monkeypatch)


def run_script(*arguments):
    command = [sys.executable, str(SCRIPTS / "interval_coverage"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_true_values_are_those_of_large_corpora(populations):
    for population in populations.make_populations():
        units = population.units[-1]
        counts = population.draw(np.random.default_rng(5), 150, units)
        for statistic in population.statistics:
            if statistic.kind not in ("micro", "label"):
                continue
            estimates = []
            for system in counts:
                items = system.sum(axis=(0, 1))
                if statistic.kind == "label":
                    items = items[populations.LABELS.index(statistic.label)]
                else:
                    items = items.sum(axis=0)
                gold, predicted, tp = items.tolist()
                wholes = {"precision": predicted, "recall": gold, "f1": (gold + predicted) / 2}
                estimates.append(tp / wholes[statistic.ratio])
            expected = estimates[0]
            if statistic.is_difference:
                expected = estimates[0] - estimates[1]

            true = populations.true_values(population, statistic, counts)

            assert true == pytest.approx([expected] * 150, abs=0.02), (str(population), statistic)


def test_the_true_macro_is_over_the_labels_that_occur(populations):
    documents = populations.make_documents_of_labels(0.05, (0.0,), is_shared=False)
    population = populations.Population(
        "", "", (1,), documents.draw, documents.expected(), populations.MACRO
    )
    counts = np.zeros((1, 2, 1, 8, 3), int)
    counts[0, 0, 0, :2, 0] = 1  # recall is 0.9 and 0.5
    counts[0, 1, 0, 4, 1] = 1  # 0.95

    true = populations.true_values(population, populations.Statistic("macro", "recall"), counts)

    assert true == pytest.approx([0.7, 0.95])


def test_a_cell_counts_hits_misses_bounds_and_missing_intervals(script, populations):
    population = next(populations.make_populations())
    intervals = [
        Interval(0.4, 0.6),
        Interval(0.5, 0.6),
        Interval(0.51, 0.7),
        Interval(0.1, 0.2),
        Interval(0.3, 1.0, NO_ERROR),
        Interval(None, None, "one document holds all items"),
        Interval(0.2, 0.7, script.few_outcomes_reason("document")),
        Interval(0.2, 0.7, script.few_units_reason("document")),
    ]
    estimates = [script.Estimate(interval, 4.0, 2.0) for interval in intervals]

    cell = script.summarize(
        population, populations.MICRO[0], 20, estimates, np.full(len(intervals), 0.5)
    )

    assert cell.covered == pytest.approx(100 * 5 / 7)
    assert cell.below == cell.above == pytest.approx(100 / 7)
    assert cell.width == pytest.approx((0.2 + 0.1 + 0.19 + 0.1 + 0.7 + 0.5 + 0.5) / 7)
    assert (cell.none, cell.bound, cell.warned) == (12.5, 12.5, 25.0)
    assert (cell.effective_units, cell.effective_outcomes) == (4.0, 2.0)


def test_levels_start_at_ten_expected_right_and_wrong_items(script, populations):
    by_name = {str(population): population for population in populations.make_populations()}
    population = by_name["Documents, σ 1.2, correlation 0.3: F1 0.99"]
    f1 = populations.MICRO[2]

    required = [script.required_coverage(population, f1, units) for units in (20, 50, 100, 200)]

    # 20 documents have 200 gold items, of which 2 are missed, and 2 spurious items.
    assert required == [None, (90, 100), (87, 100), (87, 100)]


def test_how_far_a_cell_is_off_its_level(script, populations):
    population = next(populations.make_populations())
    estimates = [script.Estimate(Interval(0.4, 0.6), 1.0)] * 360
    estimates += [script.Estimate(Interval(0.6, 0.7), 1.0)] * 40
    difference = populations.MICRO_DIFFERENCE

    cell = script.summarize(population, difference, 20, estimates, np.full(400, 0.5))

    assert cell.covered == 90
    assert cell.standard_errors_off() == pytest.approx(3 / math.sqrt(93 * 7 / 400))
    assert cell.misses_level()
    assert not cell.misses_level(tolerance=3)


def test_processes_and_repetitions_change_no_number():
    arguments = ("--corpora", "20", "--only", CELL)

    first = run_script(*arguments)

    assert first.returncode == 0, first.stderr
    assert run_script(*arguments, "--jobs", "2").stdout == first.stdout
    assert "micro F1" in first.stdout


def test_the_tables_replace_the_block_of_a_page(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- coverage -->\nold\n<!-- /coverage -->\nafter\n")

    result = run_script("--corpora", "20", "--only", CELL, "--markdown", str(page))

    assert result.returncode == 0, result.stderr
    text = page.read_text(encoding="utf-8")
    assert text.startswith("before\n<!-- coverage -->\n## Coverage\n")
    assert "### Documents, σ 0.5, correlation 0.05\n\n| | documents | 20 |\n" in text
    assert text.endswith("<!-- /coverage -->\nafter\n")
    assert "| F1 0.78 | micro P |" in text
    assert "old" not in text


def test_a_page_without_the_block_is_refused_before_the_simulation(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("text\n")

    result = run_script("--only", CELL, "--markdown", str(page))

    assert result.returncode == 2
    assert "expected a block between <!-- coverage --> and <!-- /coverage -->" in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--only", "nowhere"], "no population matches --only 'nowhere'"),
        (["--only", "["], "invalid --only '['"),
        (["--corpora", "0"], "invalid --corpora 0: expected a whole number from 1 on"),
    ],
)
def test_options_that_are_refused(arguments, message):
    result = run_script(*arguments)

    assert result.returncode == 2
    assert message in result.stderr
