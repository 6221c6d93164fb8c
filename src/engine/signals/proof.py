"""Proof of who sent a delivery: an HMAC SHA-256 over its raw bytes, with a secret that must be there (R113)."""

import hmac
import re
from collections.abc import Mapping
from hashlib import sha256

from engine.errors import Refused

HEADERS = ("x-pilothouse-signature", "x-hub-signature-256")
SIGNATURE = re.compile(r"sha256=([0-9a-f]{64})")


def proven(secret: bytes, headers: Mapping[str, str], body: bytes) -> str:
    """The signature, when it is the one of these bytes. Raises Refused without saying what would be right."""
    if not secret.strip():
        raise Refused("this webhook has an empty secret: nothing it sends is believed", hint="see docs/webhooks.md")
    given = next((headers[name] for name in HEADERS if name in headers), None)
    if given is None:
        raise Refused("the delivery has no signature", hint=f"send `{HEADERS[0]}: sha256=HEX`")
    found = SIGNATURE.fullmatch(given.strip().lower())
    if found is None:
        raise Refused("the signature is not of the form `sha256=HEX`", hint="HMAC SHA-256 over the raw body")
    if not hmac.compare_digest(hmac.new(secret, body, sha256).hexdigest(), found[1]):
        raise Refused("the signature is not the one of this body", hint="HMAC SHA-256 over the raw body")
    return found[1]
