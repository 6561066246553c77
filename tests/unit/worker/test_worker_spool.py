"""The spool is append-only, read in whole lines, and may hold anything."""

from __future__ import annotations

from pathlib import Path

from caviar_worker.spool import End, Point, append_end, last_step, read, read_end


def test_half_a_line_waits_for_its_other_half(tmp_path: Path) -> None:
    """A reader that comes in the middle of a write loses nothing and takes nothing twice."""
    path = tmp_path / "spool.jsonl"
    path.write_text('{"t":1,"s":0,"m":{"a":1.5}}\n{"t":2,"s":1,')
    first = read(path, 0)
    assert first.points == (Point("a", 0, 1, 1.5),)
    with path.open("a") as file:
        file.write('"m":{"a":2.5}}\n')
    assert read(path, first.offset).points == (Point("a", 1, 2, 2.5),)


def test_the_end_closes_a_line_that_a_kill_cut(tmp_path: Path) -> None:
    """A torn last line must not swallow how the attempt ended."""
    path = tmp_path / "spool.jsonl"
    path.write_text('{"t":1,"s":0,"m":{"a":1.0}}\n{"t":2,"s"')
    end = End(5, "crashed", None, {})
    append_end(path, end)
    piece = read(path, 0)
    assert (len(piece.points), piece.end) == (1, end)
    assert read_end(path) == end


def test_the_end_can_be_read_again(tmp_path: Path) -> None:
    """The offset stays before the end: it is shipped when the scheduler has taken it, not before."""
    path = tmp_path / "spool.jsonl"
    append_end(path, End(5, "done", 0.5, {"test": 0.25}))
    offset = read(path, 0).offset
    assert read(path, offset).end == End(5, "done", 0.5, {"test": 0.25})


def test_lines_that_are_none_are_passed_over(tmp_path: Path) -> None:
    """User code shares the process that writes the spool: it may have written there itself."""
    path = tmp_path / "spool.jsonl"
    junk = [
        "no json",
        "[1]",
        "3",
        '{"t":1}',
        '{"t":1,"s":0,"m":[1]}',
        '{"t":1,"s":0,"m":{"a":"b"}}',
    ]
    path.write_text("\n".join([*junk, '{"t":1,"s":0,"m":{"a":"inf"}}']) + "\n")
    assert read(path, 0).points == (Point("a", 0, 1, float("inf")),)


def test_a_long_spool_is_read_in_pieces(tmp_path: Path) -> None:
    """Every point of a spool of several megabytes comes exactly once."""
    path = tmp_path / "spool.jsonl"
    count = 40_000
    with path.open("w") as file:
        for step in range(count):
            file.write(f'{{"t":{step},"s":{step},"m":{{"a_metric_with_a_name":{step}.5}}}}\n')
    steps: list[int] = []
    offset, more = 0, True
    while more:
        piece = read(path, offset)
        steps += [p.step for p in piece.points]
        offset, more = piece.offset, piece.more
    assert steps == list(range(count))


def test_the_progress_is_in_the_tail(tmp_path: Path) -> None:
    """Heartbeats need the last step and the last finite value, not the whole file."""
    path = tmp_path / "spool.jsonl"
    path.write_text(
        '{"t":1,"s":3,"m":{"a":0.5}}\n{"t":2,"s":4,"m":{"a":"nan"}}\n{"t":3,"s":5,"m":{"b":1}}\n'
    )
    assert last_step(path, "a") == (5, 0.5)
    assert last_step(tmp_path / "none", "a") == (None, None)
