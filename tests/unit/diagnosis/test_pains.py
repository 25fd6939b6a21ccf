"""What users of such systems complain about: a fault that the doctor names, or a line that says why not."""

from __future__ import annotations

from pathlib import Path

import pytest

from watchword.diagnosis.doctor import AILMENTS

HERE = Path(__file__).parent

PAINS: dict[str, tuple[str, ...] | str] = {
    "1 two tabs refresh at once, and everybody is signed out": ("refresh.no-grace",),
    "2 the loser's answer deletes the winner's cookie": ("cookie.taken",),
    "3 both refreshes win, and one token is lost": ("refresh.two-winners",),
    "4 old generations are accepted within the grace": ("refresh.old-accepted", "refresh.replay-spares"),
    "5 a lost answer on a bad network": ("refresh.no-grace",),
    "6 a lock is shorter than the work it guards": "there is no lock: one swap decides",
    "7 all tabs' tokens end at one moment": "nothing of the server shows it: the client decides when it asks",
    "8 a framework loses the rotated token": ("refresh.kept", "refresh.cached"),
    "9 a sign-out does not stop access tokens": ("session.access-lives", "session.refresh-lives", "session.late"),
    "10 a cache keeps revoked sessions alive": ("session.lives", "node.deaf"),
    "11 the index of sessions loses some; eviction signs out": ("session.unlisted", "store.evicts"),
    "12 an API key dies late": ("config.slow-revocation",),
    "13 a limit is answered as 401": "a canary that runs into limits would be locked out, so it is not tried",
    "14 a new key signs before anybody knows it": ("document.signer-missing", "document.cached-long"),
    "15 verifiers never fetch the keys again, or always": ("document.uncached", "document.broken"),
    "16 rotation is toil, and so is not done": ("keys.old", "document.retired"),
    "17 one kind of token passes for another": ("token.kind", "token.type", "token.audience"),
    "18 tokens lie in the database as they are": "no store of ours is given one; keys.readable and leak.body are near",
    "19 a scanner of links uses them up": ("csrf.get-acts",),
    "20 a refusal says nothing; clocks are apart": ("server.mute", "clock.skew", "clock.issuer"),
    "21 an upgrade drops sessions": ("store.behind", "restart.session-lost"),
    "22 proxy, cookie and origin do not fit": ("csrf.own-refused", "cookie.wide", "token.dropped", "proxy.cookie-cut"),
    "23 testing is boilerplate": "it is no fault of a server: see watchword.testing",
    "24 tables grow for ever": ("store.grows",),
    "25 hashing stops the event loop": ("session.stalls",),
    "beside them: keys that two services share": ("keys.shared", "config.client-shared"),
}


@pytest.mark.parametrize("pain", PAINS)
def test_a_pain_is_injected_and_named(pain: str) -> None:
    found = PAINS[pain]
    if isinstance(found, str):
        return
    text = "".join(
        path.read_text() for path in HERE.glob("*.py") if path.name not in ("test_pains.py", "test_table.py")
    )
    for id in found:
        assert id in AILMENTS
        assert f'"{id}"' in text, f"no test injects {id}"
