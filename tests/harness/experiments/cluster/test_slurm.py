"""Batch jobs: the file that says them, and the script that would be submitted."""

from __future__ import annotations

import pytest

from harness.errors import SpecError
from harness.experiments.cluster.client import job_script
from harness.experiments.cluster.slurm import Jobs, load

WHOLE = """
at_most = 20
at_least = 2
workers = 4
memory = "16GB"
walltime = "02:00:00"
partition = "cpu"
account = "nas"
directives = ["--constraint=avx2"]
prologue = ["module load python/3.11"]
python = "/opt/python"
"""


def test_the_script_asks_for_what_the_file_says(tmp_path):
    path = tmp_path / "jobs.toml"
    path.write_text(WHOLE)
    script = job_script(load(path))
    lines = script.splitlines()
    for line in (
        "#SBATCH -p cpu",
        "#SBATCH -A nas",
        "#SBATCH --cpus-per-task=4",
        "#SBATCH -t 02:00:00",
        "#SBATCH --constraint=avx2",
        "module load python/3.11",
    ):
        assert line in lines, script
    command = lines[-1]
    assert command.startswith("/opt/python -m distributed.cli.dask_worker tcp://")
    assert "--nthreads 1 " in command
    assert "--nworkers 4 " in command


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("at_mots = 3", "did you mean 'at_most'"),
        ("at_most = 0", "`at_most` must be an integer from 1"),
        ("at_least = 30", "`at_least` must be an integer from 0 to 20"),
        ('memory = "16"', "`memory` must read like"),
        ('walltime = "two hours"', "`walltime` must read like"),
        ('directives = "--x"', "`directives` must be a list of lines"),
        ("partition = 3", "`partition` must be one line of text"),
    ],
)
def test_a_wrong_file_is_refused_with_its_name(tmp_path, line, told):
    path = tmp_path / "jobs.toml"
    key = line.partition(" ")[0]
    path.write_text("\n".join([*(row for row in WHOLE.splitlines() if row.partition(" ")[0] != key), line]))
    with pytest.raises(SpecError) as refused:
        load(path)
    assert told.lower() in str(refused.value).lower()
    assert str(path) in str(refused.value)


def test_a_missing_file_or_key_is_named(tmp_path):
    path = tmp_path / "jobs.toml"
    with pytest.raises(SpecError, match=r"there is no file '.*jobs\.toml'"):
        load(path)
    path.write_text('memory = "1GB"')
    with pytest.raises(SpecError, match="`at_most` is missing"):
        load(path)


def test_a_number_of_jobs_that_is_kept():
    assert Jobs(3, "1GB", "00:10:00", at_least=3).keywords()["processes"] == 1
