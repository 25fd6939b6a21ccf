"""What holds for the whole system: how many processes, what is feared, which level."""

from __future__ import annotations

from ..base import HOUR, MINUTE, Rule, Says

RULES = (
    Rule(
        id="over-tls",
        question="default",
        says={"browser": Says(notes=("https alone: __Host- cookies are not kept without it",))},
        why="whoever reads the wire has every cookie and every bearer token",
        sources=("ASVS 3.3.1", "ASVS 12.2.1", "RFC 6750 §5.3"),
    ),
    Rule(
        id="high-risk",
        question="level",
        when={"level": "high"},
        says={
            "browser": Says(
                lifetime=12 * HOUR, idle=15 * MINUTE, notes=("a sign-in of the last 15 min for what matters: fresh=",)
            ),
            "api": Says(lifetime=5 * MINUTE, notes=("bound to a key (DPoP); an unbound token is refused",)),
            "refresh": Says(lifetime=14 * 24 * HOUR, notes=("no grace: the second use ends the family",)),
            "service": Says(lifetime=5 * MINUTE),
            "reset": Says(lifetime=15 * MINUTE),
        },
        why="short, bound to a key or a device, fresh: what is stolen works nowhere else and not for long",
        sources=("NIST SP 800-63B-4 §2.3.3", "ASVS 10.3.5", "ASVS 7.5.3"),
        settings={
            "profile": "high_risk",
            "strict": True,
            "refresh.grace": 0,
            "binding.fingerprint": "step_up",
            "audit_retention": 400 * 86_400,
        },
    ),
    Rule(
        id="regulated",
        question="level",
        when={"level": "regulated high"},
        says={
            "browser": Says(lifetime=12 * HOUR, idle=30 * MINUTE),
            "api": Says(notes=("no personal data in a readable token: strict = true makes it an error",)),
        },
        why="sessions end after 30 minutes without a request and 12 hours in any case; tokens say nothing personal",
        sources=("NIST SP 800-63B-4 §2.2.3", "ASVS 7.3.1", "ASVS 7.3.2", "ASVS 14.2.6"),
        settings={"strict": True, "audit_retention": 400 * 86_400},
    ),
    Rule(
        id="ordinary",
        question="level",
        when={"level": "ordinary"},
        says={"browser": Says(notes=("30 days where the user asks to be remembered: sign_in(…, remember=True)",))},
        why="the defaults are within what NIST asks for at AAL2 already",
        sources=("NIST SP 800-63B-4 §2.1.3", "NIST SP 800-63B-4 §2.2.3"),
    ),
    Rule(
        id="insider",
        question="threat",
        when={"threat": "insider"},
        says={
            "api": Says(notes=("only ids and scopes in a token: it will be read in a log",)),
            "service": Says(notes=("one audience for each target; the callee checks it",)),
        },
        why="who reads logs and databases must find nothing that works: digests at rest, ids in tokens, a trail",
        sources=("ASVS 14.2.4", "ASVS 16.2.5", "RFC 9700 §2.3"),
        settings={"strict": True, "audit_retention": 400 * 86_400},
    ),
    Rule(
        id="may-forget",
        question="nodes",
        when={"nodes": "process"},
        says={"browser": Says(notes=("a restart signs everybody out",))},
        why="in one process memory is a store; it forgets at a restart, and no second process shares it",
        sources=("ASVS 7.2.1",),
        settings={"url": "memory:"},
    ),
    Rule(
        id="one-machine",
        question="nodes",
        when={"nodes": "one"},
        says={"browser": Says(notes=("several processes of one machine share the file",))},
        why="a file on one machine outlives restarts and serves every process on it",
        sources=("ASVS 7.2.1",),
        settings={"url": "sqlite:///watchword.db"},
    ),
    Rule(
        id="many-machines",
        question="nodes",
        when={"nodes": "several"},
        says={"browser": Says(notes=("every node has the same session: nothing sticks to one of them",))},
        why="sessions in the memory of one node end with it; a central store outlives any node",
        sources=("ASVS 7.2.1", "ASVS 7.4.1"),
        settings={
            "url": "postgresql://watchword@localhost/watchword",
            "keys": "watchword.keys",
            "deployment.machines": 2,
        },
    ),
)
