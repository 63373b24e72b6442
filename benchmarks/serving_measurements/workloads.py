"""What is asked of each server, and under which name the figures go."""

from dataclasses import dataclass

from benchmarks.serving_measurements.models import LARGE, SMALL, Recipe


@dataclass(frozen=True)
class Workload:
    """`clients` send requests of `rows` rows, each as soon as its last answer is there. `share`: of a long window."""

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

# nginx alone is asked these
FLOOR_WORKLOADS = (ONE_ROW, ONE_ROW_16)

# the mixed load: clients with one row beside clients with many, on the small model
MIXED_SMALL = Workload("mixed_small", "1 row, while 10,000-row requests run", SMALL, 1, 4)
MIXED_LARGE = Workload("mixed_large", "10,000 rows, while 1-row requests run", SMALL, 10_000, 2)

# so many different bodies are sent in turn
BODIES = {1: 2000, 100: 100, 10_000: 8}
