"""TLS before a portal, as a proxy in front of it has it, and who signs its certificates."""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import ssl
import threading
from pathlib import Path
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

PEM = serialization.Encoding.PEM
DAY = datetime.timedelta(days=1)


class Signer:
    """An authority of its own: its certificate is in `file`, in PEM."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder / name
        self._folder.mkdir()
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = named(name)
        self._known = x509.SubjectKeyIdentifier.from_public_key(self._key.public_key())
        usage = dict.fromkeys(
            ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment",
             "key_agreement", "encipher_only", "decipher_only"), False,
        )  # fmt: skip
        signs = x509.KeyUsage(**usage, key_cert_sign=True, crl_sign=True)
        made = (
            self._begun(self._name, self._key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(signs, critical=True)
            .add_extension(self._known, critical=False)
            .sign(self._key, hashes.SHA256())
        )
        self.file = self._folder / "authority.pem"
        self.file.write_bytes(made.public_bytes(PEM))

    def certify(self, host: str) -> ssl.SSLContext:
        """What a server at an address speaks TLS with."""
        key = ec.generate_private_key(ec.SECP256R1())
        address = x509.IPAddress(ipaddress.ip_address(host))
        known = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(self._known)
        made = (
            self._begun(named(host), key.public_key())
            .add_extension(x509.SubjectAlternativeName([address]), critical=False)
            .add_extension(known, critical=False)
            .sign(self._key, hashes.SHA256())
        )
        plain = serialization.NoEncryption()
        kept = key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, plain)
        file = self._folder / "server.pem"
        file.write_bytes(kept + made.public_bytes(PEM))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context

    def _begun(self, name: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        now = datetime.datetime.now(datetime.UTC)
        number = x509.random_serial_number()
        return x509.CertificateBuilder(self._name, name, key, number, now - DAY, now + DAY)


def named(name: str) -> x509.Name:
    """A name of one part."""
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


class Front:
    """Speaks TLS with whoever comes, and passes on what it hears; `heard` keeps it."""

    def __init__(self, authority: str, tls: ssl.SSLContext) -> None:
        self._inside = authority.rsplit(":", 1)
        self._tls = tls
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self.heard = b""
        self.url = ""

    def __enter__(self) -> Self:
        self._thread.start()
        serving = asyncio.start_server(self._relay, "127.0.0.1", 0, ssl=self._tls)
        self._server = asyncio.run_coroutine_threadsafe(serving, self._loop).result(10)
        self.url = f"https://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _end(self) -> None:
        self._server.close()
        mine = asyncio.current_task()
        others = [task for task in asyncio.all_tasks() if task is not mine]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        host, port = self._inside
        answers, portal = await asyncio.open_connection(host, int(port))
        await asyncio.gather(
            self._pump(reader, portal, heard=True), self._pump(answers, writer, heard=False)
        )

    async def _pump(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, heard: bool
    ) -> None:
        try:
            while chunk := await source.read(65_536):
                self.heard += chunk if heard else b""
                sink.write(chunk)
                await sink.drain()
        finally:
            sink.close()
