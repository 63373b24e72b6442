"""Of the program in the container: it cannot be started, does not find what it needs, or is killed."""

from lgbm_sm.known_issues.issue import HOSTING_PAGE, Trouble

STARTS = (
    Trouble(
        id="wrong-platform",
        patterns=(
            r"exec format error",
            r"no match for platform in manifest",
            r"does not match the detected host platform",
        ),
        cause="The image is of another processor than the instance, as when it was built on Apple Silicon.",
        remedy="run `lgbm-sm build`, which takes the platform from the instance types, then `lgbm-sm push`",
        source="mlflow/mlflow#7155, aws-samples/sagemaker-studio-custom-image-samples#28",
    ),
    Trouble(
        id="line-endings",
        patterns=(
            r"exec /\S+: no such file or directory",
            r"exec user process caused[: \"]+no such file or directory",
            r"\\r\W?: (no such file or directory|command not found)",
            r"\^M: bad interpreter",
        ),
        cause="The first line of the image's entry point names a program that the image lacks, mostly since the file "
        "has the line endings of Windows.",
        remedy="write the file with LF (`git config core.autocrlf input`, `sed -i 's/\\r$//' FILE`), then run "
        "`lgbm-sm build`",
        source="linkwarden/linkwarden#107, fossasia/eventyay#2849",
    ),
    Trouble(
        id="program-not-found",
        patterns=(
            r"exec: \\*\"?(train|serve)\b.*executable file not found",
            r"exec: \\*\"?\S*\b(train|serve)\\*\"?: stat .*no such file or directory",
            r"exec (train|serve) failed: no such file or directory",
        ),
        cause="SageMaker starts the image with the word train or serve, and the image knows no program of that name.",
        remedy="give the image an ENTRYPOINT in exec form that takes the word, or put programs of these names on PATH; "
        "the image of `lgbm-sm build` has that",
        source="aws/amazon-sagemaker-examples#744, aws/sagemaker-python-sdk#222",
    ),
    Trouble(
        id="program-not-executable",
        patterns=(
            r"exec: \\*\"?\S*\b(train|serve)\b.*permission denied",
            r"exec (train|serve) failed: permission denied",
            r"exec /\S+: permission denied",
            r"exec user process caused[: \"]+permission denied",
        ),
        cause="The file that the image is started with may not be executed.",
        remedy="`RUN chmod +x` it in the Dockerfile, and build again; the image of `lgbm-sm build` has that",
        source="aws/amazon-sagemaker-examples#628, aws/sagemaker-python-sdk#4678",
    ),
    Trouble(
        id="openmp-missing",
        patterns=(r"libgomp\.so\.1", r"libomp\.dylib"),
        cause="LightGBM needs OpenMP's library, which slim images and fresh machines lack.",
        remedy="`apt-get install libgomp1` in the Dockerfile or here, `brew install libomp` on macOS; the images of "
        "`lgbm-sm build` have it",
        source="lightgbm-org/LightGBM#2223",
    ),
)

CODE = (
    Trouble(
        id="argument-of-lightgbm-3",
        patterns=(r"\(\) got an unexpected keyword argument '(early_stopping_rounds|verbose_eval|evals_result)'",),
        cause="LightGBM 4 has taken early_stopping_rounds, verbose_eval and evals_result away.",
        remedy="set training.hyperparameters.early_stopping_round; code of your own passes "
        "callbacks=[lightgbm.early_stopping(5), lightgbm.log_evaluation()]",
        source="LightGBM's release notes, 4.0.0",
    ),
    Trouble(
        id="boston-removed",
        patterns=(r"load_boston",),
        cause="scikit-learn 1.2 has taken the Boston housing data away.",
        remedy="set data.name: boston, which lgbm-sm brings along, and run `lgbm-sm prepare-data`",
        source="scikit-learn's release notes, 1.2",
    ),
    Trouble(
        id="pkg-resources-missing",
        patterns=(r"No module named '?pkg_resources",),
        cause="setuptools 81 has no pkg_resources, which SageMaker's inference toolkit imports.",
        remedy="put setuptools<81 into requirements.txt; the image of `lgbm-sm build` has it",
        source="setuptools' release notes, 81.0; aws/sagemaker-inference-toolkit, setup.py",
    ),
    Trouble(
        id="inference-code-missing",
        patterns=(
            r"No such file or directory: '?\S*inference\.py",
            r"No module named '?inference'?\s*$",
            r"can't open file '?\S*inference\.py",
        ),
        cause="The model artifact has no code/inference.py: the file is missing, or lies one folder too deep.",
        remedy="set endpoint.source_dir to the folder that holds it, or leave it out for lgbm-sm's own, and run "
        "`lgbm-sm deploy`, which lays the artifact out for the pattern",
        source="aws/sagemaker-python-sdk#4007, aws/sagemaker-python-sdk#3491",
    ),
    Trouble(
        id="inference-code-not-named",
        patterns=(r"ImportModuleError: 'NoneType' object has no attribute 'startswith'",),
        cause="The image does not know which file has the inference functions: SAGEMAKER_PROGRAM is not set.",
        remedy="run `lgbm-sm deploy`, which sets it and SAGEMAKER_SUBMIT_DIRECTORY for container.pattern: script_mode",
        source="aws/sagemaker-containers, sagemaker_containers/_modules.py",
    ),
    Trouble(
        id="requirements-not-installed",
        patterns=(
            r"No matching distribution found for",
            r"Could not find a version that satisfies the requirement",
            r"could not be installed: pip",
            r"/simple/\S+/.*(NewConnectionError|name resolution)|NewConnectionError.*/simple/",
        ),
        cause="pip cannot install requirements.txt when the container starts: there is no network (network isolation, "
        "a VPC without a way out), or no such version for the image's Python.",
        remedy="put wheels into code/wheels of endpoint.source_dir and PIP_NO_INDEX=1, "
        "PIP_FIND_LINKS=/opt/ml/model/code/wheels into the environment; or take a version that exists",
        source=f"pip's documentation, Environment variables; {HOSTING_PAGE}",
    ),
    Trouble(
        id="module-missing",
        patterns=(r"(ModuleNotFoundError|ImportModuleError): No module named",),
        cause="The program imports a package that the image does not have.",
        remedy="name it in requirements.txt in endpoint.source_dir, with its version, and run `lgbm-sm deploy`",
        source="aws/sagemaker-huggingface-inference-toolkit#13",
    ),
)

RESOURCES = (
    Trouble(
        id="docker-disk-full",
        patterns=(
            r"are free where the Docker engine keeps its data",
            r"(failed to register layer|/var/lib/docker).*no space left on device",
        ),
        cause="Images, stopped containers and build steps have filled the disk of the Docker engine.",
        remedy="`docker system df` says what takes the space, `lgbm-sm cleanup` removes this project's share, "
        "`docker image prune` images without a name",
        source="aws-samples/amazon-sagemaker-local-mode#14, aws/sagemaker-python-sdk#1105",
    ),
    Trouble(
        id="disk-full",
        patterns=(r"No space left on device", r"Errno 28\b", r"disk quota exceeded"),
        cause="The disk is full: here, or the volume of the training instance.",
        remedy="free space here (`lgbm-sm doctor` shows how much there is), or give the job a larger volume",
        source="aws/sagemaker-python-sdk#1105, aws/sagemaker-python-sdk#57",
    ),
    Trouble(
        id="worker-timeout",
        patterns=(r"WORKER TIMEOUT", r"upstream timed out"),
        cause="A worker of the server has not answered in time, and was killed: loading the model or one request takes "
        "too long.",
        remedy="send fewer rows at once, or set endpoint.instance_type to a larger one; `lgbm-sm logs` shows what it "
        "was busy with",
        source="benoitc/gunicorn#1646, aws/sagemaker-python-sdk#1119",
    ),
    Trouble(
        id="out-of-memory",
        patterns=(
            r"exit code:? '?(137|-9)\b",
            r"ended by signal 9\b",
            r"terminated due to signal 9\b",
            r"sent SIGKILL! Perhaps out of memory",
            r"needed more memory than",
            r"\bOutOfMemory|Cannot allocate memory|\bMemoryError\b|std::bad_alloc|oom-?kill",
        ),
        cause="The program was killed, since it needed more memory than there is.",
        remedy="set training.instance_type or endpoint.instance_type to one with more memory (on this machine: raise "
        "local.memory), or start fewer workers",
        source="aws/amazon-sagemaker-examples#3148, mozilla/bugbug#3906",
    ),
)

PROGRAM_TROUBLES = (*STARTS, *CODE, *RESOURCES)
