"""Sobol's low-discrepancy sequence in numpy, up to 64 dimensions, scrambled by a seed.

``scipy.stats.qmc`` has the same sequence, but importing it costs more than a second and 80 MB in every
process that proposes a point, and it cannot jump to a point by its number.

Direction numbers: S. Joe and F. Y. Kuo, "Constructing Sobol sequences with better two-dimensional
projections", SIAM J. Sci. Comput. 30 (2008), their file new-joe-kuo-6.21201. Scrambling: a random lower
triangular binary matrix for each dimension and a digital shift, after J. Matousek, "On the L2-discrepancy
for anchored boxes", J. Complexity 14 (1998).
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

BITS = 30
"""Binary digits of a coordinate; the sequence has 2**30 points."""

# For dimensions 2 to 64: the primitive polynomial's coefficients as binary digits : the first m_i.
_TABLE = """
3:1 7:1,3 11:1,3,1 13:1,1,1 19:1,1,3,3 25:1,3,5,13 37:1,1,5,5,17 41:1,1,5,5,5 47:1,1,7,11,19
55:1,1,5,1,1 59:1,1,1,3,11 61:1,3,5,5,31 67:1,3,3,9,7,49 91:1,1,1,15,21,21 97:1,3,1,13,27,49
103:1,1,1,15,7,5 109:1,3,1,15,13,25 115:1,1,5,5,19,61 131:1,3,7,11,23,15,103
137:1,3,7,13,13,15,69 143:1,1,3,13,7,35,63 145:1,3,5,9,1,25,53 157:1,3,1,13,9,35,107
167:1,3,1,5,27,61,31 171:1,1,5,11,19,41,61 185:1,3,5,3,3,13,69 191:1,1,7,13,1,19,1
193:1,3,7,5,13,19,59 203:1,1,3,9,25,29,41 211:1,3,5,13,23,1,55 213:1,3,7,3,13,59,17
229:1,3,1,3,5,53,69 239:1,1,5,5,23,33,13 241:1,1,7,7,1,61,123 247:1,1,7,9,13,61,49
253:1,3,3,5,3,55,33 285:1,3,1,15,31,13,49,245 299:1,3,5,15,31,59,63,97
301:1,3,1,11,11,11,77,249 333:1,3,1,11,27,43,71,9 351:1,1,7,15,21,11,81,45
355:1,3,7,3,25,31,65,79 357:1,3,1,1,19,11,3,205 361:1,1,5,9,19,21,29,157
369:1,3,7,11,1,33,89,185 391:1,3,3,3,15,9,79,71 397:1,3,7,11,15,39,119,27
425:1,1,3,1,11,31,97,225 451:1,1,1,3,23,43,57,177 463:1,3,7,7,17,17,37,71
487:1,3,1,5,27,63,123,213 501:1,1,3,5,11,43,53,133 529:1,3,5,5,29,17,47,173,479
539:1,3,3,11,3,1,109,9,69 545:1,1,1,5,17,39,23,5,343 557:1,3,1,5,25,15,31,103,499
563:1,1,1,11,11,17,63,105,183 601:1,1,5,11,9,29,97,231,363 607:1,1,5,15,19,45,41,7,383
617:1,3,7,7,31,19,83,137,221 623:1,1,1,3,23,15,111,223,83 631:1,1,5,13,31,15,55,25,161
637:1,1,3,13,25,47,39,87,257
"""

Words = npt.NDArray[np.int64]


@lru_cache(maxsize=1)
def _directions() -> Words:
    """Shape (64, BITS): v_k of each dimension as BITS-digit binary fractions (Joe and Kuo, eq. 2 and 3)."""
    rows = [[1 << (BITS - 1 - k) for k in range(BITS)]]
    for entry in _TABLE.split():
        polynomial, first = entry.split(":")
        m = [int(value) for value in first.split(",")]
        degree = len(m)
        inner = [int(digit) for digit in f"{int(polynomial):b}"[1:-1]]
        for k in range(degree, BITS):
            new = m[k - degree] ^ (m[k - degree] << degree)
            for i, coefficient in enumerate(inner, start=1):
                new ^= coefficient * (m[k - i] << i)
            m.append(new)
        rows.append([m[k] << (BITS - 1 - k) for k in range(BITS)])
    return np.array(rows, dtype=np.int64)


@lru_cache(maxsize=64)
def _scrambled(dimensions: int, seed: int | None) -> tuple[Words, Words]:
    """Direction numbers (d, BITS) and digital shift (d,) of a seed; None leaves the sequence as it is."""
    directions = _directions()[:dimensions]
    if seed is None:
        return directions, np.zeros(dimensions, dtype=np.int64)
    rng = np.random.default_rng([seed, dimensions])
    weights = 1 << np.arange(BITS - 1, -1, -1, dtype=np.int64)
    digits = (directions[:, None, :] & weights[None, :, None]) > 0
    lower = np.tril(rng.integers(0, 2, size=(dimensions, BITS, BITS)), -1) + np.eye(
        BITS, dtype=np.int64
    )
    mixed = np.einsum("dij,djk->dik", lower, digits.astype(np.int64)) % 2
    shift = rng.integers(0, 1 << BITS, size=dimensions)
    return np.einsum("dik,i->dk", mixed, weights), shift


def sobol_point(index: int, dimensions: int, seed: int | None) -> npt.NDArray[np.float64]:
    """Point ``index`` (from 0) of the sequence, shape (dimensions,), in [0, 1).

    With a seed every coordinate is uniform and strictly inside (0, 1); with None it is the plain sequence.
    Raises ValueError beyond 64 dimensions.
    """
    if not 1 <= dimensions <= len(_directions()):
        raise ValueError(f"{dimensions} dimensions; the table has {len(_directions())}")
    directions, shift = _scrambled(dimensions, seed)
    index %= 1 << BITS
    gray = index ^ (index >> 1)
    chosen = [k for k in range(BITS) if gray >> k & 1]
    word = np.bitwise_xor.reduce(directions[:, chosen], axis=1) ^ shift
    return np.asarray((word + (0.0 if seed is None else 0.5)) / (1 << BITS))
