"""Stages in shards: one part of the work at a time, by threads, other processes or other machines."""

from mlc_data.fanout.shard import Shard, do, halt, remembered
from mlc_data.fanout.spread import spread
from mlc_data.fanout.workers import Threads, Workers, using

__all__ = ["Shard", "Threads", "Workers", "do", "halt", "remembered", "spread", "using"]
