"""The watch lease: one holder, and a fencing epoch for those who slept."""

from tests.ledger.worlds import register

NAME = "watch:p"


def test_only_one_holds_the_lease(ledger, second, now):
    mine = ledger.acquire_lease(NAME, "a", ttl=10, now=now)
    assert second.acquire_lease(NAME, "b", ttl=10, now=now + 5) is None
    assert ledger.check_lease(NAME, mine.epoch, now=now + 5)


def test_renewing_keeps_the_epoch(ledger, now):
    first = ledger.acquire_lease(NAME, "a", ttl=10, now=now)
    again = ledger.acquire_lease(NAME, "a", ttl=10, now=now + 5)
    assert (again.epoch, again.expires) == (first.epoch, now + 15)


def test_a_holder_that_slept_is_fenced_off(ledger, second, now):
    slept = ledger.acquire_lease(NAME, "a", ttl=10, now=now)
    taken = second.acquire_lease(NAME, "b", ttl=10, now=now + 11)
    assert taken.epoch > slept.epoch
    assert not ledger.check_lease(NAME, slept.epoch, now=now + 11)
    assert second.check_lease(NAME, taken.epoch, now=now + 11)


def test_an_expired_lease_is_nobodys_and_coming_back_is_a_new_epoch(ledger, now):
    first = ledger.acquire_lease(NAME, "a", ttl=10, now=now)
    assert not ledger.check_lease(NAME, first.epoch, now=now + 10)
    assert ledger.acquire_lease(NAME, "a", ttl=10, now=now + 11).epoch > first.epoch


def test_a_dropped_lease_is_free_at_once_and_the_epoch_still_grows(ledger, now):
    first = ledger.acquire_lease(NAME, "a", ttl=10, now=now)
    ledger.drop_lease(NAME, first.epoch)
    assert ledger.acquire_lease(NAME, "b", ttl=10, now=now).epoch > first.epoch


def test_dropping_with_an_old_epoch_takes_nothing_from_the_holder(ledger, now):
    first = ledger.acquire_lease(NAME, "a", ttl=10, now=now)
    held = ledger.acquire_lease(NAME, "b", ttl=10, now=now + 11)
    ledger.drop_lease(NAME, first.epoch)
    assert ledger.check_lease(NAME, held.epoch, now=now + 11)


def test_an_unknown_lease_is_not_held(ledger, now):
    assert ledger.lease(NAME) is None
    assert not ledger.check_lease(NAME, 1, now=now)


def test_the_view_tells_whether_a_watch_is_alive(ledger, now):
    register(ledger)
    assert not ledger.view(now).watch_alive
    ledger.acquire_lease(NAME, "a", ttl=10, now=now)
    assert ledger.view(now).watch_alive
    assert not ledger.view(now + 11).watch_alive
