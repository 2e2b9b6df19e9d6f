#!/bin/sh
# equal.sh PROGRAMS...: in the guest, chrooted into Debian's programs: runs scripts of tests/bench/equal
# and tells the harness what each took and the digest of everything it printed, in the same form as
# the workloads do (workload.c). With "show" as the first word it prints what they print instead.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C HOME=/tmp TZ=UTC

# Lines of numbers and words, the same at every run, so many bytes.
make_input() {
    awk -v size="$1" 'BEGIN {
        seed = 20
        while (length_so_far < size) {
            seed = (seed * 69069 + 1) % 4294967296
            line = sprintf("%.12g\t%x %s word\n", seed / 4294967296, seed, substr("abcdefghijkl", seed % 9 + 1, 3))
            length_so_far += length(line)
            printf "%s", line
        }
    }'
}

uptime_seconds() {
    cut -d ' ' -f 1 /proc/uptime
}

[ "$1" = show ] && { show=yes; shift; }
for program in "$@"; do
    mkdir -p "/tmp/$program"
    cd "/tmp/$program" || exit 1
    if [ -n "$show" ]; then
        (. "/equal/$program") 2>&1
        continue
    fi
    echo "START $program"
    start=$(uptime_seconds)
    (. "/equal/$program") >/tmp/output 2>&1 </dev/null
    status=$?
    end=$(uptime_seconds)
    digest=$(sha256sum </tmp/output | cut -c 1-16)
    echo "BENCH $program $(awk "BEGIN { print $end - $start }") $digest status $status, $(wc -l </tmp/output) lines"
    cd /tmp && rm -rf "/tmp/$program"
done
