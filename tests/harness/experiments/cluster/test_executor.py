"""The executor on a client that loses calls, without a network."""

from __future__ import annotations

from concurrent.futures import CancelledError

import pytest

from harness.errors import HarnessError, IncompleteError
from harness.experiments.cluster.executor import Cluster


class FakeFuture:
    """What Dask's client gives, ended by the test or at once."""

    def __init__(self, status, value=None):
        self.status, self._value, self.cancelled = status, value, False

    def add_done_callback(self, function):
        if self.status != "pending":
            function(self)

    def result(self):
        if isinstance(self._value, BaseException):
            raise self._value
        return self._value

    def exception(self):
        return self._value

    def cancel(self):
        self.cancelled = True

    def release(self):
        pass


class Client:
    """Ends calls as told, in order; then computes them."""

    def __init__(self, *ends):
        self.ends, self.calls, self.closed = list(ends), [], False

    def submit(self, function, *args, pure):
        self.calls.append(args)
        end = self.ends.pop(0) if self.ends else "finished"
        if isinstance(end, Exception):
            raise end
        return FakeFuture("finished", function(*args)) if end == "finished" else FakeFuture(*end)

    def close(self):
        self.closed = True


def double(value):
    return 2 * value


def test_a_call_is_computed_and_its_error_is_the_callers():
    with Cluster(Client("finished", ("error", HarnessError("wrong")))) as cluster:
        assert cluster.submit(double, 4).result(5) == 8
        with pytest.raises(HarnessError, match="wrong"):
            cluster.submit(double, 4).result(5)


@pytest.mark.parametrize(
    "end", [("lost",), ("cancelled",), ("finished", RuntimeError("the worker that held it is gone")), OSError("gone")]
)
def test_what_a_scheduler_took_with_it_is_submitted_again(end):
    first, second = Client(end, end), Client()
    with Cluster(first, connect=lambda: second) as cluster:
        assert [future.result(5) for future in [cluster.submit(double, 1), cluster.submit(double, 2)]] == [2, 4]
        assert cluster.client is second
        assert first.closed
    assert second.closed


class Waiting(FakeFuture):
    """Ends when the test says so."""

    def add_done_callback(self, function):
        self.end = lambda: function(self)


def test_what_is_told_late_of_a_client_that_was_replaced_takes_no_other_with_it():
    old = [Waiting("cancelled"), Waiting("cancelled")]
    first, second, connections = Client(), Client(), []
    first.submit = lambda function, *args, pure: old[args[0]]
    with Cluster(first, connect=lambda: connections.append(second) or second) as cluster:
        futures = [cluster.submit(double, place) for place in (0, 1)]
        old[0].end()
        assert futures[0].result(5) == 0
        old[1].end()
        assert futures[1].result(5) == 2
        assert len(connections) == 1
        assert not second.closed


def test_patience_with_a_scheduler_ends(monkeypatch):
    def away():
        raise OSError("nothing answers")

    monkeypatch.setattr("harness.experiments.cluster.executor._PAUSE_SECONDS", 0.01)
    told = r"scheduler is gone \(nothing answers\).*run the same command again"
    with (
        Cluster(Client(("lost",)), connect=away, patience=0.05) as cluster,
        pytest.raises(IncompleteError, match=told),
    ):
        cluster.submit(double, 1).result(5)


def test_what_no_scheduler_can_take_is_an_error_and_not_tried_for_ever():
    cannot = [TypeError("cannot be pickled")] * 100
    with (
        Cluster(Client(*cannot), connect=lambda: Client(*cannot)) as cluster,
        pytest.raises(HarnessError, match=r"lost it 11 times, last by: cannot be pickled"),
    ):
        cluster.submit(double, 1).result(5)


def test_without_an_address_a_lost_scheduler_ends_the_run():
    with Cluster(Client(("lost",))) as cluster, pytest.raises(IncompleteError):
        cluster.submit(double, 1).result(5)


def test_a_call_whose_workers_died_says_so():
    class KilledWorker(Exception):
        pass

    with (
        Cluster(Client(("error", KilledWorker("key")))) as cluster,
        pytest.raises(HarnessError, match="every worker that computed it died"),
    ):
        cluster.submit(double, 1).result(5)


def test_cancelling_reaches_the_scheduler():
    client = Client(("pending",))
    with Cluster(client) as cluster:
        future = cluster.submit(double, 1)
        assert future.cancel()
        with pytest.raises(CancelledError):
            future.result(1)


def test_after_the_end_nothing_is_taken():
    cluster = Cluster(Client())
    cluster.shutdown()
    with pytest.raises(RuntimeError, match="after the shutdown"):
        cluster.submit(double, 1)
