"""Certificates for tests: of an authority of the test's own, of nobody, for other hosts, and such as have ended."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeAlias

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

Issuer: TypeAlias = tuple[x509.Certificate, ec.EllipticCurvePrivateKey]


@dataclass(frozen=True)
class Certificate:
    """Files in PEM form: the certificate, its key, and the certificate of who signed it."""

    certificate: Path
    key: Path
    authority: Path


def authority() -> Issuer:
    """A new authority that nobody knows yet."""
    key = ec.generate_private_key(ec.SECP256R1())
    return _signed("Authority of the tests", key, None, 30, x509.BasicConstraints(ca=True, path_length=0)), key


def certificate(folder: Path, host: str, *, issuer: Issuer | None = None, days: float = 30) -> Certificate:
    """A new certificate for a host and 127.0.0.1 that ends in so many days, signed by the issuer or by itself."""
    folder.mkdir(parents=True, exist_ok=True)
    key = ec.generate_private_key(ec.SECP256R1())
    names = x509.SubjectAlternativeName([x509.DNSName(host), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = _signed(host, key, issuer, days, names)
    files = Certificate(folder / "fullchain.pem", folder / "privkey.pem", folder / "authority.pem")
    files.certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    files.authority.write_bytes((issuer[0] if issuer else made).public_bytes(serialization.Encoding.PEM))
    files.key.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return files


def _signed(
    name: str, key: ec.EllipticCurvePrivateKey, issuer: Issuer | None, days: float, extension: x509.ExtensionType
) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    signer, signing_key = (issuer[0].subject, issuer[1]) if issuer else (subject, key)
    end = datetime.now(UTC) + timedelta(days=days)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(signer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(min(end, datetime.now(UTC)) - timedelta(days=2))
        .not_valid_after(end)
        .add_extension(extension, critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signing_key.public_key()), critical=False)
        .sign(signing_key, hashes.SHA256())
    )
