"""The page in a real browser: Debian's Chromium."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from helpers.report import BLUE, GREEN, RED, WHITE, card, failed, is_like, opened, plain, write

from seedvr_cli.report.card import Look, Side
from seedvr_cli.report.clips import look_at_clip

pytestmark = pytest.mark.slow


@pytest.fixture
def show(requires, tmp_path):
    """Opens a page of these cards in the browser; see `opened`."""
    chromium = requires("chromium")
    return lambda *cards, **how: opened(chromium, write(tmp_path / "page.html", *cards), **how)


def test_the_slider_follows_the_mouse(show):
    """Where the slider stands the source ends and the result begins, and a drag with the mouse moves it there."""
    with show(card()) as seen:
        seen.wait_for_pictures()
        assert is_like(seen.colour(0.25), RED)
        assert is_like(seen.colour(0.75), GREEN)
        box = seen.tab.locator(".stage").bounding_box()
        y = box["y"] + box["height"] / 2
        seen.tab.mouse.move(box["x"] + box["width"] * 0.5, y)
        seen.tab.mouse.down()
        seen.tab.mouse.move(box["x"] + box["width"] * 0.1, y, steps=5)
        seen.tab.mouse.up()
        assert is_like(seen.colour(0.25), GREEN)
        seen.tab.mouse.click(box["x"] + box["width"] * 0.9, y)
        assert is_like(seen.colour(0.75), RED)


def test_the_slider_follows_a_finger(show):
    """A drag with a finger moves the slider as the mouse does."""
    with show(card()) as seen:
        seen.wait_for_pictures()
        box = seen.tab.locator(".stage").bounding_box()
        y = box["y"] + box["height"] / 2
        touch = seen.tab.context.new_cdp_session(seen.tab)
        for kind, share in (("touchStart", 0.5), ("touchMove", 0.3), ("touchMove", 0.1), ("touchEnd", None)):
            points = [] if share is None else [{"x": box["x"] + box["width"] * share, "y": y}]
            touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
        assert is_like(seen.colour(0.25), GREEN)


def test_the_slider_follows_the_keyboard(show):
    """The slider has a name, is reached by Tab, and the arrow keys, Home and End move it and say where it is."""
    with show(card("cup.jpg")) as seen:
        seen.wait_for_pictures()
        slider = seen.tab.get_by_role("slider", name="Before and after of cup.jpg")
        seen.tab.keyboard.press("Tab")
        assert slider.evaluate("(one) => one === document.activeElement")
        seen.tab.keyboard.press("ArrowRight")
        assert (slider.input_value(), slider.get_attribute("aria-valuetext")) == ("51", "51 % before")
        seen.tab.keyboard.press("Home")
        assert is_like(seen.colour(0.25), GREEN)
        seen.tab.keyboard.press("End")
        assert is_like(seen.colour(0.75), RED)


def test_the_magnifier_shows_real_pixels(show):
    """`Magnify` shows the part of both pictures at 1:1, a pixel of it on a pixel of the screen, and leads back."""
    with show(card()) as seen:
        seen.wait_for_pictures()
        seen.tab.get_by_role("button", name="Magnify, 1:1").click()
        seen.wait_for_pictures()
        assert is_like(seen.colour(0.45, 0.5), BLUE)
        assert is_like(seen.colour(0.55, 0.6), WHITE)
        sides = seen.tab.evaluate(
            "[...document.images].map((one) => [getComputedStyle(one).objectFit, one.naturalWidth])"
        )
        assert sides == [["none", 300], ["none", 300]]
        seen.tab.get_by_role("button", name="Whole picture").click()
        seen.wait_for_pictures()
        assert is_like(seen.colour(0.25), RED)


def test_pictures_of_different_shapes(show):
    """Where the source has another shape it is shown whole in the result's frame, and at 1:1 the result alone."""
    square = Look(300, 300, plain(RED, (300, 300)))
    with show(card(before=Side("square.jpg", 9, square))) as seen:
        seen.wait_for_pictures()
        assert is_like(seen.colour(0.3, 0.5), RED)
        assert not is_like(seen.colour(0.05, 0.5), GREEN)
        seen.tab.get_by_role("button", name="Magnify, 1:1").click()
        seen.wait_for_pictures()
        assert is_like(seen.colour(0.45, 0.5), WHITE)
        assert not seen.tab.get_by_role("slider").is_visible()


def test_a_filter_by_state(show):
    """The choice of a state shows the jobs of that state alone, and says how many."""
    with show(card("a.jpg"), failed("b.jpg"), card("c.jpg")) as seen:
        assert seen.names() == ["a.jpg", "b.jpg", "c.jpg"]
        seen.tab.get_by_role("radio", name="Failed 1").check()
        assert seen.names() == ["b.jpg"]
        assert seen.tab.get_by_role("status").inner_text() == "1 of 3 shown"
        seen.tab.get_by_role("radio", name="All 3").check()
        assert seen.names() == ["a.jpg", "b.jpg", "c.jpg"]


def test_the_orders(show):
    """Jobs stand by age, length, price or name, as chosen; what has no length comes last."""
    cards = [
        card("b-10.jpg", seconds=5, price=1000),
        card("b-9.jpg", seconds=None, price=680_000),
        card("A.jpg", seconds=60, price=120_000),
    ]
    with show(*cards) as seen:
        orders = {}
        for order in ("longest", "dearest", "name", "newest"):
            seen.tab.get_by_label("Sort by").select_option(order)
            orders[order] = seen.names()
        assert orders == {
            "longest": ["A.jpg", "b-10.jpg", "b-9.jpg"],
            "dearest": ["b-9.jpg", "A.jpg", "b-10.jpg"],
            "name": ["A.jpg", "b-9.jpg", "b-10.jpg"],
            "newest": ["b-10.jpg", "b-9.jpg", "A.jpg"],
        }


@pytest.mark.parametrize("width", [1280, 360])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nobody_is_shut_out(show, clip, scheme, width):
    """axe-core finds nothing on a page with pictures, clips and failures, in both colour schemes, wide and narrow."""
    film = look_at_clip(str(clip))
    cards = [
        card(),
        failed(),
        card("lone.png", before=Side(note="The source was not fetched.")),
        failed("lost.png", state="unknown", before=Side(), after=Side(note="There is no result.")),
        card("film.mp4", before=Side("film.mp4", 9, look_at_clip(str(clip), like=film)), after=Side("b.mp4", 9, film)),
    ]
    with show(*cards, scheme=scheme, width=width) as seen:
        seen.wait_for_pictures()
        found = Axe().run(seen.tab)
        assert found.response["violations"] == [], found.generate_report()
        assert seen.tab.evaluate("document.documentElement.scrollWidth") == width


def test_nothing_leaves_the_page(show, clip):
    """The page asks for nothing but itself, breaks no rule of its own policy, and writes nothing to the console."""
    film = look_at_clip(str(clip))
    name = "</script><script>document.title = 'taken'</script><img src=https://example.com/x.png onerror=alert(1)>"
    cards = [card(name), card("film.mp4", before=Side("film.mp4", 9, film), after=Side("film-2x.mp4", 9, film))]
    with show(*cards) as seen:
        seen.wait_for_pictures()
        seen.tab.get_by_role("button", name="Magnify, 1:1").first.click()
        seen.tab.get_by_label("Play or pause film.mp4").scroll_into_view_if_needed()
        seen.until("document.querySelector('video').readyState > 1")
        assert seen.names()[0] == name
        assert seen.tab.title() == "seedvr report, 2 jobs"
        assert [url for url in seen.requests if not url.startswith(("blob:", "data:"))] == [seen.tab.url]
        assert seen.errors == []


def test_the_policy_is_in_force(show):
    """A script that is brought into the page is not run, and a picture from elsewhere is not asked for."""
    with show(card()) as seen:
        seen.tab.evaluate(
            """() => {
              const script = document.createElement("script");
              script.textContent = "document.title = 'taken'";
              const picture = new Image();
              picture.src = "https://example.com/x.png";
              document.body.append(script, picture);
            }"""
        )
        assert seen.tab.title() == "seedvr report, 1 job"
        seen.tab.wait_for_timeout(100)
        assert seen.refused == {"https://example.com/x.png": "csp"}
        assert "Content Security Policy" in seen.errors[0]


def test_clips_play_in_step(show, clip):
    """Play runs both clips, neither is ahead of the other, and Pause and the position hold for both."""
    film = look_at_clip(str(clip))
    sides = {"before": Side("a.mp4", 9, look_at_clip(str(clip), like=film)), "after": Side("b.mp4", 9, film)}
    with show(card("film.mp4", **sides)) as seen:
        times = "[...document.querySelectorAll('video')].map((one) => one.currentTime)"
        button = seen.tab.get_by_label("Play or pause film.mp4")
        button.click()
        seen.until(f"Math.min(...{times}) > 0.3")
        button.click()
        seen.until("[...document.querySelectorAll('video')].every((one) => one.paused)")
        one, other = seen.tab.evaluate(times)
        assert one == pytest.approx(other, abs=0.12)
        seen.tab.get_by_label("Position in film.mp4").fill("50")
        one, other = seen.tab.evaluate(times)
        assert one == other > 0.5


def test_pictures_come_when_they_are_near(show):
    """Of many jobs those far below have no picture yet; scrolled to, they have."""
    with show(*(card(f"{number}.jpg") for number in range(40))) as seen:
        seen.wait_for_pictures()
        assert seen.tab.locator("img[src]").count() < 20
        last = seen.tab.locator(".card").last
        last.scroll_into_view_if_needed()
        seen.until("document.querySelector('.card:last-child img[src]') !== null")
        assert last.locator("img[src]").count() == 2


def test_on_paper_both_stand_side_by_side(show):
    """Printed, a card shows both pictures whole, the source on the left, and no buttons."""
    with show(*(card(f"{number}.jpg") for number in range(12))) as seen:
        seen.tab.emulate_media(media="print")
        seen.tab.evaluate("window.dispatchEvent(new Event('beforeprint'))")
        seen.wait_for_pictures()
        assert seen.tab.locator("img[src]").count() == 24
        assert not seen.tab.get_by_role("button").first.is_visible()
        assert is_like(seen.colour(0.25, 0.5), RED)
        assert is_like(seen.colour(0.75, 0.5), GREEN)
