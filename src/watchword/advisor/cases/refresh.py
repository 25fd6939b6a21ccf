"""What gets a new access token when the old one has expired."""

from __future__ import annotations

from ..base import DAY, Rule, Says

NATIVE = "spa-alone mobile device cli"
"""Clients that hold a refresh token themselves."""
NO_MEMORY = "only a record knows that it was used before; a signed text is as good the second time"

RULES = (
    Rule(
        id="refresh-is-opaque",
        question="default",
        says={
            "refresh": Says(
                rejects={
                    "jwt": NO_MEMORY,
                    "paseto": NO_MEMORY,
                    "static": "a copy works for as long as the original, and nobody notices; rotation shows the copy",
                }
            )
        },
        why="a refresh token is used once, and its second use is the alarm; that takes a row with a generation",
        sources=("RFC 9700 §4.14.2", "ASVS 10.4.5"),
    ),
    Rule(
        id="refresh-on-the-device",
        question="client",
        when={"client": NATIVE},
        says={
            "refresh": Says(
                recommends="opaque",
                notes=(
                    "in the keychain or key store of the system, never in a file that is backed up",
                    "signed in by an authorization code with PKCE, in the system's own browser",
                ),
            )
        },
        why="native clients hold the long-lived part themselves: rotating, one family a device, in secure storage",
        sources=("RFC 8252 §6", "RFC 9700 §4.14.2", "ASVS 10.4.8"),
    ),
    Rule(
        id="refresh-behind",
        question="client",
        when={"client": "spa spa-cross"},
        says={
            "refresh": Says(
                recommends="behind",
                offers={"behind": "for the front end: its back end holds what lives for days"},
            )
        },
        why="what lives for days stays out of the browser; it ends with the session",
        sources=("draft-ietf-oauth-browser-based-apps §8", "ASVS 10.1.1"),
    ),
    Rule(
        id="family-per-device",
        question="devices",
        when={"devices": "several"},
        says={
            "refresh": Says(notes=("the user sees all devices and ends one: ww.devices.list, ww.devices.end",)),
            "browser": Says(notes=("the user sees all sessions and ends one or all others: ww.devices",)),
        },
        why="a lost telephone must not cost the sign-in on the others: a session or a family for each device",
        sources=("ASVS 7.5.2", "ASVS 7.4.5"),
    ),
    Rule(
        id="one-device",
        question="devices",
        when={"devices": "one"},
        says={"browser": Says(notes=("a sign-in elsewhere ends the one before, and tells: session.limit = 1",))},
        why="where one device is the rule, a second one is news",
        sources=("ASVS 7.1.2",),
        settings={"session.limit": 1},
    ),
    Rule(
        id="replay",
        question="threat",
        when={"threat": "replay"},
        says={
            "api": Says(lifetime=5 * 60, notes=("bound to a key of the client: DPoP (RFC 9449)",)),
            "refresh": Says(lifetime=14 * DAY, notes=("the family is bound to the client's key: DPoP (RFC 9449)",)),
            "browser": Says(notes=("a changed device has to sign in again: binding.fingerprint",)),
        },
        why="a bearer token works for whoever has it; bound to a key it works for one, and shorter",
        sources=("RFC 9449 §1", "RFC 9700 §2.2.1", "ASVS 10.3.5"),
        settings={"binding.fingerprint": "step_up", "refresh.grace": 0},
    ),
    Rule(
        id="nothing-refreshed",
        question="default",
        unless={"client": f"{NATIVE} spa spa-cross"},
        says={
            "refresh": Says(
                recommends="none",
                rejects={
                    "opaque": "sessions slide by themselves, and programs ask for a new token with their credentials",
                    "behind": "no back end of a front end is there that would hold it",
                },
            )
        },
        why="a session needs no refresh token, and client credentials come without one",
        sources=("RFC 6749 §4.4.3",),
    ),
)
