"""The threshold of the scheme `iou:T`: shared characters ÷ characters of the union, at least T.

The quotient is the Jaccard index, called intersection over union (IoU) in object detection
(Everingham et al. 2010, section 4.2). It is compared in integers, so that no rounding decides.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from evalkit.errors import InputError, quoted_repr

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

IOU = "iou:T"  # the scheme, in the tables of schemes and layers
PREFIX = "iou:"
MAX_DECIMALS = 15
_NUMBER = re.compile(rf"([0-9]{{0,{MAX_DECIMALS}}})(?:\.([0-9]{{0,{MAX_DECIMALS}}}))?")
_LARGEST_PRODUCT = 1 << 62


class OverlapThreshold(NamedTuple):
    """A fraction, 0 < numerator/denominator ≤ 1, in lowest terms.

    >>> OverlapThreshold.parse("iou:0.50")
    OverlapThreshold(numerator=1, denominator=2)
    """

    numerator: int
    denominator: int

    @classmethod
    def parse(cls, scheme: str, *, within: str | None = None) -> OverlapThreshold:
        """The threshold of a scheme `iou:T`. within: the name of the metric, for messages.

        Raises InputError if T is no decimal number with 0 < T ≤ 1.
        """
        number = _split_number(scheme)
        if number is None:
            metric = scheme if within is None else within
            raise InputError(
                f"invalid metric {quoted_repr(metric)}: expected a threshold above 0 and at most 1,"
                f" as a decimal number with at most {MAX_DECIMALS} decimals, such as iou:0.5"
            )
        whole, decimals = number
        numerator, denominator = int(whole + decimals), 10 ** len(decimals)
        divisor = math.gcd(numerator, denominator)
        return cls(numerator // divisor, denominator // divisor)

    @property
    def requires_equality(self) -> bool:
        """Whether only equal spans reach the threshold."""
        return self.numerator == self.denominator

    def is_reached(
        self, shared: NDArray[np.int64], length: NDArray[np.int64], other_length: NDArray[np.int64]
    ) -> NDArray[np.bool_]:
        """Which pairs of spans reach the threshold, from their numbers of characters."""
        # shared/(length + other - shared) ≥ n/d if and only if shared (d + n) ≥ n (length + other).
        total = self.widen(length + other_length)
        needed = total * self.numerator
        reached: NDArray[np.bool_] = (
            self.widen(shared) * (self.numerator + self.denominator) >= needed
        )
        return reached.astype(bool)

    def least_shared(self, length: NDArray[np.int64]) -> NDArray[np.int64]:
        """The least number of characters that a span of each length must share."""
        needed = self.widen(length) * self.numerator
        least: NDArray[np.int64] = ((needed + (self.denominator - 1)) // self.denominator).astype(
            "int64"
        )
        return least

    def widen(self, lengths: NDArray[np.int64]) -> Any:
        """The lengths as they are, or as Python's integers if products would not fit into 64
        bits.
        """
        if not len(lengths) or int(lengths.max()) * 2 * self.denominator < _LARGEST_PRODUCT:
            return lengths
        return lengths.astype(object)


def normalize_scheme(scheme: str, within: str) -> str:
    """The scheme as it is written in names of metrics: `iou:0.5` for `iou:.50`; others stay.

    Raises InputError for an invalid threshold. within: the name of the metric.
    """
    if not scheme.startswith(PREFIX):
        return scheme
    OverlapThreshold.parse(scheme, within=within)
    whole, decimals = _split_number(scheme) or ("", "")
    decimals = decimals.rstrip("0")
    return f"{PREFIX}{int(whole or '0')}" + (f".{decimals}" if decimals else "")


def _split_number(scheme: str) -> tuple[str, str] | None:
    """The digits before and after the point of a valid threshold, else None."""
    matched = _NUMBER.fullmatch(scheme.removeprefix(PREFIX))
    if matched is None:
        return None
    whole, decimals = matched[1], matched[2] or ""
    digits = whole + decimals
    if not digits or not 0 < int(digits) <= 10 ** len(decimals):
        return None
    return whole, decimals
