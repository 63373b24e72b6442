"""A small image. Environment variables determine what its `train` and `serve` do."""

from __future__ import annotations

import io

import docker

from tests.cloud.emulator.containers import archive
from tests.docker.named_images import named_image

DOCKERFILE = b"""
ARG BASE_IMAGE
FROM ${BASE_IMAGE}
COPY train serve /usr/local/bin/
RUN chmod 755 /usr/local/bin/train /usr/local/bin/serve && mkdir -p /opt/ml/input && echo hidden >/opt/ml/input/of-the-image
"""
# MODE: unset, fail, wait (for SIGTERM), deaf (to it)
TRAIN = rb"""#!/bin/sh
cd /opt/ml || exit 9
echo "job $TRAINING_JOB_NAME $TRAINING_JOB_ARN $GREETING"
find . -type f | sort
cat input/config/hyperparameters.json; echo
cat input/config/inputdataconfig.json; echo
cat input/config/resourceconfig.json; echo
echo "to stderr" >&2
echo "[10] rmse=2.5"
echo "[20] rmse=1.25"
case "$MODE" in
fail) printf 'the data is wrong\ntraceback' >output/failure; exit 3 ;;
wait) trap 'echo stopping; echo partial >model/model.txt; exit 0' TERM; while :; do sleep 0.1; done ;;
deaf) trap '' TERM; while :; do sleep 0.1; done ;;
esac
cat input/data/train/*.csv >model/model.txt
mkdir model/code && echo code >model/code/inference.py
if [ -n "$REPORT" ]; then echo "$REPORT" >output/data/report.txt; fi
"""
# PING is the status of /ping; the body of a request says what the answer is
SERVE = rb"""#!/usr/bin/perl
use IO::Socket::INET;
$| = 1; $SIG{CHLD} = 'IGNORE'; $SIG{TERM} = sub { print "terminated\n"; exit 0 };
open(F, '<', '/opt/ml/model/model.txt'); my $model = join '', <F>; chomp $model;
print "serving ", $model, "\n";
if (open(W, '>', '/opt/ml/model/written')) { print "model is writable\n" } else { print "model is read-only\n" }
exit 1 if ($ENV{PING} eq 'exit');
my $server = IO::Socket::INET->new(LocalPort => 8080, Listen => 64, ReuseAddr => 1) or die;
while (1) {
  my $c = $server->accept() or next;
  my $pid = fork(); if ($pid) { close $c; next }
  my ($head, $body) = ('', '');
  while (my $line = <$c>) { last if $line =~ /^\r?\n$/; $head .= $line }
  if ($head =~ /content-length: (\d+)/i) { read($c, $body, $1) }
  my ($status, $type, $answer) = ('200 OK', 'text/plain', '');
  if ($head =~ m{^GET /ping}) { $status = ($ENV{PING} || 200) . ' ping' }
  elsif ($body eq 'bad') { ($status, $answer) = ('400 Bad', 'no such column') }
  elsif ($body eq 'slow') { sleep 2; $answer = "slow $model" }
  elsif ($body eq 'die') { kill 'KILL', getppid(); exit 1 }
  elsif ($body eq 'head') { $answer = $head }
  else { $answer = "$model $body" }
  my ($custom) = $head =~ /custom-attributes: (\S+)/i;
  print $c "HTTP/1.1 $status\r\nContent-Type: $type\r\nContent-Length: " . length($answer) . "\r\n" .
    ($custom ? "X-Amzn-SageMaker-Custom-Attributes: back-$custom\r\n" : '') . "Connection: close\r\n\r\n$answer";
  exit 0;
}
"""


def scripted_image(engine: docker.DockerClient, base_image: str) -> str:
    """Build the image if Docker does not have it. Return its name."""
    context = archive({"Dockerfile": DOCKERFILE, "train": TRAIN, "serve": SERVE}, at=0)
    return named_image(
        engine, "lgbm-sm-test-cloud-scripted", io.BytesIO(context), "Dockerfile", {"BASE_IMAGE": base_image}
    )
