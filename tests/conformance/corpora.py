"""The corpora: where each comes from, how many of its vectors are run, and where we differ from what it says.

The counts are those of the files that the runners in ``tests/vectors`` read; that each vector ends as it should is
theirs to hold.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from tests.vectors import test_jose_cookbook as cookbook
from tests.vectors import test_paserk_all as paserk
from tests.vectors import test_paseto_all as paseto
from tests.vectors import test_rfc_examples as rfc
from tests.vectors import test_wycheproof_jose as jose
from tests.vectors import test_wycheproof_keys as primitives
from tests.vectors import test_xchacha20_poly1305 as xchacha
from tests.vectors.corpus import FOLDER, committed, grouped, published


class Origin(NamedTuple):
    repository: str
    commit: str
    date: str
    licence: str


STANDARD: Final = Origin(
    "paseto-standard/test-vectors", "32d7406591eb022f9eff88abb84106dd9d42c0f2", "2024-04-28", "ISC"
)
WYCHEPROOF: Final = Origin("C2SP/wycheproof", "dac1dd4729fd1f8dd9e1e9f3dce51d783da6c166", "2026-08-18", "Apache-2.0")
COOKBOOK: Final = Origin("ietf-jose/cookbook", "13692b68bfc18b99557a5b1ed311fd5077bfff04", "2016-11-12", "Unlicense")
RFCS: Final = Origin("the RFCs; files of latchset/jose", "b58fdb1", "2025-09-30", "Apache-2.0")
OURS: Final = Origin("this repository", "–", "–", "Apache-2.0")
ORIGINS: Final = (STANDARD, WYCHEPROOF, COOKBOOK, RFCS)


class Corpus(NamedTuple):
    name: str
    origin: Origin
    runner: str
    run: int
    differs: Mapping[str, int]
    """Reason -> how many vectors end otherwise than upstream says."""
    notes: tuple[str, ...] = ()

    @property
    def as_upstream(self) -> int:
        return self.run - sum(self.differs.values())


def corpora() -> list[Corpus]:
    return [*_paseto(), *_jose(), *_primitives(), *_examples()]


def _paseto() -> Iterator[Corpus]:
    yield Corpus(
        "PASETO v1 to v4",
        STANDARD,
        "test_paseto_all.py",
        len(paseto.VECTORS),
        {},
        ("v1 and v2 are read only, so they are not written again",),
    )
    text = sum(
        one["type"] in ("public", "pid") and paserk.no_key(one) for one in paserk.VECTORS if not one["expect-fail"]
    )
    yield Corpus(
        "PASERK k1 to k4, every type",
        STANDARD,
        "test_paserk_all.py",
        len(paserk.VECTORS),
        {"k1.seal is refused: raw RSA cannot be done here without a timing channel": len(paserk.K1_SEAL)},
        (
            f"{text} public keys and ids are read and written as upstream says, and no Key is made of them: their "
            "points are not on the curve, or of small order",
        ),
    )
    keys = committed("paseto-keys.json")
    yield Corpus("the PASETO key document", OURS, "test_paseto_keys.py", len(keys["read"]) + len(keys["raw"]), {})


def _jose() -> Iterator[Corpus]:
    by_name = Counter(jose.SEALED_BY_NAME.values())
    yield Corpus(
        "JSON Web Signature",
        WYCHEPROOF,
        "test_wycheproof_jose.py",
        len(jose.SIGNED),
        Counter(jose.SIGNED_EXCEPTIONS.values()),
        (f"{len(jose.UNBOUND)} of these verify when the key's wrong `alg` is put right",),
    )
    yield Corpus(
        "JSON Web Encryption",
        WYCHEPROOF,
        "test_wycheproof_jose.py",
        len(jose.SEALED),
        {},
        (
            f"{by_name['RSA1_5']} with RSA1_5 and {by_name['zip']} with `zip` are opened only where "
            "`watchword.insecure` allows that by name",
        ),
    )
    yield Corpus("JSON Web Key sets", WYCHEPROOF, "test_wycheproof_jose.py", len(jose.SETS), {})


def _primitives() -> Iterator[Corpus]:
    for name, (count, _) in primitives.ROWS.items():
        outside, open_to = primitives.EXCEPTIONS.get(name), primitives.ACCEPTABLE.get(name)
        notes = ["through libsodium (PyNaCl) and through OpenSSL, each vector"] if name == "ed25519" else []
        if open_to:
            left = sum(vector["result"] == "acceptable" for _, vector in grouped(f"{name}_test.json"))
            notes.append(f"upstream leaves {left} open, and {open_to[0]} of them are accepted: {open_to[1]}")
        differs = {f"refused: {outside.why}": outside.size} if outside else {}
        yield Corpus(name, WYCHEPROOF, "test_wycheproof_keys.py", count, differs, tuple(notes))
    other = published("wycheproof/xchacha20_poly1305_test.json").get("numberOfTests", 0) - len(xchacha.VECTORS)
    yield Corpus(
        "xchacha20_poly1305",
        WYCHEPROOF,
        "test_xchacha20_poly1305.py",
        len(xchacha.VECTORS),
        {},
        (f"{other} more have nonces of other sizes, which nothing here can hand in",) if other else (),
    )


def _examples() -> Iterator[Corpus]:
    forms = len(cookbook.NAMED) - len(cookbook.SIGNED) - len(cookbook.SEALED)
    yield Corpus(
        "JOSE cookbook: RFC 7520, 8037, 7797",
        COOKBOOK,
        "test_jose_cookbook.py",
        sum(cookbook.COUNTS.values()),
        {"JSON serializations alone: refused, for tokens are compact": forms},
        (
            f"{len(cookbook.SIGNED)} signatures and {len(cookbook.SEALED)} sealed texts have a compact form; "
            "RSA1_5, PBES2 and `zip` by name",
        ),
    )
    folder = FOLDER / "rfc-examples"
    files = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    later = sum(name.startswith("rfc9449") for name in files)
    yield Corpus(
        "RFC 7515, 7517, 7518, 7638, 9964: examples, by file",
        RFCS,
        "test_rfc_examples.py",
        len(files) - later,
        {"JSON serializations: refused; their signatures verify one by one": 2, "`alg: none`: refused": 1},
        tuple(
            [f"RFC 7515 {', '.join(rfc.RFC_7515)} are signed again"] + ([f"{later} of RFC 9449 wait"] if later else [])
        ),
    )
