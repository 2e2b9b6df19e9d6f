#!/bin/sh
# docs/drive-linux.sh ATOLL KERNEL INITRD: uses a Linux that has a screen and no serial port, from
# its shell to its power-off (docs/scripting.md).
set -eu
atoll=$1 kernel=$2 initrd=$3
name=drive-linux-$$

"$atoll" run --name "$name" --strict --gpu "${GPU:-1280x800}" --console none --net none \
    --kernel "$kernel" --initrd "$initrd" --append "console=tty0" &
machine=$!
trap 'kill $machine 2>/dev/null || :' EXIT
until "$atoll" status "$name" >/dev/null 2>&1; do
    kill -0 $machine
    sleep 0.1
done

"$atoll" wait "$name" --regex --screen "[#$]$" --timeout 600
"$atoll" type "$name" "clear; uname -sm; echo ready-\$((6 * 7))\n"
"$atoll" wait "$name" --screen "ready-42" --timeout 60
"$atoll" screen "$name"
"$atoll" type "$name" "poweroff\n"
"$atoll" wait "$name" --end --timeout 120
wait $machine
