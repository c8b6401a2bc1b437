"""The table of what two systems make of the same gold items."""

from __future__ import annotations

from evalkit.results.item_comparison import ItemComparison
from evalkit.results.tables import Table
from evalkit.results.verdicts import format_p
from evalkit.results.wording import pluralize


def describe_gold_items(items: ItemComparison) -> str:
    """How many gold items each system has right, in words."""
    n = items.statuses
    return (
        f"won {n['won']:,} (correct only in {items.a}), lost {n['lost']:,} (only in {items.b}),"
        f" both {n['both']:,}, neither {n['neither']:,}"
    )


def describe_wrong_predictions(items: ItemComparison) -> str:
    """How many wrong predictions only one system makes, in words."""
    n = items.statuses
    return (
        f"wrong predictions without a gold item: new {n['new']:,} (only in {items.a}), gone"
        f" {n['gone']:,} (only in {items.b}), in both {n['in both']:,}"
    )


def describe_test(items: ItemComparison) -> str:
    """The test of won against lost, in words."""
    p = format_p(items.p)
    relation = f"p < {p[1:]}" if p.startswith("<") else f"p = {p}"
    permutations = "all permutations" if items.exact else "random permutations"
    verb = "has" if items.differing_units == 1 else "have"
    return (
        f"won against lost: {relation} (paired permutation test over {items.unit}s, {permutations};"
        f" {pluralize(items.differing_units, items.unit)} {verb} more of one; not corrected for"
        " other tests)"
    )


def build_items_table(items: ItemComparison) -> Table:
    """The kinds of the gold items in both systems, as a matrix."""
    rows = []
    for kind_a in items.gold_kinds:
        counts = [items.kinds.get((kind_a, kind_b), 0) for kind_b in items.gold_kinds]
        rows.append((kind_a, *(f"{count:,}" for count in counts)))
    return Table(
        f"Gold items by kind, {items.layer}/strict: {items.a} (rows) and {items.b} (columns)",
        (f"{items.a} \\ {items.b}", *items.gold_kinds),
        tuple(rows),
        (describe_wrong_predictions(items), describe_test(items)),
        lead=describe_gold_items(items),
    )
