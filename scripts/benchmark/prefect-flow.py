"""As many no-op tasks as the first argument says, on threads, in one Prefect flow. Prints when it began (Unix seconds)."""

import sys
import time

from prefect import flow, task
from prefect.task_runners import ThreadPoolTaskRunner


@task
def noop(i):
    return i


@flow(task_runner=ThreadPoolTaskRunner(max_workers=8), log_prints=False)
def fan_out(n):
    return sum(future.result() for future in [noop.submit(i) for i in range(n)])


if __name__ == "__main__":
    n = int(sys.argv[1])
    print(time.time(), flush=True)
    assert fan_out(n) == n * (n - 1) // 2
