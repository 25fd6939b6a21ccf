"""Whatever goes into a reader of PASETO, PASERK or footers: a value or a WatchwordError comes out."""

from hypothesis import given
from hypothesis import strategies as st

from watchword.crypto.wrapping import PasswordCost
from watchword.encoding import b64url, dump_json
from watchword.errors import WatchwordError
from watchword.formats import paseto
from watchword.insecure import LEGACY_PASETO
from watchword.keys import paserk
from watchword.keys.footer import read_footer, write_footer
from watchword.keys.key import Key
from watchword.keys.ring import KeyRing
from watchword.tokens.access import AccessTokens

ALLOW = [LEGACY_PASETO]
RAW = {key.algorithm.name: key for key in map(Key.generate, ("v3.local", "v3.public", "v4.local", "v4.public"))}
OLD = [Key.from_paserk(f"k{version}.local.{b64url(bytes(32))}", allow=ALLOW) for version in (1, 2)]
KEYS = [*RAW.values(), *OLD, Key.from_paserk("k2" + RAW["v4.public"].to_paserk(private=True)[2:], allow=ALLOW)]
ACCESS = AccessTokens(KeyRing.of(RAW["v3.public"], RAW["v4.public"]), issuer="i", audience="a")

WORDS = st.text(alphabet="ABCyz019-_=.+ é\0", max_size=60) | st.binary(max_size=300).map(b64url)
HEADS = st.sampled_from([f"v{version}.{purpose}." for version in range(6) for purpose in ("local", "public", "")])
TOKENS = st.text(max_size=200) | st.binary(max_size=200) | st.builds("{}{}.{}".format, HEADS, WORDS, WORDS)
PASERKS = st.text(max_size=200) | st.builds("{}{}".format, st.sampled_from(["k4.", "", *paserk.FORMS]), WORDS)
LOCKS = st.sampled_from(
    [
        *({}, {"password": b"p"}, {"password": b""}),
        *({"wrapping_key": key} for key in KEYS),
        *({"sealing_key": key} for key in KEYS),
    ]
)


@given(TOKENS, st.sampled_from(KEYS), st.binary(max_size=3) | st.none(), st.sampled_from([b"", b"i"]))
def test_tokens(untrusted: str | bytes, key: Key, footer: bytes | None, assertion: bytes) -> None:
    for read in (paseto.verify, paseto.decrypt):
        try:
            payload, found = read(untrusted, key, footer=footer, assertion=assertion)
        except WatchwordError:
            continue
        assert type(payload) is bytes is type(found)


@given(TOKENS)
def test_access_tokens(untrusted: str | bytes) -> None:
    try:
        ACCESS.verify(untrusted)  # type: ignore[arg-type]  # bytes are looked at, too
    except WatchwordError:
        return
    raise AssertionError("none of these was signed")


@given(PASERKS, LOCKS)
def test_paserks(text: str, lock: dict[str, object]) -> None:
    try:
        key = Key.from_paserk(text, allow=ALLOW, at_most=PasswordCost(memory=8 << 10, passes=1), **lock)  # type: ignore[arg-type]
    except WatchwordError:
        return
    assert key.kid


@given(PASERKS)
def test_what_travels_is_what_a_footer_takes(text: str) -> None:
    raw = write_footer({"a": "b"})[:-1] + b',"wpk":' + dump_json(text) + b"}"
    try:
        read_footer(raw)
    except WatchwordError:
        assert not paserk.travels(text)
        return
    assert paserk.travels(text)
    assert text.startswith(("k1.", "k2.", "k3.", "k4."))


@given(st.binary(max_size=300) | st.text(max_size=100).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_footers_and_claims(raw: bytes) -> None:
    for read in (read_footer, paseto.claims_of):
        try:
            assert type(read(raw)) is dict
        except WatchwordError:
            continue
