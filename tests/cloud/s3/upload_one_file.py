"""Upload one file for a project, in a process that can be killed.

Usage: python upload_one_file.py BUCKET PREFIX PROJECT NAME PATH
"""

import sys
from pathlib import Path

from lgbm_sm.aws.account import connect
from lgbm_sm.aws.s3 import S3Bucket
from lgbm_sm.aws.s3_files import read_file
from lgbm_sm.aws.s3_manifest import ProjectObjects

bucket, prefix, project, name, path = sys.argv[1:]
ProjectObjects(S3Bucket(connect(), bucket), prefix, project).upload({name: read_file(Path(path))})
