"""Passwords: Argon2id as PHC strings, the same work for accounts that do not exist, Unicode in one form."""

import unicodedata
from typing import Any

import pytest
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from watchword.crypto import passwords
from watchword.crypto.passwords import check_new_password, hash_password, password_matches
from watchword.errors import ConfigurationError

GOOD = "correct horse battery"


@pytest.fixture(scope="module")
def phc() -> str:
    return hash_password(GOOD)


def test_the_string_says_how_it_was_made(phc: str) -> None:
    assert phc.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert phc != hash_password(GOOD)
    assert GOOD not in phc


def test_matching(phc: str) -> None:
    assert password_matches(GOOD, phc) is True
    for wrong in ("", GOOD + " ", GOOD[:-1], GOOD.upper(), "\0", GOOD + "\0"):
        assert password_matches(wrong, phc) is False


def test_one_spelling_of_each_character() -> None:
    """NIST SP 800-63B-4 §3.1.1.2: Unicode is brought into one normal form before it is hashed."""
    composed, decomposed = (
        "p\u00e4ssw\u00f6rter sind gut",
        unicodedata.normalize("NFD", "p\u00e4ssw\u00f6rter sind gut"),
    )
    assert composed != decomposed
    assert password_matches(decomposed, hash_password(composed))


@pytest.mark.parametrize("password", ["\ud800" * 15, "\U0001f600" * 15, "\0" * 15, "\u4e2d" * 15])
def test_any_text_can_be_a_password(password: str) -> None:
    check_new_password(password)
    assert password_matches(password, hash_password(password))


def test_the_tail_of_a_long_password_counts() -> None:
    longest = "a" * 1024
    kept = hash_password(longest)
    assert password_matches(longest, kept)
    for other in ("a" * 1025, "a" * 2000, "a" * 1023):
        assert not password_matches(other, kept)


@pytest.mark.parametrize(
    "kept",
    [
        *(
            "",
            "x",
            "$",
            "$argon2id$",
            "plaintext",
            GOOD,
            "$2b$12$abcdefghijklmnopqrstuv",
            "$argon2id$v=19$m=19456,t=2,p=1$AAAA$AAAA",
        ),
        *(
            "$argon2i$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$AAAA",
            "$argon2id$v=19$m=1,t=1,p=1$AAAA$AAAA",
            "\u00e9",
            "\0",
        ),
    ],
)
def test_a_string_that_is_none_matches_nothing(kept: str) -> None:
    assert password_matches(GOOD, kept) is False
    assert password_matches("", kept) is False


def test_nobody_costs_as_much_as_somebody(phc: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same derivation with the same parameters is done either way, and the answer is no."""
    done: list[tuple[bytes, str]] = []

    class Spy:
        derive = Argon2id

        def __new__(cls, **options: Any) -> Any:
            return Argon2id(**options)

        @staticmethod
        def verify_phc_encoded(material: bytes, kept: str) -> None:
            done.append((material, kept))
            Argon2id.verify_phc_encoded(material, kept)

    monkeypatch.setattr(passwords, "Argon2id", Spy)
    assert not password_matches(GOOD, None)
    assert not password_matches(GOOD + "x", phc)
    (first, nobody), (_, somebody) = done
    assert first == GOOD.encode()
    assert somebody == phc
    assert nobody.split("$")[:4] == phc.split("$")[:4]
    assert [len(part) for part in nobody.split("$")] == [len(part) for part in phc.split("$")]


def test_not_even_the_right_password_of_nobody(phc: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """`None` is never matched, whatever the hash of nobody is of."""
    monkeypatch.setattr(passwords, "_nobody", lambda *_: phc)
    assert password_matches(GOOD, phc)
    assert not password_matches(GOOD, None)
    assert not password_matches("", None)
    assert not password_matches("a" * 2000, None)


@pytest.mark.parametrize(
    "password", ["", "a" * 14, "\u00e4" * 14, unicodedata.normalize("NFD", "\u00e4" * 14), "a" * 1025, "\u4e2d" * 342]
)
def test_new_passwords_that_do_not_do(password: str) -> None:
    with pytest.raises(ConfigurationError):
        check_new_password(password)


@pytest.mark.parametrize("password", ["a" * 15, "a" * 1024, " " * 15, "\u4e2d" * 341])
def test_new_passwords_that_do(password: str) -> None:
    check_new_password(password)
