"""Throwaway certificates of an authority of its own, made by the `openssl` program."""

from __future__ import annotations

import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path

_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificates:
    """`authority` is the file of the one authority to trust; the rest are what servers show."""

    authority: Path
    valid: ssl.SSLContext
    self_signed: ssl.SSLContext
    wrong_host: ssl.SSLContext
    expired: ssl.SSLContext


def make_certificates(folder: Path) -> Certificates:
    """Make them in *folder*; `valid`, and nothing else, proves that 127.0.0.1 is who answers."""
    _openssl(folder, "req", "-x509", *_KEY, "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=Tests",
             "-addext", "keyUsage=critical,keyCertSign,cRLSign")  # fmt: skip
    _openssl(folder, "req", "-x509", *_KEY, "-keyout", "self.key", "-out", "self.pem", "-days", "2", "-subj",
             "/CN=vendor", "-addext", "subjectAltName=IP:127.0.0.1")  # fmt: skip
    return Certificates(
        authority=folder / "ca.pem",
        valid=_signed(folder, "valid", "IP:127.0.0.1", days=2),
        self_signed=_context(folder, "self"),
        wrong_host=_signed(folder, "wrong", "DNS:vendor.example", days=2),
        expired=_signed(folder, "expired", "IP:127.0.0.1", days=-1),
    )


def _signed(folder: Path, name: str, host: str, *, days: int) -> ssl.SSLContext:
    _openssl(folder, "req", *_KEY, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", "/CN=vendor", "-addext",
             f"subjectAltName={host}")  # fmt: skip
    _openssl(folder, "x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
             "-copy_extensions", "copy", "-days", str(days), "-out", f"{name}.pem")  # fmt: skip
    return _context(folder, name)


def _context(folder: Path, name: str) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / f"{name}.pem", folder / f"{name}.key")
    return context


def _openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)
