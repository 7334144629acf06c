"""Ways to deploy: what the files under deploy/ name is there, and fits together. No container engine is needed."""

import http.server
import os
import re
import shlex
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import make_url
from streamlit import config as streamlit_config

from core.classroom.classroom import SERVER

ROOT = Path(__file__).resolve().parents[1]
DEPLOY = ROOT / "deploy"
DOCUMENT = (ROOT / "docs/deploying.md").read_text("utf-8")
CONTAINERFILE = (DEPLOY / "Containerfile").read_text("utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))
UNIT = (DEPLOY / "tuning-fork.service").read_text("utf-8")
NGINX = (DEPLOY / "nginx.conf").read_text("utf-8")
CADDY = (DEPLOY / "Caddyfile").read_text("utf-8")
OPT = "/opt/tuning-fork"
OF_OTHERS = {"PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE", "PIP_NO_CACHE_DIR", "PIP_DISABLE_PIP_VERSION_CHECK", "HOME", "FORWARDED_ALLOW_IPS"}  # fmt: skip
"""Read by Python, pip, and the web server that Streamlit runs on."""


def instructions() -> list[tuple[str, str]]:
    """(instruction, its words) of the Containerfile."""
    whole = re.sub(r"\\\n", " ", re.sub(r"^\s*#.*\n", "", CONTAINERFILE, flags=re.MULTILINE))
    lines = [line.strip() for line in whole.splitlines() if line.strip()]
    return [(line.split()[0], line.partition(" ")[2].strip()) for line in lines]


def image_environment() -> dict[str, str]:
    words = [word for name, rest in instructions() if name == "ENV" for word in shlex.split(rest)]
    return dict(word.split("=", 1) for word in words)


def is_known(name: str) -> bool:
    """Whether somebody reads this variable: Streamlit, our code, or one of `OF_OTHERS`."""
    if name.startswith("STREAMLIT_"):
        options = streamlit_config._config_options_template.values()  # pyright: ignore[reportPrivateUsage]
        return name in {option.env_var for option in options}
    if name in OF_OTHERS:
        return True
    sources = (path.read_text("utf-8") for path in (ROOT / "core").rglob("*.py"))
    return any(f'"{name}"' in source for source in sources)


def unit_environment() -> list[str]:
    lines = re.findall(r"^Environment=(.*)$", UNIT, re.MULTILINE)
    return [word.split("=")[0] for line in lines for word in line.split()]


def environment_of(service: str) -> dict[str, str]:
    return COMPOSE["services"][service].get("environment", {})


def test_every_variable_that_is_set_is_read_by_somebody() -> None:
    of_services = [
        name for one in COMPOSE["services"] if one != "db" for name in environment_of(one)
    ]
    written = re.findall(r"^\s+((?:STREAMLIT|TUNING_FORK|RAY)_\w+)=", DOCUMENT, re.MULTILINE)
    named = {*image_environment(), *of_services, *unit_environment(), *written}
    assert [name for name in sorted(named) if not is_known(name)] == []
    assert not is_known("STREAMLIT_SERVER_PROT")
    assert not is_known("TUNING_FORK_HOMES")


def test_a_deployed_server_lets_in_members_of_a_class_only() -> None:
    """Whoever reaches a server that belongs to no class may delete everything."""
    assert image_environment()[SERVER] == "1"
    assert f"Environment={SERVER}=1" in UNIT


# The container


def test_what_the_image_copies_and_runs_is_there() -> None:
    for name, rest in instructions():
        if name == "COPY":
            *sources, _ = rest.split()
            assert all((ROOT / source).exists() for source in sources), rest
    for name in ("ENTRYPOINT", "CMD"):
        lines = [f"{one} {rest}" for one, rest in instructions()]
        words = re.findall(r'"([^"]+)"', " ".join(line for line in lines if f"{name} [" in line))
        files = [word for word in words if "/" in word]
        assert files, name
        assert all((ROOT / file).is_file() for file in files), words
    assert os.access(DEPLOY / "start.sh", os.X_OK)


def test_the_image_names_a_python_that_we_support_and_does_not_run_as_root() -> None:
    base = next(rest for name, rest in instructions() if name == "FROM")
    version = re.search(r"python:(\d+)\.(\d+)", base)
    assert version
    assert (int(version[1]), int(version[2])) >= (3, 11)
    users = [rest for name, rest in instructions() if name == "USER"]
    assert users[-1:] == ["tuning-fork"]
    last = [name for name, _ in instructions()]
    assert last.index("USER") > last.index("RUN")


def test_ports_are_the_same_everywhere() -> None:
    port = image_environment()["STREAMLIT_SERVER_PORT"]
    exposed = [rest for name, rest in instructions() if name == "EXPOSE"]
    published = COMPOSE["services"]["app"]["ports"]
    assert exposed == [port]
    assert published == [f"127.0.0.1:{port}:{port}"]  # a proxy on this machine takes care of TLS
    assert f"reverse_proxy 127.0.0.1:{port}" in CADDY
    assert f"proxy_pass http://127.0.0.1:{port};" in NGINX


def test_no_secret_gets_into_the_image_or_the_repository() -> None:
    ignored = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    for secret in ("deploy/.env", ".streamlit/secrets.toml"):
        assert secret in ignored
        asked = subprocess.run(["git", "check-ignore", "-q", secret], cwd=ROOT, check=False)
        assert asked.returncode in (0, 128), secret  # 128: this copy is no repository


# Compose


def test_services_and_volumes_that_are_named_exist() -> None:
    services, volumes = COMPOSE["services"], COMPOSE["volumes"]
    assert {"app", "db"} <= set(services)
    for name, service in services.items():
        for needed in service.get("depends_on", {}):
            assert needed in services, name
        for mounted in service.get("volumes", []):
            assert mounted.split(":")[0] in volumes, name
        if build := service.get("build"):
            context = (DEPLOY / build["context"]).resolve()
            assert context == ROOT
            assert (context / build["dockerfile"]).is_file()
            asked_for = {rest.partition("=")[0] for one, rest in instructions() if one == "ARG"}
            assert set(build.get("args", {})) <= asked_for


def test_the_app_finds_its_database() -> None:
    db = environment_of("db")
    address = re.sub(r"\$\{\w+:?[?-][^}]*\}", "secret", environment_of("app")["DATABASE_URL"])
    url = make_url(address)
    assert url.get_backend_name() == "postgresql"
    assert url.host in COMPOSE["services"]
    assert (url.username, url.database) == (db["POSTGRES_USER"], db["POSTGRES_DB"])
    assert COMPOSE["services"]["app"]["depends_on"]["db"]["condition"] == "service_healthy"
    looks = COMPOSE["services"]["db"]["healthcheck"]["test"]
    assert f"--username={url.username}" in looks
    assert f"--dbname={url.database}" in looks
    assert "psycopg[binary]" in CONTAINERFILE + (ROOT / "requirements-cluster.txt").read_text()


def test_the_example_of_settings_names_all_that_compose_asks_for() -> None:
    asked = set(re.findall(r"\$\{(\w+)", (DEPLOY / "compose.yaml").read_text("utf-8")))
    given = set(
        re.findall(r"^(?:# )?([A-Z_]+)=", (DEPLOY / "env.example").read_text("utf-8"), re.MULTILINE)
    )
    assert asked == given - {"COMPOSE_PROFILES"}  # read by compose itself
    assert [one for one in COMPOSE["services"].values() if one.get("profiles") == ["ray"]]


# The start script


@pytest.fixture
def python(tmp_path: Path) -> Path:
    """Stands in for Python: writes down how it was called; `prepare` fails as without a network."""
    program = tmp_path / "a python"
    program.write_text(
        f'#!/bin/sh\necho "$PWD $*" >> "{tmp_path}/calls"\n'
        'case "$*" in *prepare*) echo "error: no network" >&2; exit 2;; esac\n'
    )
    program.chmod(0o755)
    return program


def test_the_start_script_prepares_and_starts_also_without_the_model(python: Path) -> None:
    done = subprocess.run(
        [DEPLOY / "start.sh", "--server.port", "8600"],
        env={"PATH": os.environ["PATH"], "PYTHON": str(python)},
        cwd=python.parent,
        capture_output=True,
        text=True,
        check=True,
    )
    calls = (python.parent / "calls").read_text().splitlines()
    assert calls == [
        f"{ROOT} -m core prepare",
        f"{ROOT} -m streamlit run app.py --server.port 8600",
    ]
    assert "The app starts without the model." in done.stderr


class Health(http.server.BaseHTTPRequestHandler):
    said = b"ok"

    def do_GET(self) -> None:
        assert self.path == "/_stcore/health"
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.said)

    def log_message(self, format: str, *args: object) -> None:
        del format, args


@pytest.fixture
def served() -> Iterator[int]:
    server = http.server.HTTPServer(("127.0.0.1", 0), Health)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


def healthy(port: int) -> int:
    settings = os.environ | {"STREAMLIT_SERVER_PORT": str(port)}
    command = [sys.executable, str(DEPLOY / "healthy.py")]
    return subprocess.run(command, env=settings, capture_output=True, check=False).returncode


@pytest.mark.thorough
def test_the_health_check_tells_a_server_from_none(
    served: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert healthy(served) == 0
    monkeypatch.setattr(Health, "said", b"starting")
    assert healthy(served) != 0
    assert healthy(1) != 0


# The unit and the proxies


def test_what_the_unit_starts_is_there() -> None:
    paths = re.findall(rf"{OPT}/(\S+)", UNIT)
    assert "deploy/start.sh" in paths
    assert all((ROOT / path).exists() for path in paths), paths


@pytest.mark.thorough
@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd on this machine")
def test_systemd_understands_the_unit(tmp_path: Path) -> None:
    here = tmp_path / "tuning-fork.service"
    here.write_text(UNIT.replace(OPT, str(ROOT)))
    done = subprocess.run(
        ["systemd-analyze", "verify", here], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert here.name not in done.stderr  # a setting that it does not know is only a warning


def test_proxies_pass_on_what_the_server_needs() -> None:
    upload_mb = streamlit_limit()
    for size in (
        re.search(r"client_max_body_size (\d+)m;", NGINX),
        re.search(r"max_size (\d+)MB", CADDY),
    ):
        assert size
        assert int(size[1]) > upload_mb
    for line in (
        "proxy_set_header Upgrade $http_upgrade;",
        "proxy_set_header Connection $connection_upgrade;",
        "proxy_set_header Host $http_host;",  # else the server refuses it as a foreign name
        "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;",
        "proxy_http_version 1.1;",
    ):
        assert line in NGINX


def streamlit_limit() -> int:
    found = re.search(
        r"^maxUploadSize = (\d+)", (ROOT / ".streamlit/config.toml").read_text("utf-8"), re.M
    )
    assert found
    return int(found[1])


@pytest.mark.thorough
@pytest.mark.skipif(
    not shutil.which("nginx") or not shutil.which("openssl"), reason="no nginx here"
)
def test_nginx_understands_the_site(tmp_path: Path) -> None:
    pair = ["-keyout", tmp_path / "privkey.pem", "-out", tmp_path / "fullchain.pem"]
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=x", *pair], check=True, capture_output=True)  # fmt: skip
    (tmp_path / "site.conf").write_text(NGINX.replace("/etc/ssl/tuning-fork", str(tmp_path)))
    temporary = "".join(f"{kind}_temp_path {tmp_path}/{kind}; " for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))  # fmt: skip
    (tmp_path / "nginx.conf").write_text(
        f"pid {tmp_path}/pid; error_log stderr; events {{}} http {{ {temporary} access_log off; include {tmp_path}/site.conf; }}"
    )
    done = subprocess.run(
        ["nginx", "-t", "-c", tmp_path / "nginx.conf"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


# The document


def test_the_document_names_every_file_and_only_files_that_exist() -> None:
    named = set(re.findall(r"deploy/([\w.-]+\w)", DOCUMENT))
    there = {path.name for path in DEPLOY.iterdir()}
    assert named - there == {".env"} - there
    assert there - named - {".env", "healthy.py"} == set()


def test_the_commands_of_the_document_exist() -> None:
    from core.cli.main import build_parser

    commands = re.findall(r"python -m core ([^`\n#]+)", DOCUMENT.replace("\\\n", " "))
    assert any("--no-server" in command for command in commands)
    for command in commands:
        build_parser().parse_args(shlex.split(command))
