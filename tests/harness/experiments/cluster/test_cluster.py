"""Runs on a real cluster of Dask with worker processes of this machine."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest

from harness.errors import HarnessError
from harness.experiments import execute as execution
from harness.experiments.cluster import workers
from harness.experiments.cluster.client import check_address, connected
from harness.experiments.execute import execute
from harness.experiments.prepare import prepare
from harness.experiments.results import read_results
from harness.experiments.spec import StrategySpec
from tests.harness.experiments.test_execute import SPEC, assert_same, traces

pytest.importorskip("distributed", reason="needs the extra `cluster`")
QUICK = replace(SPEC, benchmarks=("nb201-cifar10",), strategies=SPEC.strategies[:2], replicates_per_shard=2)


@pytest.fixture(scope="module")
def cluster():
    with connected("local:2") as executor, executor:
        yield executor


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    folder = tmp_path_factory.mktemp("here")
    execute(prepare(QUICK), folder)
    return traces(folder)


def processes(cluster):
    """Return the process of each worker."""
    return list(cluster.client.run(os.getpid).values())


def test_results_are_those_of_this_process_and_a_second_run_computes_nothing(cluster, here, tmp_path):
    outcome = execute(prepare(QUICK), tmp_path, executor=cluster)
    assert (outcome.computed, outcome.failed) == (6, ())
    assert_same(traces(tmp_path), here)
    assert execute(prepare(QUICK), tmp_path, executor=cluster).computed == 0
    assert cluster.parallel == 2


def test_results_come_back_where_workers_do_not_see_the_folder(cluster, here, tmp_path, monkeypatch):
    monkeypatch.setattr(execution.cluster_workers, "check", lambda *args, **kwargs: False)
    assert execute(prepare(QUICK), tmp_path, executor=cluster).computed == 6
    assert_same(traces(tmp_path), here)
    assert not [
        path.name for path in tmp_path.iterdir() if path.suffix not in (".h5", ".json") and path.name != ".lock"
    ]


def test_a_strategy_that_fails_on_a_worker_loses_nothing_else(cluster, tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(
        "import harness as nh\nclass Bad(nh.Strategy):\n"
        "    def propose(self, n):\n        raise ValueError('not today')\n"
    )
    spec = replace(QUICK, strategies=(QUICK.strategies[0], StrategySpec(f"{path}:Bad", "bad")))
    outcome = execute(prepare(spec), tmp_path / "results", executor=cluster)
    assert outcome.computed == 3
    assert len(outcome.failed) == 3
    assert {"not today" in str(failure.error) for failure in outcome.failed} == {True}, outcome.failed[0].error


def test_a_worker_that_is_killed_loses_nothing(cluster, here, tmp_path):
    victim = processes(cluster)[0]
    threading.Timer(0.05, os.kill, (victim, signal.SIGKILL)).start()
    outcome = execute(prepare(QUICK), tmp_path, executor=cluster)
    assert (outcome.computed, outcome.failed) == (6, ())
    assert_same(traces(tmp_path), here)


def test_workers_are_spared_what_serves_dashboards_alone(cluster):
    def settings():
        import dask

        asked = ("distributed.worker.profile.enabled", "distributed.admin.low-level-log-length")
        return [dask.config.get(name) for name in asked], os.environ.get("MALLOC_TRIM_THRESHOLD_")

    told = list(cluster.client.run(settings).values())
    assert told  # of those that are there: one may be on its way back
    assert all(one == ([False, 10], None) for one in told), told
    for comm in (cluster.client.scheduler_comm, *cluster.client.cluster.scheduler.stream_comms.values()):
        assert comm.recent_message_log.maxlen == 10  # each with the units that it carried


def test_a_table_that_a_worker_lacks_is_said(cluster, tmp_path):
    with pytest.raises(HarnessError, match=r"cannot open 'nb201-cifar10': it has other content there; put it where"):
        workers.check(cluster, {"nb201-cifar10": "0" * 64}, tmp_path)


@pytest.mark.parametrize(
    ("field", "value", "told"), [("threads", 2, "--nthreads 1"), ("facts", {"python": "2.7"}, "differ")]
)
def test_a_worker_that_would_compute_something_else_is_refused(tmp_path, field, value, told):
    seen = replace(workers.look({}, str(tmp_path)), **{field: value})

    class Client:
        def wait_for_workers(self, count):
            pass

        def run(self, *args, **kwargs):
            return {"tcp://a:1": seen}

    with pytest.raises(HarnessError, match=told):
        workers._seen(Client(), {}, tmp_path)


def test_tables_are_sent_to_the_place_where_a_worker_looks(tmp_path, monkeypatch):
    home = tmp_path / "here"
    (home / "tables").mkdir(parents=True)
    table = home / "tables" / "mine.h5"
    table.write_bytes(b"content")
    monkeypatch.setenv("NAS_HARNESS_HOME", str(home))
    monkeypatch.setattr(workers.registry, "describe_benchmark", lambda name: {"path": str(table)})
    sent = []

    class Client:
        def register_plugin(self, plugin):
            sent.append(plugin)

    workers._send(Client(), {"mine"})
    monkeypatch.setenv("NAS_HARNESS_HOME", str(tmp_path / "there"))
    sent[0].setup(None)
    assert (tmp_path / "there" / "tables" / "mine.h5").read_bytes() == b"content"


@pytest.mark.parametrize("address", ["local", "local:0", "http://x:1", "tcp://host", "local:5000", ""])
def test_a_wrong_address_is_refused(address):
    with pytest.raises(HarnessError, match="local:N"):
        check_address(address)


def test_no_scheduler_at_the_address(monkeypatch):
    monkeypatch.setattr("harness.experiments.cluster.client._CONNECT_SECONDS", 0.3)
    with (
        pytest.raises(HarnessError, match=r"no Dask scheduler answers at tcp://127.0.0.1:9"),
        connected("tcp://127.0.0.1:9"),
    ):
        pass


@contextmanager
def program(*words):
    """Run a command of Dask beside, and kill it."""
    process = subprocess.Popen([sys.executable, "-m", *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def scheduler(port):
    """A scheduler on a port of this machine."""
    return program("distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard")


def worker(port):
    """A worker with one thread."""
    words = ("--nthreads", "1", "--no-dashboard", "--memory-limit", "0")
    return program("distributed.cli.dask_worker", f"tcp://127.0.0.1:{port}", *words)


LONG = replace(SPEC, benchmarks=("nb201-cifar10",), replicates=120, replicates_per_shard=2)


@pytest.mark.slow
def test_a_scheduler_that_is_started_again_loses_nothing(tmp_path):
    port = 20_000 + os.getpid() % 20_000
    outcomes = []
    with scheduler(port) as first, worker(port), connected(f"tcp://127.0.0.1:{port}") as executor, executor:
        runner = threading.Thread(target=lambda: outcomes.append(execute(prepare(LONG), tmp_path, executor=executor)))
        runner.start()
        while len(list(tmp_path.glob("*.h5"))) < 5:
            time.sleep(0.1)
        first.kill()
        first.wait()
        done = len(list(tmp_path.glob("*.h5")))
        with scheduler(port), worker(port):
            runner.join(300)
    assert done < len(prepare(LONG).shards), "it was killed too late to show anything"
    assert outcomes
    assert not outcomes[0].failed
    assert not read_results(tmp_path).missing


@pytest.mark.slow
def test_workers_that_are_killed_twenty_times_lose_nothing(tmp_path):
    rng, kills, ended = np.random.default_rng(7), [], threading.Event()
    with connected("local:2") as executor, executor:

        def kill():
            while len(kills) < 20 and not ended.wait(rng.uniform(0.2, 1.5)):
                try:
                    os.kill(int(rng.choice(processes(executor))), signal.SIGKILL)
                    kills.append(time.monotonic())
                except (OSError, ValueError, IndexError):
                    continue

        killer = threading.Thread(target=kill)
        killer.start()
        for _ in range(5):  # a unit whose workers died four times is told, and the same command computes it
            folder = tmp_path / "results"
            outcome = execute(prepare(replace(LONG, replicates=400)), folder, executor=executor)
            if not outcome.failed:
                break
        ended.set()
        killer.join()
    assert len(kills) >= 10
    assert not outcome.failed
    assert not read_results(folder).missing
