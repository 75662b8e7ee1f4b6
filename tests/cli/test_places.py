"""File systems and terminals that are not this one: what the command does there."""

import pytest
from helpers.sources import new_url

FOLDS = "import seedvr_cli.values.system as s\ns.folds_names = lambda folder: {}\n"


@pytest.mark.parametrize("folds", [True, False])
@pytest.mark.parametrize("pair", [("A.png", "a.png"), ("\u00e9.png", "e\u0301.png")])
def test_names_that_a_disk_takes_for_one_are_two(folds, pair, bench, gateway):
    """Where a disk folds names the second of two jobs in flight gets a number; elsewhere both stay as they are."""

    def script(heard):  # no job ends before both were submitted
        is_early = heard.method == "GET" and heard.source and len(fake.posts()) < 2
        return fake.view(heard, "PROCESSING") if is_early else None

    fake = gateway(script)
    urls = [new_url(name) for name in pair]
    done = bench.run("image", *urls, "-o", "out/", to=fake, inject=FOLDS.format(folds))
    assert done.rc == 0, done.stderr
    got = [path.name for path in (bench.work / "out").iterdir()]
    one, other = (f"{name.removesuffix('.png')}-upscaled" for name in pair)
    assert set(got) == {f"{one}.png", f"{other}{'-2' if folds else ''}.png"}
    again = bench.run("image", *urls, "-o", "out/", to=fake, inject=FOLDS.format(folds))
    assert (again.rc, sorted(again.lines)) == (0, sorted(done.lines))
    assert len(fake.posts()) == 2
