"""The gateway with a certificate: what it answers to whom, and a worker that comes in through it."""

from __future__ import annotations

import datetime
import os
import ssl
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from ipaddress import ip_address
from pathlib import Path

import httpx2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.compose.outside import this_machine
from tests.support import wait_until
from tests.support.servers import free_port
from tests.support.stack import Stack, copy_of_repository, docker

OVERLAY = "deploy/compose.tls.yml"
AUTHORITY = "deploy/compose.ca.yml"
BROWSER = {"Accept": "text/html"}


@dataclass(frozen=True)
class Secured:
    stack: Stack
    url: str
    plain: str
    authority: Path
    """Who signed its certificate, in PEM."""

    def client(self) -> httpx2.Client:
        context = ssl.create_default_context(cafile=str(self.authority))
        return httpx2.Client(verify=context, trust_env=False, timeout=30)


def certificate(folder: Path, address: str) -> tuple[Path, Path, Path]:
    """An authority, and a certificate for an IP address that it signed, with its key."""
    now = datetime.datetime.now(datetime.UTC)
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
    names = [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, n)]) for n in ("Tests", address)]

    def signed(which: int) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(names[which])
            .issuer_name(names[0])
            .public_key(keys[which].public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + datetime.timedelta(days=2))
            .add_extension(x509.BasicConstraints(ca=which == 0, path_length=None), critical=True)
        )

    identifier = x509.SubjectKeyIdentifier.from_public_key(keys[0].public_key())
    root = signed(0).add_extension(identifier, critical=False)
    mine = (
        signed(1)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address(address))]), critical=False
        )
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier),
            critical=False,
        )
    )
    authority, chain, key = folder / "ca", folder / "tls_certificate", folder / "tls_key"
    pem = serialization.Encoding.PEM
    authority.write_bytes(root.sign(keys[0], hashes.SHA256()).public_bytes(pem))
    chain.write_bytes(mine.sign(keys[0], hashes.SHA256()).public_bytes(pem))
    key.write_bytes(
        keys[1].private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return authority, chain, key


@pytest.fixture
def secured(stack: Stack, tmp_path: Path) -> Iterator[Secured]:
    """The deployment behind TLS; without it again afterwards."""
    authority, chain, key = certificate(tmp_path, this_machine())
    owner = (stack.folder / "deploy" / "secrets" / "token").stat()
    for path in (chain, key):
        path.chmod(0o600)
        os.chown(path, owner.st_uid, owner.st_gid)
    tmp_path.chmod(0o755)
    settings, port, plain = stack.folder / ".env", free_port(), free_port()
    before = settings.read_text(encoding="utf-8")
    address = f"https://{this_machine()}:{port}"
    settings.write_text(
        f"{before}CAVIAR_LISTEN_TLS=0.0.0.0:{port}\nCAVIAR_LISTEN=0.0.0.0:{plain}\n"
        f"CAVIAR_PUBLIC_URL={address}\nCAVIAR_TLS_CERTIFICATE={chain}\nCAVIAR_TLS_KEY={key}\n",
        encoding="utf-8",
    )
    with_it = replace(stack, files=(*stack.files, OVERLAY))
    try:
        with_it.up()
        yield Secured(with_it, address, f"http://{this_machine()}:{plain}", authority)
    finally:
        settings.write_text(before, encoding="utf-8")
        stack.up()


def test_the_service_is_behind_tls_and_who_comes_without_is_sent_there(
    secured: Secured, teams: dict[str, dict[str, str]]
) -> None:
    """The API, the login's cookie and MLflow; a certificate of an unknown authority is refused by who asks."""
    headers = {"Authorization": f"Bearer {teams['alpha']['viewer']}"}
    with secured.client() as http:
        me = http.get(f"{secured.url}/api/v1/whoami", headers=headers)
        assert me.json()["team"] == "alpha"
        assert "max-age" in me.headers["Strict-Transport-Security"]
        moved = http.get(f"{secured.plain}/api/v1/whoami?a=1", headers=headers)
        assert moved.status_code == 308
        assert moved.headers["Location"].startswith("https://")
        sent = http.get(f"{secured.url}/mlflow/", headers=BROWSER)
        assert sent.status_code == 302
        assert "/login" in sent.headers["Location"]
        form = {"token": teams["alpha"]["viewer"]}
        page = http.get(f"{secured.url}/login")
        assert page.status_code == 200
        logged = http.post(f"{secured.url}/login", data=form, headers={"Origin": secured.url})
        assert logged.status_code == 303, logged.text
        cookie = logged.headers["Set-Cookie"]
        assert "Secure" in cookie
        assert "HttpOnly" in cookie
        shown = http.get(f"{secured.url}/mlflow/", headers=BROWSER)
        assert shown.status_code == 200
    with httpx2.Client(trust_env=False) as http, pytest.raises(httpx2.ConnectError):
        http.get(f"{secured.url}/api/v1/whoami")


def test_a_worker_joins_through_tls_where_it_knows_the_authority(
    secured: Secured, tmp_path: Path
) -> None:
    """Its line to Redis too. Without the authority it is told so."""
    machine = copy_of_repository(tmp_path / "machine")
    (machine / ".env").write_text("CAVIAR_WORKER_HOST=secured\nCAVIAR_WORKER_SLOTS=1\n")
    (machine / "deploy" / "secrets").mkdir(mode=0o700)
    (machine / "deploy" / "secrets" / "ca").write_bytes(secured.authority.read_bytes())
    headers = {"Authorization": f"Bearer {secured.stack.secret('token')}"}
    with secured.client() as http:
        issued = http.post(
            f"{secured.url}/api/v1/tokens",
            headers=headers,
            json={"name": "secured", "role": "worker"},
        ).json()

        def joined(*words: str) -> subprocess.CompletedProcess[str]:
            return subprocess.run(
                [machine / "deploy" / "bin" / "join", secured.url, *words],
                input=f"{issued['token']}\n",
                capture_output=True,
                text=True,
                check=False,
            )

        files = ("--env-file", ".env", "-f", "deploy/compose.worker.yml", "-f", AUTHORITY)
        try:
            refused = joined()
            assert refused.returncode == 1
            assert "certificate" in refused.stderr.lower()
            done = joined("-f", AUTHORITY)
            assert done.returncode == 0, done.stdout + done.stderr

            def seen() -> bool:
                workers = http.get(f"{secured.url}/api/v1/workers", headers=headers).json()
                return any(each["host"].startswith("secured") for each in workers)

            wait_until(seen, 60, "the worker is heard of")
        finally:
            docker("compose", *files, "down", "--volumes", cwd=machine)
