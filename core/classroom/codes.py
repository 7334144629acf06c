"""Codes that people type, and how what must stay secret is kept: as a hash only.

A class code is short, as thirty pupils type it and wrong tries are counted. A teacher's secret is long enough
(59 bits) that nobody finds it by trying, and it is hashed slowly. Tokens of cookies and links have 256 bits.
"""

import hashlib
import hmac
import secrets

from core.errors import UserError

LETTERS = "BCDFGHJKMNPQRSTVWXZ23456789"
"""Those that are not taken for one another, without vowels: a code spells no word."""
CODE_LENGTH, WORD_LENGTH, SECRET_LENGTH = 6, 8, 12
SCRYPT = {"n": 2**14, "r": 8, "p": 1}
"""About 16 MB and a twentieth of a second (RFC 7914)."""


class WrongCodeError(UserError):
    """A code, secret, word, link or cookie that opens nothing; tries of it are counted."""


def new_code(length: int = CODE_LENGTH) -> str:
    """Letters drawn by the operating system: "HJ4K2P"."""
    return "".join(secrets.choice(LETTERS) for _ in range(length))


def typed(text: str) -> str:
    """A code as it is kept, however it was typed.

    >>> typed(" hj4-k2p ")
    'HJ4K2P'
    """
    return "".join(sign for sign in text.upper() if sign.isalnum())


def spoken(code: str) -> str:
    """In groups that are easy to read out.

    >>> spoken("HJ4K2P")
    'HJ4-K2P'
    """
    size = 3 if len(code) % 4 else 4
    return "-".join(code[start : start + size] for start in range(0, len(code), size))


def new_token() -> str:
    return secrets.token_urlsafe(32)


def hash_of_token(token: str) -> str:
    """SHA-256 in hex: a token has too many bits to be guessed, so a fast hash is enough."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def hash_of_secret(secret: str) -> str:
    """Salt and scrypt hash, in hex: "salt:hash"."""
    salt = secrets.token_bytes(16)
    return f"{salt.hex()}:{_scrypt(secret, salt)}"


def is_secret(secret: str, kept: str) -> bool:
    """Whether a secret is the one that was hashed, in a time that tells nothing."""
    salt, _, wanted = kept.partition(":")
    try:
        return hmac.compare_digest(_scrypt(secret, bytes.fromhex(salt)), wanted)
    except ValueError:  # the row is damaged
        return False


def _scrypt(secret: str, salt: bytes) -> str:
    return hashlib.scrypt(typed(secret).encode("utf-8", "replace"), salt=salt, **SCRYPT).hex()
