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
[sloppy]
basicConstraints = critical,CA:FALSE
extendedKeyUsage = timeStamping
[mailing]
basicConstraints = critical,CA:FALSE
extendedKeyUsage = critical,emailProtection
[stamping]
serial = ./serial
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha512
ess_cert_id_alg = sha256
"""
_P256 = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


@dataclass(frozen=True, slots=True)
class Tsa:
    """One authority, in a folder of its own."""

    folder: Path

    @classmethod
    def begin(cls, folder: Path, accuracy: str = "secs:1") -> "Tsa":
        """Make root and key."""
        made = cls(folder)
        folder.mkdir()
        (folder / "tsa.cnf").write_text(_SETTINGS + (f"accuracy = {accuracy}\n" if accuracy else ""))
        (folder / "serial").write_text("01\n")
        ours = ("-config", "tsa.cnf")
        made.openssl(
            "req", "-x509", *_P256, "-keyout", "ca.key", "-out", "ca.pem", "-days", "30", *ours, "-extensions", "ca"
        )
        made.openssl("req", *_P256, "-keyout", "tsa.key", "-out", "tsa.csr", *ours, "-subj", "/CN=speedproof test TSA")
        signed = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "tsa.cnf", "-extensions", "leaf")
        made.openssl("x509", "-req", "-in", "tsa.csr", *signed, "-out", "tsa.pem", "-days", "30")
        return made

    def stamp(self, data: bytes, digest: str = "-sha256") -> bytes:
        """A time-stamp response over some bytes."""
        (self.folder / "data").write_bytes(data)
        self.openssl("ts", "-query", "-data", "data", digest, "-cert", "-out", "query")
        return self.answer((self.folder / "query").read_bytes())

    def answer(self, query: bytes) -> bytes:
        """The response to a request."""
        (self.folder / "query").write_bytes(query)
        by = ("-signer", "tsa.pem", "-inkey", "tsa.key")
        self.openssl(
            "ts", "-reply", "-config", "tsa.cnf", "-section", "stamping", "-queryfile", "query", *by, "-out", "reply"
        )
        return (self.folder / "reply").read_bytes()

    def signed_by(self, leaf: str, query: bytes) -> bytes:
        """The response to a request, signed anew with a certificate of this root for something else (a section of the settings)."""
        signed = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "tsa.cnf", "-extensions", leaf)
        self.openssl("x509", "-req", "-in", "tsa.csr", *signed, "-out", "other.pem", "-days", "30")
        self.answer(query)
        self.openssl("ts", "-reply", "-in", "reply", "-token_out", "-out", "token")
        self.openssl("cms", "-verify", "-noverify", "-in", "token", "-inform", "DER", "-out", "said")
        content = ("-binary", "-nodetach", "-econtent_type", "1.2.840.113549.1.9.16.1.4", "-in", "said")
        by = ("-signer", "other.pem", "-inkey", "tsa.key", "-md", "sha256", "-cades", "-outform", "DER")
        token = self.openssl("cms", "-sign", *content, *by)
        granted = bytes.fromhex("3003020100")
        return b"\x30\x82" + (len(granted) + len(token)).to_bytes(2, "big") + granted + token

    def certificates(self) -> list[bytes]:
        """The chain (DER), the root last."""
        return [self.openssl("x509", "-in", name, "-outform", "DER") for name in ("tsa.pem", "ca.pem")]

    def openssl(self, *words: str) -> bytes:
        """Run it here; what it prints. Raises CalledProcessError."""
        return subprocess.run(("openssl", *words), check=True, cwd=self.folder, capture_output=True).stdout
