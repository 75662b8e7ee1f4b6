"""`config set api-key`: shown to the gateway first, and kept in the file or in a real keyring."""

import pytest
from fakes.gateway import Reply
from helpers.keyrings import secret_service

pytestmark = pytest.mark.slow

SECRET = "sk-0123456789abcdef"
OTHER = "sk-other-0123456789"


@pytest.fixture
def keyring(requires, tmp_path):
    """The environment of a session whose keyring is GNOME's, unlocked."""
    folder = tmp_path / "session"
    folder.mkdir(mode=0o700)
    with secret_service(requires("dbus-daemon"), requires("gnome-keyring-daemon"), folder) as environment:
        yield environment


@pytest.fixture
def store(run):
    """Runs `config set api-key` with this key in a pipe, its gateway the one that is given, if any."""

    def start(*words, key=SECRET, to=None, env=None):
        address = {"SEEDVR_BASE_URL": to.url} if to else {"SEEDVR_BASE_URL": "http://127.0.0.1:1"}
        done = run("config", "set", "api-key", *words, stdin=f"{key}\n", key=None, env={**address, **(env or {})})
        assert key not in done.stdout + done.stderr
        return done

    return start


@pytest.fixture
def config_file(home):
    return home / "config" / "config.toml"


# Verified first.


def test_the_gateway_is_asked_before_a_key_is_stored(store, gateway, config_file):
    """One GET for a job that cannot exist, with the key; then it stands in the file, and that it is taken is said."""
    fake = gateway()
    done = store(to=fake)
    assert (done.rc, done.stdout) == (0, "")
    assert "the gateway takes the key" in done.stderr
    (heard,) = fake.heard
    assert (heard.method, heard.headers["ocp-apim-subscription-key"]) == ("GET", SECRET)
    assert SECRET in config_file.read_text()


def test_a_key_that_is_refused_is_not_stored(store, gateway, config_file):
    """A key that the gateway refuses ends with 3, and is not stored."""
    fake = gateway(lambda _: Reply(401, {"error": "Unauthorized", "message": f"no {SECRET}"}))
    done = store(to=fake)
    assert (done.rc, done.stderr.count("\n")) == (3, 1)
    assert "nothing is stored" in done.stderr
    assert not config_file.exists()


def test_without_a_gateway_the_file_takes_it_all_the_same(store, config_file):
    """A gateway that is not to be had is a warning for the file; -q leaves it out."""
    done = store()
    assert done.rc == 0
    assert "seedvr: the gateway was not asked about the key: cannot reach http://127.0.0.1:1" in done.stderr
    assert SECRET in config_file.read_text()
    assert store("-q").stderr == ""


def test_nobody_need_be_asked(store, gateway, config_file):
    """With --no-verify nobody is asked."""
    fake = gateway()
    assert store("--no-verify", to=fake).rc == 0
    assert fake.heard == []
    assert SECRET in config_file.read_text()


def test_the_profiles_gateway_is_asked(run, bench, gateway):
    """The gateway is that of the profile that the key is for; a key for one that is not there yet makes it."""
    fake, env = gateway(), {"SEEDVR_BASE_URL": None}
    bench.configure(f'[work]\nbase-url = "{fake.url}"\n')
    assert run("config", "set", "api-key", "--profile", "work", stdin=SECRET, key=None, env=env).rc == 0
    assert len(fake.heard) == 1
    env = {"SEEDVR_BASE_URL": fake.url}
    assert run("config", "set", "api-key", "--profile", "new", stdin=SECRET, key=None, env=env).rc == 0
    assert len(fake.heard) == 2


def test_other_settings_have_no_keyring(bench):
    """--keyring and --no-verify are for the key alone."""
    for flag in ("--keyring", "--no-verify"):
        done = bench.run("config", "set", "scale", "2", flag)
        assert (done.rc, "are for api-key" in done.stderr) == (2, True)


def test_who_goes_before_it_is_said(store):
    """Where the environment has a key, which goes before the stored one, that is said."""
    assert "PIXAZO_API_KEY goes before it" in store("--no-verify", env={"PIXAZO_API_KEY": OTHER}).stderr


# In the keyring.


def test_a_key_lives_in_the_keyring(store, run, gateway, keyring, config_file, bench, look):
    """Stored there, a key is out of the file, is used, told by its place, and removed by unset."""
    bench.configure(f'[default]\nscale = 2\napi-key = "{OTHER}"\n')
    fake = gateway()
    done = store("--keyring", to=fake, env=keyring)
    assert done.rc == 0, done.stderr
    assert "api-key is stored in the keyring [default]" in done.stderr
    assert f"the key in {config_file} [default] is removed" in done.stderr
    assert config_file.read_text() == "[default]\nscale = 2\n"

    run("status", "nobody", to=fake, key=None, env=keyring)
    assert fake.heard[-1].headers["ocp-apim-subscription-key"] == SECRET
    listed = run("config", "list", key=None, env=keyring)
    assert (listed.stdout, "the key sk…ef is in the keyring" in listed.stderr) == ("scale = 2\n", True)
    assert "\nprofile" not in listed.stdout
    everything = run("config", "list", "--all", key=None, env=keyring)
    assert "api-key\tsk…ef\t\tthe keyring\t" in everything.stdout
    assert run("config", "get", "api-key", key=None, env=keyring).stdout == "sk…ef\n"
    checks, told = look("--base-url", fake.url, key=None, env=keyring)
    assert checks["key"]["message"] == "from the keyring"
    assert SECRET not in listed.stdout + listed.stderr + everything.stdout + told.stdout + told.stderr

    done = run("config", "unset", "api-key", key=None, env=keyring)
    assert (done.rc, done.stderr) == (0, "")
    assert run("config", "get", "api-key", key=None, env=keyring).rc == 1
    assert run("config", "unset", "api-key", key=None, env=keyring).stderr == "seedvr: api-key was not set\n"


def test_each_profile_has_its_own(store, run, keyring, gateway, bench):
    """Two profiles have two keys there; a command of the profile's, which goes before, is told."""
    bench.configure(f'[default]\n[work]\napi-key-command = "echo {OTHER}"\n[third]\n')
    fake = gateway()
    assert store("--keyring", "--profile", "third", to=fake, env=keyring).rc == 0
    done = store("--keyring", "--profile", "work", to=fake, env=keyring, key=OTHER)
    assert "api-key-command of [work] goes before it" in done.stderr
    run("status", "nobody", "--profile", "third", to=fake, key=None, env=keyring)
    assert fake.heard[-1].headers["ocp-apim-subscription-key"] == SECRET
    assert run("status", "nobody", to=fake, key=None, env=keyring).rc == 3


def test_a_key_for_a_new_profile_makes_it(store, run, keyring, gateway, bench, config_file):
    """Stored in the keyring for a profile that is not there yet, a key can be used and removed."""
    fake = gateway()
    done = store("--keyring", "--profile", "work", to=fake, env=keyring)
    assert done.rc == 0, done.stderr
    assert config_file.read_text() == "[work]\n"
    run("status", "nobody", "--profile", "work", to=fake, key=None, env=keyring)
    assert fake.heard[-1].headers["ocp-apim-subscription-key"] == SECRET
    config_file.write_text("")  # it is gone again, and its key is not left behind
    assert run("config", "unset", "api-key", "--profile", "work", key=None, env=keyring).rc == 0
    assert run("config", "unset", "api-key", "--profile", "work", key=None, env=keyring).rc == 2


def test_the_keyring_takes_no_key_that_is_refused(store, run, gateway, keyring):
    """A key that the gateway refuses ends with 3, and the keyring does not have it."""
    done = store("--keyring", to=gateway(lambda _: Reply(403, {"error": "Forbidden"})), env=keyring)
    assert (done.rc, "nothing is stored" in done.stderr) == (3, True)
    assert run("config", "get", "api-key", key=None, env=keyring).rc == 1


def test_without_a_gateway_the_keyring_takes_nothing(store, run, keyring):
    """A gateway that is not to be had ends with 5, and says how to store the key unseen; with --no-verify it is."""
    done = store("--keyring", env=keyring)
    assert (done.rc, "--no-verify stores the key unseen" in done.stderr) == (5, True)
    assert run("config", "get", "api-key", key=None, env=keyring).rc == 1
    assert store("--keyring", "--no-verify", env=keyring).rc == 0
    assert run("config", "get", "api-key", key=None, env=keyring).stdout == "sk…ef\n"


@pytest.mark.parametrize(
    "backend", ["keyring.backends.null.Keyring", "keyring.backends.fail.Keyring", "no.such.Keyring"]
)
def test_without_a_keyring_it_is_one_line(store, run, backend, config_file):
    """Where nothing keeps secrets the command ends with 2 and one line; without a key elsewhere there is none."""
    env = {"PYTHON_KEYRING_BACKEND": backend}
    done = store("--keyring", "--no-verify", env=env)
    assert (done.rc, done.stderr.count("\n")) == (2, 1)
    assert not config_file.exists()
    assert run("status", "nobody", "--base-url", "http://127.0.0.1:1", key=None, env=env).rc == 3


def test_plain_text_is_refused(store, bench, work, config_file):
    """A backend that writes plain text is refused, and writes nothing."""
    (work / "plain.py").write_text(
        "from keyring.backend import KeyringBackend\n\n\n"
        "class Keyring(KeyringBackend):\n    priority = 0.5\n\n"
        "    def set_password(self, *words):\n        open('keys', 'w').write(str(words))\n\n"
        "    def get_password(self, *words):\n        return 'from-plain-text'\n\n    delete_password = set_password\n"
    )
    env = {"PYTHON_KEYRING_BACKEND": "plain.Keyring", "PYTHONPATH": f"{work}:{bench.environment()['PYTHONPATH']}"}
    done = store("--keyring", "--no-verify", env=env)
    assert (done.rc, "plain text" in done.stderr) == (2, True)
    assert not (work / "keys").exists()
    assert not config_file.exists()
    assert bench.run("config", "get", "api-key", key=None, env=env).rc == 1
