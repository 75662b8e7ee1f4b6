"""Which bytes of a file are there, and which of the others somebody is bringing."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seedvr_cli.download import pieces as module
from seedvr_cli.download.pieces import Piece, Pieces


@pytest.fixture(autouse=True, scope="module")
def _small_pieces():
    """Pieces here are of some bytes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "LARGEST", 32)
        patch.setattr(module, "SMALLEST", 4)
        yield


def span(piece):
    return (piece.at, piece.end)


def test_one_stream_takes_all_that_is_missing():
    """One stream alone has the whole rest, or all up to the next bytes that are there."""
    assert span(Pieces().claim()) == (0, None)
    assert span(Pieces(total=1000).claim()) == (0, 1000)
    assert span(Pieces([(0, 10)], total=1000).claim()) == (10, 1000)
    assert span(Pieces([(0, 10), (30, 40)], total=1000).claim()) == (10, 30)
    assert span(Pieces([(0, 10), (30, 40)]).claim()) == (10, 30)


def test_many_streams_take_pieces_in_their_order():
    """Of several, each takes the first bytes that nobody brings, and no more than a piece."""
    pieces = Pieces([(0, 10)], total=1000)
    assert [span(pieces.claim(4)) for _ in range(3)] == [(10, 42), (42, 74), (74, 106)]


def test_pieces_get_smaller_towards_the_end():
    """Of what is missing each stream takes a small share, so that none has much left when the others end."""
    pieces = Pieces([(0, 900)], total=1000)
    assert span(pieces.claim(4)) == (900, 912)
    assert span(Pieces([(0, 990)], total=1000).claim(4)) == (990, 994)


def test_what_is_released_is_for_the_next():
    """Whoever leaves gives back what is missing of its piece, and keeps what it has brought."""
    pieces = Pieces(total=1000)
    first, second = pieces.claim(2), pieces.claim(2)
    pieces.add(0, 20)
    first.at = 20
    pieces.release(first)
    assert span(pieces.claim(2)) == (20, 32)
    assert span(second) == (32, 64)


def test_a_body_that_goes_on_takes_what_follows():
    """A piece grows by what follows it where nobody brings that, and not where somebody does or it is there."""
    pieces = Pieces([(40, 50)], total=1000)
    piece = pieces.claim(2)
    assert span(piece) == (0, 32)
    pieces.add(0, 32)
    piece.at = 32
    assert pieces.extend(piece, 2)
    assert span(piece) == (32, 40)
    assert not pieces.extend(piece, 2)
    other = pieces.claim()
    assert span(other) == (50, 1000)
    assert not pieces.extend(other, 1)


def test_the_slowest_is_helped():
    """Where somebody is at every byte that is missing, half of the largest rest changes hands; a small one does not."""
    pieces = Pieces([(0, 90)], total=100)
    slow = pieces.claim()
    assert span(pieces.claim(2)) == (95, 100)
    assert span(slow) == (90, 95)
    pieces.add(90, 93)
    slow.at = 93
    assert span(pieces.claim(2)) == (97, 100)
    assert pieces.claim(2) is None


def test_nothing_is_left_to_claim():
    """Where all is there, or one stream brings all of a file whose length nobody knows, there is nothing to claim."""
    assert Pieces([(0, 100)], total=100).claim() is None
    pieces = Pieces()
    assert pieces.claim() is not None
    assert pieces.claim() is None
    assert Piece(5, None).left == 0


@given(st.integers(1, 400), st.integers(1, 5), st.integers(0, 1 << 32))
def test_every_byte_is_brought_once(total, streams, seed):
    """However streams come, break off and leave, every byte is claimed by one at a time, and brought once."""
    random = Random(seed)
    pieces, brought, at_work = Pieces(total=total), bytearray(total), []
    while pieces.done < total:
        if len(at_work) < streams and (piece := pieces.claim(streams)) is not None:
            at_work.append(piece)
            continue
        piece = random.choice(at_work)
        count = random.randint(0, piece.left)
        for position in range(piece.at, piece.at + count):
            brought[position] += 1
        if count:
            pieces.add(piece.at, piece.at + count)
        piece.at += count
        if random.random() < 0.2 or not (piece.left or pieces.extend(piece, streams)):
            pieces.release(piece)
            at_work.remove(piece)
        claimed = [one for other in at_work for one in range(other.at, other.end)]
        assert len(claimed) == len(set(claimed))
        assert not any(brought[position] for position in claimed)
        assert pieces.done == sum(brought)
        assert 0 <= pieces.prefix <= pieces.end <= total
        assert str(Pieces.read(str(pieces))) == str(pieces) if pieces.done else True
    assert set(brought) == {1}
    assert str(pieces) == f"0-{total}/{total}"


@pytest.mark.parametrize(
    "text", ["", "/", "0-5", "0-5/4", "5-5/9", "5-2/9", "0-5,3-8/9", "4-8,0-2/9", "0-5/None", "a-b/c", "-5/9"]
)
def test_what_is_no_record_of_pieces_is_refused(text):
    """A record that nobody can have written is none."""
    with pytest.raises(ValueError):
        Pieces.read(text)
