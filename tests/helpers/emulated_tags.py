"""What scorers that cannot be installed count for lists of tags, in plain loops."""

from collections import Counter, defaultdict


def count_as_hipe(gold, predicted, tagset=()):
    """The numbers of correct, possible and actual entities of each document by regime and type."""
    sides = [[_hipe_entities(tags) for tags in side] for side in (gold, predicted)]
    types = {label for entities in sides[0] for label, _, _ in entities} | set(tagset)
    types = {label for label in types if "-" not in label}
    documents = []
    for pair in zip(*sides):
        gold_entities, predictions = (
            [entity for entity in entities if entity[0] in types] for entities in pair
        )
        counts = {regime: defaultdict(Counter) for regime in ("strict", "fuzzy")}
        taken = []
        for prediction in predictions:
            partner = _hipe_partner(prediction, gold_entities, taken)
            is_same_type = partner is not None and partner[0] == prediction[0]
            if partner is not None:
                taken.append(partner)
            for regime, is_correct in (("strict", partner == prediction), ("fuzzy", is_same_type)):
                for label in ("ALL", prediction[0] if partner is None else partner[0]):
                    counts[regime][label]["correct"] += is_correct
                    counts[regime][label]["actual"] += 1
                    counts[regime][label]["possible"] += partner is not None
        for entity in gold_entities:
            if entity not in taken:
                for own in counts.values():
                    for label in ("ALL", entity[0]):
                        own[label]["possible"] += 1
        documents.append(counts)
    return documents, sorted({"ALL", *(label for each in documents for label in each["strict"])})


def _hipe_partner(prediction, gold_entities, taken):
    """The gold entity that a prediction is paired with, or None."""
    if prediction in gold_entities:
        return prediction
    for entity in gold_entities:
        has_overlap = entity[1] < prediction[2] and prediction[1] < entity[2]
        if entity[1:] == prediction[1:] or (has_overlap and entity not in taken):
            return entity
    return None


def _hipe_entities(tags):
    """Label, first token and the token after the last of each entity."""
    entities = []
    for position, tag in enumerate(tags):
        label = tag[2:].upper()
        previous = tags[position - 1] if position else "O"
        if tag == "O":
            continue
        if previous != "O" and previous[2:].upper() == label and not tag.upper().startswith("B"):
            entities[-1] = (label, entities[-1][1], position + 1)
        else:
            entities.append((label, position, position + 1))
    return entities


def _kind_of_overlap(gold, predicted):
    (_, first, last, _), (_, start, end, _) = gold, predicted
    if (first, last) == (start, end) or end < first or last < start:
        return None
    if first <= start and end <= last:
        return "BES"
    return "BEL" if start <= first and last <= end else "BEO"


def _pair_equal_borders(left, gold, predicted):
    """Removes the pairs of equal spans, and of equal borders, from those that are left."""
    errors = []
    for kind, is_same_label in (("TP", True), ("LE", False)):
        for number in list(left["gold"]):
            label, first, last, words = gold[number]
            same = []
            for other in left["predicted"]:
                other_label, *borders, other_words = predicted[other]
                if borders == [first, last] and (other_label == label) == is_same_label:
                    same += [other] if kind == "LE" or other_words == words else []
            if same:
                errors.append((kind, label))
                left["gold"].remove(number)
                left["predicted"].remove(same[0])
    return errors


def compare_as_faireval(gold, predicted):
    """The kinds of FairEval's errors of one sentence with the label that each counts for.

    gold, predicted: lists of (label, first word, last word, words).
    """
    sides = {"gold": gold, "predicted": predicted}
    left = {side: list(range(len(spans))) for side, spans in sides.items()}
    unused = {side: [set(span[3]) for span in spans] for side, spans in sides.items()}
    paired = {"gold": [], "predicted": []}
    errors = _pair_equal_borders(left, gold, predicted)
    for side, spans in sides.items():
        left[side].sort(key=lambda number, spans=spans: spans[number][2] - spans[number][1])

    def pair_up(side, number, candidates, is_same):
        """Pairs a span with the most similar candidate on the other side; whether there is one."""
        other_side = "predicted" if side == "gold" else "gold"
        best = None
        for candidate in candidates:
            pair = (number, candidate) if side == "gold" else (candidate, number)
            kind = _kind_of_overlap(gold[pair[0]], predicted[pair[1]])
            if kind is None or (gold[pair[0]][0] == predicted[pair[1]][0]) != is_same:
                continue
            own, others = unused[side][number], unused[other_side][candidate]
            span = sides[other_side][candidate]
            distance = (
                -len(own & others),
                len(own - others),
                len(others - own),
                span[2] - span[1],
            )
            if best is None or distance < best[0]:
                best = distance, candidate, kind if is_same else "LBE", pair
        if best is None:
            return None
        candidate, kind, pair = best[1:]
        errors.append((kind, gold[pair[0]][0]))
        common = unused[side][number] & unused[other_side][candidate]
        unused[side][number] -= common
        unused[other_side][candidate] -= common
        left[side].remove(number)
        paired[side].append(number)
        return candidate

    for is_same in (True, False):
        position = 0
        while position < len(left["gold"]):
            partner = pair_up("gold", left["gold"][position], left["predicted"], is_same)
            if partner is not None:
                left["predicted"].remove(partner)
                paired["predicted"].append(partner)
            position += 1
        for side, other_side in (("gold", "predicted"), ("predicted", "gold")):
            position = 0
            while position < len(left[side]):
                number = left[side][position]
                sharing = [
                    each
                    for each in paired[other_side]
                    if unused[other_side][each] & unused[side][number]
                ]
                pair_up(side, number, sharing, is_same)
                position += 1
    alone = [("FN", gold[number][0]) for number in left["gold"]]
    return errors + alone + [("FP", predicted[number][0]) for number in left["predicted"]]
