"""npm's paseto and paseto-ts and we read each other: tokens of v3 and v4, theirs of v1 and v2, PASERKs and ids."""

from typing import Any, Final

import pytest

from tests.interop.conftest import NOW
from tests.interop.npm.npm import Peer, RefusedError
from watchword.clock import FrozenClock
from watchword.crypto.wrapping import PasswordCost
from watchword.encoding import b64url, dump_json, json_object, rfc3339, unb64url
from watchword.errors import SealError, SignatureError, TokenError
from watchword.formats import paseto
from watchword.insecure import LEGACY_PASETO
from watchword.keys.key import Key
from watchword.keys.ring import KeyRing
from watchword.tokens.access import AccessTokens

ISSUER, AUDIENCE = "https://as.test", "https://api.test"
CLAIMS: Final[dict[str, Any]] = {
    "iss": ISSUER, "sub": "user-7", "aud": AUDIENCE, "exp": rfc3339(NOW + 300), "iat": rfc3339(NOW), "jti": "j-1",
    "client_id": "c", "team": "\u00e9",
}  # fmt: skip
BODY: Final = dump_json(CLAIMS)
BOTH: Final = (("paseto", "v3.local"), ("paseto", "v3.public"), ("paseto", "v4.public"),
               ("paseto-ts", "v4.local"), ("paseto-ts", "v4.public"))  # fmt: skip
OLD: Final = ("v1.local", "v1.public", "v2.public")
EXTRAS: Final = [(b"", b""), (b'{"kid":"key-1"}', b""), (b"", b"i"), (b"plain", b"i")]
EXTRA = pytest.mark.parametrize(("footer", "assertion"), EXTRAS)
KEYS: Final = {name: Key.generate(name) for name in ("v3.local", "v3.public", "v4.local", "v4.public")}
CHEAP: Final = PasswordCost(memory=64 << 10, passes=1, iterations=1000)


def ask(peer: Peer, library: str, verb: str, name: str, **rest: Any) -> Any:
    """Ask about one version and purpose; bytes travel as base64url."""
    written = {word: b64url(value) if isinstance(value, bytes) else value for word, value in rest.items()}
    return peer.ask(library, verb, version=int(name[1]), purpose=name[3:], **written)


def write(peer: Peer, library: str, key: Key, footer: bytes, assertion: bytes) -> str:
    name = key.algorithm.name
    verb, secret = "encrypt" if name.endswith("local") else "sign", key.to_paserk(private=True)
    return str(ask(peer, library, verb, name, key=secret, claims=CLAIMS, footer=footer, assertion=assertion))


def read(peer: Peer, library: str, key: Key, token: str, **extra: Any) -> dict[str, Any]:
    name = key.algorithm.name
    verb, shared = "decrypt" if name.endswith("local") else "verify", key.to_paserk(private=name.endswith("local"))
    found: dict[str, Any] = ask(peer, library, verb, name, key=shared, token=token, **extra)
    return found


def we_read(token: str, key: Key, assertion: bytes) -> tuple[bytes, bytes]:
    return (paseto.decrypt if key.algorithm.symmetric else paseto.verify)(token, key, assertion=assertion)


def we_write(key: Key, footer: bytes, assertion: bytes) -> str:
    return (paseto.encrypt if key.algorithm.symmetric else paseto.sign)(BODY, key, footer=footer, assertion=assertion)


def changed(token: str, segment: int = 2) -> str:
    """`token` with one bit turned over, of its footer or in the last 8 bytes of its body."""
    parts = token.split(".")
    raw = bytearray(unb64url(parts[segment].encode()))
    raw[-4] ^= 1
    parts[segment] = b64url(bytes(raw))
    return ".".join(parts)


def written(footer: bytes) -> Any:
    """A footer as paseto-ts gives it back: read, where it is JSON."""
    return json_object(footer) if footer.startswith(b"{") else footer.decode()


REFUSALS: Final = {
    "paseto": "ERR_PASETO_INVALID_TOKEN",
    "paseto-ts": "ERR_PASETO_(SIGNATURE_INVALID|DECRYPTION_FAILED)",
}


@EXTRA
@pytest.mark.parametrize(("library", "name"), BOTH)
def test_they_read_ours(peer: Peer, library: str, name: str, footer: bytes, assertion: bytes) -> None:
    key, code = KEYS[name], REFUSALS[library]
    token = we_write(key, footer, assertion)
    found = read(peer, library, key, token, footer=footer, assertion=assertion)
    assert found["claims"] == CLAIMS
    assert found["footer"] == (b64url(footer) if library == "paseto" else written(footer))
    with pytest.raises(RefusedError, match=code):
        read(peer, library, key, changed(token), footer=footer, assertion=assertion)
    with pytest.raises(RefusedError, match=code):
        read(peer, library, key, token, footer=footer, assertion=assertion + b"x")
    if footer:
        moved = changed(token, 3)
        with pytest.raises(RefusedError, match=code):
            read(peer, library, key, moved, footer=unb64url(moved.split(".")[3].encode()), assertion=assertion)


@EXTRA
@pytest.mark.parametrize(("library", "name"), BOTH)
def test_we_read_theirs(peer: Peer, library: str, name: str, footer: bytes, assertion: bytes) -> None:
    key = KEYS[name]
    token = write(peer, library, key, footer, assertion)
    payload, found = we_read(token, key, assertion)
    assert (json_object(payload), found) == (CLAIMS, footer)
    for wrong in (changed(token), *([changed(token, 3)] if footer else [])):
        with pytest.raises((SignatureError, SealError)):
            we_read(wrong, key, assertion)
    with pytest.raises((SignatureError, SealError)):
        we_read(token, key, assertion + b"x")


@pytest.mark.parametrize("footer", [b"", b"plain"])
@pytest.mark.parametrize("name", OLD)
def test_we_read_their_older_versions(peer: Peer, name: str, footer: bytes) -> None:
    made = ask(peer, "paseto", "generate", name)
    local = name.endswith("local")
    ours = Key.from_paserk(made if local else made["public"], allow=[LEGACY_PASETO])
    verb, secret = ("encrypt", made) if local else ("sign", made["secret"])
    token = ask(peer, "paseto", verb, name, key=secret, claims=CLAIMS, footer=footer)
    payload, found = we_read(token, ours, b"")
    assert (json_object(payload), found) == (CLAIMS, footer)
    with pytest.raises((SignatureError, SealError)):
        we_read(changed(token), ours, b"")


# access tokens, as an API would check them


def access(name: str, now: int = NOW) -> AccessTokens:
    return AccessTokens(KeyRing.of(KEYS[name], clock=FrozenClock(now)), issuer=ISSUER, audience=AUDIENCE)


def footer_of(name: str) -> bytes:
    return dump_json({"kid": KEYS[name].kid, "typ": "at"})


@pytest.mark.parametrize("name", ["v3.public", "v4.public"])
def test_paseto_reads_our_access_tokens_by_our_key_document(peer: Peer, name: str) -> None:
    options = {"issuer": ISSUER, "audience": AUDIENCE, "footer": footer_of(name), "requiredClaims": ["jti"]}
    issued = access(name).issue("user-7", scopes=["a", "b"], roles=["admin"], claims={"team": "\u00e9"})
    (entry,) = access(name)._ring.paseto_keys()["keys"]
    assert entry["kid"] in footer_of(name).decode()
    claims = ask(peer, "paseto", "verify", name, key=entry["paserk"], token=issued.token, **options)["claims"]
    assert (claims["sub"], claims["jti"], claims["exp"]) == ("user-7", issued.token_id, rfc3339(NOW + 900))
    assert (claims["scope"], claims["roles"], claims["team"]) == ("a b", ["admin"], "\u00e9")
    for other in ({"issuer": "https://other.test"}, {"audience": "https://other.test"}, {"requiredClaims": ["scopes"]}):
        with pytest.raises(RefusedError, match="ERR_PASETO_CLAIM_VALIDATION"):
            read(peer, "paseto", KEYS[name], issued.token, **options | other)
    with pytest.raises(RefusedError, match="ERR_PASETO_INVALID_TOKEN"):
        read(peer, "paseto", KEYS[name], issued.token, **options | {"footer": b'{"typ":"at"}'})
    with pytest.raises(RefusedError, match="ERR_PASETO_CLAIM_VALIDATION"):
        read(peer, "paseto", KEYS[name], access(name, NOW - 901).issue("user-7").token, **options)
    in_its_last_second = access(name, NOW - 900).issue("user-7").token  # paseto takes it at `exp` itself; we do not
    assert read(peer, "paseto", KEYS[name], in_its_last_second, **options)["claims"]["sub"] == "user-7"


def test_paseto_ts_reads_our_access_tokens(peer: Peer) -> None:
    found = read(peer, "paseto-ts", KEYS["v4.public"], access("v4.public").issue("user-7").token)
    assert found["footer"] == {"kid": KEYS["v4.public"].kid, "typ": "at"}
    assert (found["claims"]["sub"], found["claims"]["aud"]) == ("user-7", AUDIENCE)
    with pytest.raises(RefusedError, match="ERR_PASETO_CLAIM_INVALID"):
        read(peer, "paseto-ts", KEYS["v4.public"], access("v4.public", NOW - 900).issue("user-7").token)


@pytest.mark.parametrize(("library", "name"), [pair for pair in BOTH if pair[1].endswith("public")])
def test_we_read_their_access_tokens(peer: Peer, library: str, name: str) -> None:
    token = write(peer, library, KEYS[name], footer_of(name), b"")
    assert access(name).verify(token).subject == "user-7"
    with pytest.raises(SignatureError):
        access(name).verify(changed(token))
    with pytest.raises(SignatureError):
        access(name).verify(write(peer, library, KEYS[name], footer_of(name), b"assertion"))
    with pytest.raises(TokenError):
        access(name).verify(write(peer, library, KEYS[name], b"", b""))


# keys


@pytest.mark.parametrize("library", ["paseto", "paseto-ts"])
@pytest.mark.parametrize("purpose", ["local", "public"])
def test_paserks_of_v4_are_written_alike(peer: Peer, library: str, purpose: str) -> None:
    made = ask(peer, library, "generate", f"v4.{purpose}")
    public, secret = (made, made) if purpose == "local" else (made.get("public") or made["publicKey"],
                                                              made.get("secret") or made["secretKey"])  # fmt: skip
    key = Key.from_paserk(secret)
    assert key.to_paserk(private=True) == secret
    if purpose == "public":
        assert key.to_paserk() == public
        assert Key.from_paserk(public) == key.public()


@pytest.mark.parametrize("name", ["v1.local", "v1.public", "v3.local", "v3.public"])
def test_paserk_ids(peer: Peer, name: str) -> None:
    made = ask(peer, "paseto", "generate", name)
    secret = made if isinstance(made, str) else made["secret"]
    key = Key.from_paserk(secret, allow=[LEGACY_PASETO])
    for paserk, ours in ((secret, key.paserk_id(private=name.endswith("public"))),
                         (None if isinstance(made, str) else made["public"], key.kid)):  # fmt: skip
        if paserk:
            assert ask(peer, "paseto", "id", name, paserk=paserk) == ours


@pytest.mark.parametrize("name", ["v3.local", "v3.public"])
def test_wrapped(peer: Peer, name: str) -> None:
    key, lock = Key.generate(name), Key.generate("v3.local")
    secret, raw = key.to_paserk(private=True), lock.secret_bytes()
    ours, theirs = key.to_paserk(wrapping_key=lock), ask(peer, "paseto", "wrap", name, key=secret, lock=raw)
    assert ask(peer, "paseto", "unwrap", name, paserk=ours, lock=raw) == secret
    assert Key.from_paserk(theirs, wrapping_key=lock) == key
    with pytest.raises(RefusedError):
        ask(peer, "paseto", "unwrap", name, paserk=changed(ours, 3), lock=raw)
    with pytest.raises(SealError):
        Key.from_paserk(changed(theirs, 3), wrapping_key=lock)


@pytest.mark.parametrize("name", ["v3.local", "v3.public"])
def test_under_a_password(peer: Peer, name: str) -> None:
    key = Key.generate(name)
    secret = key.to_paserk(private=True)
    ours = key.to_paserk(password=b"p", cost=CHEAP)
    theirs = ask(peer, "paseto", "wrap", name, key=secret, password=b"p", iterations=1000)
    assert ask(peer, "paseto", "unwrap", name, paserk=ours, password=b"p") == secret
    assert Key.from_paserk(theirs, password=b"p") == key
    with pytest.raises(RefusedError):
        ask(peer, "paseto", "unwrap", name, paserk=ours, password=b"q")
    with pytest.raises(SealError):
        Key.from_paserk(theirs, password=b"q")


def test_sealed(peer: Peer) -> None:
    key, pair = Key.generate("v3.local"), Key.generate("v3.public")
    secret = key.to_paserk(private=True)
    recipient = {half: unb64url(pair.to_paserk(private=half).split(".")[2].encode()) for half in (False, True)}
    ours = key.to_paserk(sealing_key=pair.public())
    theirs = ask(peer, "paseto", "seal", "v3.local", key=secret, recipient=recipient[False])
    assert ask(peer, "paseto", "unseal", "v3.local", paserk=ours, recipient=recipient[True]) == secret
    assert Key.from_paserk(theirs, sealing_key=pair) == key
    with pytest.raises(RefusedError):
        ask(peer, "paseto", "unseal", "v3.local", paserk=changed(ours), recipient=recipient[True])
    with pytest.raises(SealError):
        Key.from_paserk(changed(theirs), sealing_key=pair)
