"""A request is checked before anything is sent."""

import json

import pytest
from helpers.building import HOOK, URL, build, key_of, params, source
from hypothesis import example, given, settings
from hypothesis import strategies as st

from seedvr_cli.values.catalog import ENDPOINTS
from seedvr_cli.values.errors import UsageError
from seedvr_cli.values.parsers import json_or_text
from seedvr_cli.values.request import build_request, choose_endpoint

# For every parameter of the three endpoints: its flag, what a user writes, and what the body gets.
EXAMPLES = {
    "7b-image": {
        "upscale_factor": ("scale", "4", 4),
        "res_w": ("width", "2048", 2048),
        "res_h": ("height", "1024", 1024),
        "output_format": ("format", "jpg", "jpeg"),
        "noise_scale": ("noise", "0.25", 0.25),
        "seed": ("seed", "12345", 12345),
        "job_id": ("job-id", "mine-1", "mine-1"),
    },
    "3b-image": {
        "upscale_factor": ("scale", "2.5", 2.5),
        "target_resolution": ("target", "1440p", "1440p"),
        "output_format": ("format", "jpeg", "jpg"),
        "noise_scale": ("noise", "0.1", 0.1),
        "seed": ("seed", "0", 0),
        "sync_mode": ("sync", "true", True),
        "webhook": ("body-webhook", HOOK, HOOK),
        "webhook_events_filter": ("body-webhook-events", "completed", ["completed"]),
    },
    "3b-video": {
        "upscale_factor": ("scale", "3", 3),
        "target_resolution": ("target", "720p", "720p"),
        "output_format": ("format", "h265", "H265 (.mp4)"),
        "noise_scale": ("noise", "1", 1),
        "seed": ("seed", "2147483647", 2147483647),
        "output_quality": ("quality", "high", "high"),
        "output_write_mode": ("write-mode", "balanced", "balanced"),
        "webhook": ("body-webhook", HOOK, HOOK),
        "webhook_events_filter": ("body-webhook-events", "start,output", ["start", "output"]),
    },
}
ALL = [(name, wire, *how) for name, wires in EXAMPLES.items() for wire, how in wires.items()]
FLAGS = sorted({flag for wires in EXAMPLES.values() for flag, _, _ in wires.values()} | {"webhook", "webhook-mode"})


# Bodies.


def test_the_examples_leave_no_parameter_out():
    """There is an example for every parameter but upscale_mode, which the client sets itself."""
    for name, endpoint in ENDPOINTS.items():
        assert {one.wire for one in endpoint.parameters} - {"upscale_mode"} == EXAMPLES[name].keys()


@pytest.mark.parametrize(("name", "wire", "flag", "written", "sent"), ALL)
def test_a_flag_sets_its_parameter(name, wire, flag, written, sent):
    """A parameter's flag puts the gateway's spelling of the value into the body."""
    body = build_request(ENDPOINTS[name], source(), {flag: written}).body
    assert body.pop(ENDPOINTS[name].source_key) == URL
    assert body.pop("upscale_mode", None) == ("target" if wire == "target_resolution" else None)
    assert body == {wire: sent}
    assert type(body[wire]) is type(sent)


@pytest.mark.parametrize(("name", "wire", "flag", "written", "sent"), ALL)
def test_the_body_key_does_what_the_flag_does(name, wire, flag, written, sent):
    """`-p KEY=VALUE` with a parameter's own key makes the same request as its flag."""
    by_flag = build_request(ENDPOINTS[name], source(), {flag: written})
    by_key = build_request(ENDPOINTS[name], source(), {}, params(f"{wire}={written}"))
    by_json = build_request(ENDPOINTS[name], source(), {}, params(f"{wire}={json.dumps(sent)}"))
    assert by_flag.body == by_key.body
    assert key_of(by_flag) == key_of(by_key)
    if wire != "job_id":  # text is taken as it stands
        assert by_json.body == by_flag.body


@pytest.mark.parametrize(
    ("name", "key"), [("7b-image", "image_url"), ("3b-image", "image_url"), ("3b-video", "video_url")]
)
def test_what_is_not_set_is_not_sent(name, key):
    """With every option unset the body holds the source alone, so that the gateway's own defaults count."""
    unset = dict.fromkeys(FLAGS) | {"sync": False}
    request = build_request(ENDPOINTS[name], source(), unset)
    assert request.body == {key: URL}
    assert request.headers == request.params == request.notify == {}


def test_the_client_sets_the_mode_for_a_target():
    """A target resolution brings the upscale_mode that the gateway wants with it."""
    for name in ("3b-image", "3b-video"):
        assert build(name, target="1080p").params == {"target_resolution": "1080p", "upscale_mode": "target"}
        assert build(name, ["target_resolution=1080p"]).params["upscale_mode"] == "target"
        assert build(name, ["upscale_mode=target"], target="1080p").params["upscale_mode"] == "target"


def test_a_scale_needs_no_mode():
    """A scale is sent alone, as in the vendor's own example."""
    for name in ("3b-image", "3b-video"):
        assert build(name, scale=2).params == {"upscale_factor": 2}
        assert build(name, ["upscale_mode=factor"], scale=2).params["upscale_mode"] == "factor"


@pytest.mark.parametrize(
    ("extra", "options"),
    [
        ((), {"scale": 2, "target": "1080p"}),
        (["upscale_factor=2"], {"target": "1080p"}),
        (["upscale_mode=factor"], {"target": "1080p"}),
        (["upscale_mode=target"], {}),
        (["upscale_mode=target"], {"scale": 2}),
    ],
)
def test_sizes_that_contradict_are_refused(extra, options):
    """Two sizes, or a mode without its size, are a usage error before anything is paid."""
    with pytest.raises(UsageError, match=r"--target|--scale"):
        build("3b-image", extra, **options)


def test_width_and_height_may_stand_beside_a_scale():
    """7B takes all three, and says itself which counts."""
    assert build(scale=4, width=2048, height=2048).params == {"upscale_factor": 4, "res_w": 2048, "res_h": 2048}


@pytest.mark.parametrize(
    ("name", "flag", "value", "there"),
    [
        ("7b-image", "target", "1080p", ["3b-image (--model 3b)", "3b-video"]),
        ("7b-image", "sync", True, ["3b-image (--model 3b)"]),
        ("7b-image", "quality", "high", ["3b-video"]),
        ("7b-image", "body-webhook", HOOK, ["3b-image (--model 3b)"]),
        ("3b-image", "width", 1024, ["7b-image (--model 7b)"]),
        ("3b-image", "height", 1024, ["7b-image (--model 7b)"]),
        ("3b-image", "job-id", "a", ["7b-image (--model 7b)"]),
        ("3b-image", "write-mode", "fast", ["3b-video"]),
        ("3b-video", "width", 1024, ["7b-image"]),
        ("3b-video", "height", 1024, ["7b-image"]),
        ("3b-video", "sync", True, ["3b-image"]),
    ],
)
def test_a_flag_of_another_endpoint_names_that_endpoint(name, flag, value, there):
    """A flag that the endpoint lacks is a usage error that says where it belongs, and how to get there."""
    with pytest.raises(UsageError) as caught:
        build_request(ENDPOINTS[name], source(), {flag: value})
    assert caught.value.message.startswith(f"--{flag}: {name} has no such parameter; it belongs to ")
    assert all(place in caught.value.message for place in there)


def test_a_flag_of_no_endpoint_names_the_nearest():
    """A flag that no endpoint has is a usage error with the nearest one that there is."""
    with pytest.raises(UsageError, match=r"--sclae: 7b-image has no such parameter \(did you mean scale\?\)"):
        build_request(ENDPOINTS["7b-image"], source(), {"sclae": 2})


def test_a_bad_value_names_the_flag():
    """A value out of range is a usage error that names the flag, the endpoint and the range."""
    with pytest.raises(UsageError, match=r"--scale: 3b-video takes 1-4, not '8'"):
        build("3b-video", scale="8")
    with pytest.raises(UsageError, match=r"-p upscale_factor: 3b-video takes 1-4, not '8'"):
        build("3b-video", ["upscale_factor=8"])


# Other body keys.


@pytest.mark.parametrize(
    ("word", "body"),
    [
        ("strength=0.5", {"strength": 0.5}),
        ("strength=2", {"strength": 2}),
        ("tags=[1, 2]", {"tags": [1, 2]}),
        ("flag=true", {"flag": True}),
        ("nothing=null", {"nothing": None}),
        ('text="5"', {"text": "5"}),
        ("text=plain words", {"text": "plain words"}),
        ("text=a=b", {"text": "a=b"}),
        ("text=", {"text": ""}),
        ("text={broken", {"text": "{broken"}),
        ("text=ünï", {"text": "ünï"}),
    ],
)
def test_any_other_key_goes_into_the_body(word, body):
    """A key that the catalog does not know is sent as JSON where it is JSON, and as text otherwise."""
    assert build("7b-image", [word]).params == body


@pytest.mark.parametrize(
    ("extra", "says"),
    [
        (["scale"], "KEY=VALUE"),
        (["=2"], "KEY=VALUE"),
        ([""], "KEY=VALUE"),
        (["image_url=https://example.com/b.png"], "SOURCE"),
        (["seed=1", "seed=2"], "given twice"),
        (["foo=1", "foo=1"], "given twice"),
        (["foo=NaN"], "no JSON value"),
        (["foo=[1, -Infinity]"], "no JSON value"),
        (["seed=NaN"], "no JSON value"),
        (["seed=" + "9" * 400], "7b-image takes"),
        (["upscale_factor=1e999"], "7b-image takes"),
    ],
)
def test_a_parameter_that_makes_no_sense_is_refused(extra, says):
    """A word that is no KEY=VALUE, the source, a key given twice and what is no JSON are usage errors."""
    with pytest.raises(UsageError, match=says):
        build("7b-image", extra)


def test_a_flag_and_its_key_are_one_too_many():
    """A parameter is set once: by its flag or by -p."""
    with pytest.raises(UsageError, match="-p upscale_factor: given twice"):
        build("7b-image", ["upscale_factor=2"], scale=2)


@pytest.mark.parametrize(
    "word", ["foo=1e999", "foo=[-1e999]", 'foo="\\ud800"', "foo=\udcff", "\udcff=1", "job_id=\udcff"]
)
def test_what_cannot_travel_as_json_is_refused(word):
    """A number without end and text that is no Unicode are usage errors, as they could not be sent."""
    with pytest.raises(UsageError):
        build("7b-image", [word])


def test_a_job_id_that_is_no_unicode_is_refused():
    """Bytes of a command line that are no text are refused before anything is sent."""
    with pytest.raises(UsageError):
        build(job_id="caf\udce9")


@settings(deadline=None)
@given(st.text(st.characters(exclude_characters="="), min_size=1), st.text())
@example("foo", "[" * 100_000)
@example("foo", "1" * 5000)
@example("foo", "-1e400")
def test_every_request_that_is_built_can_be_sent(name, text):
    """Whatever -p says, it is a usage error or a body that is valid JSON in UTF-8."""
    try:
        request = build("7b-image", [f"{name}={text}"])
    except UsageError:
        return
    wire = json.dumps(request.body, allow_nan=False, ensure_ascii=False).encode()
    assert json.loads(wire) == request.body


@settings(deadline=None)
@given(st.text())
def test_text_is_json_or_itself(text):
    """A value is the JSON that it is, or else the text as it stands."""
    try:
        value = json_or_text(text, "-p")
    except ValueError:
        return
    assert value == text or json.loads(text) == value


# Notifications.


def test_webhooks_are_headers():
    """--webhook and --webhook-mode become the gateway's headers, and leave the body alone."""
    request = build(webhook=HOOK, webhook_mode="sync")
    assert request.headers == {"X-Webhook-URL": HOOK, "X-Webhook-Mode": "sync"}
    assert request.body == {"image_url": URL}


def test_body_webhooks_are_in_the_body():
    """--body-webhook and its events are sent in the body, and are no parameters of the result."""
    request = build("3b-image", body_webhook=HOOK, body_webhook_events="completed")
    assert request.body == {"image_url": URL, "webhook": HOOK, "webhook_events_filter": ["completed"]}
    assert request.params == {}
    assert request.headers == {}


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"webhook": "http://example.com/hook"}, "--webhook"),
        ({"webhook": "example.com"}, "--webhook"),
        ({"webhook": ""}, "--webhook"),
        ({"webhook": "https://example.com/\r\nX-Other: 1"}, "--webhook"),
        ({"webhook": "https://example.com/\x7f"}, "--webhook"),
        ({"webhook": "https://example.com/ü"}, "--webhook"),
        ({"webhook": HOOK, "webhook_mode": "often"}, "--webhook-mode"),
        ({"webhook_mode": "sync"}, "needs --webhook"),
    ],
)
def test_a_bad_webhook_is_refused(options, says):
    """A webhook is an https URL that can stand in a header, and its mode is one of two words."""
    with pytest.raises(UsageError, match=says):
        build(**options)


# Money and time.


@pytest.mark.parametrize(
    ("name", "options", "micros"),
    [
        ("7b-image", {"scale": 8}, 1_000),
        ("3b-image", {"target": "2160p"}, 1_000),
        ("3b-video", {"target": "720p"}, 120_000),
        ("3b-video", {"target": "1080p"}, 680_000),
        ("3b-video", {"scale": 2}, 1_950_000),
        ("3b-video", {}, 1_950_000),
    ],
)
def test_the_price_is_known_or_the_dearest(name, options, micros):
    """A request's list price is that of its target, and the dearest row where the size is not known yet."""
    assert build(name, **options).price() == micros


def test_only_sync_answers_at_once():
    """The answer to a submission carries the result where sync_mode asks for it."""
    assert build("3b-image", sync=True).answers_at_once
    assert not build("3b-image").answers_at_once
    assert not build("3b-image", ["sync_mode=false"]).answers_at_once


# Words around a request.


@pytest.mark.parametrize(
    ("kind", "model", "name"),
    [
        ("image", None, "7b-image"),
        ("image", "7b", "7b-image"),
        ("image", "3B", "3b-image"),
        ("image", "3b-image", "3b-image"),
        ("video", None, "3b-video"),
        ("video", "3b", "3b-video"),
    ],
)
def test_a_command_and_a_model_make_an_endpoint(kind, model, name):
    """`image` means 7B unless 3B is asked for, and `video` means 3B."""
    assert choose_endpoint(kind, model).name == name


@pytest.mark.parametrize(("kind", "model"), [("image", "5b"), ("video", "7b"), ("image", "3b-video"), ("image", "")])
def test_an_unknown_model_is_refused(kind, model):
    """A model that there is not for the command is a usage error that lists those there are."""
    with pytest.raises(UsageError, match=r"--model: .*3b"):
        choose_endpoint(kind, model)
