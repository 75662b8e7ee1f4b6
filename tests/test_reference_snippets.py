"""The vendor's own curl and Python examples, copied as they stand, run against the sandbox and get their result."""

import json
import os
import subprocess
import sys

import pytest
from helpers.command import clean_environment
from helpers.sandbox import serve
from helpers.waiting import PATIENCE, wait_for

pytestmark = pytest.mark.slow

ORIGIN = "https://gateway.pixazo.ai"

CURL = {
    "7b-image": r"""
curl -X POST "https://gateway.pixazo.ai/seedvr2-7b-upscale/image-request" \
-H "Content-Type: application/json" \
-H "Cache-Control: no-cache" \
-H "Ocp-Apim-Subscription-Key: YOUR_API_KEY" \
--data-raw '{
"image_url": "https://your-cdn.com/source.png"
}'
""",
    "3b-image": r"""
curl -X POST https://gateway.pixazo.ai/seedvr-upscale/v1/upscale-image/generate \
-H "Content-Type: application/json" \
-H "Cache-Control: no-cache" \
-H "Ocp-Apim-Subscription-Key: YOUR_SUBSCRIPTION_KEY" \
-d '{
"image_url": "https://pub-582b7213209642b9b995c96c95a30381.r2.dev/vt_human.jpg",
"upscale_factor": 2,
"output_format": "png"
}'
""",
    "3b-video": r"""
curl -v -X POST "https://gateway.pixazo.ai/seedvr-upscale/v1/upscale-video/generate" \
-H "Content-Type: application/json" \
-H "Cache-Control: no-cache" \
-H "Ocp-Apim-Subscription-Key: YOUR_SUBSCRIPTION_KEY" \
--data-raw '{
"video_url": "https://example.com/my-video.mp4",
"upscale_factor": 2
}'
""",
}

CURL_STATUS = r"""
curl -H "Ocp-Apim-Subscription-Key: YOUR_API_KEY" \
"https://gateway.pixazo.ai/v2/requests/status/seedvr2-7b-upscale_019dxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx"
"""
EXAMPLE_ID = "seedvr2-7b-upscale_019dxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx"

PYTHON = {
    "7b-image": """
import requests
url = "https://gateway.pixazo.ai/seedvr2-7b-upscale/image-request"
headers = {
"Content-Type": "application/json",
"Cache-Control": "no-cache",
"Ocp-Apim-Subscription-Key": "YOUR_API_KEY"
}
data = {
"image_url": "https://your-cdn.com/source.png"
}
response = requests.post(url, json=data, headers=headers)
print(response.json())
""",
    "3b-image": """
import requests
url = "https://gateway.pixazo.ai/seedvr-upscale/v1/upscale-image/generate"
headers = {
"Content-Type": "application/json",
"Cache-Control": "no-cache",
"Ocp-Apim-Subscription-Key": "YOUR_SUBSCRIPTION_KEY"
}
data = {
"image_url": "https://pub-582b7213209642b9b995c96c95a30381.r2.dev/vt_human.jpg",
"upscale_factor": 2,
"output_format": "png"
}
response = requests.post(url, json=data, headers=headers)
print(response.json())
""",
    "3b-video": """
import requests
url = "https://gateway.pixazo.ai/seedvr-upscale/v1/upscale-video/generate"
headers = {
"Content-Type": "application/json",
"Cache-Control": "no-cache",
"Ocp-Apim-Subscription-Key": "YOUR_SUBSCRIPTION_KEY"
}
data = {
"video_url": "https://example.com/my-video.mp4",
"upscale_factor": 2
}
response = requests.post(url, json=data, headers=headers)
print(response.json())
""",
}

# By endpoint: how a result begins, the size of the sandbox's sample twice as large, and the id's beginning.
RESULTS = {
    "7b-image": (b"\x89PNG", (960, 640), "seedvr2-7b-upscale_"),
    "3b-image": (b"\x89PNG", (960, 640), "seedvr-upscale_"),
    "3b-video": (b"ftyp", (640, 360), "seedvr-upscale_"),
}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A sandbox that upscales for real."""
    with serve(tmp_path_factory.mktemp("sandbox"), "--latency", "0s") as running:
        yield running


@pytest.fixture
def shell(server, requires, tmp_path):
    """Runs a curl example at the sandbox; gives what it prints."""
    requires("curl")

    def run(snippet):
        done = subprocess.run(
            ["sh", "-c", snippet.replace(ORIGIN, server.url)],
            capture_output=True,
            env=clean_environment(tmp_path),
            timeout=PATIENCE,
        )
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout

    return run


@pytest.mark.parametrize("endpoint", CURL)
def test_the_curl_examples(shell, server, tmp_path, endpoint):
    """The curl example of each endpoint is accepted, its status example answers, and the media URL has the result."""
    accepted = json.loads(shell(CURL[endpoint]))
    beginning, size, prefix = RESULTS[endpoint]
    assert accepted["status"] == "QUEUED"
    assert accepted["request_id"].startswith(prefix)
    assert accepted["polling_url"] == f"{server.url}/v2/requests/status/{accepted['request_id']}"

    def completed():
        body = json.loads(shell(CURL_STATUS.replace(EXAMPLE_ID, accepted["request_id"])))
        assert body["status"] in {"QUEUED", "PROCESSING", "COMPLETED"}, body
        return body if body["status"] == "COMPLETED" else None

    (media,) = wait_for(completed)["output"]["media_url"]
    content = shell(f"curl -s '{media}'")
    assert beginning in content[:16]
    path = tmp_path / "result"
    path.write_bytes(content)
    assert measured(path) == size


@pytest.mark.parametrize("endpoint", PYTHON)
def test_the_python_examples(server, tmp_path, endpoint):
    """The Python example of each endpoint is accepted and prints the answer, and the job completes."""
    import ast
    import urllib.request

    (tmp_path / "requests.py").write_text("from httpx import get, post\n__all__ = ['get', 'post']\n")
    (tmp_path / "example.py").write_text(PYTHON[endpoint].replace(ORIGIN, server.url))
    done = subprocess.run(
        [sys.executable, "example.py"],
        cwd=tmp_path,
        capture_output=True,
        env={**os.environ, **clean_environment(tmp_path), "NO_PROXY": "127.0.0.1"},
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stderr.decode()
    accepted = ast.literal_eval(done.stdout.decode())
    assert (accepted["status"], accepted["request_id"].startswith(RESULTS[endpoint][2])) == ("QUEUED", True)
    question = urllib.request.Request(accepted["polling_url"], headers={"Ocp-Apim-Subscription-Key": "YOUR_API_KEY"})

    def completed():
        with urllib.request.urlopen(question, timeout=PATIENCE) as answer:
            body = json.load(answer)
        assert body["status"] in {"QUEUED", "PROCESSING", "COMPLETED"}, body
        return body["status"] == "COMPLETED"

    wait_for(completed)


def measured(path):
    """Width and height of a picture or a video."""
    from seedvr_cli.values.media import measure, sniff_file

    size = measure(str(path), sniff_file(str(path)))
    return size.width, size.height
