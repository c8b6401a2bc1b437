"""The six situations of SemEval-2013 task 9.1, what each scheme makes of them, and the table of
them in docs/metrics.md.
"""

from helpers.marked import corpus

from evalkit import score

SCHEMES = ["strict", "exact", "partial", "type", "characters"]
# What it is, gold, prediction, the outcome under each scheme; characters: in common, in gold,
# predicted
SITUATIONS = [
    (
        "as in gold",
        "[Ada Lovelace|PER] wrote",
        "[Ada Lovelace|PER] wrote",
        "correct",
        "correct",
        "correct",
        "correct",
        (12, 12, 12),
    ),
    (
        "not in gold",
        "Ada Lovelace wrote",
        "Ada Lovelace [wrote|PER]",
        "spurious",
        "spurious",
        "spurious",
        "spurious",
        (0, 0, 5),
    ),
    (
        "missed",
        "[Ada Lovelace|PER] wrote",
        "Ada Lovelace wrote",
        "missing",
        "missing",
        "missing",
        "missing",
        (0, 12, 0),
    ),
    (
        "same span, other label",
        "[Ada Lovelace|PER] wrote",
        "[Ada Lovelace|ORG] wrote",
        "incorrect",
        "correct",
        "correct",
        "incorrect",
        (0, 12, 12),
    ),
    (
        "overlap, same label",
        "[Ada Lovelace|PER] wrote",
        "Ada [Lovelace|PER] wrote",
        "incorrect",
        "incorrect",
        "partial",
        "correct",
        (8, 12, 8),
    ),
    (
        "overlap, other label",
        "[Ada Lovelace|PER] wrote",
        "Ada [Lovelace|ORG] wrote",
        "incorrect",
        "incorrect",
        "partial",
        "incorrect",
        (0, 12, 8),
    ),
]
CREDIT = {"correct": "1", "partial": "½", "incorrect": "0", "missing": "0", "spurious": "0"}


def outcome(gold, said, scheme):
    """What the library makes of a situation: the one outcome that its counts of MUC tell, or the
    characters.
    """
    found = score(corpus(gold), corpus(said), f"entities/{scheme}")[f"entities/{scheme}"]
    if scheme == "characters":
        return found.micro.tp, found.micro.gold, found.micro.predicted
    (only,) = (name for name, number in found.muc._asdict().items() if number)
    return only


def table():
    """The table in docs/metrics.md, from what the library makes of each situation."""
    lines = [
        "| situation | gold | prediction | " + " | ".join(SCHEMES) + " |",
        "|---" * (3 + len(SCHEMES)) + "|",
    ]
    for name, gold, said, *_ in SITUATIONS:
        told = [
            (
                f"{CREDIT[found]} {found}"
                if isinstance(found, str)
                else "{} of {} gold, {} predicted".format(*found)
            )
            for found in (outcome(gold, said, s) for s in SCHEMES)
        ]
        lines.append(
            f"| {name} | `{gold}` | `{said}` | ".replace("|PER]", " PER]").replace("|ORG]", " ORG]")
            + " | ".join(told)
            + " |"
        )
    return "\n".join(lines) + "\n"
