"""Pattern A's image as a job and as an endpoint of the emulator, without the command line.

tests/cloud/test_lifecycle.py also covers this, so this test runs only as a part of the soak.
"""

from __future__ import annotations

import docker
import numpy as np
import pytest

from tests.cloud.deployed import channel, ended_job, job_request, log_of, push_image, put_files, wait_for
from tests.cloud.emulator import Emulator
from tests.cloud.roles import ROLE_ARN

pytestmark = [pytest.mark.soak("images"), pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(600)]


def test_what_a_job_trained_an_endpoint_serves(engine: docker.DockerClient, byoc_image: str, aws: Emulator) -> None:
    rng = np.random.default_rng(7)
    X = rng.normal(size=(300, 3))
    rows = [",".join(map(repr, [*row, float(row[0] * 2 - row[1])])) for row in X.tolist()]
    put_files(aws, {"train/a.csv": "\n".join(rows[:200]).encode(), "valid/b.csv": "\n".join(rows[200:]).encode()})
    uri = push_image(engine, aws, byoc_image)
    sagemaker = aws.client("sagemaker")
    channels = [channel("train", "train"), channel("validation", "valid")]
    hyperparameters = {"objective": "regression", "num_iterations": "20", "min_data_in_leaf": "5"}
    sagemaker.create_training_job(**job_request(uri, InputDataConfig=channels, HyperParameters=hyperparameters))
    job = ended_job(aws, seconds=120)
    assert job["TrainingJobStatus"] == "Completed", (job, log_of(aws, "/aws/sagemaker/TrainingJobs"))
    container = {"Image": uri, "ModelDataUrl": job["ModelArtifacts"]["S3ModelArtifacts"]}
    sagemaker.create_model(ModelName="m", ExecutionRoleArn=ROLE_ARN, PrimaryContainer=container)
    variant = {"VariantName": "AllTraffic", "ModelName": "m", "InstanceType": "ml.m4.xlarge", "InitialInstanceCount": 1}
    sagemaker.create_endpoint_config(EndpointConfigName="c", ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName="e", EndpointConfigName="c")
    aws.times.startup = 60
    endpoint = wait_for(lambda: sagemaker.describe_endpoint(EndpointName="e"), "EndpointStatus", "InService", "Failed")
    assert endpoint["EndpointStatus"] == "InService", log_of(aws, "/aws/sagemaker/Endpoints/e")
    body = "\n".join(row.rpartition(",")[0] for row in rows[200:]).encode()
    runtime = aws.client("sagemaker-runtime")
    answer = runtime.invoke_endpoint(EndpointName="e", Body=body, ContentType="text/csv", Accept="text/csv")
    predicted = np.array(answer["Body"].read().split(), dtype=float)
    target = X[200:, 0] * 2 - X[200:, 1]
    assert np.corrcoef(predicted, target)[0, 1] > 0.9
    with pytest.raises(runtime.exceptions.ModelError, match=r"Received client error \(4\d\d\) from primary"):
        runtime.invoke_endpoint(EndpointName="e", Body=b"1,2", ContentType="text/csv")
