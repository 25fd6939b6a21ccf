"""What looks like a card number, and what does not."""

from typing import Any

import pytest

from watchword.tokens.cards import card_in, has_card

# Published test numbers of the card networks.
CARDS: list[Any] = [
    "4111111111111111",
    "4111 1111 1111 1111",
    "4111-1111-1111-1111",
    "4111\u00a01111\u20131111  1111",
    "5555555555554444",
    "378282246310005",
    "3782 822463 10005",
    "6011111111111117",
    "4222222222222",
    "6304000000000000000",
    "card 4111 1111 1111 1111, until 12/30",
    "12 4111111111111111 123",
    "tok_4111111111111111",
    "４１１１１１１１１１１１１１１１",  # noqa: RUF001  # full-width digits are digits
    4111111111111111,
    378282246310005,
]
OTHERS: list[Any] = [
    "",
    "4111111111111112",
    "411111111111",
    "41111111111111111111",
    "tok_visa_4242",
    "1234567890128a",
    "a4111111111111111",
    "00000000-0000-4000-8000-004111111116",
    "6f1ed002-ab5f-4242-8242-424242424242",
    "2027-01-15T08:00:00Z",
    1768464000004,
    0,
    -1,
    1200,
    True,
    None,
    4.5,
]


@pytest.mark.parametrize("card", CARDS)
def test_a_card_number(card: Any) -> None:
    assert card_in({"a": [{"b": card}]}, "data") == "data.a[0].b"
    assert card_in({"a": {f"{card}": 1}}, "data") == "a name in data.a"


@pytest.mark.parametrize("other", OTHERS)
def test_another_value(other: Any) -> None:
    assert card_in({"a": [{"b": other}]}, "data") is None


def test_the_first_one_is_named() -> None:
    assert card_in({"a": 1, "b": CARDS[0], "c": CARDS[1]}, "data") == "data.b"


def test_a_long_text_of_digits_costs_little() -> None:
    assert has_card("1 " * 4096) is False
    assert has_card("7" * 4000 + "a") is False
    assert has_card("7 " * 2000 + "a") is False
    assert has_card("a1 4111111111111111 1a") is True
