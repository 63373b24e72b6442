"""The workloads: the requests for each server, and the names of the measures."""

from dataclasses import dataclass

from benchmarks.serving_measurements.models import LARGE, SMALL, Recipe


@dataclass(frozen=True)
class Workload:
    """The requests of `clients` clients. Each request has `rows` rows.

    A client waits for an answer before it sends the next request. A measurement takes the `share` of the longest
    duration.
    """

    key: str
    title: str
    recipe: Recipe
    rows: int
    clients: int
    share: float = 1.0


ONE_ROW = Workload("rows_1_clients_1", "1 row, 1 client", SMALL, 1, 1, 0.5)
ONE_ROW_16 = Workload("rows_1_clients_16", "1 row, 16 clients", SMALL, 1, 16, 0.5)
LARGE_MODEL = Workload("large_rows_1_clients_16", "1 row, large model, 16 clients", LARGE, 1, 16, 0.5)
HUNDRED_ROWS = Workload("rows_100_clients_16", "100 rows, 16 clients", SMALL, 100, 16, 0.5)
MANY_ROWS_4 = Workload("rows_10000_clients_4", "10,000 rows, 4 clients", SMALL, 10_000, 4)
MANY_ROWS = Workload("rows_10000_clients_1", "10,000 rows, 1 client", SMALL, 10_000, 1)
WORKLOADS = (ONE_ROW, ONE_ROW_16, HUNDRED_ROWS, MANY_ROWS_4, MANY_ROWS, LARGE_MODEL)

# the workloads for nginx alone
FLOOR_WORKLOADS = (ONE_ROW, ONE_ROW_16)

# the mixed load on the small model: clients with one-row requests and clients with large requests at the same time
MIXED_SMALL = Workload("mixed_small", "1 row, while 10,000-row requests run", SMALL, 1, 4)
MIXED_LARGE = Workload("mixed_large", "10,000 rows, while 1-row requests run", SMALL, 10_000, 2)

# the number of different bodies by the number of their rows; the clients send them in turn
BODIES = {1: 2000, 100: 100, 10_000: 8}
