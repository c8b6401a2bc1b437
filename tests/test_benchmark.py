"""scripts/benchmark: its table, what it calls reached, and that its rows can be measured. Times are
not checked.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parent.parent / "scripts"
ENVIRONMENT = {
    "sizes": "full",
    "processor": "a processor",
    "cores": "2",
    "memory": "8 GiB",
    "system": "Linux",
    "Python": "3.11",
    "evalkit": "evalkit 0.1.0",
    "commit": "1234567",
    "torch": "not installed",
}


@pytest.fixture
def benchmarks(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPTS))
    from benchmarks import goals, measure, page

    return {**vars(measure), **vars(goals), **vars(page)}


def run_script(*arguments):
    command = [sys.executable, str(SCRIPTS / "benchmark"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def results_of(benchmarks, *lines, environment=ENVIRONMENT, row="sets"):
    measured = benchmarks["MeasuredRow"](row, list(lines), "scripts/benchmark", "2020-01-02", 1.0)
    return benchmarks["Results"](environment, {row: measured})


def table_of(page):
    """The cells of all tables of a page, without their headers."""
    rows = []
    for line in page.splitlines():
        if line.startswith("|") and not line.startswith(("| measured", "|---")):
            rows.append([cell.strip() for cell in line[1:-1].split("|")])
    return rows


def test_a_goal_for_a_ratio_is_compared_with_the_ratio_of_the_least_times(benchmarks):
    figure, goal, line = benchmarks["Figure"], benchmarks["Goal"], benchmarks["Line"]
    times = [20, 10, 30], [2, 1, 4]
    peer, ours = (figure.least(side, "s") for side in times)
    ratio = figure.ratio(*times)

    page = benchmarks["render_page"](
        results_of(
            benchmarks,
            line("fast", "another", peer, ours, ratio, goal(">=", 10)),
            line("slow", "another", peer, ours, ratio, goal(">=", 11)),
        )
    )

    assert table_of(page) == [
        ["fast", "another", "10 s", "1 s", "10 (7.5 to 10)", "≥ 10", "reached"],
        ["slow", "another", "10 s", "1 s", "10 (7.5 to 10)", "≥ 11", "**missed**"],
    ]
    assert "1 goals are reached, 1 are missed." in page


def test_a_goal_for_a_value_has_the_unit_of_the_value(benchmarks):
    line = benchmarks["Line"](
        "peak",
        figure=benchmarks["Figure"].of([250, 310, 1310], "MB"),
        goal=benchmarks["Goal"]("<=", 300, of="value"),
    )

    page = benchmarks["render_page"](results_of(benchmarks, line))

    assert table_of(page) == [["peak", "", "", "310 MB", "", "≤ 300 MB", "**missed**"]]


def test_a_row_that_cannot_be_measured_says_why_and_the_others_are_measured(
    benchmarks, monkeypatch
):
    def refuse(_sizes, _workspace):
        yield benchmarks["Line"]("first")
        raise ValueError("no such\nscorer")

    monkeypatch.setitem(benchmarks["ROWS"], "sets", refuse)

    row = benchmarks["measure_row"]("sets", None, None, "scripts/benchmark")

    assert [line.problem for line in row.lines] == ["", "ValueError: no such scorer"]
    page = benchmarks["render_page"](results_of(benchmarks, *row.lines))
    assert "not measured: ValueError: no such scorer" in page


def test_results_are_read_as_they_were_saved(benchmarks, tmp_path):
    figure = benchmarks["Figure"].of([1, 2], "s")
    line = benchmarks["Line"]("one", "two", figure, figure, figure, benchmarks["Goal"]("<=", 2))
    results = results_of(benchmarks, line)

    benchmarks["save_results"](results, tmp_path / "results.json")

    assert benchmarks["load_results"](tmp_path / "results.json") == results
    files = ["--results", tmp_path / "results.json", "--page", tmp_path / "page.md"]
    run = run_script("page", *files)
    assert run.returncode == 0, run.stderr
    assert (tmp_path / "page.md").read_text("utf-8") == benchmarks["render_page"](results)


def test_rows_of_two_runs_are_merged_if_both_have_one_environment(benchmarks):
    first = results_of(benchmarks, benchmarks["Line"]("sets"), row="sets")
    with_torch = {**ENVIRONMENT, "torch": "2.14"}
    second = results_of(
        benchmarks, benchmarks["Line"]("files"), environment=with_torch, row="files"
    )
    other = results_of(benchmarks, environment={**ENVIRONMENT, "commit": "89abcde"})

    merged = benchmarks["merge_results"](first, second)

    assert list(merged.rows) == ["files", "sets"]
    assert merged.environment["torch"] == "2.14"
    with pytest.raises(
        ValueError, match="measured with commit 1234567, now 89abcde: use another file"
    ):
        benchmarks["merge_results"](first, other)


def test_every_row_has_a_section_of_the_page(benchmarks):
    sections = [name for names in benchmarks["SECTIONS"].values() for name in names]

    assert sections == list(benchmarks["ROWS"])


def test_an_unknown_row_is_refused_in_one_line():
    run = run_script("--rows", "set")

    assert run.returncode == 1
    assert run.stderr.startswith("scripts/benchmark: unknown row 'set'; expected one of: files, ")


@pytest.mark.slow
def test_a_quick_run_of_some_rows_writes_the_table(tmp_path):
    results, page = tmp_path / "results.json", tmp_path / "page.md"
    rows = ["files", "spans", "sets", "to_json", "intervals", "commands"]
    options = ["--quick", "--rows", ",".join(rows), "--documents", "50", "--spans", "500"]

    run = run_script(*options, "--rounds", "1", "--results", results, "--page", page)

    assert run.returncode == 0, run.stderr
    measured = json.loads(results.read_text(encoding="utf-8"))["rows"]
    assert sorted(measured) == sorted(rows)
    for row in measured.values():
        for line in row["lines"]:
            assert not line["problem"] or "dask" in line["name"], line
            assert line["problem"] or line["figure"]["value"] >= 0
    table = table_of(page.read_text(encoding="utf-8"))
    assert len(table) == sum(len(row["lines"]) for row in measured.values())
    assert {row[-1] for row in table} <= {"reached", "**missed**", ""}
    assert next(row for row in table if "equal bytes" in row[0])[3:] == ["1", "", "≥ 1", "reached"]
