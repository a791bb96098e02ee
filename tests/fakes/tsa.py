"""A time-stamping authority (RFC 3161) by openssl, with a root of its own. TEST ONLY."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

_SETTINGS = """
[req]
distinguished_name = dn
prompt = no
[dn]
CN = speedproof test root
[ca]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign
subjectKeyIdentifier = hash
[leaf]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = critical,timeStamping
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[stamping]
serial = ./serial
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
accuracy = secs:1
ess_cert_id_alg = sha256
"""
_P256 = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


@dataclass(frozen=True, slots=True)
class Tsa:
    """One authority, in a folder of its own."""

    folder: Path

    @classmethod
    def begin(cls, folder: Path) -> "Tsa":
        """Make root and key."""
        made = cls(folder)
        folder.mkdir()
        (folder / "tsa.cnf").write_text(_SETTINGS)
        (folder / "serial").write_text("01\n")
        ours = ("-config", "tsa.cnf")
        made.openssl(
            "req", "-x509", *_P256, "-keyout", "ca.key", "-out", "ca.pem", "-days", "30", *ours, "-extensions", "ca"
        )
        made.openssl("req", *_P256, "-keyout", "tsa.key", "-out", "tsa.csr", *ours, "-subj", "/CN=speedproof test TSA")
        signed = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "tsa.cnf", "-extensions", "leaf")
        made.openssl("x509", "-req", "-in", "tsa.csr", *signed, "-out", "tsa.pem", "-days", "30")
        return made

    def stamp(self, data: bytes) -> bytes:
        """A time-stamp response over some bytes."""
        (self.folder / "data").write_bytes(data)
        self.openssl("ts", "-query", "-data", "data", "-sha256", "-cert", "-out", "query")
        by = ("-signer", "tsa.pem", "-inkey", "tsa.key")
        self.openssl(
            "ts", "-reply", "-config", "tsa.cnf", "-section", "stamping", "-queryfile", "query", *by, "-out", "reply"
        )
        return (self.folder / "reply").read_bytes()

    def certificates(self) -> list[bytes]:
        """The chain (DER), the root last."""
        return [self.openssl("x509", "-in", name, "-outform", "DER") for name in ("tsa.pem", "ca.pem")]

    def openssl(self, *words: str) -> bytes:
        """Run it here; what it prints. Raises CalledProcessError."""
        return subprocess.run(("openssl", *words), check=True, cwd=self.folder, capture_output=True).stdout
