"""Roles in the emulated account."""

from __future__ import annotations

import json

from tests.cloud.emulator import ACCOUNT, Emulator

ROLE = "lgbm-sm-execution"
ROLE_ARN = f"arn:aws:iam::{ACCOUNT}:role/{ROLE}"


def make_role(emulator: Emulator, name: str = ROLE, service: str = "sagemaker.amazonaws.com") -> str:
    """Create a role that the service may assume. Return its ARN."""
    trust = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    client = emulator.client("iam")
    role = client.create_role(RoleName=name, AssumeRolePolicyDocument=document)["Role"]
    client.close()
    return str(role["Arn"])
