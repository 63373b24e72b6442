"""Uploads one file for a project, and says `begun` once the first bytes are on their way.

Usage: python upload_until_stopped.py BUCKET PREFIX PROJECT NAME PATH
"""

import sys
from pathlib import Path

from lgbm_sm.aws import connect
from lgbm_sm.s3 import S3Bucket
from lgbm_sm.s3_manifest import ProjectObjects

bucket, prefix, project, name, path = sys.argv[1:]
ProjectObjects(S3Bucket(connect(), bucket), prefix, project).upload({name: Path(path)})
