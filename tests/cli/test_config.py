"""`seedvr config` over the real command, and where settings come from."""

import itertools
import os
import stat
import tomllib

import pytest
from fakes.gateway import FakeGateway
from helpers.certificates import make_certificate
from helpers.command import KEY, OVER_HTTPX
from helpers.sources import new_url

from seedvr_cli.settings.known import SETTINGS

pytestmark = pytest.mark.slow

URL = "https://your-cdn.com/source.png"
FILM = "https://your-cdn.com/source.mp4"
SECRET = "sk-0123456789abcdef"


@pytest.fixture
def config_file(home):
    return home / "config" / "config.toml"


# The commands


def test_a_value_is_set_shown_listed_and_unset(run, config_file):
    """What set stores, get prints, list lists and unset removes; get then ends with 1."""
    assert run("config", "path").stdout == f"{config_file}\n"
    done = run("config", "set", "scale", "4")
    assert (done.rc, done.stdout) == (0, "")
    assert run("config", "get", "scale").stdout == "4\n"
    assert run("config", "list", key=None).stdout == "scale = 4\n"
    assert run("config", "list", "--json", key=None).object == {"scale": 4}
    assert run("config", "unset", "scale").rc == 0
    done = run("config", "get", "scale")
    assert (done.rc, done.stdout) == (1, "")
    assert run("config", "list", key=None).stdout == ""


def test_the_key_comes_by_a_pipe_and_is_never_shown_whole(run, bench, config_file, gateway):
    """config set api-key reads a pipe; the key is used and never printed; the file is the user's alone."""
    done = run("config", "set", "api-key", stdin=f"{SECRET}\n")
    assert done.rc == 0, done.stderr
    assert stat.S_IMODE(config_file.stat().st_mode) == 0o600
    talk = done.stdout + done.stderr
    commands = (["config", "list"], ["config", "get", "api-key"], ["config", "list", "--json"])
    for shown in bench.run_all(*commands, key=None):
        assert shown.rc == 0
        assert shown.stdout
        talk += shown.stdout + shown.stderr
    assert SECRET not in talk
    fake = gateway()
    run("status", "nobody", to=fake, key=None)
    assert fake.heard[0].headers["ocp-apim-subscription-key"] == SECRET


def test_a_key_on_the_command_line_is_refused(run, config_file):
    """config set api-key KEY is a usage error, for a key on the command line shows in the list of processes."""
    done = run("config", "set", "api-key", SECRET)
    assert done.rc == 2
    assert SECRET not in done.stderr
    assert not config_file.exists()


def test_a_bad_value_is_not_stored(bench, config_file):
    """set refuses with 2 what the setting does not take, and names it."""
    values = {
        "scale": "9", "format": "gif", "timeout": "soon", "jobs": "0", "base-url": "http://a.example.com",
        "max-cost": "much", "progress": "loud", "webhook": "http://a.example.com", "json": "maybe",
    }  # fmt: skip
    ends = bench.run_all(*(["config", "set", name, value] for name, value in values.items()))
    assert [done.rc for done in ends] == [2] * len(values)
    assert [name for name, done in zip(values, ends, strict=True) if name not in done.stderr] == []
    assert not config_file.exists()


def test_an_unknown_name_gets_the_nearest(bench):
    """An unknown setting is a usage error that names the nearest one, in get and set alike."""
    for done in bench.run_all(["config", "set", "pol-interval", "5"], ["config", "get", "pol_interval"]):
        assert done.rc == 2
        assert "poll-interval" in done.stderr


def test_comments_and_other_profiles_are_kept(run, bench, config_file):
    """set and unset change one value and leave comments, order and other profiles as they are."""
    bench.configure('# mine\n[default]\nscale = 2 # twice\nformat = "webp"\n\n[work]\nscale = 8\n')
    assert run("config", "set", "format", "png").rc == 0
    assert run("config", "set", "scale", "4", "--profile", "work").rc == 0
    assert run("config", "unset", "scale", "--profile", "work").rc == 0
    assert config_file.read_text() == '# mine\n[default]\nscale = 2 # twice\nformat = "png"\n\n[work]\n'
    assert os.listdir(config_file.parent) == ["config.toml"]


def test_a_broken_file_is_a_usage_error(run, bench, config_file):
    """A config file that is no TOML, or holds an unknown setting, ends with 2 and one line with its path."""
    for text in ("[default\n", "[default]\nscael = 2\n"):
        bench.configure(text)
        done = run("image", URL, "--dry-run")
        assert done.rc == 2
        assert str(config_file) in done.stderr
        assert done.stderr.count("\n") == 1


# The common flags that mean something to a `config` command.
OWN_FLAGS = {
    "get": "--json --profile",
    "set": "--quiet --profile",
    "unset": "--quiet --profile",
    "list": "--json --profile",
    "profiles": "--json",
    "edit": "",
    "path": "",
}


def test_a_command_takes_the_common_flags_that_mean_something(bench):
    """Each config command takes those common flags that change what it does, and no other."""
    common = ["--json", "--quiet", "--verbose", "--progress", "--base-url", "--sandbox", "--profile", "--api-key-file"]
    ends = bench.run_all(*(["config", command, "--help"] for command in OWN_FLAGS))
    found = {name: [flag for flag in common if flag in done.stdout] for name, done in zip(OWN_FLAGS, ends, strict=True)}
    assert found == {name: flags.split() for name, flags in OWN_FLAGS.items()}


# Profiles, and what goes before what


def requests(bench, *commands):
    """What `image URL` with each of these words would send."""
    ends = bench.run_all(*(["image", URL, "--dry-run", "--json", *words] for words in commands), key=None)
    return [done.object["request"] for done in ends]


def test_a_profile_is_chosen_by_flag_or_environment(run, bench):
    """--profile goes before SEEDVR_PROFILE, that before the default profile; an unknown one is a usage error."""
    bench.configure("[default]\nscale = 2\n[three]\nscale = 3\n[four]\nscale = 4\n")
    three = {"env": {"SEEDVR_PROFILE": "three"}}
    made = requests(bench, [], [three], ["--profile", "four", three])
    assert [request["body"]["upscale_factor"] for request in made] == [2, 3, 4]
    done = run("image", URL, "--dry-run", "--profile", "fuor")
    assert done.rc == 2
    assert "four" in done.stderr


def test_flag_environment_profile_default(bench):
    """The address comes from the flag, else the environment, else the profile, else it is the vendor's."""
    bench.configure('[profile]\nbase-url = "https://profile.example.com"\n')
    env = {"env": {"SEEDVR_BASE_URL": "https://environment.example.com"}}
    profile, flag = ["--profile", "profile"], ["--base-url", "https://flag.example.com"]
    made = requests(bench, [], profile, [*profile, env], [*profile, *flag, env])
    assert [request["url"].split("/")[2] for request in made] == [
        "gateway.pixazo.ai",
        "profile.example.com",
        "environment.example.com",
        "flag.example.com",
    ]


def test_where_the_key_comes_from(bench, gateway):
    """The key is that of the flag, SEEDVR_API_KEY, PIXAZO_API_KEY, the config file, its command, ~/.pixazo/api-key."""
    fake = gateway()
    (bench.home / ".pixazo").mkdir()
    (bench.home / ".pixazo" / "api-key").write_text("vendor-file\n")
    (bench.work / "key").write_text("from-file\n")
    bench.configure('[command]\napi_key_command = "echo from-command"\n[key]\napi-key = "from-config"\n')
    pixazo = {"PIXAZO_API_KEY": "pixazo"}
    commands = {
        "vendor-file": [{"key": None}],
        "from-command": ["--profile", "command", {"key": None}],
        "from-config": ["--profile", "key", {"key": None}],
        "pixazo": ["--profile", "key", {"key": None, "env": pixazo}],
        "seedvr": ["--profile", "key", {"key": "seedvr", "env": pixazo}],
        "from-file": ["--api-key-file", "key", {"key": "seedvr"}],
        "from-pipe": ["--api-key-file", "-", {"key": "seedvr", "stdin": "from-pipe\n"}],
    }
    bench.run_all(*(["status", key, *words] for key, words in commands.items()), to=fake)
    told = {poll.path.rpartition("/")[2]: poll.headers["ocp-apim-subscription-key"] for poll in fake.polls()}
    assert told == {key: key for key in commands}


def test_the_proxy_of_the_environment_is_used(run, gateway):
    """A gateway elsewhere is reached through HTTPS_PROXY."""
    fake = gateway()
    done = run("status", "nobody", "--base-url", "https://gateway.example.com", env={"HTTPS_PROXY": fake.url})
    assert done.rc == 5
    assert [(one.method, one.path) for one in fake.heard] == [("CONNECT", "gateway.example.com:443")]


def test_no_proxy_comes_between_this_machine_and_itself(run, gateway, sandbox, url):
    """A gateway on this machine is asked directly, whatever proxy the environment names."""
    proxy = gateway()
    done = run(
        "image", url, to=sandbox, env={"HTTPS_PROXY": proxy.url, "HTTP_PROXY": proxy.url, "ALL_PROXY": proxy.url}
    )
    assert done.rc == 0, done.stderr
    assert proxy.heard == []


def test_own_certificates_are_trusted(run, requires, tmp_path):
    """A gateway whose certificate is in SSL_CERT_FILE is trusted, and without that it is not."""
    import ssl

    pem, key = make_certificate(requires("openssl"), tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, key)
    fake = FakeGateway(tls=context)
    try:
        assert run("status", "nobody", to=fake).rc == 5
        assert fake.heard == []
        done = run("status", "nobody", to=fake, env={"SSL_CERT_FILE": str(pem)})
        assert done.rc == 1
        assert "404" in done.stderr
        for number, carrier in enumerate((OVER_HTTPX, "")):
            command = ("image", f"{URL}?{number}", "-o", f"{number}.png")
            fake.heard.clear()
            refused = run(*command, to=fake, inject=carrier)
            assert (refused.rc, fake.heard) == (5, [])
            assert "certificate" in refused.stderr.lower()
            assert run(*command, to=fake, inject=carrier, env={"SSL_CERT_FILE": str(pem)}).rc == 0
            assert (len(fake.posts()), len(fake.downloads())) == (1, 1)
    finally:
        fake.close()


# Every default that may be stored

PICTURE = """
[default]
json = true
base-url = "https://stored.example.com"
scale = 4
format = "jpg"
noise = 0.5
seed = 7
webhook = "https://a.example.com"
webhook-mode = "sync"
recursive = true

[sized]
json = true
width = 512
height = 300

[three]
json = true
model = "3b"
target = "1440p"
sync = true
body-webhook = "https://b.example.com"
body-webhook-events = "completed"

[film]
json = true
format = "h265"
quality = "high"
write-mode = "fast"

[run]
api-key-command = "echo stored-key"
output = "{stem}-mine{ext}"
overwrite = true
jobs = 1
poll-interval = 0.2
timeout = "0s"
max-cost = "0.001"
max-cost-per-day = "1"
max-cost-per-month = "1"
max-cost-per-tag = { nightly = 1 }
max-filesize = "1G"
rate = "100/s"
verbose = true
rows = 5
title = true
bell = true
progress = "plain"

[quiet]
api-key = "stored-key"
quiet = true

[shared]
ledger-url = "postgresql://me@db.example/jobs"
ledger-url-command = "pass show ledger"
public-url = "https://seedvr.example.com"
ca-bundle = "system"
client-cert = "me.pem"
client-key = "me.key"

[files]
upload = "s3://bucket/in"
upload-endpoint = "https://s3.example.com"
upload-region = "eu-central-1"
upload-command = "send {path}"
keep-upload = true
keep-metadata = false
keep-sound = false
"""


def test_the_defaults_below_are_all_that_may_be_stored():
    """The profiles of this file name every setting there is."""
    assert {name for profile in tomllib.loads(PICTURE).values() for name in profile} == set(SETTINGS)


def test_stored_parameters_of_a_picture(run, bench, photo):
    """Stored parameters go into 7B's request, its headers and its address, where no flag says otherwise."""
    bench.configure(PICTURE)
    flags = ["-x", "2", "-f", "png", "--seed", "8"]
    request, flagged, sized = requests(bench, [], flags, ["--profile", "sized"])
    assert request["url"] == "https://stored.example.com/seedvr2-7b-upscale/image-request"
    assert request["headers"] == {"X-Webhook-URL": "https://a.example.com", "X-Webhook-Mode": "sync"}
    assert request["body"] == {
        "image_url": URL, "upscale_factor": 4, "output_format": "jpeg", "noise_scale": 0.5, "seed": 7,
    }  # fmt: skip
    body = flagged["body"]
    assert (body["upscale_factor"], body["output_format"], body["seed"]) == (2, "png", 8)
    assert sized["body"] == {"image_url": URL, "res_w": 512, "res_h": 300}
    (bench.work / "in" / "deep").mkdir(parents=True)
    (bench.work / "in" / "deep" / "a.jpg").write_bytes(photo.read_bytes())
    assert run("image", "in", "--dry-run", "--sandbox", key=None).object["source"] == "in/deep/a.jpg"


def test_stored_parameters_of_3b(bench):
    """Stored parameters go into 3B's requests, and those that an endpoint lacks are left out of its own."""
    bench.configure(PICTURE)
    three, film = ["--dry-run", "--profile", "three"], ["--dry-run", "--profile", "film"]
    ends = bench.run_all(["image", URL, *three], ["video", FILM, *three], ["video", FILM, *film], key=None)
    picture, other, video = (done.object["request"]["body"] for done in ends)
    assert picture == {
        "image_url": URL,
        "target_resolution": "1440p",
        "upscale_mode": "target",
        "sync_mode": True,
        "webhook": "https://b.example.com",
        "webhook_events_filter": ["completed"],
    }
    assert "target_resolution" not in other
    assert video == {
        "video_url": FILM, "output_format": "H265 (.mp4)", "output_quality": "high", "output_write_mode": "fast",
    }  # fmt: skip


def test_stored_defaults_of_a_run(run, bench, gateway, work):
    """Stored defaults of a run hold: key, name, overwriting, jobs, interval, timeout, cap and talk."""
    bench.configure(PICTURE)
    fake = gateway()
    stored = ["--profile", "run", "--base-url", fake.url]
    first, second = new_url("a.png"), new_url("b.png")

    done = run("image", first, second, *stored, key=None)
    assert (done.rc, len(fake.posts())) == (4, 1)  # max-cost; jobs = 1 makes it the second that is too much
    assert fake.posts()[0].headers["ocp-apim-subscription-key"] == "stored-key"
    assert "key from api_key_command" in done.stderr  # verbose

    done = run("image", first, *stored, "--timeout", "1m", key=None)
    assert (done.rc, done.stdout) == (0, "a-mine.png\n")
    (work / "b-mine.png").write_text("in the way")
    assert run("image", second, *stored, "--no-wait", key=None).rc == 0
    fake.script = lambda heard: fake.view(heard, "PROCESSING") if heard in fake.polls() else None
    assert run("image", second, *stored, key=None).rc == 6
    left = [3]

    def script(heard):
        if heard in fake.polls() and left[0]:
            left[0] -= 1
            return fake.view(heard, "PROCESSING")
        return None

    fake.script = script
    done = run("image", second, *stored, "--timeout", "1m", key=None)
    assert (done.rc, done.stdout) == (0, "b-mine.png\n")
    assert (work / "b-mine.png").read_bytes() == fake.picture
    instants = [poll.at for poll in fake.polls()[-4:]]
    assert min(later - earlier for earlier, later in itertools.pairwise(instants)) >= 0.18

    quiet = run("image", new_url(), "--profile", "quiet", "--base-url", fake.url, "--poll-interval", "0.1", key=None)
    assert (quiet.rc, quiet.stderr) == (0, "")
    assert fake.posts()[-1].headers["ocp-apim-subscription-key"] == "stored-key"


def test_a_key_with_spaces_or_lines_is_refused(run):
    """A key that could not stand in a header is a usage error, and is not shown."""
    done = run("status", "nobody", key="two words")
    assert done.rc == 2
    assert "two words" not in done.stderr
    assert KEY not in done.stderr
