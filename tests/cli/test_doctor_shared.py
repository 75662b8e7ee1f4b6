"""`seedvr doctor` about the ledger that machines share: PostgreSQL and buckets, in every state."""

import os
import socket
import uuid

import pytest
from helpers.bucket import BUCKET, moto, rclone
from helpers.checkup import IMPATIENT, tree
from helpers.postgres import name_of

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def store():
    """The environment that leads to an object store."""
    with moto() as environment:
        yield environment


def test_a_shared_ledger_is_well(look, postgres_server, sandbox, bench, url):
    """A PostgreSQL that can be used is well before it has tables and after; what was paid before has to be pushed."""
    database = postgres_server.database()
    env = {"SEEDVR_LEDGER_URL": database}
    assert bench.run("image", url, to=sandbox).rc == 0
    checks, done = look("--base-url", sandbox.url, env=env)
    assert (done.rc, checks["shared"]["state"], checks["backlog"]["state"]) == (0, "ok", "warning")
    assert "seedvr ledger push" in checks["backlog"]["hint"]
    assert postgres_server.do("SELECT to_regclass('seedvr_meta')", database) == [(None,)]
    assert bench.run("ledger", "push", env=env).rc == 0
    checks, _ = look("--base-url", sandbox.url, env=env)
    assert {name for name, check in checks.items() if check["state"] != "ok"} == set()


def test_a_shared_ledger_that_is_away(look, sandbox, home):
    """A server that is away is a problem, in one line without a password."""
    env = {"SEEDVR_LEDGER_URL": "postgresql://me:hunter2@127.0.0.1:1/jobs"}
    checks, done = look("--base-url", sandbox.url, env=env)
    assert (checks["shared"]["state"], "127.0.0.1/jobs cannot be used" in checks["shared"]["message"]) == (
        "problem",
        True,
    )
    assert "hunter2" not in done.stdout + done.stderr
    assert tree(home) == []


def test_a_wrong_password(look, postgres_server, tmp_path):
    """A user whom the server refuses is a problem, and the password is in no line."""
    database = postgres_server.database()
    (place,) = postgres_server.do("SHOW hba_file")[0]
    with open(place, encoding="utf-8") as file:
        before = file.read()
    name = f"guarded_{uuid.uuid4().hex}"
    postgres_server.do(f"CREATE ROLE {name} LOGIN PASSWORD 'right'")
    try:
        with open(place, "w", encoding="utf-8") as file:
            file.write(f"local all {name} scram-sha-256\n{before}")
        postgres_server.do("SELECT pg_reload_conf()")
        env = {"SEEDVR_LEDGER_URL": database.replace("postgres:@", f"{name}:hunter2@")}
        checks, done = look("--sandbox", env=env)
        assert checks["shared"]["state"] == "ok"  # the sandbox shares nothing
        checks, done = look("--base-url", "http://127.0.0.1:1", env=env)
    finally:
        with open(place, "w", encoding="utf-8") as file:
            file.write(before)
        postgres_server.do("SELECT pg_reload_conf()")
    assert checks["shared"]["state"] == "problem"
    assert "password authentication failed" in checks["shared"]["message"]
    assert "PGPASSWORD" in checks["shared"]["hint"]
    assert "hunter2" not in done.stdout + done.stderr


def test_a_shared_ledger_without_rights_or_writes(look, postgres_server):
    """A read-only server and a user who may not make the tables are problems with their remedies."""
    database = postgres_server.database()
    postgres_server.do("DROP ROLE IF EXISTS stranger")
    postgres_server.do("CREATE ROLE stranger LOGIN")
    postgres_server.do("REVOKE CREATE ON SCHEMA public FROM PUBLIC", database)
    postgres_server.do(f"ALTER DATABASE {name_of(database)} SET default_transaction_read_only = on")
    env = {"SEEDVR_LEDGER_URL": database.replace("postgres:", "stranger:")}
    checks, _ = look("--base-url", "http://127.0.0.1:1", env=env)
    assert (checks["shared"]["state"], "read-only" in checks["shared"]["message"]) == ("problem", True)
    assert "seedvr ledger init" in checks["shared-tables"]["hint"]


def test_a_pooler_before_the_shared_ledger(look, postgres_server, requires, tmp_path, sandbox):
    """Behind PgBouncer all is well, and it is told."""
    with postgres_server.pooled(postgres_server.database(), requires("pgbouncer"), tmp_path) as address:
        checks, done = look("--base-url", sandbox.url, env={"SEEDVR_LEDGER_URL": address})
    assert done.rc == 0
    assert "behind a pooler" in checks["shared"]["message"]


@pytest.mark.parametrize(("module", "url"), [("psycopg", "postgresql://db.example/x"), ("obstore", "s3://a/b")])
def test_a_shared_ledger_without_its_package(look, module, url):
    """Where the library is missing, the line has the command that installs it."""
    hide = f"import sys\nsys.modules[{module!r}] = None\n"
    checks, _ = look("--base-url", "http://127.0.0.1:1", env={"SEEDVR_LEDGER_URL": url}, inject=hide)
    assert (checks["shared"]["state"], "pip install 'seedvr-cli[" in checks["shared"]["hint"]) == ("problem", True)


def test_a_bucket_that_keeps_conditions(look, store, sandbox):
    """A bucket that can be used is well, and no ledger and no probe is left in it."""
    import obstore
    from obstore.store import S3Store

    prefix = uuid.uuid4().hex
    checks, done = look("--base-url", sandbox.url, env={**store, "SEEDVR_LEDGER_URL": f"s3://{BUCKET}/{prefix}"})
    assert (done.rc, checks["shared"]["state"], checks["shared-clock"]["state"]) == (0, "ok", "ok")
    opened = S3Store(
        BUCKET, prefix=prefix, endpoint=store["AWS_ENDPOINT_URL"], client_options={"allow_http": True},
        access_key_id="test", secret_access_key="test", region="us-east-1",
    )  # fmt: skip
    assert [one["path"] for page in obstore.list(opened) for one in page] == []


def test_a_bucket_that_ignores_conditions(look, tmp_path, sandbox):
    """A store in which two machines would both pay is a problem, and the probe is cleared away."""
    with rclone(tmp_path / "rclone") as environment:
        env = {**environment, "SEEDVR_LEDGER_URL": f"s3://{BUCKET}/x"}
        checks, _ = look("--base-url", sandbox.url, env=env)
    assert (checks["shared"]["state"], "both pay" in checks["shared"]["message"]) == ("problem", True)
    assert [name for name in tree(tmp_path / "rclone") if os.path.isfile(name)] == []


def test_a_bucket_that_is_silent(look, store):
    """A store that says nothing is given up, and so are its threads: the command ends."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        env = {**store, "AWS_ENDPOINT_URL": f"http://127.0.0.1:{silent.getsockname()[1]}"}
        checks, _ = look(
            "--base-url", "http://127.0.0.1:1", env={**env, "SEEDVR_LEDGER_URL": f"s3://{BUCKET}/x"}, inject=IMPATIENT
        )
    assert (checks["shared"]["state"], "has not answered" in checks["shared"]["message"]) == ("problem", True)
