"""Runs sqlkiln with FSDP 2 on processors, where accelerate itself shards on GPUs alone.

accelerate is told that the processes have GPUs; all else (the processes, gloo, the sharding) is
real. Says on stderr how many modules were sharded.
"""

import atexit
import sys

import torch.distributed.fsdp
from accelerate.state import DistributedType, PartialState

from sqlkiln.cli.main import main

started, shard = PartialState.__init__, torch.distributed.fsdp.fully_shard
sharded = []


def start(self, cpu=False, **settings):
    started(self, cpu, **settings)
    if self.distributed_type == DistributedType.MULTI_CPU:
        self.distributed_type = DistributedType.MULTI_GPU


def note(module, *given, **settings):
    sharded.append(module)
    return shard(module, *given, **settings)


if __name__ == "__main__":
    PartialState.__init__ = start
    torch.distributed.fsdp.fully_shard = note
    atexit.register(lambda: sys.stderr.write(f"sharded {len(sharded)} modules\n"))
    main()
