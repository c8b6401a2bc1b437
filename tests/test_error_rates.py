"""scripts/error_rates: its corpora are those of the population, and it fails where a rate does."""

import importlib.util
import subprocess
import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path
from statistics import fmean, variance

import pytest

from evalkit import score

SCRIPT = Path(__file__).parent.parent / "scripts/error_rates"


@pytest.fixture(scope="module")
def error_rates():
    loader = SourceFileLoader("error_rates", str(SCRIPT))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("error_rates", loader))
    sys.modules["error_rates"] = module  # dataclasses and processes look their module up
    loader.exec_module(module)
    yield module
    del sys.modules["error_rates"]


def simulate(error_rates, setting, *, documents=400, rho=0.1, corpus=0):
    return error_rates.simulate(error_rates.Case(setting, documents, rho), corpus, 1)


def micro(simulated, system):
    scores = score(simulated.gold, simulated.predictions[system][0], "entities/strict", boot=0)
    return scores["entities/strict"].micro


def test_systems_have_the_f1_and_recall_of_their_population(error_rates):
    settings = {setting.name: setting for setting in error_rates.NULL_SETTINGS}

    simulated = simulate(error_rates, settings["high recall, high precision"], rho=0.05)
    first, second = micro(simulated, 0), micro(simulated, 1)

    assert first.f1 == pytest.approx(0.75, abs=0.02)
    assert second.f1 == pytest.approx(0.75, abs=0.02)
    assert first.recall == pytest.approx(0.9, abs=0.02)
    assert second.precision == pytest.approx(0.9, abs=0.02)


@pytest.mark.parametrize("rho", [0, 0.3])
def test_items_of_a_document_are_found_together_with_the_correlation(error_rates, rho):
    setting = error_rates.Setting("two systems")
    simulated = simulate(error_rates, setting, documents=2000, rho=rho)

    # Two items of a document: the variance of a share of n is p(1 - p)(1 + (n - 1)ρ)/n.
    correlations = []
    for n in range(8, 13):
        shares = []
        for gold, predicted in zip(simulated.gold, simulated.predictions[0][0], strict=True):
            if len(gold.entities) == n:
                shares.append(len(set(gold.entities) & set(predicted.entities)) / n)
        p = fmean(shares)
        correlations.append((n * variance(shares) / (p * (1 - p)) - 1) / (n - 1))
    assert fmean(correlations) == pytest.approx(rho, abs=0.05)


def test_sentences_of_one_document_are_the_units(error_rates):
    setting = error_rates.Setting("sentences", one_document=True)
    systems = error_rates.score_systems(error_rates.Case(setting, 15, 0.1), 0, 1)

    counts = systems["a"]["entities/strict"].counts

    assert counts.resampling_unit_count == 15
    assert systems["a"].resampling.units == "sentences"


def test_runs_of_a_system_differ_from_each_other(error_rates):
    setting = error_rates.Setting("runs", runs=error_rates.Runs((3, 1), (0.1, 0.1)))
    simulated = simulate(error_rates, setting, documents=5)

    first, second, third = simulated.predictions[0]

    assert len(simulated.predictions[1]) == 1
    assert [*first] != [*second]
    assert [*second] != [*third]


def test_a_corpus_depends_on_seed_and_number_alone(error_rates):
    setting = error_rates.NULL_SETTINGS[0]

    again = [simulate(error_rates, setting, documents=6) for _ in range(2)]
    other = simulate(error_rates, setting, documents=6, corpus=1)

    assert [*again[0].gold] == [*again[1].gold]
    assert [*again[0].predictions[1][0]] == [*again[1].predictions[1][0]]
    assert [*again[0].gold] != [*other.gold]


def test_a_difference_between_systems_is_found(error_rates):
    case = error_rates.Case(
        error_rates.Setting("two", (error_rates.System(0.9, 0.9), error_rates.System(0.5, 0.5))),
        20,
        0.1,
    )

    outcome = error_rates.compare_corpus(0, case, 1)

    assert outcome.better


def test_a_rate_fails_by_more_than_three_standard_errors(error_rates):
    def outcomes(better):
        return [error_rates.Outcome(n < better, 0.0, None, 20.0, 20) for n in range(100)]

    rates = [error_rates.rate_better(outcomes(n)) for n in (10, 12, 14)]

    assert [rate.misses for rate in rates] == [False, True, True]
    assert [rate.fails for rate in rates] == [False, False, True]


def test_the_command_line_gives_what_python_gives(error_rates):
    case = error_rates.Case(error_rates.NULL_SETTINGS[0], 10, 0.1)

    assert error_rates.agrees_with_command_line(case, 0, 1)


def run(*options):
    command = [sys.executable, SCRIPT, "--quick", "--corpora", "10", *options]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_the_same_seed_prints_the_same_tables_in_any_number_of_processes():
    once, in_parallel, other = (
        run("--markdown"),
        run("--markdown", "--jobs", "2"),
        run("--seed", "2"),
    )

    assert once.stdout == in_parallel.stdout
    assert "| two systems | 6 |" in once.stdout
    assert once.stdout != other.stdout


def test_rows_are_selected_by_name():
    completed = run("--rows", "two systems")

    rows = [line for line in completed.stdout.splitlines() if line.startswith("two systems")]
    assert len(rows) == 3
    assert "macro" not in completed.stdout
    assert "Power" not in completed.stdout


def test_invalid_options_end_with_a_message():
    completed = run("--jobs", "0")

    assert completed.returncode == 2
    assert "--jobs 0: expected a whole number from 1 on" in completed.stderr
