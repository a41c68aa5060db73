"""Runs on a cluster: Dask's scheduler and workers behind the interface of `concurrent.futures`.

`client` connects to a scheduler or starts one, `executor` hands units to it and outlives lost workers and a scheduler
that is started again, `workers` sees to it that every worker computes what this process would, and `slurm` reads how
batch jobs are asked for.  Needs the extra ``cluster``; no scheduler is written here.
"""
