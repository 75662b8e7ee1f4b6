"""The picture of before and after on disk: under which name, and when it is made anew."""

import os

import pytest
from PIL import Image

from seedvr_cli.report.compare_file import CompareFile
from seedvr_cli.report.pair import Pair
from seedvr_cli.values.errors import DeliveryError
from seedvr_cli.values.job import File

IMAGES = Image.new("RGB", (20, 10), "red"), Image.new("RGB", (40, 20), "red")
PAIR = Pair(*IMAGES, *(image.size for image in IMAGES))


def result(folder, name="photo.png", sha256="ab" * 32):
    return File(str(folder / name), 10, sha256, "image/png")


def made(file):
    target = CompareFile.of(file)
    target.write(PAIR)
    return target.path


def test_it_stands_beside_its_result(tmp_path):
    """It is a JPEG of the two in full colours, and then it is done."""
    file = result(tmp_path)
    assert not CompareFile.of(file).is_done
    path = made(file)
    assert path == str(tmp_path / "photo-compare.jpg")
    with Image.open(path) as picture:
        assert (picture.format, picture.size) == ("JPEG", (84, 20))
        assert {layer[1:3] for layer in picture.layer} == {(1, 1)}
    assert CompareFile.of(file) == CompareFile(file, path, is_done=True)
    assert os.listdir(tmp_path) == ["photo-compare.jpg"]


def test_that_of_an_older_result_is_replaced(tmp_path):
    """A result that is another one under the same name gets its comparison in the place of the old one."""
    path = made(result(tmp_path))
    newer = result(tmp_path, sha256="cd" * 32)
    assert CompareFile.of(newer) == CompareFile(newer, path, is_done=False)
    assert made(newer) == path
    assert CompareFile.of(newer).is_done


def test_results_that_differ_in_their_ending_have_one_each(tmp_path):
    """photo.png and photo.webp do not take turns: the second one's is -2, and both are done."""
    one, other = result(tmp_path), result(tmp_path, "photo.webp")
    made(one)
    assert made(other) == str(tmp_path / "photo-compare-2.jpg")
    assert CompareFile.of(one).is_done
    assert CompareFile.of(other).is_done


@pytest.mark.parametrize("kind", ["other", "edited", "link", "folder"])
def test_what_is_not_ours_is_not_touched(tmp_path, kind):
    """A file of somebody else's, one of ours that was changed, a link and a folder stay; ours is -2."""
    path = tmp_path / "photo-compare.jpg"
    match kind:
        case "other":
            path.write_text("mine")
        case "edited":
            made(result(tmp_path))
            path.write_bytes(path.read_bytes() + b"more")
        case "link":
            path.symlink_to(tmp_path / "elsewhere")
        case "folder":
            path.mkdir()
    before = path.lstat()
    assert made(result(tmp_path)) == str(tmp_path / "photo-compare-2.jpg")
    assert path.lstat() == before
    assert CompareFile.of(result(tmp_path)).is_done


def test_a_folder_that_takes_nothing_is_told(tmp_path):
    """Where it cannot be written, a DeliveryError says which file."""
    with pytest.raises(DeliveryError, match=r"cannot write .*gone/photo-compare.jpg: No such file"):
        made(result(tmp_path / "gone"))
