"""Read the address and the memory of a running container from Docker's answers."""

from typing import TYPE_CHECKING, Any

from lgbm_sm import contract

if TYPE_CHECKING:
    from docker.models.containers import Container


def address_of(container: "Container") -> tuple[str, int] | None:
    """Return the host and port of a container's server, or None if the container has ended.

    Reload the container's attributes before the call.
    """
    settings = container.attrs["NetworkSettings"]
    if published := (settings["Ports"] or {}).get(f"{contract.SERVING_PORT}/tcp"):
        return published[0]["HostIp"], int(published[0]["HostPort"])
    addresses = [network["IPAddress"] for network in settings["Networks"].values() if network["IPAddress"]]
    return (addresses[0], contract.SERVING_PORT) if addresses else None


def memory_bytes(statistics: Any) -> int | None:
    """Return the memory of a container's processes without the file cache, or None if Docker does not report it.

    The file cache is called `inactive_file` in cgroups v2, and `total_inactive_file` in v1. (In v1, `inactive_file`
    does not include child groups.)
    """
    usage = (isinstance(statistics, dict) and statistics.get("memory_stats")) or {}
    if "usage" not in usage:
        return None
    details = usage.get("stats") or {}
    cache = details.get("total_inactive_file", details.get("inactive_file", 0))
    return max(0, int(usage["usage"]) - int(cache))
