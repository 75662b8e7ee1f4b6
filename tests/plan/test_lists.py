"""Lists: three forms, gzip, streamed, each line known by its number."""

import codecs
import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seedvr_cli.plan.lists import open_list
from seedvr_cli.values.errors import UsageError


def read(tmp_path, content, name="list"):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with open_list(str(path)) as opened:
        return opened.form, [(e.number, e.source, dict(e.options), e.problem) for e in opened.entries]


def test_plain_lines_skip_blanks_and_comments(tmp_path):
    """A plain list is one source a line; blank lines and comments are passed over and counted."""
    form, entries = read(tmp_path, "# mine\n\nhttps://a/1.png\n  https://a/2.png  \r\n# end\nhttps://a/3.png")
    assert form == "lines"
    assert [(number, source) for number, source, _, _ in entries] == [
        (3, "https://a/1.png"),
        (4, "https://a/2.png"),
        (6, "https://a/3.png"),
    ]


def test_json_lines_carry_their_own_options(tmp_path):
    """A JSON line is a source and its own options; what a failed-file added is passed over."""
    form, entries = read(tmp_path, '{"source": "https://a/1.png", "scale": 4, "error": "x", "seed": null}\n')
    assert (form, entries) == ("jsonl", [(1, "https://a/1.png", {"scale": 4}, None)])


def test_bad_json_lines_are_named_and_the_rest_is_read(tmp_path):
    """A line that is no JSON, or no object with a source, is a problem of its own."""
    _, entries = read(
        tmp_path, '{"source": "https://a/1.png"}\n{nope\n[1]\n{"scale": 2}\n{"source": "https://a/2.png"}\n'
    )
    assert [problem is None for _, _, _, problem in entries] == [True, False, False, False, True]
    assert entries[-1][0] == 5


def test_csv_cells_are_options_under_their_column(tmp_path):
    """A CSV with a column `source` gives each row's other cells as options; empty cells are unset."""
    form, entries = read(tmp_path, '# c\nsource,scale,output\nhttps://a/1.png,4,\n"https://a/2,3.png",,b.png\n')
    assert form == "csv"
    assert entries == [
        (3, "https://a/1.png", {"scale": "4"}, None),
        (4, "https://a/2,3.png", {"output": "b.png"}, None),
    ]


def test_a_csv_that_ends_within_a_quote_is_a_problem(tmp_path):
    """What a file that was cut off has in its last cell is no source."""
    _, entries = read(tmp_path, 'source,scale\nhttps://a/1.png,2\n"https://a/2.png,4\n')
    assert [(number, problem is None) for number, _, _, problem in entries] == [(2, True), (3, False)]


def test_csv_rows_that_do_not_fit_are_problems(tmp_path):
    """A row without a source, or with more cells than columns, is a problem with its line's number."""
    _, entries = read(tmp_path, "scale,source\n2,\n2,https://a/1.png,extra\n3,https://a/2.png\n")
    assert [(number, problem is None) for number, _, _, problem in entries] == [(2, False), (3, False), (4, True)]


@pytest.mark.parametrize("header", ["url,scale", "source;scale", "url"])
def test_a_csv_without_a_column_of_sources(tmp_path, header):
    """What is named .csv and begins with no source at all lacks the column, and its header is quoted."""
    with pytest.raises(UsageError, match=f"its header '{header}' has no column 'source'"):
        read(tmp_path, f"# ours\n{header}\nhttps://a/1.png,2\n", "list.csv")


@pytest.mark.parametrize("content", ["https://a/1.png\n", '{"source": "https://a/1.png"}\n', "", __file__])
def test_what_is_named_csv_may_be_another_list(tmp_path, content):
    """A list is what its first line says, whatever its name."""
    form, _ = read(tmp_path, content, "list.csv")
    assert form == ("jsonl" if "{" in content else "lines")


def test_gzip_is_told_by_its_first_bytes(tmp_path):
    """A compressed list is read like a plain one, whatever its name."""
    assert read(tmp_path, gzip.compress(b"https://a/1.png\n"))[1][0][1] == "https://a/1.png"


def test_a_broken_gzip_is_one_clear_line(tmp_path):
    """A cut gzip is a usage error that names the list."""
    with pytest.raises(UsageError, match="--from"):
        read(tmp_path, gzip.compress(b"https://a/1.png\n" * 1000)[:40])


def test_a_missing_list_is_a_usage_error(tmp_path):
    """A list that is not there is named."""
    with pytest.raises(UsageError, match="nothere"), open_list(str(tmp_path / "nothere")):
        pass


def test_a_byte_order_mark_is_no_part_of_the_first_source(tmp_path):
    """A list saved by a Windows editor works."""
    assert read(tmp_path, b"\xef\xbb\xbfhttps://a/1.png\r\n")[1][0][1] == "https://a/1.png"


@given(st.lists(st.text(st.characters(exclude_categories=("Cs", "Cc", "Zs", "Zl", "Zp")), min_size=1), max_size=20))
def test_every_plain_line_comes_back(tmp_path_factory, words):
    """Whatever words stand on a plain list's lines come back in order, each with its line's number."""
    words = ["x" + word for word in words]
    folder = tmp_path_factory.mktemp("list")
    form, entries = read(folder, "\n".join(words))
    if form == "lines":
        assert [(number, source) for number, source, _, _ in entries] == list(enumerate(words, start=1))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-8-sig"])
@pytest.mark.parametrize("is_packed", [False, True])
def test_a_list_of_another_encoding(tmp_path, encoding, is_packed):
    """A list as PowerShell or an editor saves it, packed or not, reads like any other."""
    mark = {"utf-16-le": codecs.BOM_UTF16_LE, "utf-16-be": codecs.BOM_UTF16_BE}.get(encoding, b"")
    content = mark + "source,scale\r\nhttps://example.com/\u00e4.png,2\r\n".encode(encoding)
    path = tmp_path / "list"
    path.write_bytes(gzip.compress(content) if is_packed else content)
    with open_list(str(path)) as opened:
        (entry,) = opened.entries
    assert (entry.source, dict(entry.options)) == ("https://example.com/\u00e4.png", {"scale": "2"})


@pytest.mark.parametrize(
    "content",
    [gzip.compress(b"https://example.com/a.png\n" * 99)[:-20], b"\x1f\x8bno gzip at all"],
    ids=["cut", "none"],
)
def test_a_damaged_packed_list_is_a_usage_error(tmp_path, content):
    """A packed list that is cut or damaged is one line."""
    (tmp_path / "list.gz").write_bytes(content)
    with pytest.raises(UsageError, match=r"list\.gz"), open_list(str(tmp_path / "list.gz")) as opened:
        list(opened.entries)


def test_a_line_without_end_is_no_header(tmp_path):
    """A first line of hundreds of thousands of characters is read like any other."""
    (tmp_path / "list").write_text("x" * 131_073 + "\n")
    with open_list(str(tmp_path / "list")) as opened:
        (entry,) = opened.entries
    assert len(entry.source) == 131_073
