"""Stages in shards: one part of the work at a time, by threads, other processes or other machines."""

from mlc_data.pipeline.sharding.dispatch import spread
from mlc_data.pipeline.sharding.shard import Shard, do, halt, remembered
from mlc_data.pipeline.sharding.workers import Threads, Workers, using

__all__ = ["Shard", "Threads", "Workers", "do", "halt", "remembered", "spread", "using"]
