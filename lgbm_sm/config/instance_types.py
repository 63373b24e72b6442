"""Instance types: `local`, or SageMaker's `ml.<family>.<size>`."""

import re
from enum import StrEnum

from lgbm_sm.wording import did_you_mean

LOCAL = "local"

_WELL_FORMED = re.compile(r"ml\.[a-z][a-z0-9-]*\.[a-z0-9-]+")
_WITHOUT_PREFIX = re.compile(r"[a-z][a-z0-9-]*\.[a-z0-9-]+")
# A g after the generation means Graviton: c7g, m6gd, t4g. A g before it means a GPU on x86: g4dn, g5, g6.
_GRAVITON = re.compile(r"ml\.[a-z]+[0-9]+g[a-z]*\.[a-z0-9-]+")
# families with a d after the generation, such as m5d and c6gd, and the GPU families with local disks
_LOCAL_STORAGE = re.compile(r"ml\.(?:[a-z]+[0-9]+[a-z]*d[a-z]*|g4dn|g5|g6|p3dn|p4d|p4de|p5|trn1)\.[a-z0-9-]+")
_WITHOUT_SIZE = re.compile(r"(?:ml\.)?([a-z]+[0-9]+[a-z0-9-]*)")

# GiB of memory per virtual processor. An xlarge has four virtual processors. The table has the families that SageMaker
# offers. Source: EC2's page "Instance types".
_GIB_PER_CPU = {
    **dict.fromkeys(("m4", "m5", "m5d", "m6g", "m6gd", "m6i", "m6id", "m7g", "m7i", "t2", "t3"), 4.0),
    **dict.fromkeys(("c5", "c5d", "c6g", "c6gd", "c6i", "c6id", "c7g", "c7i"), 2.0),
    **dict.fromkeys(("r5", "r5d", "r6g", "r6gd", "r6i", "r6id", "r7g", "r7i"), 8.0),
    "c4": 1.875,
}
_EXCEPTIONS = {"ml.c4.8xlarge": (36, 60.0), "ml.t2.medium": (2, 4.0), "ml.t3.medium": (2, 4.0)}


class InstancePurpose(StrEnum):
    """The purpose of an instance. The value is the name of a list of types in botocore."""

    TRAINING = "TrainingInstanceType"
    ENDPOINT = "ProductionVariantInstanceType"


def check_instance_type(text: str) -> str:
    """Return `text` if it is `local` or `ml.<family>.<size>`.

    Raises ValueError otherwise. The message shows the fix.
    """
    if text == LOCAL or _WELL_FORMED.fullmatch(text):
        return text
    name = text.strip().lower()
    if name in {"local_gpu", "local-gpu"}:
        raise ValueError(
            f'{text} is not supported, since the images contain LightGBM without its GPU build: use "{LOCAL}"'
        )
    if name == LOCAL or _WELL_FORMED.fullmatch(name):
        remedy = f"did you mean {name}?"
    elif match := _WITHOUT_SIZE.fullmatch(name):
        remedy = f"the size is missing, as in ml.{match[1]}.xlarge"
    elif _WITHOUT_PREFIX.fullmatch(name):
        remedy = f"did you mean ml.{name}?"
    else:
        remedy = f'use "{LOCAL}", or an instance type such as ml.m4.xlarge'
    raise ValueError(f'"{text}" is not an instance type ({remedy})')


def unknown_instance_type(purpose: InstancePurpose, instance_type: str) -> str | None:
    """Return a message if botocore does not list `instance_type`, otherwise None.

    botocore contains a list of the instance types. To read it takes about 0.3 s and needs neither a network nor
    credentials. `local` is always known.
    """
    if instance_type == LOCAL:
        return None
    import botocore  # imported here, because most commands do not need it
    from botocore.loaders import create_loader

    listed: list[str] = create_loader().load_service_model("sagemaker", "service-2")["shapes"][purpose]["enum"]
    if instance_type in listed:
        return None
    suggestion = did_you_mean(instance_type, listed, most=3)
    return f"{instance_type} is not among the instance types that botocore {botocore.__version__} knows{suggestion}"


def check_known_size(text: str) -> str:
    """Return `text` if lgbm-sm knows the size of this instance type, else raise ValueError."""
    check_instance_type(text)
    if size_of(text) is None:
        raise ValueError(f"lgbm-sm does not know the size of {text}: set local.memory and local.cpus instead")
    return text


def size_of(instance_type: str) -> tuple[int, float] | None:
    """Return the number of virtual processors and the GiB of memory.

    Returns None for `local` and for unknown types.
    """
    if instance_type in _EXCEPTIONS:
        return _EXCEPTIONS[instance_type]
    match = re.fullmatch(r"ml\.([a-z0-9]+)\.(?:(large)|([0-9]*)xlarge)", instance_type)
    if match is None or match[1] not in _GIB_PER_CPU:
        return None
    cpus = 2 if match[2] else 4 * int(match[3] or 1)
    return cpus, cpus * _GIB_PER_CPU[match[1]]


def has_local_storage(instance_type: str) -> bool:
    """Return whether the disk is part of the machine. Such disks are encrypted without a key.

    Source: VolumeKmsKeyId and KmsKeyId in the API reference of CreateTrainingJob and CreateEndpointConfig.
    """
    return _LOCAL_STORAGE.fullmatch(instance_type) is not None


def platform_of(instance_type: str) -> str | None:
    """Return the platform of the images, such as linux/amd64, or None for `local`."""
    if instance_type == LOCAL:
        return None
    return "linux/arm64" if _GRAVITON.fullmatch(instance_type) else "linux/amd64"
