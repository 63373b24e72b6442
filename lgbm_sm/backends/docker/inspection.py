"""Facts about a running container, from Docker's answers."""

from typing import TYPE_CHECKING, Any

from lgbm_sm import contract

if TYPE_CHECKING:
    from docker.models.containers import Container


def address_of(container: "Container") -> tuple[str, int] | None:
    """Host and port of the serving port, from the attributes that were read last.

    Returns None if the container has ended.
    """
    settings = container.attrs["NetworkSettings"]
    if published := (settings["Ports"] or {}).get(f"{contract.SERVING_PORT}/tcp"):
        return published[0]["HostIp"], int(published[0]["HostPort"])
    addresses = [network["IPAddress"] for network in settings["Networks"].values() if network["IPAddress"]]
    return (addresses[0], contract.SERVING_PORT) if addresses else None


def memory_bytes(statistics: Any) -> int | None:
    """Memory of the container's processes without the file cache.

    Returns None if Docker does not report it. Docker names the cache `inactive_file` under cgroups v2 and
    `total_inactive_file` under v1. In v1, `inactive_file` does not include the child groups.
    """
    usage = (isinstance(statistics, dict) and statistics.get("memory_stats")) or {}
    if "usage" not in usage:
        return None
    details = usage.get("stats") or {}
    cache = details.get("total_inactive_file", details.get("inactive_file", 0))
    return max(0, int(usage["usage"]) - int(cache))
