"""Amazon's keys out of the files that its own tools write."""

import pytest

from seedvr_cli.objects.credentials import own_keys, profile_options


@pytest.fixture
def home(tmp_path):
    """A home with two profiles; the environment that leads there."""
    folder = tmp_path / ".aws"
    folder.mkdir()
    (folder / "credentials").write_text(
        "[default]\naws_access_key_id = D\naws_secret_access_key = DD\n"
        "[work]\naws_access_key_id = W\naws_secret_access_key = WW\naws_session_token = T%1\n"
    )
    (folder / "config").write_text(
        "[default]\nregion = eu-1\n[profile work]\nregion = us-2\nendpoint_url = https://s3.x\n"
    )
    return {"HOME": str(tmp_path)}


def test_the_default_profile(home):
    """Without AWS_PROFILE the default profile counts."""
    assert profile_options(home) == {"aws_access_key_id": "D", "aws_secret_access_key": "DD", "region": "eu-1"}


def test_a_named_profile(home):
    """AWS_PROFILE names one, whose keys and settings stand in two files."""
    assert profile_options({**home, "AWS_PROFILE": "work"}) == {
        "aws_access_key_id": "W",
        "aws_secret_access_key": "WW",
        "aws_session_token": "T%1",
        "region": "us-2",
        "endpoint": "https://s3.x",
    }


def test_the_environment_comes_first(home):
    """Who names one key in the environment names all of them; region and endpoint go each by itself."""
    env = {**home, "AWS_PROFILE": "work", "AWS_ACCESS_KEY_ID": "E", "AWS_ENDPOINT_URL_S3": "https://y"}
    assert profile_options(env) == {"region": "us-2"}
    assert "region" not in profile_options({**home, "AWS_DEFAULT_REGION": "x"})


def test_no_files(tmp_path):
    """Where there are no files nothing is told, unless a profile was asked for."""
    assert profile_options({"HOME": str(tmp_path)}) == {}
    with pytest.raises(ValueError, match="AWS_PROFILE: there is no profile 'work'"):
        profile_options({"HOME": str(tmp_path), "AWS_PROFILE": "work"})


def test_a_file_that_cannot_be_read(tmp_path):
    """A file that is no such file is named."""
    path = tmp_path / "mine"
    path.write_text("nonsense\n")
    with pytest.raises(ValueError, match=r"mine cannot be read"):
        profile_options({"HOME": str(tmp_path), "AWS_SHARED_CREDENTIALS_FILE": str(path)})


def test_keys_are_known_where_they_are_written_down(home, tmp_path):
    """A key and its secret are those of the environment, or else of the profile; half a pair is none."""
    assert own_keys(home) == ("D", "DD")
    assert own_keys({**home, "AWS_ACCESS_KEY_ID": "E", "AWS_SECRET_ACCESS_KEY": "EE"}) == ("E", "EE")
    assert own_keys({**home, "AWS_ACCESS_KEY_ID": "E"}) is None
    assert own_keys({"HOME": str(tmp_path / "none")}) is None
