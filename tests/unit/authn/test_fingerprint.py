"""Device fingerprints: what they hold, when a signal counts as changed, and what each policy makes of it."""

from __future__ import annotations

from typing import Any, Final

import pytest

from tests.unit.authn.proving import API, ISSUER, KEY, NOW, Server, claims_of, proof
from watchword import AccessTokens, KeyRing
from watchword.authn.binding import BindingPolicy
from watchword.authn.fingerprint import DEVICE_COOKIE, SIGNALS, Fingerprints
from watchword.clock import FrozenClock
from watchword.errors import BindingError, ConfigurationError, StepUpRequiredError, TokenError
from watchword.keys.key import Key
from watchword.web.messages import Connection

FIREFOX: Final = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
CHROME: Final = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0 Safari/537.36"
HOME: Final[dict[str, Any]] = {"agent": FIREFOX, "device": "pixel-9", "ip": "203.0.113.9"}


def request(*more: tuple[bytes, bytes], **seen: Any) -> Connection:
    """A request from a device; by default from the same one, at home."""
    shown = HOME | seen
    lines = list(more)
    if shown["agent"] is not None:
        lines.append((b"user-agent", shown["agent"].encode()))
    if shown["device"] is not None:
        lines.append((b"x-device-id", shown["device"].encode()))
    return Connection("GET", "/orders", headers=lines, ip=shown["ip"])


@pytest.fixture
def ring() -> KeyRing:
    return KeyRing.of(Key.generate("HS256", use="mac"), clock=FrozenClock(NOW))


@pytest.mark.parametrize(
    ("seen", "changed"),
    [
        ({}, set()),
        ({"agent": FIREFOX.replace("140", "141")}, set()),
        ({"agent": CHROME}, {"agent"}),
        ({"agent": FIREFOX.replace("X11; Linux x86_64", "Windows NT 10.0")}, {"agent"}),
        ({"agent": None}, {"agent"}),
        ({"device": "pixel-8"}, {"device"}),
        ({"device": None}, {"device"}),
        ({"device": ""}, {"device"}),
        ({"ip": "203.0.113.255"}, set()),
        ({"ip": "::ffff:203.0.113.1"}, set()),
        ({"ip": "203.0.112.9"}, {"network"}),
        ({"ip": "2001:db8::1"}, {"network"}),
        ({"ip": None}, {"network"}),
        ({"ip": "unix:/run/x"}, {"network"}),
        ({"ip": "198.51.100.1", "agent": CHROME, "device": "x"}, {"network", "agent", "device"}),
    ],
)
def test_what_counts_as_changed(ring: KeyRing, seen: dict[str, Any], changed: set[str]) -> None:
    prints = Fingerprints(ring)
    assert prints.changed(prints.of(request()), request(**seen)) == changed


@pytest.mark.parametrize(
    ("other", "changed"),
    [("2001:db8:1:100:ffff::2", set()), ("2001:db8:1:1ff::", set()), ("2001:db8:1:200::1", {"network"})],
)
def test_a_56_of_ipv6(ring: KeyRing, other: str, changed: set[str]) -> None:
    prints = Fingerprints(ring)
    assert prints.changed(prints.of(request(ip="2001:db8:1:100::1%eth0")), request(ip=other)) == changed


def test_what_was_not_shown_is_not_compared(ring: KeyRing) -> None:
    prints = Fingerprints(ring)
    fpt = prints.of(request(agent=None, device=None, ip=None))
    assert prints.changed(fpt, request()) == set()
    assert Fingerprints(ring, ["agent"]).changed(prints.of(request()), request(ip="198.51.100.1", device="x")) == set()


def test_nothing_that_was_shown_can_be_read_or_linked(ring: KeyRing) -> None:
    prints = Fingerprints(ring)
    one, two = prints.of(request()), prints.of(request())
    assert set(one.split(".")).isdisjoint(two.split(".")), "each has a salt of its own"
    assert not any(word in one for word in ("pixel", "203", "Firefox", "Linux"))
    assert len(one) < 120


def test_a_fingerprint_under_a_key_that_is_gone_tells_nothing(ring: KeyRing) -> None:
    """Else a rotation of keys would sign everybody out."""
    other = Fingerprints(KeyRing.of(Key.generate("HS256", use="mac"), clock=ring.clock))
    prints = Fingerprints(ring)
    for fpt in (other.of(request()), "", "x", "a.b.c", "....", "a.key-.agent-", "abc.agent-x"):
        assert prints.changed(fpt, request(agent=CHROME)) == set()
    public = Fingerprints(KeyRing.of(Key.generate("ES256").public(), clock=ring.clock))
    assert public.changed(prints.of(request()), request(agent=CHROME)) == set()
    with pytest.raises(ConfigurationError):
        public.of(request())


def test_the_signals_can_be_chosen(ring: KeyRing) -> None:
    assert set(SIGNALS) == {"device", "agent", "network"}
    fpt = Fingerprints(ring, ["network"]).of(request())
    assert "agent" not in fpt
    for wrong in ([], ["canvas"], "agent"):
        with pytest.raises(ConfigurationError):
            Fingerprints(ring, wrong)


def test_the_device_is_our_cookie_before_the_header(ring: KeyRing) -> None:
    prints = Fingerprints(ring, ["device"])
    cookie = (b"cookie", f"{DEVICE_COOKIE}=mine".encode())
    fpt = prints.of(request(cookie))
    assert prints.changed(fpt, request(cookie, device="another")) == set()
    assert prints.changed(fpt, request(device="mine")) == set()
    assert prints.changed(fpt, request(cookie, cookie)) == {"device"}, "two of them are none"


# what the corridor makes of it


async def ask(server: Server, token: str, connection: Connection) -> Any:
    connection.headers.append((b"authorization", f"Bearer {token}".encode()))
    return await server.corridor.authenticate(connection)


def issued(server: Server, **more: Any) -> str:
    fpt = server.binding.fingerprint(request()).fpt
    return server.access.issue("user-7", fpt=fpt, session_id="s-1", **more).token


async def test_observe_says_what_has_changed_and_refuses_nothing() -> None:
    server = Server(fingerprint="observe")
    token = issued(server)
    for _ in range(2):
        assert (await ask(server, token, request())).changed == set()
        assert (await ask(server, token, request(agent=CHROME, ip=None))).changed == {"agent", "network"}
    assert server.ended == []


async def test_step_up_asks_for_a_fresh_sign_in() -> None:
    server = Server(fingerprint="step_up")
    token = issued(server)
    assert (await ask(server, token, request())).fpt is not None
    with pytest.raises(StepUpRequiredError) as caught:
        await ask(server, token, request(agent=CHROME))
    assert (caught.value.reason, caught.value.status) == ("device_changed", 403)
    assert not isinstance(caught.value, TokenError), "a fingerprint alone never makes a token bad"
    assert server.ended == []
    assert (await ask(server, token, request())).subject == "user-7"


async def test_end_session_ends_it() -> None:
    server = Server(fingerprint="end_session")
    token = issued(server)
    with pytest.raises(StepUpRequiredError):
        await ask(server, token, request(device="another"))
    assert [who.session_id for who in server.ended] == ["s-1"]


async def test_off_looks_at_nothing() -> None:
    watching, server = Server(fingerprint="step_up"), Server()
    assert server.binding.fingerprint(request()).fpt is None
    token = issued(watching)
    assert (await ask(server, token, request(agent=CHROME, device=None, ip=None))).changed == set()


async def test_alone_a_fingerprint_is_no_ground_to_refuse(ring: KeyRing) -> None:
    """A resource server without the request at hand, or without the key, takes the token for what it is."""
    server = Server(fingerprint="end_session")
    elsewhere = AccessTokens(
        KeyRing.of(server.ring.active("sign").public(), clock=server.clock), issuer=ISSUER, audience=API
    )
    assert elsewhere.verify(issued(server)).subject == "user-7"
    assert server.access.verify(issued(server)).fpt is not None


async def test_where_binding_is_required() -> None:
    server = Server(required=True, fingerprint="observe")
    loose = server.access.issue("user-7").token
    with pytest.raises(BindingError) as caught:
        await ask(server, loose, request())
    assert caught.value.status == 401
    assert await ask(server, issued(server), request()) is not None
    token = server.bound()
    assert (await server.send(token, proof(claims_of(token)))).jkt == KEY.thumbprint()


async def test_a_new_device_gets_a_name() -> None:
    server = Server(fingerprint="step_up")
    taken = server.binding.fingerprint(request(device=None))
    assert taken.set_cookie is not None
    line = taken.set_cookie.decode()
    assert line.startswith(f"{DEVICE_COOKIE}=")
    assert line.endswith("; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=34560000")
    cookie = (b"cookie", line.partition(";")[0].encode())
    token = server.access.issue("user-7", fpt=taken.fpt).token
    assert (await ask(server, token, request(cookie, device=None))).changed == set()
    with pytest.raises(StepUpRequiredError):
        await ask(server, token, request(device=None))
    assert server.binding.fingerprint(request(cookie, device=None)).set_cookie is None
    assert server.binding.fingerprint(request()).set_cookie is None
    nameless = Server(fingerprint="step_up", signals=("agent",))
    assert nameless.binding.fingerprint(request(device=None)).set_cookie is None


def test_the_policy_is_checked_when_it_is_made() -> None:
    for wrong in ({"signals": ("canvas",)}, {"signals": ()}):
        with pytest.raises(ConfigurationError):
            Server(fingerprint="observe", **wrong)
    assert BindingPolicy().fingerprint == "off"
