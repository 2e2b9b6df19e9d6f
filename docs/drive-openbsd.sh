#!/bin/sh
# docs/drive-openbsd.sh ATOLL IMAGE: uses an OpenBSD that has a screen and no serial port, from its
# login to its power-off (docs/scripting.md). IMAGE is a disk that boots by EFI, with a root who has
# no password; it is written to.
set -eu
atoll=$1 image=$2
name=drive-openbsd-$$

"$atoll" run --name "$name" --strict --gpu "${GPU:-1280x800}" --console none --net none "$image" &
machine=$!
trap 'kill $machine 2>/dev/null || :' EXIT
until "$atoll" status "$name" >/dev/null 2>&1; do
    kill -0 $machine
    sleep 0.1
done

"$atoll" wait "$name" --screen "login: " --timeout 600
"$atoll" type "$name" "root\n"
# The shell's prompt, perhaps after questions about a terminal that the image may ask.
"$atoll" wait "$name" --regex --screen "[#$]$" --timeout 120
"$atoll" type "$name" "clear; uname -sm; sysctl -n hw.product; echo ready-\$((6 * 7))\n"
"$atoll" wait "$name" --screen "ready-42" --timeout 60
"$atoll" screen "$name"
"$atoll" type "$name" "halt -p\n"
"$atoll" wait "$name" --end --timeout 120
wait $machine
