"""What is seen when something else has gone wrong: looked for last, since a cause of its own tells more."""

from lgbm_sm.known_issues.issue import HOSTING_PAGE, TRAINING_PAGE, Trouble

SYMPTOM_TROUBLES = (
    Trouble(
        id="not-authorized",
        patterns=(r"is not authorized to perform", r"\bAccessDenied", r"User .* not authorized|explicit deny"),
        cause="The policies of the identity that calls do not allow this action.",
        remedy="give the caller what `lgbm-sm policy` prints, or the execution role what `lgbm-sm policy --role` "
        "prints: the message names which of them, and the action",
        source="AWS Identity and Access Management user guide, Troubleshoot access denied error messages",
    ),
    Trouble(
        id="max-runtime",
        patterns=(r"MaxRuntimeExceeded", r"MaxWaitTimeExceeded", r"runtime exceeded MaxRuntimeInSeconds"),
        cause="The training job has run for as long as it may, and SageMaker has ended it.",
        remedy="let it run longer, set training.instance_type to a faster one, or lower num_boost_round in "
        "training.hyperparameters",
        source=f"{TRAINING_PAGE}; aws/sagemaker-python-sdk#1937",
    ),
    Trouble(
        id="job-stopped",
        patterns=(
            r"TrainingJobStatus['\"]?\s*[:=]\s*['\"]?Stopped\b",
            r"Job ended with status 'Stopped' rather than 'Completed'",
            r"training job \S+ was stopped by another command",
        ),
        cause="The training job was stopped before its end: what it has written is a model of fewer rounds, if any.",
        remedy="run `lgbm-sm train` again; Stopped is not Completed, and `lgbm-sm deploy` does not take it",
        source="aws/sagemaker-python-sdk#1937",
    ),
    Trouble(
        id="worker-died",
        patterns=(r"Worker died", r"Backend worker (process )?died", r"model process exited"),
        cause="The process that holds the model has ended; its own error stands in the lines before.",
        remedy="look for it there; `lgbm-sm logs` shows more as long as the endpoint exists",
        source="aws/sagemaker-python-sdk#2284, #3315",
    ),
    Trouble(
        id="ping",
        patterns=(r"did not pass the ping health check",),
        cause="The container has not answered GET /ping on port 8080 with 200, within 2 seconds, in time: it has not "
        "come up, or cannot load the model.",
        remedy="the end of its log shows why; try the image here (`lgbm-sm deploy` with endpoint.instance_type: "
        "local); a start that only takes long gets more by endpoint.startup_timeout_seconds",
        source=f"aws/amazon-sagemaker-examples#210, #1072; aws/sagemaker-python-sdk#4115; {HOSTING_PAGE}",
    ),
    Trouble(
        id="model-error",
        patterns=(r"Received (server|client) error \(\d+\) from",),
        cause="The container has answered the invocation with an error of its own.",
        remedy="the quoted message is the container's; `lgbm-sm logs` shows what led to it",
        source=HOSTING_PAGE,
    ),
    Trouble(
        id="algorithm-error",
        patterns=(r"AlgorithmError", r"ExecuteUserScriptError", r"Process exited with code: [1-9]"),
        cause="The training program has ended with an exit code other than 0, and gave no reason that is known here.",
        remedy="`lgbm-sm logs --training` shows its last words; run it here first (training.instance_type: local)",
        source="aws/amazon-sagemaker-examples#372, aws/sagemaker-python-sdk#357",
    ),
)
