"""Stages in shards: parts of the work, done by threads, other processes or other machines."""

from mlc_data.pipeline.sharding.dispatch import dispatch_shards
from mlc_data.pipeline.sharding.shard import Shard, cancel, do, shard_state
from mlc_data.pipeline.sharding.workers import Threads, Workers, using

__all__ = ["Shard", "Threads", "Workers", "cancel", "dispatch_shards", "do", "shard_state", "using"]
