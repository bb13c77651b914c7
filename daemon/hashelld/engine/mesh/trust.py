"""Trust: from the cluster key to the one certificate that all nodes show and accept, and to the tag of discovery. Pure.

Ed25519 signatures are deterministic, so all nodes make the same bytes and pin them: who has the key is in, as with
corosync's authkey. Source: RFC 5869 (HKDF), RFC 8032 (Ed25519), RFC 5280.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.x509.oid import NameOID

from hashell.errors import BadInput

#: Bytes of a key: 256 bits of chance, as many as the ciphers use.
KEY_MIN = 32
KEY_MAX = 4096
_SALT = b"hashell cluster key, version 1"


class BadKey(BadInput):
    """The key file is missing, too short, or open to others."""

    id = "key-bad"
    exit_code = 78


@dataclass(frozen=True, slots=True)
class Trust:
    """What a node shows and accepts. `private_pem` is a secret: it goes into a TLS context and nowhere else."""

    certificate_pem: bytes
    certificate_der: bytes
    private_pem: bytes
    heartbeat_key: bytes
    tag: str

    def __repr__(self) -> str:
        return f"Trust(tag={self.tag!r})"


def check_key(data: bytes, mode: int, where: str) -> bytes:
    """The key's bytes. `mode` are the file's permission bits. Raises BadKey."""
    if mode & 0o077:
        raise BadKey(
            f"the key {where} can be read by others (mode {mode & 0o777:04o})", f"chmod 600 {where}"
        )
    key = data.strip(b"\r\n")
    if len(key) < KEY_MIN or len(data) > KEY_MAX:
        raise BadKey(
            f"the key {where} has {len(key)} bytes", f"make one of {KEY_MIN} or more: hashell keygen"
        )
    return key


def derive(key: bytes, purpose: str, length: int = 32) -> bytes:
    """Bytes for one purpose; knowing those of one tells nothing about another's."""
    return HKDF(hashes.SHA256(), length, _SALT, purpose.encode()).derive(key)


def make_trust(key: bytes) -> Trust:
    """The same for the same key, byte for byte, on every node and at every start."""
    assert len(key) >= KEY_MIN, "the key was checked"
    private = Ed25519PrivateKey.from_private_bytes(derive(key, "tls identity"))
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "hashell cluster")])
    public = private.public_key()
    identifier = x509.SubjectKeyIdentifier.from_public_key(public)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(public)
        .serial_number(1)
        # Fixed dates: the key decides how long a cluster trusts, not a clock that may be wrong at boot.
        .not_valid_before(datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC))
        .not_valid_after(datetime.datetime(2999, 12, 31, tzinfo=datetime.UTC))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(
            x509.KeyUsage(
                digital_signature=True, key_cert_sign=True, content_commitment=False,
                key_encipherment=False, data_encipherment=False, key_agreement=False,
                crl_sign=False, encipher_only=False, decipher_only=False,
            ),
            critical=True,
        )
        .add_extension(identifier, critical=False)
        .sign(private, None)
    )
    return Trust(
        certificate.public_bytes(serialization.Encoding.PEM),
        certificate.public_bytes(serialization.Encoding.DER),
        private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
        derive(key, "heartbeat"),
        derive(key, "discovery", 8).hex(),
    )
