"""What the needs of event arguments cost, in closed form: losses, and F1 if some were met."""

from collections import Counter, defaultdict

SINGLE_NEEDS = (("missed",), ("spurious",))  # of arguments that are in no pair


def count_needs(outcomes):
    """How often each set of needs occurs, () for correct pairs; the counts of documents add up."""
    return Counter(outcome.needs for outcome in outcomes)


def loss_by_need(needs, unplaced=0):
    """The share of each need in 1 - F1 of attached-arguments/strict; all of them add up to it. The
    loss of a pair is divided equally among its needs.

    unplaced: the number of predicted arguments without offsets, which need to be removed.
    """
    total = sum(_sizes(needs, unplaced))
    losses = defaultdict(float)
    for each, number in needs.items():
        items = number if each in SINGLE_NEEDS else 2 * number
        for need in each:
            losses[need] += items / len(each) / total
    if unplaced:
        losses["unplaced"] = unplaced / total
    return dict(losses)


def compute_f1(needs, corrected=(), unplaced=0):
    """F1 of attached-arguments/strict if these needs were met; None without items. A pair becomes
    correct if all its needs are met.
    """
    gold, predicted = _sizes(needs, unplaced)
    correct = 0
    for each, number in needs.items():
        if not all(need in corrected for need in each):
            continue
        if each == ("spurious",):
            predicted -= number
            continue
        correct += number
        if each == ("missed",):
            predicted += number
    if "unplaced" in corrected:
        predicted -= unplaced
    return 2 * correct / (gold + predicted) if gold + predicted else None


def _sizes(needs, unplaced):
    """The number of gold and of predicted items."""
    pairs = sum(number for each, number in needs.items() if each not in SINGLE_NEEDS)
    missed, spurious = (needs.get(each, 0) for each in SINGLE_NEEDS)
    return pairs + missed, pairs + spurious + unplaced
