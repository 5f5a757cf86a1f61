"""Slots by the adapters that requests come with."""

from threading import Event, Thread

from sqlkiln.models.slots import Rooms

ONE, OTHER, THIRD = (("one", 1.0),), (("other", 1.0),), (("third", 0.5),)


def taken(rooms, weights):
    with rooms.slot(weights) as slot:
        return slot


def test_with_one_mix_llamacpp_chooses():
    rooms = Rooms(slots=4, rooms=1)
    assert [taken(rooms, ONE), taken(rooms, ONE)] == [None, None]


def test_each_mix_has_slots_of_its_own():
    rooms = Rooms(slots=2, rooms=2)
    with rooms.slot(ONE) as first, rooms.slot(ONE) as second:
        assert (first, second) == (0, 1)
        assert taken(rooms, OTHER) == 2
    assert [taken(rooms, ONE), taken(rooms, OTHER), taken(rooms, ONE)] == [0, 2, 0]


def test_an_adapter_that_is_off_makes_no_other_mix():
    rooms = Rooms(slots=1, rooms=2)
    assert [taken(rooms, ONE), taken(rooms, (*ONE, ("other", 0.0)))] == [0, 0]


def test_a_mix_that_nobody_expected_shares_the_last_room():
    rooms = Rooms(slots=1, rooms=2)
    assert [taken(rooms, mix) for mix in (ONE, OTHER, THIRD)] == [0, 1, 1]
    only = Rooms(slots=1, rooms=1)
    assert [taken(only, ONE), taken(only, OTHER), taken(only, ONE)] == [None, 0, 0]


def test_a_request_waits_for_a_slot_of_its_own():
    rooms, done, began = Rooms(slots=1, rooms=2), [], Event()

    def late():
        began.set()
        with rooms.slot(ONE) as slot:
            done.append(slot)

    thread = Thread(target=late)
    with rooms.slot(ONE):
        thread.start()
        began.wait()
        assert taken(rooms, OTHER) == 1
        assert done == []
    thread.join(timeout=10)
    assert done == [0]
