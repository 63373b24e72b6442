#!/usr/bin/perl
# Keeps the container contract but for the one defect that $DEFECT names.
use strict;
use warnings;
use IO::Select;
use IO::Socket::INET;
use POSIX qw(WNOHANG);

my $defect = $ENV{DEFECT} // '';
my $data   = '/opt/ml/input/data/train';
my $model  = '/opt/ml/model/model.txt';
$| = 1;

sub has { return $defect eq $_[0] }

sub slurp {
    open(my $file, '<', $_[0]) or return;
    local $/;
    return scalar <$file>;
}

sub spill {
    my ($path, $text) = @_;
    open(my $file, '>', $path) or return 0;
    print $file $text;
    return close $file;
}

sub is_isolated {
    return !IO::Socket::INET->new(PeerAddr => $ENV{NEEDED}, PeerPort => 7070, Timeout => 1);
}

sub fail {
    my ($reason) = @_;
    print STDERR "$reason\n";
    spill('/opt/ml/output/failure', "$reason\nat line 1") if !has('no failure file');
    exit(has('exit code 0 on failure') ? 0 : 1);
}

sub hyperparameters {
    my $text = slurp('/opt/ml/input/config/hyperparameters.json');
    my %values;
    while ($text =~ /"(\w+)"\s*:\s*"((?:[^"\\]|\\.)*)"/g) {
        my ($name, $value) = ($1, $2);
        fail("$name is no number") if has('reads hyperparameters as numbers');
        $value =~ s/\\(.)/$1/g;
        $value =~ s/^"(.*)"$/$1/ if !has('reads quoted values literally');
        $values{$name} = $value;
    }
    for my $name (grep { /^num_/ } keys %values) {
        fail("$name is $values{$name}, which is no number") if $values{$name} !~ /^\d+$/;
    }
    return %values;
}

sub found {
    my ($folder) = @_;
    return map { -d $_ ? found($_) : $_ } glob "$folder/*";
}

sub train {
    exit 2 if has('knows no train');
    $SIG{TERM} = has('deaf training') ? 'IGNORE' : sub { exit 143 };
    my %values = hyperparameters();
    fail('no network')   if has('needs a network to train') && is_isolated();
    fail('no settings')  if has('keeps a file in /opt/ml')  && !-e '/opt/ml/program/settings';
    fail("no cache: $!") if has('writes into a channel') && !spill("$data/.cache", 'cache');
    my @files;
    if   (has('reads flat channels only')) { @files = glob "$data/*.csv" }
    else                                   { @files = found($data) }
    my $rows = 0;
    for my $line (map { split /\n/, slurp($_) } @files) {
        fail('a row is no row of numbers') if $line !~ /^[-+.,\deE]+$/;
        $rows++;
    }
    fail('there are no rows') if !$rows;
    for (1 .. $values{num_boost_round} // 20) { select(undef, undef, undef, 0.001) }
    if (has('writes the model elsewhere')) { $model = '/opt/ml/output/data/model.txt' }
    if (has('links to its model')) { symlink('/tmp/model.txt', $model); $model = '/tmp/model.txt' }
    spill($model, "model of $rows rows\n");
    print "trained on $rows rows\n";
    exit 0;
}

my (%children, @kept, $stopped, $started_at, $is_loaded);

sub answer {
    my ($client, $status, $body) = @_;
    my $length = length $body;
    print $client "HTTP/1.1 $status X\r\nContent-Type: text/csv\r\nContent-Length: $length\r\nConnection: close\r\n\r\n$body";
    return;
}

sub predict {
    my ($type, $body) = @_;
    return (500, 'no model') if !$is_loaded;
    return (503, 'not yet') if has('ping before it can predict') && time - $started_at < 3;
    $type =~ s/\s*;.*//s if !has('takes content types literally');
    if ($body eq '' && has('dies of an empty body')) { kill 'USR1', 1; sleep 5 }
    if ($body =~ /\0/ && has('dies of a hostile body')) { kill 'USR1', 1; sleep 5 }
    return (415, "no $type") if $type ne 'text/csv';
    return (400, 'empty')    if $body eq '';
    return (413, 'large')    if has('takes no 6 MB')  && length $body > 5_000_000;
    return (413, 'large')    if has('takes no 25 MB') && length $body > 7_000_000;
    if ($body =~ /[^-+.,\deE\s]/) { return (has('500 for hostile bodies') ? 500 : 400, 'no numbers') }
    my $rows = ($body =~ tr/\n//);
    return (500, 'no matrix') if has('takes no single row') && $rows == 1;
    select(undef, undef, undef, 0.5) if length $body > 5_000_000;
    sleep 1 if has('one at a time');
    return (200, "0.5\n" x $rows);
}

sub handle {
    my ($client) = @_;
    my ($head, $body) = ('', '');
    while (my $line = <$client>) {
        last if $line =~ /^\r?\n$/;
        $head .= $line;
    }
    my ($method, $path) = $head =~ m{^(\w+) (\S+)} or return;
    my ($type) = $head =~ /^content-type: *(.*?)\r?$/im;
    if ($head =~ /^content-length: (\d+)/im) { read($client, $body, $1) }
    if ($path eq '/ping') {
        sleep 3 if has('slow ping');
        return answer($client, has('never healthy') ? 503 : 200, '');
    }
    if ($path eq '/execution-parameters') {
        return answer($client, has('execution parameters fail') ? 500 : 404, '');
    }
    return answer($client, 404, '') if $path ne '/invocations' || has('no invocations');
    return answer($client, 405, '') if $method ne 'POST' && !has('predicts at GET');
    return answer($client, 200, "0.5\n") if $method ne 'POST';
    return answer($client, predict($type // '', $body));
}

sub stop {
    $stopped = 1;
    if (has('drops requests')) { kill 'KILL', keys %children; exit 0 }
    return;
}

sub take {
    my ($listener) = @_;
    my $client = $listener->accept() or return;
    push @kept, 'x' x 200_000 if has('leaks');
    if (has('one at a time')) { handle($client); close $client; return }
    my $child = fork();
    if ($child) { $children{$child} = 1; close $client; return }
    $SIG{TERM} = 'DEFAULT';
    handle($client);
    close $client;
    POSIX::_exit(0);
}

sub serve {
    $SIG{TERM} = has('deaf server') ? 'IGNORE' : \&stop;
    $SIG{PIPE} = 'IGNORE';
    $SIG{USR1} = sub { POSIX::_exit(70) };
    exit 3 if has('ends at once');
    $is_loaded = (slurp($model) // '') =~ /^model of \d+ rows$/m;
    die "no model\n" if !$is_loaded && !has('ping without a model');
    die "no cache: $!\n" if has('writes into the model') && !spill('/opt/ml/model/cache', 'cache');
    die "no network\n"   if has('needs a network to serve') && is_isolated();
    die "it runs already\n" if has('keeps a lock') && -e '/tmp/lock';
    spill('/tmp/lock', $$) if has('keeps a lock');
    my $listener = IO::Socket::INET->new(
        LocalAddr => has('loopback only') ? '127.0.0.1' : '0.0.0.0',
        LocalPort => has('another port')  ? 9090        : 8080,
        Listen    => 128,
        ReuseAddr => 1,
    ) or die "no port: $!\n";
    $started_at = time;
    my $waiting = IO::Select->new($listener);
    while (1) {
        # what has been sent before SIGTERM is still taken
        my $is_there = $waiting->can_read($stopped ? 0.05 : 0.2);
        take($listener) if $is_there;
        last            if $stopped && !$is_there;
        while ((my $ended = waitpid(-1, WNOHANG)) > 0) { delete $children{$ended} }
    }
    close $listener;
    1 while waitpid(-1, 0) > 0;
    print "stopped\n";
    exit 0;
}

my $command = shift // '';
train() if $command eq 'train';
serve() if $command eq 'serve';
print STDERR "train or serve is wanted\n";
exit 2;
