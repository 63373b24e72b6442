"""Which instance types a configuration may name: `local`, or SageMaker's `ml.<family>.<size>`."""

import difflib
import re
from enum import StrEnum

LOCAL = "local"

_WELL_FORMED = re.compile(r"ml\.[a-z][a-z0-9-]*\.[a-z0-9-]+")
_WITHOUT_PREFIX = re.compile(r"[a-z][a-z0-9-]*\.[a-z0-9-]+")
# the processor stands after the generation: c7g, m6gd and t4g are Graviton; g4dn, g5 and g6 are GPUs on x86
_GRAVITON = re.compile(r"ml\.[a-z]+[0-9]+g[a-z]*\.[a-z0-9-]+")
_WITHOUT_SIZE = re.compile(r"(?:ml\.)?([a-z]+[0-9]+[a-z0-9-]*)")


class InstancePurpose(StrEnum):
    """What an instance is for; the value is the name of the list in botocore's model of the SageMaker service."""

    TRAINING = "TrainingInstanceType"
    ENDPOINT = "ProductionVariantInstanceType"


def check_instance_type(text: str) -> str:
    """Returns `text` when it is `local` or has the form `ml.<family>.<size>`; raises ValueError with the remedy."""
    if text == LOCAL or _WELL_FORMED.fullmatch(text):
        return text
    name = text.strip().lower()
    if name in {"local_gpu", "local-gpu"}:
        raise ValueError(
            f'{text} is not supported, since the images hold LightGBM without its GPU build: use "{LOCAL}"'
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
    """Returns a sentence when the installed botocore does not list `instance_type` for `purpose`, otherwise None.

    Reads the service model that botocore ships: no network, no credentials, about 0.3 s. `local` is always known.
    """
    if instance_type == LOCAL:
        return None
    import botocore  # here, since most commands run locally and need none of it
    from botocore.loaders import create_loader

    listed: list[str] = create_loader().load_service_model("sagemaker", "service-2")["shapes"][purpose]["enum"]
    if instance_type in listed:
        return None
    closest = difflib.get_close_matches(instance_type, listed, n=3, cutoff=0.6)
    suggestion = f" (closest: {', '.join(closest)})" if closest else ""
    return f"{instance_type} is not among the instance types that botocore {botocore.__version__} knows{suggestion}"


def platform_of(instance_type: str) -> str | None:
    """The platform of an instance's images, such as linux/amd64; None for `local`, which is as the engine is."""
    if instance_type == LOCAL:
        return None
    return "linux/arm64" if _GRAVITON.fullmatch(instance_type) else "linux/amd64"
