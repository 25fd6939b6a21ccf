"""T37 to T40: keys as text, under a password, under a key, sealed."""

from collections.abc import Iterator
from hashlib import blake2b
from typing import Any, Final

from tests.hostile.version_rows import ALLOW, LOCAL, OLD_LOCAL, ORDER, PAIR, SEED, Case, calling, refused
from watchword.crypto import sealing, wrapping
from watchword.crypto.encryption import xchacha20
from watchword.crypto.material import raw_public
from watchword.crypto.raw_keys import RAW
from watchword.crypto.wrapping import PasswordCost
from watchword.encoding import b64url, unb64url
from watchword.errors import (
    ConfigurationError,
    KeyUseError,
    SealError,
    WatchwordError,
    WeakKeyError,
)
from watchword.keys.key import Key


def paserks() -> Iterator[Case]:
    """T37: one spelling, right sizes, halves that belong together, usable points and numbers."""
    seed = SEED[:32]
    scalar = RAW["v3.public"].write_secret(PAIR[3]._private)
    point = RAW["v3.public"].write_public(PAIR[3]._public)
    bad: dict[str, tuple[str, type[WatchwordError]]] = {
        "no prefix": ("local." + b64url(bytes(32)), ConfigurationError),
        "v instead of k": ("v4.local." + b64url(bytes(32)), ConfigurationError),
        "k5": ("k5.local." + b64url(bytes(32)), ConfigurationError),
        "upper case": ("K4.local." + b64url(bytes(32)), ConfigurationError),
        "unknown type": ("k4.key." + b64url(bytes(32)), ConfigurationError),
        "padding": ("k4.local." + b64url(bytes(32)) + "=", ConfigurationError),
        "spare bits": ("k4.local." + b64url(bytes(32))[:-1] + "B", ConfigurationError),
        "a fourth part": ("k4.local." + b64url(bytes(32)) + ".", ConfigurationError),
        "white space": ("k4.local." + b64url(bytes(32)) + "\n", ConfigurationError),
        "halves mismatch": ("k4.secret." + b64url(seed + bytes(32)), ConfigurationError),
        "secret is a seed": ("k4.secret." + b64url(seed), ConfigurationError),
        "all-zero Ed25519": ("k4.public." + b64url(bytes(32)), WeakKeyError),
        "y = 1": ("k4.public." + b64url(b"\1" + bytes(31)), WeakKeyError),
        "y = 2, off the curve": ("k4.public." + b64url(b"\2" + bytes(31)), WeakKeyError),
        "y = p": ("k4.public." + b64url((2**255 - 19).to_bytes(32, "little")), WeakKeyError),
        "P-384 off the curve": ("k3.public." + b64url(b"\2" + b"\xff" * 48), ConfigurationError),
        "P-384 of 0x04": ("k3.public." + b64url(b"\4" + point[1:]), ConfigurationError),
        "P-384 of 0x00": ("k3.public." + b64url(b"\0" + point[1:]), ConfigurationError),
        "scalar 0": ("k3.secret." + b64url(bytes(48)), ConfigurationError),
        "scalar n": ("k3.secret." + b64url(ORDER.to_bytes(48, "big")), ConfigurationError),
        "scalar 2^384-1": ("k3.secret." + b64url(b"\xff" * 48), ConfigurationError),
        "scalar of 47 bytes": ("k3.secret." + b64url(scalar[1:]), ConfigurationError),
        "an id (lid)": (LOCAL[4].kid, ConfigurationError),
        "an id (pid)": (PAIR[3].kid, ConfigurationError),
        "an id (sid)": (PAIR[4].paserk_id(private=True), ConfigurationError),
        "5,000 characters": ("k4.local." + "A" * 5000, ConfigurationError),
        "no ASCII": ("k4.local." + "é" * 43, ConfigurationError),
    }
    for version, part in ((4, "local"), (3, "local"), (4, "public"), (3, "public"), (4, "secret"), (3, "secret")):
        size = {"local": 32, "public": 32 if version == 4 else 49, "secret": 64 if version == 4 else 48}[part]
        for wrong in (0, 1, size - 1, size + 1, 2 * size):
            bad[f"k{version}.{part} of {wrong} bytes"] = (
                f"k{version}.{part}.{b64url(bytes(wrong))}",
                ConfigurationError,
            )
    for what, (text, error) in bad.items():
        yield refused("T37", what, calling(Key.from_paserk, text), error)
    for other in (b"k4.local." + b64url(bytes(32)).encode(), None, 4, LOCAL[4]):
        yield refused("T37", f"a {type(other).__name__}", calling(Key.from_paserk, other), ConfigurationError)
    for key in (*LOCAL.values(), *PAIR.values()):
        text = key.to_paserk(private=True)
        for name in ("v1.local", "v2.public", "v3.local", "v3.public", "v4.local", "v4.public", "Ed25519", "none"):
            if name != key.algorithm.name:
                what = f"a {key.algorithm.name} key wanted as {name}"
                yield refused("T37", what, calling(Key.from_paserk, text, algorithm=name), KeyUseError)


def costs() -> Iterator[Case]:
    """T38: work is refused before it is done (``no_hashing`` sees to that)."""
    argon = wrapping._BLAKE.cost.pack
    for what, cost in {
        "memory 2^40": argon(2**40, 3, 1),
        "memory 2^63": argon(2**63, 3, 1),
        "memory 257 MiB": argon(257 << 20, 3, 1),
        "memory 0": argon(0, 3, 1),
        "memory 7 KiB": argon(7 << 10, 3, 1),
        "memory odd": argon((64 << 20) + 1, 3, 1),
        "memory 8 KiB for 4 lanes": argon(8 << 10, 3, 4),
        "passes 0": argon(64 << 20, 0, 1),
        "passes 9": argon(64 << 20, 9, 1),
        "passes 2^31": argon(64 << 20, 2**31, 1),
        "lanes 0": argon(64 << 20, 3, 0),
        "lanes 5": argon(64 << 20, 3, 5),
        "lanes 2^16": argon(64 << 20, 3, 2**16),
    }.items():
        text = "k4.local-pw." + b64url(bytes(16) + cost + bytes(24 + 32 + 32))
        call = calling(Key.from_paserk, text, password=b"p")
        yield refused("T38", what, call, ConfigurationError)
    for count in (0, 1_000_001, 2**31, 2**32 - 1):
        text = "k3.local-pw." + b64url(bytes(32) + count.to_bytes(4, "big") + bytes(16 + 32 + 48))
        call = calling(Key.from_paserk, text, password=b"p")
        yield refused("T38", f"{count} iterations", call, ConfigurationError)
    small = "k4.local-pw." + b64url(bytes(16) + argon(64 << 20, 3, 1) + bytes(24 + 32 + 32))
    least = PasswordCost(memory=32 << 20)
    call = calling(Key.from_paserk, small, password=b"p", at_most=least)
    yield refused("T38", "more than at_most", call, ConfigurationError)
    for empty in (b"", "", "p"):
        call = calling(Key.from_paserk, small, password=empty)
        yield refused("T38", f"password {empty!r}, reading", call, ConfigurationError)
        call = calling(LOCAL[4].to_paserk, password=empty)
        yield refused("T38", f"password {empty!r}, writing", call, ConfigurationError)
    huge = PasswordCost(memory=1 << 40)
    yield refused("T38", "writing 1 TiB", calling(LOCAL[4].to_paserk, password=b"p", cost=huge), ConfigurationError)


def wraps() -> Iterator[Case]:
    """T39: the part that the header says, the version of the wrapping key, the tag before anything else."""
    for version in (3, 4):
        key, own, pair = Key.generate(f"v{version}.local"), LOCAL[version], PAIR[version]
        local, secret = own.to_paserk(wrapping_key=key), pair.to_paserk(wrapping_key=key)
        tag = 48 if version == 3 else 32
        head = f"k{version}.local-wrap.pie."
        pie = wrapping.pie_wrap
        cases: dict[str, tuple[str, Any, type[WatchwordError]]] = {
            "local as secret": (local.replace("local-wrap", "secret-wrap"), key, SealError),
            "secret as local": (secret.replace("secret-wrap", "local-wrap"), key, SealError),
            "another key": (local, Key.generate(f"v{version}.local"), SealError),
            "the other version's key": (local, LOCAL[7 - version], KeyUseError),
            "a key pair": (local, pair, KeyUseError),
            "a bare secret": (local, key.secret_bytes(), KeyUseError),
            "an old key": (local, OLD_LOCAL[2], KeyUseError),
            "no key": (local, None, ConfigurationError),
            "another prefix": (local.replace(".pie.", ".xyz."), key, ConfigurationError),
            "no prefix": (local.replace("-wrap.pie.", "-wrap."), key, ConfigurationError),
            "too short": (head + b64url(bytes(tag + 31)), key, ConfigurationError),
            "empty": (head, key, ConfigurationError),
            "31 bytes inside": (head + b64url(pie(head, key.secret_bytes(), bytes(31))), key, ConfigurationError),
            "33 bytes inside": (head + b64url(pie(head, key.secret_bytes(), bytes(33))), key, ConfigurationError),
            "nothing inside": (head + b64url(pie(head, key.secret_bytes(), b"")), key, ConfigurationError),
            "the other version's text": (f"k{7 - version}" + local[2:], LOCAL[7 - version], SealError),
        }
        raw = unb64url(local.rpartition(".")[2].encode())
        for at in (0, tag - 1, tag, tag + 31, tag + 32, len(raw) - 1):
            changed = raw[:at] + bytes((raw[at] ^ 1,)) + raw[at + 1 :]
            cases[f"byte {at} changed"] = (head + b64url(changed), key, SealError)
        for what, (text, lock, error) in cases.items():
            call = calling(Key.from_paserk, text, wrapping_key=lock)
            yield refused("T39", f"k{version}: {what}", call, error)
        plain = own.to_paserk(private=True)
        call = calling(Key.from_paserk, plain, wrapping_key=key)
        yield refused("T39", f"k{version}: a lock for what is not locked", call, ConfigurationError)
        call = calling(Key.from_paserk, local, wrapping_key=key, password=b"p")
        yield refused("T39", f"k{version}: two locks", call, ConfigurationError)
        call = calling(own.to_paserk, wrapping_key=key, password=b"p")
        yield refused("T39", f"k{version}: two locks, writing", call, ConfigurationError)
        call = calling(pair.public().to_paserk, wrapping_key=key)
        yield refused("T39", f"k{version}: a public key wrapped", call, KeyUseError)


NO_P384_POINTS: Final = (bytes(49), b"\4" + bytes(48), b"\2" + b"\xff" * 48)
SMALL_ORDER_U: Final = (
    *(number.to_bytes(32, "little") for number in (0, 1, 2**255 - 20, 2**255 - 19, 2**255 - 18, 2**255)),
    bytes.fromhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
    bytes.fromhex("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"),
)


def seals() -> Iterator[Case]:
    """T40: for one key, with a sound ephemeral key; and never k1."""
    for version in (3, 4):
        own, pair = LOCAL[version], PAIR[version]
        text = own.to_paserk(sealing_key=pair.public())
        head, tag, point = f"k{version}.seal.", 48 if version == 3 else 32, 49 if version == 3 else 32
        raw = unb64url(text.removeprefix(head).encode())
        cases: dict[str, tuple[str, Any, type[WatchwordError]]] = {
            "another pair": (text, Key.generate(f"v{version}.public"), SealError),
            "the other version's pair": (text, PAIR[7 - version], KeyUseError),
            "the public half": (text, pair.public(), KeyUseError),
            "a local key": (text, own, KeyUseError),
            "bytes": (text, b"x" * 32, KeyUseError),
            "too short": (head + b64url(raw[:-1]), pair, ConfigurationError),
            "too long": (head + b64url(raw + b"x"), pair, ConfigurationError),
            "empty": (head, pair, ConfigurationError),
        }
        for at in (0, tag - 1, tag + point, len(raw) - 1):
            changed = raw[:at] + bytes((raw[at] ^ 1,)) + raw[at + 1 :]
            cases[f"byte {at} changed"] = (head + b64url(changed), pair, SealError)
        bad_points = NO_P384_POINTS if version == 3 else SMALL_ORDER_U
        for number, bad in enumerate(bad_points):
            cases[f"ephemeral {number} of small order or off the curve"] = (
                head + b64url(raw[:tag] + bad + raw[tag + point :]),
                pair,
                SealError,
            )
        for what, (sealed, lock, error) in cases.items():
            call = calling(Key.from_paserk, sealed, sealing_key=lock)
            yield refused("T40", f"k{version}: {what}", call, error)
        call = calling(pair.to_paserk, sealing_key=Key.generate(pair.algorithm.name))
        yield refused("T40", f"k{version}: a key pair sealed", call, KeyUseError)
    public = raw_public(sealing.montgomery(PAIR[4]._public))
    for number, small in enumerate(SMALL_ORDER_U):  # with the shared secret zero, anybody can make the tag
        cipher_key, tag_key, nonce = sealing._x25519_keys(b"k4.seal.", bytes(32), small, public)
        forged = small + xchacha20(cipher_key, nonce, bytes(32))
        mac = blake2b(b"k4.seal." + forged, key=tag_key, digest_size=32).digest()
        call = calling(Key.from_paserk, "k4.seal." + b64url(mac + forged), sealing_key=PAIR[4])
        yield refused("T40", f"k4: forged with ephemeral {number}, shared secret zero", call, SealError)
    k1 = "k1.seal." + b64url(bytes(48 + 32 + 512))
    yield refused("T40", "k1.seal", calling(Key.from_paserk, k1, sealing_key=PAIR[4], allow=ALLOW), KeyUseError)
    yield refused("T40", "k1.seal without the danger", calling(Key.from_paserk, k1, sealing_key=PAIR[4]), KeyUseError)


def cases() -> Iterator[Case]:
    for table in (paserks, costs, wraps, seals):
        yield from table()
