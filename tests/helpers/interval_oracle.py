"""The intervals and the generator once more, in plain loops, with scipy's t distribution.

Nothing here comes from the library.
"""

import hashlib
import math

from scipy import stats

WORD = 2**64
GOLDEN = 0x9E3779B97F4A7C15


def mix(value):
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) % WORD
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) % WORD
    return value ^ (value >> 31)


def mixed(*values):
    result = 0
    for n, value in enumerate(values, start=1):
        result = mix((result + value + GOLDEN * n) % WORD)
    return result


def key(document, sentence):
    first = int.from_bytes(hashlib.sha256(document.encode()).digest()[:8], "little")
    return mixed(first, 0 if sentence is None else sentence + 1)


def is_swapped(unit, seed, replicate):
    word = mix((mixed(unit, seed, 2) + GOLDEN * (replicate // 64 + 1)) % WORD)
    return word >> (replicate % 64) & 1


def quantile(p, df):
    return float(stats.t.ppf(p, df))


def right_and_wrong(name, gold, predicted, tp):
    """a_d and b_d of precision, recall or F1."""
    if name == "precision":
        return tp, predicted - tp
    if name == "recall":
        return tp, gold - tp
    return tp, gold + predicted - 2 * tp


def effective_number(sizes):
    return sum(sizes) ** 2 / sum(size * size for size in sizes)


def ratio_ends(documents, name, level=0.95):
    """The ends of the interval from (gold, predicted, tp) of each document, or None."""
    pairs = [right_and_wrong(name, *document) for document in documents]
    pairs = [(a, b) for a, b in pairs if a + b]
    if len(pairs) < 2:
        return None
    return transform(q_ends(pairs, level), name)


def transform(ends, name):
    if name != "f1":
        return ends
    return tuple(2 * end / (1 + end) for end in ends)


def q_ends(pairs, level):
    """The ends for the plain share of right items, also of a single document."""
    n = len(pairs)
    right, wrong = sum(a for a, _ in pairs), sum(b for _, b in pairs)
    total = right + wrong
    effective = effective_number([a + b for a, b in pairs])
    bound = ((1 - level) / 2) ** (1 / effective)
    if not wrong:
        return bound, 1.0
    if not right:
        return 0.0, 1 - bound
    q = right / total
    errors = min(effective_number([a for a, _ in pairs]), effective_number([b for _, b in pairs]))
    t = quantile((1 + level) / 2, max(1, min(effective - 1, 2 * errors)))
    variance = 0.0
    if n > 1:
        without = [(right - a) / (total - a - b) for a, b in pairs]
        variance = (n - 1) / n * math.fsum((value - q) ** 2 for value in without)
    if variance < 1e-18:
        centre = (q + t * t / (2 * effective)) / (1 + t * t / effective)
        reach = t / (1 + t * t / effective)
        reach *= math.sqrt(q * (1 - q) / effective + t * t / (4 * effective**2))
        return within_exact(max(0.0, centre - reach), min(1.0, centre + reach), q, effective, level)
    logit, reach = math.log(right / wrong), t * math.sqrt(variance) / (q * (1 - q))
    low, high = 1 / (1 + math.exp(-(logit - reach))), 1 / (1 + math.exp(-(logit + reach)))
    return within_exact(low, high, q, effective, level)


def within_exact(low, high, q, effective, level):
    """The ends, within those of Clopper and Pearson for as many items."""
    right, wrong = effective * q, effective * (1 - q)
    exact_low = stats.beta.ppf((1 - level) / 2, right, wrong + 1)
    exact_high = stats.beta.ppf((1 + level) / 2, right + 1, wrong)
    return max(low, float(exact_low)), min(high, float(exact_high))


def mover_distances(terms, effective=math.inf):
    """terms: (weight, value, ends, residual of each document)."""
    below, above = [], []
    for weight, value, (low, high), _ in terms:
        ends = sorted((weight * low, weight * high))
        below.append(weight * value - ends[0])
        above.append(ends[1] - weight * value)
    sums = [0.0, 0.0]
    for j, (weight_j, _, _, residuals_j) in enumerate(terms):
        for k, (weight_k, _, _, residuals_k) in enumerate(terms):
            r = 1.0
            if j != k:
                sign = math.copysign(1, weight_j) * math.copysign(1, weight_k)
                r = sign * correlation(residuals_j, residuals_k)
            sums[0] += r * below[j] * below[k]
            sums[1] += r * above[j] * above[k]
    if effective < 5:
        sums[0] = max(sums[0], sum(x * x for x in below))
        sums[1] = max(sums[1], sum(y * y for y in above))
    return math.sqrt(max(sums[0], 0)), math.sqrt(max(sums[1], 0))


def correlation(x, y):
    """Of residuals that sum up to 0; 0 where undefined."""
    squares = sum(a * a for a in x) * sum(b * b for b in y)
    return sum(a * b for a, b in zip(x, y, strict=True)) / math.sqrt(squares) if squares else 0.0


def label_term(documents, name, weight, level=0.95):
    """The term of a label: weight, ratio, ends, residuals; None where the ratio is undefined."""
    pairs = [right_and_wrong(name, *document) for document in documents]
    right, wrong = sum(a for a, _ in pairs), sum(b for _, b in pairs)
    if not right + wrong:
        return None
    q = right / (right + wrong)
    value = 2 * q / (1 + q) if name == "f1" else q
    ends = transform(q_ends([(a, b) for a, b in pairs if a + b], level), name)
    return weight, value, ends, [a * (right + wrong) - right * (a + b) for a, b in pairs]


def average_ends(by_label, name, weights, level=0.95):
    """The ends of a weighted mean over labels. by_label: a label to (gold, predicted, tp) of each
    document.
    """
    terms = []
    for label, documents in by_label.items():
        term = label_term(documents, name, weights[label], level)
        if term is not None:
            terms.append(term)
    totals = [
        sum(sum(right_and_wrong(name, *documents[n])) for documents in by_label.values())
        for n in range(len(next(iter(by_label.values()))))
    ]
    below, above = mover_distances(terms, effective_number(totals))
    value = sum(weight * value for weight, value, _, _ in terms)
    return max(0.0, value - below), min(1.0, value + above)


def f1(gold, predicted, tp):
    return 2 * tp / (gold + predicted) if gold + predicted else None


def add(documents):
    return [sum(document[n] for document in documents) for n in range(3)]


def f1_difference(a, b):
    return f1(*add(a)) - f1(*add(b))


def difference_error(a, b):
    """The jackknife standard error of the difference in micro F1, and K."""
    used = [n for n in range(len(a)) if sum(a[n]) + sum(b[n])]
    n = len(used)
    observed = f1_difference(a, b)
    without = []
    for left_out in used:
        rest = [d for d in used if d != left_out]
        without.append(f1_difference([a[d] for d in rest], [b[d] for d in rest]))
    squared = (n - 1) / n * math.fsum((value - observed) ** 2 for value in without)
    sizes = [a[d][0] + (a[d][1] + b[d][1]) / 2 for d in used]
    return math.sqrt(squared), effective_number(sizes)
