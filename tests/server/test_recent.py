"""What was taken in lately is known, and memory has an end."""

from cdp_server.recent import LONGEST, Recent


def test_the_latest_ids_are_known_and_the_oldest_forgotten() -> None:
    recent = Recent(most=10)
    for number in range(100):
        recent.update([str(number), "x" * LONGEST + str(number)])
        assert str(number) in recent
        assert "x" * LONGEST + str(number) in recent
    assert all(str(number) in recent for number in range(95, 100))
    assert "0" not in recent
