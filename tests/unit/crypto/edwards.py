"""The curve of Ed25519 in a few lines of plain arithmetic, to make keys and signatures that no library would make."""

from hashlib import sha512
from typing import Final

Point = tuple[int, int]

P: Final = 2**255 - 19
L: Final = 2**252 + 27742317777372353535851937790883648493
D: Final = -121665 * pow(121666, -1, P) % P
NEUTRAL: Final[Point] = (0, 1)


def add(one: Point, other: Point) -> Point:
    (x1, y1), (x2, y2) = one, other
    product = D * x1 * x2 * y1 * y2 % P
    x, y = (x1 * y2 + x2 * y1) * pow(1 + product, -1, P), (y1 * y2 + x1 * x2) * pow(1 - product, -1, P)
    return x % P, y % P


def times(factor: int, point: Point) -> Point:
    result = NEUTRAL
    while factor:
        if factor & 1:
            result = add(result, point)
        point, factor = add(point, point), factor >> 1
    return result


def point_at(y: int) -> Point | None:
    """The point with this y and an even x; None where the curve has none."""
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if (x * x - square) % P:
        return None
    return (x if x % 2 == 0 else P - x), y


def encoded(point: Point) -> bytes:
    return (point[1] | (point[0] & 1) << 255).to_bytes(32, "little")


def _base() -> Point:
    found = point_at(4 * pow(5, -1, P) % P)
    assert found is not None
    return found


def _of_order_8() -> Point:
    """L times any point has an order that divides 8; take the first of order 8 itself."""
    for y in range(2, 100):
        found = point_at(y)
        if found is not None and times(4, times(L, found)) != NEUTRAL:
            return times(L, found)
    raise AssertionError("no point of order 8")


BASE: Final = _base()
TORSION: Final = _of_order_8()
SMALL_ORDER: Final = tuple(times(number, TORSION) for number in range(8))


def scalar_of(seed: bytes) -> int:
    return int.from_bytes(sha512(seed).digest()[:32], "little") & ((1 << 254) - 8) | 1 << 254


def signature(
    seed: bytes, message: bytes, *, nonce: int, add_to_r: Point = NEUTRAL, public: bytes | None = None
) -> bytes:
    """What the holder of the seed can sign with a nonce and an R of choice; S fits the R without what was added."""
    scalar = scalar_of(seed)
    r = encoded(add(times(nonce, BASE), add_to_r))
    challenge = int.from_bytes(sha512(r + (public or encoded(times(scalar, BASE))) + message).digest(), "little")
    return r + ((nonce + challenge * scalar) % L).to_bytes(32, "little")
