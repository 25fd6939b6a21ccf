"""PyJWT is the oracle: the same calls go to both, and where they differ DIFFERENCES says so and why."""

from __future__ import annotations

import base64
import json
import time
import warnings
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt as theirs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watchword.compat import pyjwt as ours
from watchword.encoding import b64url
from watchword.errors import ConfigurationError, WatchwordError
from watchword.keys.key import Key

NOW = int(time.time())
SECRET = "a secret of at least thirty-two bytes, and then of sixty-four as well."
KEYS = {
    name: Key.generate(name) for name in ("RS256", "PS256", "ES256", "ES384", "ES512", "ES256K", "Ed25519", "Ed448")
}
HS256 = Key.from_jwk({"kty": "oct", "k": b64url(SECRET.encode()), "alg": "HS256"})
PEM = {name: key.to_pem() for name, key in KEYS.items()}
PUBLIC = {name: key.public().to_pem() for name, key in KEYS.items()}
ALGORITHMS = [
    *((name, SECRET, SECRET) for name in ("HS256", "HS384", "HS512")),
    *(("EdDSA" if name.startswith("Ed") else name, PEM[name], PUBLIC[name]) for name in KEYS),
]
EACH = pytest.mark.parametrize(("algorithm", "private", "public"), ALGORITHMS, ids=["HS256", "HS384", "HS512", *KEYS])
CLAIMS: dict[str, Any] = {
    "iss": "https://id.example",
    "sub": "user-7",
    "aud": "api",
    "exp": NOW + 86_400,
    "iat": NOW - 5,
    "x": "é",
}
FOR_US: dict[str, Any] = {"audience": "api", "issuer": "https://id.example"}


def outcome(library: Any, name: str, *args: Any, **options: Any) -> Any:
    """What a call returns, or the name of what it raises."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return getattr(library, name)(*args, **options)
        except Exception as error:  # noqa: BLE001  # the names are compared
            return type(error).__name__


def alike(name: str, *args: Any, **options: Any) -> Any:
    mine = outcome(ours, name, *args, **options)
    assert mine == outcome(theirs, name, *args, **options)
    return mine


@EACH
def test_each_reads_what_the_other_wrote(algorithm: str, private: Any, public: Any) -> None:
    for writer, reader in ((ours, theirs), (theirs, ours)):
        token = writer.encode(CLAIMS, private, algorithm=algorithm, headers={"kid": "k1"})
        assert reader.decode(token, public, algorithms=[algorithm], **FOR_US) == CLAIMS
        assert reader.get_unverified_header(token) == {"alg": algorithm, "typ": "JWT", "kid": "k1"}
        complete = reader.decode_complete(token, public, algorithms=[algorithm], **FOR_US)
        assert complete == writer.decode_complete(token.encode(), public, algorithms=[algorithm], **FOR_US)


@pytest.mark.parametrize(
    ("algorithm", "key"),
    [("HS256", SECRET), ("HS512", SECRET.encode()), ("RS256", PEM["RS256"].decode()), ("EdDSA", PEM["Ed25519"])],
)
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"headers": {"kid": "k1", "x": 1}},
        {"headers": {"typ": "at+jwt"}},
        {"headers": {"typ": None}},
        {"headers": {"b": 1, "a": 2}, "sort_headers": False},
    ],
)
def test_tokens_are_the_same_byte_for_byte(algorithm: str, key: Any, options: dict[str, Any]) -> None:
    claims = CLAIMS | {"exp": datetime.now(UTC) + timedelta(hours=1), "nbf": datetime(2026, 1, 1, tzinfo=UTC)}
    assert "." in alike("encode", claims, key, algorithm=algorithm, **options)


CLAIM_CASES: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({}, {}),
    ({}, {"audience": None}),
    ({}, {"audience": "other"}),
    ({}, {"audience": ["other", "api"]}),
    ({}, {"audience": []}),
    ({"aud": ["api", "b"]}, {}),
    ({"aud": ["a", "b"]}, {}),
    ({"aud": []}, {}),
    ({"aud": []}, {"audience": None}),
    ({"aud": None}, {}),
    ({"aud": 7}, {}),
    ({"aud": ["api", 7]}, {}),
    ({"aud": {"api": 1}}, {}),
    ({"aud": ["api"]}, {"options": {"strict_aud": True}}),
    ({}, {"options": {"strict_aud": True}}),
    ({}, {"options": {"strict_aud": True}, "audience": ["api"]}),
    ({"aud": "x"}, {"options": {"strict_aud": True}}),
    ({"aud": "other"}, {"options": {"verify_aud": False}}),
    ({}, {"issuer": "https://other.example"}),
    ({}, {"issuer": ["https://id.example", "b"]}),
    ({}, {"issuer": {"b"}}),
    ({}, {"issuer": None}),
    ({"iss": None}, {}),
    ({"iss": 7}, {}),
    ({"iss": "x"}, {"options": {"verify_iss": False}}),
    ({}, {"subject": "user-7"}),
    ({}, {"subject": "user-8"}),
    ({"sub": None}, {"subject": "user-8"}),
    ({"sub": 7}, {}),
    ({"sub": 7}, {"options": {"verify_sub": False}}),
    ({"jti": "a"}, {}),
    ({"jti": 7}, {}),
    ({"jti": 7}, {"options": {"verify_jti": False}}),
    ({"exp": NOW - 5}, {}),
    ({"exp": NOW - 5}, {"leeway": 60}),
    ({"exp": NOW - 5}, {"leeway": timedelta(minutes=1)}),
    ({"exp": NOW - 5}, {"options": {"verify_exp": False}}),
    ({"exp": NOW + 86_400.5}, {}),
    ({"exp": "soon"}, {}),
    ({"exp": None}, {}),
    ({"exp": []}, {}),
    ({"exp": NOW - 100, "aud": "other"}, {}),
    ({"nbf": NOW + 100}, {}),
    ({"nbf": NOW + 100}, {"leeway": 200}),
    ({"nbf": NOW + 100}, {"options": {"verify_nbf": False}}),
    ({"nbf": "x"}, {}),
    ({"iat": NOW + 100}, {}),
    ({"iat": NOW + 100}, {"options": {"verify_iat": False}}),
    ({"iat": "x"}, {}),
    ({"iat": NOW + 100, "exp": NOW - 100}, {}),
    ({}, {"options": {"require": ["exp", "iat", "sub"]}}),
    ({}, {"options": {"require": ["jti"]}}),
    ({"jti": None}, {"options": {"require": ["jti"]}}),
    ({"nested": {"a": [1, 2, {"b": None}]}}, {}),
]


@pytest.mark.parametrize(("change", "options"), CLAIM_CASES)
def test_claims_are_judged_alike(change: dict[str, Any], options: dict[str, Any]) -> None:
    claims = {
        name: value
        for name, value in (CLAIMS | change).items()
        if value is not None or name in ("exp", "jti", "aud", "sub")
    }
    if change.get("iss", "") is None:
        claims.pop("iss", None)
    message = ".".join(
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()
        for part in ({"alg": "HS256", "typ": "JWT"}, claims)
    )
    signature = Key.from_jwk(
        {"kty": "oct", "k": base64.urlsafe_b64encode(SECRET.encode()).rstrip(b"=").decode(), "alg": "HS256"}
    ).sign(message.encode())
    token = f"{message}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"
    alike("decode", token, SECRET, algorithms=["HS256"], **(FOR_US | options))


GOOD = theirs.encode(CLAIMS, SECRET, algorithm="HS256")


@pytest.mark.parametrize(
    ("token", "key", "algorithms"),
    [
        (GOOD, SECRET, None),
        (GOOD, SECRET, []),
        (GOOD, SECRET, ["HS384"]),
        (GOOD, SECRET + "x", ["HS256"]),
        (GOOD, "", ["HS256"]),
        (GOOD, PUBLIC["RS256"], ["HS256"]),
        (GOOD, PUBLIC["ES256"].decode(), ["HS256"]),
        (GOOD, json.dumps(KEYS["ES256"].public().to_jwk()), ["HS256"]),
        (GOOD, base64.b64decode(b"".join(PUBLIC["RS256"].splitlines()[1:-1])), ["HS256"]),
        (GOOD, base64.b64decode(b"".join(PUBLIC["ES256"].splitlines()[1:-1])), ["HS256"]),
        (GOOD, "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB" + "A" * 40, ["HS256"]),
        (GOOD[:-2] + ("AA" if not GOOD.endswith("AA") else "BB"), SECRET, ["HS256"]),
        (GOOD + ".x", SECRET, ["HS256"]),
        (GOOD.rpartition(".")[0], SECRET, ["HS256"]),
        ("", SECRET, ["HS256"]),
        ("a.b.c", SECRET, ["HS256"]),
        (GOOD.replace("eyJ", "ey!"), SECRET, ["HS256"]),
        (theirs.encode(CLAIMS, PEM["RS256"], algorithm="RS256"), PUBLIC["PS256"], ["RS256"]),
        (theirs.encode(CLAIMS, PEM["RS256"], algorithm="RS256"), PUBLIC["ES256"], ["RS256"]),
        (theirs.encode(CLAIMS, PEM["RS256"], algorithm="RS256"), "not a key", ["RS256"]),
        (theirs.encode(CLAIMS, PEM["ES256"], algorithm="ES256"), PUBLIC["ES256"], ["RS256", "ES256"]),
        (theirs.encode(CLAIMS, PEM["ES256"], algorithm="ES256"), PUBLIC["ES256"], ["RS256"]),
    ],
)
def test_keys_and_signatures_are_judged_alike(token: Any, key: Any, algorithms: Any) -> None:
    alike("decode", token, key, algorithms=algorithms, **FOR_US)


@pytest.mark.parametrize(
    ("payload", "key", "algorithm"),
    [
        ("text", SECRET, "HS256"),
        ([], SECRET, "HS256"),
        ({"iss": 7}, SECRET, "HS256"),
        ({}, PEM["RS256"], "HS256"),
        ({}, "", "HS256"),
        ({}, PUBLIC["RS256"], "HS256"),
    ],
)
def test_what_is_not_written(payload: Any, key: Any, algorithm: str) -> None:
    assert isinstance(alike("encode", payload, key, algorithm=algorithm), str)


DIFFERENCES: dict[str, tuple[str, tuple[Any, ...], dict[str, Any], str]] = {
    "a token without a signature is malformed": (
        "decode",
        (theirs.encode(CLAIMS, "", algorithm="none"), SECRET, ["HS256"]),
        FOR_US,
        "DecodeError",
    ),
    "a secret shorter than its hash is refused, not warned about": (
        "encode",
        ({}, "short", "HS256"),
        {},
        "InvalidKeyError",
    ),
    "none is refused": ("encode", ({}, None, None), {}, "InvalidAlgorithmError"),
    "claims are not read unverified": (
        "decode",
        (GOOD, ""),
        {"options": {"verify_signature": False}},
        "ConfigurationError",
    ),
    "an unknown option is an error": (
        "decode",
        (GOOD, SECRET, ["HS256"]),
        {"options": {"verify_expp": False}, **FOR_US},
        "ConfigurationError",
    ),
    "algorithms is a list": ("decode", (GOOD, SECRET, "HS256"), FOR_US, "DecodeError"),
    "one key is not for HS256 and RS256": (
        "decode",
        (GOOD, SECRET, ["HS256", "RS256"]),
        FOR_US,
        "InvalidAlgorithmError",
    ),
    "a time is a number": (
        "decode",
        (theirs.encode(CLAIMS | {"exp": str(NOW + 86_400)}, SECRET), SECRET, ["HS256"]),
        FOR_US,
        "DecodeError",
    ),
    "base64url has no padding": ("decode", (GOOD + "=", SECRET, ["HS256"]), FOR_US, "DecodeError"),
    "at most 16 KiB": (
        "decode",
        (theirs.encode(CLAIMS | {"x": "x" * 20000}, SECRET), SECRET, ["HS256"]),
        FOR_US,
        "DecodeError",
    ),
    "a header brings no key": (
        "decode",
        (theirs.encode(CLAIMS, SECRET, headers={"jwk": {}}), SECRET, ["HS256"]),
        FOR_US,
        "DecodeError",
    ),
    "NaN is not JSON": ("encode", ({"x": float("nan")}, SECRET), {}, "ValueError"),
    "a header that would not be read is not written": (
        "encode",
        ({}, SECRET),
        {"headers": {"jku": "https://x.example"}},
        "ValueError",
    ),
    "JSON nests at most 8 deep": (
        "decode",
        (theirs.encode(CLAIMS | {"x": [[[[[[[[1]]]]]]]]}, SECRET), SECRET, ["HS256"]),
        FOR_US,
        "DecodeError",
    ),
}


@pytest.mark.parametrize("why", DIFFERENCES)
def test_the_differences_that_are_meant(why: str) -> None:
    name, args, options, error = DIFFERENCES[why]
    mine, other = outcome(ours, name, *args, **options), outcome(theirs, name, *args, **options)
    assert mine == error
    assert other != mine


def test_every_name_that_code_catches_is_there() -> None:
    for name in ours.__all__:
        assert hasattr(theirs, name) or name in ("InvalidSubjectError", "InvalidJTIError")
        mine = getattr(ours, name)
        if isinstance(mine, type):
            other = getattr(theirs, name, None) or getattr(theirs.exceptions, name)
            names = {one.__name__ for one in other.__mro__} - {"object", "BaseException", "Exception"}
            assert names <= {one.__name__ for one in mine.__mro__}
            assert issubclass(mine, WatchwordError)


def test_key_objects_of_ours_and_of_cryptography() -> None:
    token = ours.encode(CLAIMS, KEYS["ES256"], algorithm="ES256")
    for key in (KEYS["ES256"], KEYS["ES256"].public(), KEYS["ES256"]._public, KEYS["ES256"]._private):
        assert ours.decode(token, key, algorithms=["ES256"], **FOR_US) == CLAIMS
    with pytest.raises(ours.InvalidKeyError):
        ours.decode(token, KEYS["Ed25519"], algorithms=["ES256"], **FOR_US)
    with pytest.raises(ours.InvalidKeyError):
        ours.encode(CLAIMS, KEYS["ES256"].public(), algorithm="ES256")
    for nonsense in (None, 7, object()):
        with pytest.raises(ours.InvalidKeyError):
            ours.decode(token, nonsense, algorithms=["ES256"], **FOR_US)


def test_a_private_key_verifies_as_well() -> None:
    token = theirs.encode(CLAIMS, PEM["RS256"], algorithm="RS256")
    assert ours.decode(token, PEM["RS256"], algorithms=["RS256"], **FOR_US) == CLAIMS


def test_a_secret_that_only_looks_like_something_else_is_one() -> None:
    for secret in (b"{" + b"x" * 40, b"[" + b"x" * 40, b"0" + b"x" * 40, b"0\x82" + bytes(40)):
        assert ours.decode(ours.encode({}, secret), secret, algorithms=["HS256"]) == {}


def test_the_missing_claim_is_named() -> None:
    with pytest.raises(ours.MissingRequiredClaimError) as raised:
        ours.decode(GOOD, SECRET, algorithms=["HS256"], options={"require": ["jti"]}, **FOR_US)
    assert raised.value.claim == "jti"
    with pytest.raises(ConfigurationError):
        ours.decode(GOOD, SECRET, algorithms=["HS256"], options={"verify_signature": False})


@given(st.text() | st.binary())
def test_nonsense_is_refused(untrusted: Any) -> None:
    with pytest.raises(ours.InvalidTokenError):
        ours.decode(untrusted, SECRET, algorithms=["HS256"])
    with pytest.raises(ours.DecodeError):
        ours.get_unverified_header(untrusted)


PUBLIC_TEXT = PUBLIC["RS256"].decode()
PUBLIC_DER = base64.b64decode("".join(PUBLIC_TEXT.splitlines()[1:-1]))
PUBLIC_JWK = json.dumps(KEYS["RS256"].public().to_jwk())
NO_SECRETS: dict[str, tuple[str | bytes, bool]] = {
    "a byte order mark before PEM": ("\ufeff" + PUBLIC_TEXT, True),
    "a comment before PEM": ("our key:\n" + PUBLIC_TEXT, True),
    "PEM in quotes": (f'"{PUBLIC_TEXT}"', True),
    "PEM in one line": (PUBLIC_TEXT.replace("\n", "\\n"), True),
    "a hard space before PEM": ("\u00a0" + PUBLIC_TEXT, True),
    "NUL before PEM": ("\0" + PUBLIC_TEXT, True),
    "a byte order mark before a JWK": ("\ufeff" + PUBLIC_JWK, True),
    "a JWK with an escape": (PUBLIC_JWK.replace('"kty"', '"\\u006bty"'), True),
    "a JWK Set": (f'{{"keys": [{PUBLIC_JWK}]}}', True),
    "DER and a line end": (PUBLIC_DER + b"\n", False),
    "base64 of DER": (base64.b64encode(PUBLIC_DER), False),
    "base64 of DER in lines": (base64.encodebytes(PUBLIC_DER), False),
    "base64url of DER": (base64.urlsafe_b64encode(PUBLIC_DER).rstrip(b"="), False),
    "SSH with options": ("no-pty ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB" + "A" * 40, False),
    "SSH2": ("---- BEGIN SSH2 PUBLIC KEY ----\n" + "A" * 64, False),
    "a public PASERK": (Key.generate("v4.public").to_paserk(), False),
}


@pytest.mark.parametrize(("key", "they_know"), NO_SECRETS.values(), ids=NO_SECRETS)
def test_a_public_key_is_no_secret_however_it_is_wrapped(key: str | bytes, they_know: bool) -> None:
    """T2: what anybody may know, would let anybody sign. PyJWT refuses the first nine."""
    assert outcome(ours, "encode", {}, key, algorithm="HS256") == "InvalidKeyError"
    assert outcome(ours, "decode", GOOD, key, algorithms=["HS256"], **FOR_US) == "InvalidKeyError"
    assert (outcome(theirs, "encode", {}, key, algorithm="HS256") == "InvalidKeyError") is they_know


@pytest.mark.parametrize("key", [bytes(range(64)), "0" * 64, base64.b64encode(b"0" * 48), "{" + "x" * 64, "[" * 40000])
def test_secrets_that_look_odd(key: str | bytes) -> None:
    if len(key) < 1000:
        assert ours.decode(ours.encode(CLAIMS, key), key, algorithms=["HS256"], **FOR_US) == CLAIMS
    else:
        assert outcome(ours, "encode", {}, key) == "InvalidKeyError"


@pytest.mark.parametrize(
    "key", [None, 7, {}, ["x"], object(), "\ud800" * 40, theirs.PyJWK(KEYS["RS256"].public().to_jwk())]
)
def test_keys_of_other_sorts_are_refused_by_name(key: Any) -> None:
    with pytest.raises(ours.InvalidKeyError):
        ours.encode({}, key, algorithm="RS256")


@pytest.mark.parametrize("headers", [{"typ": 5}, {"enc": "A256GCM"}, {"epk": {}}, {"cty": "JWT"}, {"zip": "DEF"}])
def test_headers_that_would_not_be_read_are_not_written(headers: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"typ is text|not written"):
        ours.encode({}, SECRET, headers=headers)


_TIMES: st.SearchStrategy[Any] = st.sampled_from([NOW - 500, NOW + 500, NOW + 500.5, "x", True, None, [], -1, 0, 1e20])
_ODD: st.SearchStrategy[Any] = st.sampled_from([None, 5, [], "", {"a": 1}])
ANY_CLAIMS = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(("exp", "nbf", "iat"), _TIMES),
        "aud": _ODD | st.sampled_from(["api", "other", ["api"], ["a", "api"], [5], ["api", 5]]),
        "iss": _ODD | st.sampled_from(["https://id.example", "other", ["https://id.example"]]),
        "sub": _ODD | st.sampled_from(["user-7", "user-8"]),
        "jti": _ODD | st.just("j"),
    },
)
ANY_OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        **{f"verify_{name}": st.booleans() for name in ("exp", "nbf", "iat", "aud", "iss", "sub", "jti")},
        "require": st.lists(st.sampled_from(["exp", "iat", "nbf", "aud", "iss", "sub", "jti"]), max_size=2),
        "strict_aud": st.booleans(),
    },
)
ANY_WISHES = st.fixed_dictionaries(
    {},
    optional={
        "audience": st.sampled_from([None, "api", ["api", "x"], [], "", {"api"}, ("x",)]),
        "issuer": st.sampled_from([None, "https://id.example", ["https://id.example", "b"], [], "", {"b"}]),
        "subject": st.sampled_from([None, "user-7", ""]),
        "leeway": st.sampled_from([0, 1000, -5, timedelta(minutes=30)]),
    },
)


@settings(deadline=None)
@given(ANY_CLAIMS, ANY_OPTIONS, ANY_WISHES)
def test_what_pyjwt_refuses_is_refused(claims: dict[str, Any], options: dict[str, Any], wishes: dict[str, Any]) -> None:
    """Under any combination of options: here it may be stricter, and says the same where both take a token."""
    message = ".".join(b64url(json.dumps(part).encode()) for part in ({"alg": "HS256", "typ": "JWT"}, claims))
    token = f"{message}.{b64url(HS256.sign(message.encode()))}"
    mine = outcome(ours, "decode", token, SECRET, ["HS256"], options=options, **wishes)
    oracle = outcome(theirs, "decode", token, SECRET, ["HS256"], options=options, **wishes)
    assert mine == oracle or (isinstance(mine, str) and issubclass(getattr(ours, mine), WatchwordError))
